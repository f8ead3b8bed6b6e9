package evaluate

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/waybill-dev/waybill/analytics/simulate"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// ErrStudy says that a study cannot be made.
var ErrStudy = errors.New("WB_STUDY: cannot be measured")

// Study measures methods on simulated shipments: how often they alarm on clean ones, and how often and how
// soon they find faults of each kind and size.
type Study struct {
	// Base says what all shipments are drawn from; its Shipments, Faults and Plants are not used, and its
	// seed must not be one that a method was fitted to.
	Base simulate.Config
	// Clean is how many shipments are without a fault; default 2,000.
	Clean int
	// Each is how many shipments there are of each fault and size; default 50.
	Each int
	// Plants are the faults; nil: every size of every fault that the channels of Base can show.
	Plants []simulate.Plant
	// Shifts are worlds other than Base, in which clean shipments are judged by what holds in Base; nil: those of
	// Shifts. Each has a quarter of Clean.
	Shifts []Shift
	// Alphas are the shares of false alarms at which methods are compared; default 0.05 and 0.01.
	Alphas  []float64
	Methods []Method
	// Workers is how many shipments are judged at a time; default one a processor.
	Workers int
	// Progress, if any, is told after each case, from one goroutine.
	Progress func(done, all int)
}

// Shift is a world that differs from the one that methods were fitted to. Conformal p-values promise
// nothing there.
type Shift struct {
	Name   string
	Change func(*simulate.Config)
}

// Shifts are those that a study looks at if it is not told which.
func Shifts() []Shift {
	return []Shift{
		{"summer alone", func(c *simulate.Config) { c.Season = simulate.SeasonSummer }},
		{"winter alone", func(c *simulate.Config) { c.Season = simulate.SeasonWinter }},
		{"coarse loggers alone", func(c *simulate.Config) { c.Sensors = []string{"thermistor 0.1 °C"} }},
		{"a reading each 5 minutes", func(c *simulate.Config) { c.Sampling = 5 * time.Minute }},
		{"a reading each 10 minutes", func(c *simulate.Config) { c.Sampling = 10 * time.Minute }},
		{"journeys three times as long", func(c *simulate.Config) {
			if c.Journey == 0 {
				c.Journey = 9 * time.Hour
			}
			c.Journey *= 3
		}},
	}
}

// Report is what a study found. Everything in it is of simulated shipments.
type Report struct {
	Simulated string         `json:"simulated"`
	Clean     int            `json:"clean_shipments"`
	Each      int            `json:"shipments_a_case"`
	Methods   []MethodReport `json:"methods"`
}

// MethodReport is what was measured of one method.
type MethodReport struct {
	Name    string `json:"name"`
	Setting string `json:"usual_setting"`
	// Condemned is how many clean shipments a verdict said not to use.
	Condemned Share `json:"clean_condemned"`
	// Promises are the alarms on clean shipments of a method that states p-values, at each α.
	Promises []Promise   `json:"promises,omitempty"`
	Shifts   []Shifted   `json:"shifts,omitempty"`
	Settings []Operating `json:"settings"`
	// Microseconds a shipment, of one processor.
	Microseconds float64 `json:"microseconds_a_shipment"`
}

// Promise holds the stated p-values of clean shipments against what they promise.
type Promise struct {
	Alpha float64 `json:"alpha"`
	// Alarms are the shipments with a p-value of at most Alpha; those without any have none.
	Alarms Share `json:"alarms"`
	Stated int   `json:"with_p_value"`
	// Most is the largest count that does not contradict Alpha at the 1 % level, of those stated.
	Most int  `json:"most"`
	Kept bool `json:"kept"`
}

// Shifted is what became of clean shipments in another world.
type Shifted struct {
	Name string `json:"name"`
	// Usual are the alarms at the usual setting.
	Usual    Share     `json:"false_alarms"`
	Promises []Promise `json:"promises,omitempty"`
}

// Operating is a method at one setting: its usual one, or the threshold at which no more than a share of the
// clean shipments alarm.
type Operating struct {
	// Alpha is the share; 0 for the usual setting.
	Alpha       float64 `json:"alpha"`
	Threshold   float64 `json:"threshold,omitempty"`
	FalseAlarms Share   `json:"false_alarms"`
	Cases       []Case  `json:"cases"`
}

