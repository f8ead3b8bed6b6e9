package score

import (
	"fmt"

	"github.com/waybill-dev/waybill/analytics/coldchain"
	"github.com/waybill-dev/waybill/analytics/detect/sensor"
	"github.com/waybill-dev/waybill/analytics/detect/series"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// CodeClock is the reason of a row whose time is not later than the row before: the logger's clock was
// set back, or the row was written twice.
const CodeClock = "clock_jump"

// earliestRow is the year 1900: files are older than ledgers.
const earliestRow ledger.Millis = -2_208_988_800_000

// Logger scores the rows of one logger as they come: how unlike its own past each row is, and with a
// policy what it broke and whether the thermometer is to be believed. It looks at nothing after the row, and its state does not grow. Without a
// policy the result is the same for every a·x+b of a channel. It is not safe for concurrent use.
type Logger struct {
	model       *Model
	panel       *series.Panel
	temperature int
	evaluator   *coldchain.Evaluator
	monitor     *sensor.Monitor
	doubtful    bool
	nonsense    bool
	broken      uint // bits of the rules that were broken so far, in the order of rules()
	have        bool
	last        ledger.Millis
}

// RowResult is what a row got.
type RowResult struct {
	// Score is in [0,1] and orders rows by how much speaks against them; it is at least the severity
	// of a rule while the row goes on breaking it, or of what makes its temperature not to be believed.
	Score float64
	// P is how probable a row at least this unusual is within a block of readings of the logger's own past;
	// 1 where nothing is unusual. Rules have no part in it.
	P float64
	// Alarm says that the row is improbable at the model's alarm level, or that from this row on a rule is
	// broken or the thermometer not to be believed. An alarm is told once: what goes on being so raises
	// no other.
	Alarm  bool
	Reason string // a code, empty where nothing is to be said
	// Channel is the index of the channel that Reason speaks of.
	Channel int
}

// NewLogger starts a logger of 1 to series.MaxChannels channels. Temperature is the index of the
// channel that the policy limits, in degrees Celsius, or -1; it has no use without a policy. The
// error is ErrInput.
func NewLogger(m *Model, channels int, policy *ledger.Policy, temperature int) (*Logger, error) {
	panel, err := series.NewPanel(m.p.File.Settings(), channels)
	if err != nil {
		return nil, fmt.Errorf("%w: %d channels, 1 to %d are taken", ErrInput, channels, series.MaxChannels)
	}
	l := &Logger{model: m, panel: panel, temperature: -1}
	if policy == nil {
		return l, nil
	}
	if temperature < 0 || temperature >= channels {
		return nil, fmt.Errorf("%w: a policy needs a temperature, channel %d is none of %d", ErrInput, temperature, channels)
	}
	l.temperature = temperature
	l.evaluator = coldchain.NewEvaluator(*policy, m.p.Hold)
	l.monitor = sensor.New(m.p.Sensor)
	l.monitor.SetRange(policy.Low, policy.High)
	return l, nil
}

// Observe takes the next row, one value a channel; one that is not a number is missing. The error is
// ErrInput for an infinite value, a row of another width, or a time before 1900 or after 2200; the
// row was not observed then. A row whose time is not later than the one before is scored and says so.
func (l *Logger) Observe(at ledger.Millis, values []float64) (RowResult, error) {
	if at < earliestRow || at > latestTime {
		return RowResult{P: 1}, fmt.Errorf("%w: time %d ms, rows are from the years 1900 to 2200", ErrInput, at)
	}
	r, err := l.panel.Observe(at, values)
	if err != nil {
		return RowResult{P: 1}, fmt.Errorf("%w: %w", ErrInput, err)
	}
	row := RowResult{Score: r.Score, P: r.P, Alarm: r.Alarm, Reason: string(r.Reason), Channel: r.Channel}
	back := l.have && at <= l.last
	l.have, l.last = true, at
	if back && row.Reason == "" {
		row.Reason = CodeClock
	}
	if l.evaluator == nil {
		return row, nil
	}
	if v := values[l.temperature]; v == v { // is a number
		l.limits(&row, at, milliOf(v))
	}
	return row, nil
}

// limits lets the policy judge a row's temperature.
func (l *Logger) limits(row *RowResult, at ledger.Millis, milli int32) {
	p := l.evaluator.Policy()
	worst, newest := int64(0), int64(0)
	// What an alarm is for is the row's reason before what goes on being so.
	speaks := func(code string, begins bool) {
		own, _ := l.model.p.severity(code)
		if begins && own > newest || newest == 0 && own > worst {
			row.Reason, row.Channel = code, l.temperature
		}
		if begins {
			row.Alarm = true
			newest = max(newest, own)
		}
		worst = max(worst, own)
	}
	l.monitor.Observe(at, milli)
	before := l.doubtful
	if l.doubtful = l.monitor.Doubtful(); l.doubtful {
		_, why := l.monitor.Doubted(at, at)
		speaks(why, !before)
	}
	// What is nonsense breaks no rule, then or later. A sensor that repeats itself may be right: its limits are told.
	if l.monitor.Nonsense() {
		if !l.nonsense {
			l.evaluator.Break(at)
		}
		l.nonsense = true
		row.Score = max(row.Score, float64(worst)/Million)
		return
	}
	l.nonsense = false
	l.evaluator.Observe(at, milli)
	for i, rule := range rules() {
		bit := uint(1) << i
		begins := l.broken&bit == 0
		if begins {
			if !l.evaluator.Exceeded(rule) {
				continue
			}
			l.broken |= bit
		} else if !breaks(rule, &p, milli) {
			continue
		}
		speaks(string(rule), begins)
	}
	row.Score = max(row.Score, float64(worst)/Million)
}

// rules are the rules of a policy.
func rules() [5]coldchain.Rule {
	return [...]coldchain.Rule{coldchain.AboveRange, coldchain.BelowRange, coldchain.ExcursionBudget, coldchain.MKTExceeded, coldchain.Frozen}
}

// breaks tells whether a temperature lies where a rule counts.
func breaks(rule coldchain.Rule, p *ledger.Policy, milli int32) bool {
	switch rule {
	case coldchain.AboveRange:
		return milli > p.ExcursionHigh
	case coldchain.BelowRange:
		return milli < p.ExcursionLow
	case coldchain.ExcursionBudget:
		return milli < p.Low || milli > p.High
	case coldchain.MKTExceeded:
		return milli > p.MKTMax
	case coldchain.Frozen:
		return p.FreezeBelow != nil && milli <= *p.FreezeBelow
	default:
		return false
	}
}

// milliOf rounds degrees Celsius to thousandths, halves away from zero; what no thermometer reads is
// the nearest that one could.
func milliOf(celsius float64) int32 {
	v := float64(max(-1e6, min(1e6, celsius)) * 1000)
	if v < 0 {
		return int32(v - 0.5)
	}
	return int32(v + 0.5)
}
