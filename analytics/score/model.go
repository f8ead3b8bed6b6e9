// Package score is the deterministic scoring engine: model and inputs to verdict, bit for bit the
// same on every machine, incrementally and with bounded state that can be saved at any point. The
// chaincode's referee runs it too. It may import epcis, ledger, analytics/canon, analytics/calibrate,
// analytics/feature, analytics/detect and analytics/coldchain; no gonum, no clock, no goroutines, no function of math
// that rounds differently elsewhere, and no result that depends on map order.
package score

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/analytics/calibrate"
	"github.com/waybill-dev/waybill/analytics/coldchain"
	"github.com/waybill-dev/waybill/analytics/detect"
	"github.com/waybill-dev/waybill/analytics/detect/journey"
	"github.com/waybill-dev/waybill/analytics/detect/sensor"
	"github.com/waybill-dev/waybill/analytics/detect/sequence"
	"github.com/waybill-dev/waybill/analytics/detect/series"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// ErrModel says that an artefact is not a model in its canonical form.
var ErrModel = errors.New("WB_MODEL: not a model")

// Format is the only format of artefacts that this engine runs.
const Format = "waybill-model/2"

// Bounds of an artefact.
const (
	maxModelBytes = 8 << 20
	maxStrata     = 1_000
	maxAlarmSets  = 8
	maxTraining   = maxStrata + 8
)

// Million is a score of one: scores, severities and contributions are counted in millionths.
const Million = 1_000_000

// The codes of reasons that no policy's rule gives. A finding's code is FindingPrefix and the code
// that the contract gave it.
const (
	CodeDrift   = detect.CodeDrift
	CodeStuck   = sensor.CodeStuck
	CodeMissing = "readings_missing"
	// CodeUnusual is that a channel's readings were unlike all that the logger wrote before them.
	CodeUnusual       = "unusual"
	CodeLoggerSwapped = "logger_swapped"
	CodeDiverted      = "diverted"
	FindingPrefix     = "finding:"
	// CodeOtherFinding is the severity of findings that the model does not name.
	CodeOtherFinding = "finding"
	// CodeHighest and a quantity: how high a shock, the light or open doors went.
	CodeHighest = "highest"
	// CodeStatistic is the severity of statistics that the model does not name.
	CodeStatistic = "statistic"
)

// Parameters are what a model artefact holds: integers only, so that its canonical form is exact.
type Parameters struct {
	Format string `json:"format"`
	ID     string `json:"id"`
	// A score of at least these, in millionths, says inspect and quarantine.
	InspectAt    int64 `json:"inspect_at"`
	QuarantineAt int64 `json:"quarantine_at"`
	// Within is the most that a rule adds to the score while it is kept, in millionths.
	Within int64 `json:"within"`
	// Alpha is the share of shipments like the accepted ones of their stratum, in millionths, that may be
	// inspected for being unusual. Rules, sensors and findings are outside of it.
	Alpha int64 `json:"alpha"`
	// Hold is how long a reading stands for at most.
	Hold ledger.Millis `json:"hold_ms"`
	// Gap is how long a logger may be silent.
	Gap ledger.Millis `json:"gap_ms"`
	// Severities are what a broken rule adds at least, in millionths, by code in ascending order. A
	// code that is not named adds nothing.
	Severities []Severity           `json:"severities"`
	Drift      detect.DriftParams   `json:"drift"`
	Energy     detect.EnergyParams  `json:"energy"`       // of temperatures
	Other      detect.EnergyParams  `json:"other_energy"` // of the other quantities
	Sensor     sensor.Params        `json:"sensor"`
	Alarms     []coldchain.AlarmSet `json:"alarms,omitempty"`
	// File scores the rows of a file, one by one; Series a shipment's channels, of each the mean over
	// steps of SeriesStep.
	File       SeriesParams   `json:"file_series"`
	Series     SeriesParams   `json:"shipment_series"`
	SeriesStep ledger.Millis  `json:"series_step_ms"`
	Journey    journey.Params `json:"journey"`
	// Lanes are what accepted shipments' events were like, whatever the policy.
	Lanes *sequence.LaneTable `json:"lanes,omitempty"`
	// Strata are what accepted shipments gave, by name in ascending order.
	Strata   []Stratum           `json:"strata,omitempty"`
	Training map[string]Training `json:"training,omitempty"`
}

