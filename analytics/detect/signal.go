package detect

import "github.com/waybill-dev/waybill/chaincode/ledger"

// Alarm is the ratio of a signal from which it is an alarm: its statistic is at its threshold.
const Alarm = 1_000_000

// Subject is what a signal speaks of.
type Subject uint8

// The subjects.
const (
	SubjectChain  Subject = 1 // the conditions that the goods were under
	SubjectSensor Subject = 2 // the instrument that measured them
	SubjectEvents Subject = 3 // the order, place or time of what was recorded
)

// String names the subject in lower case.
func (s Subject) String() string {
	switch s {
	case SubjectChain:
		return "chain"
	case SubjectSensor:
		return "sensor"
	case SubjectEvents:
		return "events"
	default:
		return "unknown"
	}
}

// Signal is what a detector says of a journey so far. The package that gives it documents each of
// its codes: what Value and Limit are, and in what unit.
type Signal struct {
	// Code is the reason's code in snake_case. It never changes its meaning.
	Code    string
	Subject Subject
	// Ratio is the statistic over its threshold, in millionths; at Alarm and above it is an alarm.
	Ratio int64
	// From and To bound the window that did it.
	From, To ledger.Millis
	// Value and Limit are the number and the bound that a sentence tells: thousandths of the
	// quantity's unit, or milliseconds, as the code says.
	Value, Limit int64
	// Count is how many readings, or events, did it.
	Count int64
}

// IsAlarm reports whether the statistic is at its threshold or above.
func (s Signal) IsAlarm() bool { return s.Ratio >= Alarm }
