// Package score is the deterministic scoring engine: model and inputs to verdict, bit for bit the
// same on every machine, incrementally and with bounded state that can be saved at any point. The
// chaincode's referee runs it too. It may import epcis, ledger, analytics/canon, analytics/feature,
// analytics/detect and analytics/coldchain; no gonum, no clock, no goroutines, no function of math
// that rounds differently elsewhere, and no result that depends on map order.
package score

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/waybill-dev/waybill/analytics/coldchain"
	"github.com/waybill-dev/waybill/analytics/detect"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// ErrModel says that an artefact is not a model in its canonical form.
var ErrModel = errors.New("WB_MODEL: not a model")

// Format is the only format of artefacts that this engine runs.
const Format = "waybill-model/1"

const maxModelBytes = 1 << 20

// Million is a score of one: scores, severities and contributions are counted in millionths.
const Million = 1_000_000

// The codes of reasons that no policy's rule gives. A finding's code is FindingPrefix and the code
// that the contract gave it.
const (
	CodeDrift         = "drift"
	CodeStuck         = "sensor_stuck"
	CodeMissing       = "readings_missing"
	CodeLoggerSwapped = "logger_swapped"
	CodeDiverted      = "diverted"
	FindingPrefix     = "finding:"
	// CodeOtherFinding is the severity of findings that the model does not name.
	CodeOtherFinding = "finding"
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
	// Hold is how long a reading stands for at most.
	Hold ledger.Millis `json:"hold_ms"`
	// Gap is how long a logger may be silent.
	Gap ledger.Millis `json:"gap_ms"`
	// Severities are what a broken rule adds at least, in millionths, by code in ascending order. A
	// code that is not named adds nothing.
	Severities []Severity          `json:"severities"`
	Drift      detect.DriftParams  `json:"drift"`
	Stuck      detect.StuckParams  `json:"stuck"`
	Training   map[string]Training `json:"training,omitempty"`
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
	text, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrModel, err)
	}
	text = append(text, '\n')
	if len(text) > maxModelBytes {
		return nil, fmt.Errorf("%w: %d bytes", ErrModel, len(text))
	}
	return &Model{p: p, bytes: text, digest: sha256.Sum256(text)}, nil
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
	case p.ID == "" || len(p.ID) > 64:
		return fmt.Errorf("%w: id of %d bytes", ErrModel, len(p.ID))
	case p.InspectAt <= 0 || p.QuarantineAt < p.InspectAt || p.QuarantineAt > Million:
		return fmt.Errorf("%w: levels at %d and %d", ErrModel, p.InspectAt, p.QuarantineAt)
	case p.Within < 0 || p.Within > Million:
		return fmt.Errorf("%w: within %d", ErrModel, p.Within)
	case p.Hold <= 0 || p.Gap <= 0:
		return fmt.Errorf("%w: hold %d ms, gap %d ms", ErrModel, p.Hold, p.Gap)
	case !p.Drift.Valid() || !p.Stuck.Valid():
		return fmt.Errorf("%w: parameters of a detector", ErrModel)
	}
	for i, s := range p.Severities {
		if s.Millionths < 0 || s.Millionths > Million || len(s.Code) > ledger.MaxReasonCodeBytes || i > 0 && p.Severities[i-1].Code >= s.Code {
			return fmt.Errorf("%w: severity of %q", ErrModel, s.Code)
		}
	}
	return nil
}

// severity is what a code adds, and false if the model does not name it.
func (p *Parameters) severity(code string) (int64, bool) {
	i, ok := slices.BinarySearchFunc(p.Severities, code, func(s Severity, code string) int {
		switch {
		case s.Code < code:
			return -1
		case s.Code > code:
			return 1
		}
		return 0
	})
	if !ok {
		return 0, false
	}
	return p.Severities[i].Millionths, true
}

// Parameters gives a copy of what the artefact holds.
func (m *Model) Parameters() Parameters {
	p := m.p
	p.Severities = slices.Clone(p.Severities)
	return p
}

// Bytes is the artefact in its canonical form.
func (m *Model) Bytes() []byte { return slices.Clone(m.bytes) }

// Digest is SHA-256 over Bytes.
func (m *Model) Digest() ledger.Digest { return m.digest }

// Name is the model as verdicts name it: id@digest.
func (m *Model) Name() string { return m.p.ID + "@" + m.digest.String() }

// BaseParameters are the parameters before training: the severities and the durations, which are
// decided and not fitted, and a detector that training completes.
func BaseParameters(id string) Parameters {
	const minute = 60_000
	return Parameters{
		Format: Format, ID: id, InspectAt: 300_000, QuarantineAt: 800_000, Within: 60_000, Hold: 6 * 60 * minute, Gap: 2 * 60 * minute,
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
			{string(coldchain.Frozen), 950_000},
			{CodeLoggerSwapped, 600_000},
			{string(coldchain.MKTExceeded), 900_000},
			{CodeMissing, 350_000},
			{CodeStuck, 450_000},
		},
		Drift: detect.DriftParams{
			Step: 10 * minute, Warmup: 12, LevelGain: 10_000, SpreadGain: 20_000, SpreadFloor: 100, Huber: 1_500_000,
			Clip: 3_000_000, Slack: 1_000_000, Threshold: 20_000_000,
		},
		Stuck: detect.StuckParams{For: 90 * minute, Readings: 30},
	}
}
