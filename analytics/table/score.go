package table

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/waybill-dev/waybill/analytics/score"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// Bounds on what is kept of a file.
const (
	// MaxSeries is how many loggers of a file are kept apart.
	MaxSeries = 2_000
	// maxStates bounds their channels altogether: a channel's state is about 120 kB.
	maxStates = 4_096
	// maxAlarms is how many alarms a summary names.
	maxAlarms = 20
)

// DefaultMaxGap is the longest silence between two rows that is taken: what is longer is a clock that
// was never set or a file of two journeys.
const DefaultMaxGap = 2 * 366 * 24 * time.Hour

// What Reason says of a row that was not scored. A row whose channels are all empty is missing; the
// others are rows that were refused.
const (
	ReasonMissing = "missing"
	reasonWidth   = "row_width"
	reasonTime    = "time_unreadable"
	reasonOrder   = "time_reversed"
	reasonGap     = "time_gap"
	reasonValue   = "not_a_number"
)

// Plan says how a file is scored.
type Plan struct {
	Model *score.Model
	// Policy limits the channel with the index Temperature, whose unit in the file is Unit. Nil: no limits.
	Policy      *ledger.Policy
	Temperature int
	Unit        Unit
	// MaxGap is the longest silence of a logger that is taken; 0: any.
	MaxGap time.Duration
	// ClockSteps takes rows whose time lies before that of the row before: the logger's clock was set.
	ClockSteps bool
	// KeepGoing goes on behind a row that is refused.
	KeepGoing bool
}

// Scored is a row and what it got, good until the next one.
type Scored struct {
	Row    *Row
	Result score.RowResult
	// Known says that the row was scored.
	Known bool
	// Reason is the result's, with the channel where there are several, or why the row was not scored.
	Reason string
	// Fault is why the row was refused.
	Fault *RowError
}

// Cells gives the texts of the columns that Added names. A row that was not scored has only a reason.
func (s *Scored) Cells() (cells [4]string) {
	cells[3] = s.Reason
	if !s.Known {
		return cells
	}
	cells[0] = strconv.FormatFloat(s.Result.Score, 'g', -1, 64)
	cells[1] = strconv.FormatFloat(s.Result.P, 'g', -1, 64)
	cells[2] = "0"
	if s.Result.Alarm {
		cells[2] = "1"
	}
	return cells
}

// Alarm is a row that raised one.
type Alarm struct {
	Line   int           `json:"line"`
	At     ledger.Millis `json:"-"`
	Time   string        `json:"time"`
	Series string        `json:"series,omitempty"`
	Reason string        `json:"reason"`
	Score  float64       `json:"score"`
	P      float64       `json:"p_value"`
}

// Summary counts what became of a file's rows.
type Summary struct {
	Rows     int64 `json:"rows"`
	Scored   int64 `json:"scored"`
	Missing  int64 `json:"missing"`
	Refused  int64 `json:"refused"`
	Repeated int64 `json:"repeated_times"` // scored, with the time of the row before
	Series   int   `json:"series"`
	Alarms   int64 `json:"alarms"`
	// First are the first of the alarms.
	First []Alarm `json:"first_alarms,omitempty"`
}

// Scorer scores a file's rows as they are read. It looks at nothing behind the row.
type Scorer struct {
	r      *Reader
	plan   Plan
	tracks map[string]*track
	values []float64
	out    Scored
	sum    Summary
}

// track is one logger of the file.
type track struct {
	logger *score.Logger
	begun  bool
	last   ledger.Millis
}

// NewScorer begins a file. It fails with ErrColumns if the policy's channel is none of the file's.
func NewScorer(r *Reader, plan Plan) (*Scorer, error) {
	if plan.Model == nil {
		return nil, fmt.Errorf("%w: no model", score.ErrModel)
	}
	if plan.Policy != nil && (plan.Temperature < 0 || plan.Temperature >= len(r.channels)) {
		return nil, fmt.Errorf("%w: there is no channel %d", ErrColumns, plan.Temperature)
	}
	return &Scorer{r: r, plan: plan, tracks: map[string]*track{}, values: make([]float64, len(r.channels))}, nil
}

// Summary is that of the rows so far.
func (s *Scorer) Summary() Summary {
	out := s.sum
	out.Series = len(s.tracks)
	return out
}

