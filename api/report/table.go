package report

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Kind is what a column holds.
type Kind uint8

// The kinds.
const (
	Text   Kind = iota
	Number      // a decimal number
	Date        // a calendar date
	Time        // an instant, shown in the sheet's time zone
)

// String names the kind.
func (k Kind) String() string {
	switch k {
	case Text:
		return "text"
	case Number:
		return "number"
	case Date:
		return "date"
	case Time:
		return "time"
	}
	return "unknown"
}

// Column is a column of a sheet.
type Column struct {
	// Key names it for programs, Title for people.
	Key, Title string
	Kind       Kind
	// Law is the paragraph that asks for it; empty for what a report adds.
	Law string
}

// Value is one cell; the zero value is an empty one.
type Value struct {
	text string
	at   int64 // milliseconds since 1970, of a date its midnight in UTC
	kind Kind
	set  bool
}

// moment is the value of a date or time, in UTC.
func (v *Value) moment() time.Time { return time.UnixMilli(v.at).UTC() }

// TextOf is a text; an empty one is an empty cell.
func TextOf(s string) Value { return Value{kind: Text, text: s, set: s != ""} }

// NumberOf is a decimal number in JSON's grammar; an empty one is an empty cell. What is no such
// number becomes text.
func NumberOf(s string) Value {
	if !isNumber(s) {
		return TextOf(s)
	}
	return Value{kind: Number, text: s, set: true}
}

// CountOf is a whole number.
func CountOf(n uint64) Value {
	return Value{kind: Number, text: strconv.FormatUint(n, 10), set: true}
}

// DateOf is a calendar date; its clock does not count.
func DateOf(year int, month time.Month, day int) Value {
	return Value{kind: Date, at: time.Date(year, month, day, 0, 0, 0, 0, time.UTC).UnixMilli(), set: true}
}

// TimeOf is an instant, to the millisecond.
func TimeOf(t time.Time) Value {
	if t.IsZero() {
		return Value{}
	}
	return Value{kind: Time, at: t.UnixMilli(), set: true}
}

// Empty reports whether the cell is empty.
func (v Value) Empty() bool { return !v.set }

const (
	dateForm = "2006-01-02"
	timeForm = "2006-01-02T15:04:05.000Z07:00"
)

// In gives the value as text: dates as YYYY-MM-DD, times with their offset in the zone.
func (v Value) In(zone *time.Location) string {
	if !v.set {
		return ""
	}
	switch v.kind {
	case Date:
		return v.moment().Format(dateForm)
	case Time:
		return v.moment().In(zone).Format(timeForm)
	case Text, Number:
	}
	return v.text
}

// String gives the value as text, times in UTC.
func (v Value) String() string { return v.In(time.UTC) }

// isNumber follows the grammar of JSON, which CSV readers and spreadsheets take as well.
func isNumber(s string) bool {
	digits := func() int {
		n := 0
		for n < len(s) && s[n] >= '0' && s[n] <= '9' {
			n++
		}
		s = s[n:]
		return n
	}
	s = strings.TrimPrefix(s, "-")
	lead := strings.HasPrefix(s, "0")
	if n := digits(); n == 0 || lead && n > 1 {
		return false
	}
	if rest, ok := strings.CutPrefix(s, "."); ok {
		s = rest
		if digits() == 0 {
			return false
		}
	}
	if s != "" && (s[0] == 'e' || s[0] == 'E') {
		s = s[1:]
		if s != "" && (s[0] == '+' || s[0] == '-') {
			s = s[1:]
		}
		if digits() == 0 {
			return false
		}
	}
	return s == ""
}

// Sheet is what stands above the rows of a report.
type Sheet struct {
	// Name names the report for programs, such as fsma204; Title for people.
	Name, Title string
	// Law is what asks for it.
	Law string
	// Subject says what the report is about: a lot, a product with its serial, a time.
	Subject string
	AsOf    AsOf
	// Zone is what times are shown in.
	Zone    *time.Location
	Columns []Column
	// Notes say what a reader must know.
	Notes []string
}

// zone is the sheet's time zone, UTC unless another is set.
func (s *Sheet) zone() *time.Location {
	if s.Zone == nil {
		return time.UTC
	}
	return s.Zone
}

// ZoneName names the sheet's time zone.
func (s *Sheet) ZoneName() string { return s.zone().String() }

// title is a column's title with the time zone of its values.
func (s *Sheet) title(c Column) string {
	if c.Kind == Time {
		return c.Title + " (" + s.zone().String() + ")"
	}
	return c.Title
}

// about lists what the sheet says of itself, as pairs.
func (s *Sheet) about() [][2]string {
	about := [][2]string{
		{"Report", s.Title},
		{"Name", s.Name},
		{"Law", s.Law},
		{"Subject", s.Subject},
		{"Ledger height", strconv.FormatUint(s.AsOf.Height, 10)},
		{"Last block", fmt.Sprintf("%x", s.AsOf.Hash)},
		{"Time zone", s.zone().String()},
	}
	for _, n := range s.Notes {
		about = append(about, [2]string{"Note", n})
	}
	return about
}

// Rows takes the rows of a report, each with one value a column of the sheet. It does not keep the slice.
type Rows interface {
	Row(values []Value) error
}