// Stratum is what accepted shipments of a policy and a lane gave.
type Stratum struct {
	Name    string             `json:"name"` // see StratumName
	Table   calibrate.Table    `json:"table"`
	Journey *journey.Reference `json:"journey,omitempty"` // of temperatures
}

// AnyLane stands for the lane of shipments of which none is known: their stratum was fitted to such only. A
// shipment of a known lane without a stratum is not judged by it, since nothing makes the two exchangeable.
const AnyLane = "*"

// StratumName names the stratum of a policy and a lane, or of AnyLane, of loggers of a reading a minute or two.
func StratumName(policy, lane string) string { return policy + "|" + lane }

// Sampling is about how long it is between two readings of a shipment's loggers: energies, spreads and
// extremes of a reading each ten minutes are others than those of a reading a minute, so that each class
// has strata of its own.
type Sampling uint8

// The classes, by the longest time between readings that belongs to each.
const (
	Sampling1  Sampling = iota // a minute or two
	Sampling5                  // five minutes
	Sampling10                 // ten
	Sampling15                 // a quarter of an hour
	Sampling30                 // half an hour
	Sampling60                 // an hour and more

	samplings = 6
)

// samplingOf gives the class of a time between readings.
func samplingOf(between ledger.Millis) Sampling {
	for i, most := range [samplings - 1]ledger.Millis{150_000, 450_000, 750_000, 1_350_000, 2_700_000} {
		if between <= most {
			return Sampling(i)
		}
	}
	return Sampling60
}

// SamplingOf gives the class of times that ascend, each list a logger's.
func SamplingOf(lists ...[]ledger.Millis) Sampling {
	var n [samplings]uint64
	for _, times := range lists {
		for i := 1; i < len(times); i++ {
			n[samplingOf(times[i]-times[i-1])]++
		}
	}
	return mostOf(&n)
}

// mostOf is the class of most times between readings, of equals that of the more frequent readings.
func mostOf(n *[samplings]uint64) Sampling {
	most := 0
	for i := range n {
		if n[i] > n[most] {
			most = i
		}
	}
	return Sampling(most)
}

// Of names the stratum of the class, by StratumName's of the policy and lane.
func (s Sampling) Of(name string) string {
	suffix := [samplings]string{"", "|5min", "|10min", "|15min", "|30min", "|60min"}
	return name + suffix[min(s, Sampling60)]
}

// SeriesParams are series.Settings in integers.
type SeriesParams struct {
	Warmup     int   `json:"warmup"`
	Shingle    int   `json:"shingle"`
	Neighbours int   `json:"neighbours"`
	References int   `json:"references"`
	Every      int   `json:"every"`
	Refit      int   `json:"refit"`
	Shrink     int64 `json:"shrink"` // millionths
	Gap        int64 `json:"gap"`
	Bins       int   `json:"bins"`
	Days       int   `json:"days"`
	Block      int   `json:"block"`
	Blocks     int   `json:"blocks"`
	MinBlocks  int   `json:"min_blocks"`
	Top        int   `json:"top"`
	Refractory int   `json:"refractory"`
	Clearly    int64 `json:"clearly"`   // millionths
	Notable    int64 `json:"notable"`   // millionths
	AlarmP     int64 `json:"alarm_ppb"` // parts in a billion
}