// Next gives the next row with what it got. A row that is refused ends the file with its *RowError,
// unless the plan keeps going; io.EOF is its end.
func (s *Scorer) Next() (*Scored, error) {
	row, err := s.r.Next()
	s.out = Scored{Row: row}
	fault, refused := errors.AsType[*RowError](err)
	if err != nil && (!refused || row == nil) {
		return nil, err
	}
	if row.Blank {
		return &s.out, nil
	}
	s.sum.Rows++
	if !refused {
		if fault, err = s.score(row); err != nil {
			return nil, err
		}
	}
	if fault != nil {
		if !s.plan.KeepGoing {
			return nil, fault
		}
		s.sum.Refused++
		s.out.Fault, s.out.Reason = fault, reasonOf(fault)
	}
	return &s.out, nil
}

func reasonOf(err error) string {
	switch {
	case errors.Is(err, ErrWidth):
		return reasonWidth
	case errors.Is(err, ErrTime):
		return reasonTime
	case errors.Is(err, ErrOrder):
		return reasonOrder
	case errors.Is(err, ErrGap):
		return reasonGap
	default:
		return reasonValue
	}
}

func (s *Scorer) score(row *Row) (*RowError, error) {
	t := s.tracks[string(row.Series)]
	if t == nil {
		if len(s.tracks) >= MaxSeries || (len(s.tracks)+1)*len(s.values) > maxStates {
			return nil, fmt.Errorf("%w: line %d begins another: at most %d loggers with %d channels altogether are kept apart (by the column %q)", ErrSeries, row.Line, MaxSeries, maxStates, s.r.Series())
		}
		t = &track{}
		var err error
		if t.logger, err = score.NewLogger(s.plan.Model, len(s.values), s.plan.Policy, s.plan.Temperature); err != nil {
			return nil, err
		}
		s.tracks[string(row.Series)] = t
	}
	if t.begun {
		if fault := s.follows(row, t.last); fault != nil {
			return fault, nil
		}
		if row.At == t.last {
			s.sum.Repeated++
		}
	}
	if row.Missing == len(s.values) {
		t.begun, t.last = true, row.At
		s.sum.Missing++
		s.out.Reason = ReasonMissing
		return nil, nil //nolint:nilnil // no fault
	}
	copy(s.values, row.Values)
	if s.plan.Policy != nil {
		s.values[s.plan.Temperature] = s.plan.Unit.Celsius(s.values[s.plan.Temperature])
	}
	result, err := t.logger.Observe(row.At, s.values)
	if err != nil {
		return &RowError{row.Line, fmt.Errorf("%w: %w", ErrValue, err)}, nil
	}
	t.begun, t.last = true, row.At
	s.sum.Scored++
	s.out.Known, s.out.Result, s.out.Reason = true, result, result.Reason
	if len(s.values) > 1 && result.Reason != "" && result.Reason != score.CodeClock {
		s.out.Reason += " (" + s.r.channels[result.Channel].Name + ")"
	}
	if result.Alarm {
		s.alarm(row, result)
	}
	return nil, nil //nolint:nilnil // no fault
}

func (s *Scorer) alarm(row *Row, result score.RowResult) {
	s.sum.Alarms++
	if len(s.sum.First) < maxAlarms {
		s.sum.First = append(s.sum.First, Alarm{
			Line: row.Line, At: row.At, Time: timeText(row.At), Series: clip(string(row.Series)),
			Reason: s.out.Reason, Score: result.Score, P: result.P,
		})
	}
}

func timeText(at ledger.Millis) string { return at.Time().UTC().Format(time.RFC3339Nano) }

// follows holds a row's time against that of its logger's row before.
func (s *Scorer) follows(row *Row, last ledger.Millis) *RowError {
	switch gap := s.plan.MaxGap.Milliseconds(); {
	case row.At < last && !s.plan.ClockSteps:
		return &RowError{row.Line, fmt.Errorf("%w: its time %s lies before %s, that of the row before", ErrOrder, timeText(row.At), timeText(last))}
	case gap > 0 && int64(row.At-last) > gap:
		return &RowError{row.Line, fmt.Errorf("%w: its time %s lies %d days after %s, that of the row before", ErrGap, timeText(row.At), int64(row.At-last)/86_400_000, timeText(last))}
	}
	return nil
}