// Case is what a method made of the shipments with one fault of one size.
type Case struct {
	Fault   simulate.Fault   `json:"fault"`
	Subject simulate.Subject `json:"subject"`
	Size    float64          `json:"size"`
	Unit    string           `json:"unit,omitempty"`
	// Found are the shipments that alarmed while the fault lay or after it. Early ones alarmed before it began,
	// so by chance, and are not found.
	Found Share `json:"found"`
	Early int   `json:"early"`
	// Named are those found for one of the reasons expected; only of a method that gives reasons, at its usual setting.
	Named int `json:"named"`
	// Delay is the median time from the fault's beginning to the alarm of those found, in seconds.
	Delay float64 `json:"median_delay_seconds"`
}

func (s Study) withDefaults() (Study, error) {
	if s.Clean == 0 {
		s.Clean = 2_000
	}
	if s.Each == 0 {
		s.Each = 50
	}
	if s.Alphas == nil {
		s.Alphas = []float64{0.05, 0.01}
	}
	if s.Workers == 0 {
		s.Workers = runtime.GOMAXPROCS(0)
	}
	if s.Shifts == nil {
		s.Shifts = Shifts()
	}
	if s.Plants == nil {
		for _, scale := range simulate.Scales() {
			if scale.Needs != 0 && scale.Needs != ledger.RelativeHumidity && !slices.Contains(s.Base.Channels, scale.Needs) ||
				scale.Needs == ledger.RelativeHumidity && s.Base.Channels != nil && !slices.Contains(s.Base.Channels, scale.Needs) {
				continue
			}
			for _, size := range scale.Sizes {
				s.Plants = append(s.Plants, simulate.Plant{Fault: scale.Fault, Size: size})
			}
		}
	}
	switch {
	case len(s.Methods) == 0:
		return s, fmt.Errorf("%w: no methods", ErrStudy)
	case s.Clean < 1 || s.Clean > simulate.MaxShipments || s.Each < 1 || s.Each > simulate.MaxShipments:
		return s, fmt.Errorf("%w: %d clean shipments and %d of each fault", ErrStudy, s.Clean, s.Each)
	case s.Workers < 1:
		return s, fmt.Errorf("%w: %d workers", ErrStudy, s.Workers)
	}
	for _, a := range s.Alphas {
		if !(a > 0 && a < 1) {
			return s, fmt.Errorf("%w: α is %v", ErrStudy, a)
		}
	}
	s.Base.Faults, s.Base.Plants = nil, nil
	return s, nil
}

// judged is a shipment's truth and what each method said of it.
type judged struct {
	truth simulate.Truth
	by    []Judgement
	took  []time.Duration
}

// Run makes the study.
func (s Study) Run(ctx context.Context) (*Report, error) {
	s, err := s.withDefaults()
	if err != nil {
		return nil, err
	}
	all := 1 + len(s.Shifts) + len(s.Plants)
	cfg := s.Base
	cfg.Shipments, cfg.Plants = s.Clean, []simulate.Plant{}
	clean, err := s.judge(ctx, Shipments(cfg))
	if err != nil {
		return nil, err
	}
	s.progress(1, all)
	shifted := make([][]*judged, len(s.Shifts))
	for i, shift := range s.Shifts {
		other := cfg
		other.Shipments = max(1, s.Clean/4)
		shift.Change(&other)
		if shifted[i], err = s.judge(ctx, Shipments(other)); err != nil {
			return nil, err
		}
		s.progress(2+i, all)
	}
	cases := make([][]*judged, len(s.Plants))
	for i, p := range s.Plants {
		cfg.Seed = s.Base.Seed + 1 + uint64(i)
		cfg.Shipments, cfg.Plants = s.Each, slices.Repeat([]simulate.Plant{p}, s.Each)
		if cases[i], err = s.judge(ctx, Shipments(cfg)); err != nil {
			return nil, err
		}
		s.progress(2+len(s.Shifts)+i, all)
	}
	r := &Report{Simulated: "simulated shipments, not field data", Clean: s.Clean, Each: s.Each}
	for k, m := range s.Methods {
		report := s.report(k, m, clean, cases)
		for i, shift := range s.Shifts {
			report.Shifts = append(report.Shifts, Shifted{Name: shift.Name, Usual: usual(k, shifted[i]), Promises: s.promises(k, shifted[i])})
		}
		r.Methods = append(r.Methods, report)
	}
	return r, nil
}

func (s Study) progress(done, all int) {
	if s.Progress != nil {
		s.Progress(done, all)
	}
}