// SeriesParamsOf gives settings in integers; what is finer than those is rounded.
func SeriesParamsOf(s series.Settings) SeriesParams {
	return SeriesParams{
		Warmup: s.Warmup, Shingle: s.Shingle, Neighbours: s.Neighbours, References: s.References, Every: s.Every, Refit: s.Refit,
		Shrink: parts(s.Shrink, Million), Gap: s.Gap, Bins: s.Bins, Days: s.Days, Block: s.Block, Blocks: s.Blocks, MinBlocks: s.MinBlocks,
		Top: s.Top, Refractory: s.Refractory, Clearly: parts(s.Clearly, Million), Notable: parts(s.Notable, Million), AlarmP: parts(s.AlarmP, billion),
	}
}

const billion = 1_000_000_000

func parts(v, of float64) int64 { return int64(float64(v*of) + 0.5) }

// Settings gives the settings that the integers stand for.
func (p SeriesParams) Settings() series.Settings {
	return series.Settings{
		Warmup: p.Warmup, Shingle: p.Shingle, Neighbours: p.Neighbours, References: p.References, Every: p.Every, Refit: p.Refit,
		Shrink: float64(p.Shrink) / Million, Gap: p.Gap, Bins: p.Bins, Days: p.Days, Block: p.Block, Blocks: p.Blocks, MinBlocks: p.MinBlocks,
		Top: p.Top, Refractory: p.Refractory, Clearly: float64(p.Clearly) / Million, Notable: float64(p.Notable) / Million, AlarmP: float64(p.AlarmP) / billion,
	}
}

// Severity is what a code adds to a score at least.
type Severity struct {
	Code       string `json:"code"`
	Millionths int64  `json:"millionths"`
}

// Training says what a part of the parameters was fitted to.
type Training struct {
	Source string `json:"source"`
	Series int    `json:"series"`
}

// Model is a model artefact, checked and named by its content.
type Model struct {
	p      Parameters
	bytes  []byte
	digest ledger.Digest
}

// NewModel makes the artefact of parameters.
func NewModel(p Parameters) (*Model, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	text, err := json.MarshalIndent(p, "", " ")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrModel, err)
	}
	text = append(compact(text), '\n')
	if len(text) > maxModelBytes {
		return nil, fmt.Errorf("%w: %d bytes", ErrModel, len(text))
	}
	return &Model{p: p, bytes: text, digest: sha256.Sum256(text)}, nil
}

// Draft gives a model in training, whose strata may have no tables yet: engines run on it and state no
// p-values of those. Its parameters are not checked, and it has no digest and no artefact.
func Draft(p Parameters) *Model { return &Model{p: p} }

// compact writes lists of numbers on one line.
func compact(text []byte) []byte {
	out := text[:0]
	for i := 0; i < len(text); i++ {
		if text[i] == '[' {
			if n := bytes.IndexByte(text[i:], ']'); n > 0 && len(bytes.Trim(text[i+1:i+n], "0123456789-, \n")) == 0 {
				for _, b := range text[i : i+n+1] {
					if b != ' ' && b != '\n' {
						out = append(out, b)
					}
				}
				i += n
				continue
			}
		}
		out = append(out, text[i])
	}
	return out
}

// ParseModel reads an artefact. It refuses every form but the canonical one, so that a model has
// one digest.
func ParseModel(data []byte) (*Model, error) {
	if len(data) > maxModelBytes {
		return nil, fmt.Errorf("%w: %d bytes", ErrModel, len(data))
	}
	var p Parameters
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrModel, err)
	}
	m, err := NewModel(p)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(m.bytes, data) {
		return nil, fmt.Errorf("%w: not in canonical form", ErrModel)
	}
	return m, nil
}

//go:embed model.json
var shipped []byte

// Default gives the model that ships with the product. It was fitted to simulated shipments.
func Default() (*Model, error) { return ParseModel(shipped) }

func (p *Parameters) check() error {
	switch {
	case p.Format != Format:
		return fmt.Errorf("%w: format %q, want %q", ErrModel, p.Format, Format)
	case p.ID == "" || len(p.ID) > 64 || strings.ContainsFunc(p.ID, func(r rune) bool { return r <= ' ' || r > '~' }):
		return fmt.Errorf("%w: id %.64q, 1 to 64 printable characters are taken", ErrModel, p.ID) // or no contract takes its verdicts
	case p.InspectAt <= 0 || p.QuarantineAt < p.InspectAt || p.QuarantineAt > Million:
		return fmt.Errorf("%w: levels at %d and %d", ErrModel, p.InspectAt, p.QuarantineAt)
	case p.Within < 0 || p.Within > Million:
		return fmt.Errorf("%w: within %d", ErrModel, p.Within)
	case p.Hold <= 0 || p.Gap <= 0:
		return fmt.Errorf("%w: hold %d ms, gap %d ms", ErrModel, p.Hold, p.Gap)
	case p.Alpha <= 0 || p.Alpha > Million/2:
		return fmt.Errorf("%w: alpha %d", ErrModel, p.Alpha)
	case !p.Drift.Valid() || !p.Energy.Valid() || !p.Other.Valid() || !p.Sensor.Valid() || !p.Journey.Valid():
		return fmt.Errorf("%w: parameters of a detector", ErrModel)
	case !p.File.Settings().Valid() || !p.Series.Settings().Valid() || p.SeriesStep <= 0 || p.SeriesStep > 24*3_600_000:
		return fmt.Errorf("%w: settings of the series", ErrModel)
	case len(p.Alarms) > maxAlarmSets || len(p.Strata) > maxStrata || len(p.Training) > maxTraining:
		return fmt.Errorf("%w: %d alarm sets, %d strata, %d notes on training", ErrModel, len(p.Alarms), len(p.Strata), len(p.Training))
	}
	if p.Lanes != nil {
		if err := p.Lanes.Check(); err != nil {
			return fmt.Errorf("%w: %w", ErrModel, err)
		}
	}
	for i := range p.Alarms {
		if !p.Alarms[i].Valid() {
			return fmt.Errorf("%w: alarms of %q", ErrModel, p.Alarms[i].Source)
		}
	}
	for i := range p.Strata {
		if err := p.Strata[i].check(); err != nil {
			return err
		}
		if i > 0 && p.Strata[i-1].Name >= p.Strata[i].Name {
			return fmt.Errorf("%w: stratum %q is not in order", ErrModel, p.Strata[i].Name)
		}
	}
	for i, s := range p.Severities {
		if s.Millionths < 0 || s.Millionths > Million || len(s.Code) > ledger.MaxReasonCodeBytes || i > 0 && p.Severities[i-1].Code >= s.Code {
			return fmt.Errorf("%w: severity of %q", ErrModel, s.Code)
		}
	}
	return nil
}

func (s *Stratum) check() error {
	if s.Name == "" || len(s.Name) > ledger.MaxStratumBytes {
		return fmt.Errorf("%w: stratum of a name of %d bytes", ErrModel, len(s.Name))
	}
	if err := s.Table.Check(); err != nil {
		return fmt.Errorf("%w: stratum %s: %w", ErrModel, s.Name, err)
	}
	if s.Journey != nil && !s.Journey.Valid() {
		return fmt.Errorf("%w: stratum %s: reference journey", ErrModel, s.Name)
	}
	return nil
}

// stratum finds what accepted shipments of a policy and a lane with readings as often gave, nil if the model has
// none; without a lane those of AnyLane.
func (p *Parameters) stratum(policy, lane string, sampling Sampling) *Stratum {
	name := sampling.Of(StratumName(policy, cmp.Or(lane, AnyLane)))
	i, ok := slices.BinarySearchFunc(p.Strata, name, func(s Stratum, name string) int { return cmp.Compare(s.Name, name) })
	if !ok {
		return nil
	}
	return &p.Strata[i]
}

// severity is what a code adds, and false if the model does not name it.
func (p *Parameters) severity(code string) (int64, bool) {
	i, ok := slices.BinarySearchFunc(p.Severities, code, func(s Severity, code string) int { return cmp.Compare(s.Code, code) })
	if !ok {
		return 0, false
	}
	return p.Severities[i].Millionths, true
}