// judge lets every method judge every shipment; the results are in the shipments' order.
func (s Study) judge(ctx context.Context, shipments iter.Seq2[*Shipment, error]) ([]*judged, error) {
	group, within := errgroup.WithContext(ctx)
	group.SetLimit(s.Workers)
	var out []*judged
	var failed error
	for shipment, err := range shipments {
		if failed = err; err != nil || within.Err() != nil {
			break
		}
		one := &judged{truth: shipment.Truth}
		out = append(out, one)
		group.Go(func() error {
			for _, m := range s.Methods {
				begun := time.Now()
				got, err := m.Judge(shipment)
				if err != nil {
					return err
				}
				one.by, one.took = append(one.by, got), append(one.took, time.Since(begun))
			}
			return nil
		})
	}
	if err := errors.Join(failed, group.Wait(), context.Cause(ctx)); err != nil {
		return nil, err
	}
	return out, nil
}

// usual counts the alarms of a method at its usual setting.
func usual(k int, of []*judged) Share {
	n := 0
	for _, one := range of {
		if one.by[k].Alarmed {
			n++
		}
	}
	return NewShare(n, len(of))
}

// promises holds a method's p-values of clean shipments against what they promise; none if it states none.
func (s Study) promises(k int, clean []*judged) []Promise {
	stated := 0
	for _, one := range clean {
		if one.by[k].P > 0 {
			stated++
		}
	}
	if stated == 0 {
		return nil
	}
	var out []Promise
	for _, alpha := range s.Alphas {
		n := 0
		for _, one := range clean {
			if p := one.by[k].P; p > 0 && p <= alpha {
				n++
			}
		}
		most := MostOf(stated, alpha)
		out = append(out, Promise{Alpha: alpha, Alarms: NewShare(n, len(clean)), Stated: stated, Most: most, Kept: n <= most})
	}
	return out
}

// report sums up one method.
func (s Study) report(k int, m Method, clean []*judged, cases [][]*judged) MethodReport {
	r := MethodReport{Name: m.Name(), Setting: m.Setting(), Promises: s.promises(k, clean)}
	condemned := 0
	var took time.Duration
	largest := make([]float64, len(clean))
	for i, one := range clean {
		largest[i] = one.by[k].Largest()
		if one.by[k].Condemned {
			condemned++
		}
		took += one.took[k]
	}
	r.Condemned = NewShare(condemned, len(clean))
	r.Microseconds = float64(took.Microseconds()) / float64(len(clean))
	r.Settings = append(r.Settings, Operating{FalseAlarms: usual(k, clean), Cases: s.cases(cases, func(one *judged) (ledger.Millis, bool) {
		return one.by[k].AlarmedAt, one.by[k].Alarmed
	}, k)})
	slices.SortFunc(largest, func(a, b float64) int { // descending
		switch {
		case a > b:
			return -1
		case a < b:
			return 1
		}
		return 0
	})
	for _, alpha := range s.Alphas {
		threshold := largest[min(len(largest)-1, int(alpha*float64(len(largest))))] // to be exceeded
		n := 0
		for _, v := range largest {
			if v > threshold {
				n++
			}
		}
		o := Operating{Alpha: alpha, FalseAlarms: NewShare(n, len(clean)), Cases: s.cases(cases, func(one *judged) (ledger.Millis, bool) {
			for _, rise := range one.by[k].Rises {
				if rise.Score > threshold {
					return rise.At, true
				}
			}
			return 0, false
		}, -1)}
		if !math.IsInf(threshold, 0) {
			o.Threshold = threshold
		}
		r.Settings = append(r.Settings, o)
	}
	return r
}

// cases counts what was found; with a method's number 0 or more also what it named.
func (s Study) cases(cases [][]*judged, alarm func(*judged) (ledger.Millis, bool), k int) []Case {
	out := make([]Case, len(cases))
	for i, of := range cases {
		scale, _ := simulate.ScaleOf(s.Plants[i].Fault)
		c := Case{Fault: s.Plants[i].Fault, Subject: scale.Subject, Unit: scale.Unit}
		found := 0
		var delays []float64
		for _, one := range of {
			c.Size = one.truth.Size
			at, alarmed := alarm(one)
			switch delay := at.Time().Sub(one.truth.FaultFrom); {
			case !alarmed:
			case delay < 0:
				c.Early++
			default:
				found++
				delays = append(delays, delay.Seconds())
				if k >= 0 && slices.ContainsFunc(one.by[k].Reasons, func(r string) bool { return slices.Contains(one.truth.Reasons, r) }) {
					c.Named++
				}
			}
		}
		c.Found = NewShare(found, len(of))
		if len(delays) > 0 {
			slices.Sort(delays)
			c.Delay = (delays[(len(delays)-1)/2] + delays[len(delays)/2]) / 2
		}
		out[i] = c
	}
	return out
}