// finding is the code of a finding's reason and what it adds.
func (p *Parameters) finding(f ledger.Finding) (code string, severity int64) {
	code = bounded(FindingPrefix+string(f.Code), ledger.MaxReasonCodeBytes)
	severity, ok := p.severity(code)
	if !ok {
		severity, _ = p.severity(CodeOtherFinding)
	}
	return code, severity
}

// Parameters gives a copy of what the artefact holds.
func (m *Model) Parameters() Parameters {
	p := m.p
	p.Severities, p.Alarms, p.Strata, p.Training = slices.Clone(p.Severities), slices.Clone(p.Alarms), slices.Clone(p.Strata), maps.Clone(p.Training)
	return p
}

// Bytes is the artefact in its canonical form.
func (m *Model) Bytes() []byte { return slices.Clone(m.bytes) }

// Digest is SHA-256 over Bytes.
func (m *Model) Digest() ledger.Digest { return m.digest }

// Name is the model as verdicts name it: id@digest.
func (m *Model) Name() string { return m.p.ID + "@" + m.digest.String() }

// BaseParameters are the parameters before training: the severities and the durations, which are
// decided and not fitted, and detectors that training completes. There are no strata.
func BaseParameters(id string) Parameters {
	const minute = 60_000
	own := series.Default()
	own.References, own.Blocks, own.Bins = 128, 80, 48
	own.Every = 4
	p := Parameters{
		Format: Format, ID: id, InspectAt: 300_000, QuarantineAt: 800_000, Within: 60_000, Alpha: 10_000, Hold: 6 * 60 * minute, Gap: 2 * 60 * minute,
		Severities: []Severity{
			{string(coldchain.AboveRange), 900_000},
			{string(coldchain.BelowRange), 900_000},
			{CodeDiverted, 600_000},
			{CodeDrift, 450_000},
			{string(coldchain.ExcursionBudget), 900_000},
			{CodeOtherFinding, 350_000},
			{FindingPrefix + string(ledger.FindingCommissionedTwice), 900_000},
			{FindingPrefix + string(ledger.FindingEventIDMismatch), 0},
			{FindingPrefix + string(ledger.FindingMovedAfterDecommission), 900_000},
			{FindingPrefix + string(ledger.FindingShippedByNonHolder), 600_000},
			{FindingPrefix + string(ledger.FindingImpossibleJourney), 600_000},
			{FindingPrefix + string(ledger.FindingPackedTwice), 600_000},
			{string(coldchain.Frozen), 950_000},
			{CodeLoggerSwapped, 600_000},
			{string(coldchain.MKTExceeded), 900_000},
			{CodeMissing, 350_000},
			{sensor.CodeStuck, 450_000},
			{sensor.CodeRail, 450_000},
			{sensor.CodeFlatline, 400_000},
			{sensor.CodeClock, 350_000},
			{sensor.CodeUnit, 450_000},
			{sensor.CodeSpikes, 350_000},
			{sensor.CodeResolution, 100_000},
			{CodeStatistic, 350_000},
		},
		Drift: detect.DriftParams{
			Step: 10 * minute, Warmup: 12, LevelGain: 10_000, SpreadGain: 20_000, SpreadFloor: 100, Huber: 1_500_000,
			Clip: 3_000_000, Slack: 1_000_000, Threshold: 20_000_000,
		},
		Energy: detect.DefaultEnergy(), Sensor: sensor.Default(), Alarms: []coldchain.AlarmSet{coldchain.WHOShipping()},
		File: SeriesParamsOf(series.Default()), Series: SeriesParamsOf(own), SeriesStep: minute, Journey: journey.Default(),
	}
	p.Other = p.Energy
	p.Other.SpreadFloor = 500 // half a percent of humidity, half a g, half a lux
	for i := range p.Alarms {
		for _, l := range p.Alarms[i].Levels {
			p.Severities = append(p.Severities, Severity{l.Code, 350_000})
		}
	}
	slices.SortFunc(p.Severities, func(a, b Severity) int { return cmp.Compare(a.Code, b.Code) })
	return p
}
