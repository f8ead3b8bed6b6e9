package table

import (
	"fmt"
	"math"
	"strings"

	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// DateOrder says how a date with slashes is written, which no date tells of itself.
type DateOrder uint8

// The orders.
const (
	DateUnknown  DateOrder = iota // 01/02/2014 is refused
	DayFirst                      // 1 February
	MonthFirst                    // 2 January
	latestYear   = 2200
	earliestYear = 1900
)

// ParseTime reads a time:
//
//   - 2014-04-01 00:00:00, with a T or a space between, seconds and their fraction or none, slashes
//     instead of dashes, a zone (Z, UTC, +02:00, +0200) or none, which is UTC; a date alone is its midnight;
//   - 01.04.2014 13:05, the day first; 01/04/2014 13:05 or 01:05 PM only where the order is said;
//   - a number of 0 or more: seconds since 1970-01-01 UTC below 10¹¹, then milliseconds below 10¹⁴,
//     microseconds below 10¹⁷, and nanoseconds; decimals are taken to the millisecond.
//
// Years are 1900 to 2199. What is finer than a millisecond is cut off.
func ParseTime(text string, order DateOrder) (ledger.Millis, error) {
	s := strings.TrimSpace(text)
	if at, ok := stamp(s, order); ok {
		return at, nil
	}
	if at, ok := unix(s); ok {
		return at, nil
	}
	if order == DateUnknown && len(s) < 64 && strings.Count(s, "/") == 2 {
		return 0, fmt.Errorf("%w: %q does not tell the day from the month; say which comes first", ErrTime, clip(s))
	}
	return 0, fmt.Errorf("%w: %q is not a time", ErrTime, clip(s))
}

// unix reads a number of seconds or their parts.
func unix(s string) (ledger.Millis, bool) {
	whole, part, dotted := strings.Cut(s, ".")
	if whole == "" || len(whole) > 19 || dotted && part == "" || len(part) > 30 {
		return 0, false
	}
	var n uint64
	for i := range len(whole) {
		d := whole[i] - '0'
		if d > 9 {
			return 0, false
		}
		n = n*10 + uint64(d)
	}
	if n > math.MaxInt64 {
		return 0, false
	}
	var milli uint64
	for i := range len(part) {
		d := part[i] - '0'
		if d > 9 {
			return 0, false
		}
		if i < 3 {
			milli = milli*10 + uint64(d)
		}
	}
	for i := len(part); i < 3; i++ {
		milli *= 10
	}
	switch {
	case n < 1e11:
		n = n*1000 + milli
	case n < 1e14:
	case n < 1e17:
		n /= 1e3
	default:
		n /= 1e6
	}
	at := ledger.Millis(n)
	return at, at < millis(latestYear, 1, 1)
}

// scan reads a text from the left.
type scan struct {
	s  string
	ok bool
}

func (c *scan) number(least, most int) int {
	n, i := 0, 0
	for i < len(c.s) && i < most && c.s[i]-'0' <= 9 {
		n = n*10 + int(c.s[i]-'0')
		i++
	}
	if i < least {
		c.ok = false
	}
	c.s = c.s[i:]
	return n
}

// one takes a byte if it is of the set, and gives it.
func (c *scan) one(set string) byte {
	if c.s == "" || strings.IndexByte(set, c.s[0]) < 0 {
		return 0
	}
	b := c.s[0]
	c.s = c.s[1:]
	return b
}

// date reads the date and leaves what follows it.
func (c *scan) date(order DateOrder) (year, month, day int) {
	first := c.number(1, 4)
	if length := len(c.s); length == 0 {
		c.ok = false
		return 0, 0, 0
	}
	mark := c.one("-/.")
	second := c.number(1, 2)
	if mark == 0 || c.one(string(mark)) == 0 {
		c.ok = false
		return 0, 0, 0
	}
	third := c.number(1, 4)
	switch {
	case first >= earliestYear:
		return first, second, third
	case mark == '.' || order == DayFirst:
		return third, second, first
	case order == MonthFirst:
		return third, first, second
	}
	c.ok = false
	return 0, 0, 0
}

func stamp(s string, order DateOrder) (ledger.Millis, bool) {
	if len(s) < 8 || len(s) > 48 {
		return 0, false
	}
	c := scan{s: s, ok: true}
	year, month, day := c.date(order)
	if !c.ok || year < earliestYear || year >= latestYear || month < 1 || month > 12 || day < 1 || day > monthDays(year, month) {
		return 0, false
	}
	at := millis(year, month, day)
	if c.s == "" {
		return at, true
	}
	if c.one("Tt ") == 0 {
		return 0, false
	}
	hour := c.number(1, 2)
	if c.one(":") == 0 {
		return 0, false
	}
	minute, second, milli := c.number(2, 2), 0, 0
	if c.one(":") != 0 {
		second = c.number(2, 2)
		if c.one(".,") != 0 {
			milli = c.fraction()
		}
	}
	hour = c.half(hour)
	zone := c.zone()
	if !c.ok || c.s != "" || hour > 23 || minute > 59 || second > 60 {
		return 0, false
	}
	return at + ledger.Millis(((hour*60+minute-zone)*60+second)*1000+milli), true
}

// fraction reads the decimals of a second as milliseconds.
func (c *scan) fraction() int {
	n, i := 0, 0
	for i < len(c.s) && c.s[i]-'0' <= 9 {
		if i < 3 {
			n = n*10 + int(c.s[i]-'0')
		}
		i++
	}
	if i == 0 {
		c.ok = false
	}
	c.s = c.s[i:]
	for ; i < 3; i++ {
		n *= 10
	}
	return n
}

// half reads AM or PM behind an hour of 1 to 12.
func (c *scan) half(hour int) int {
	rest := strings.ToUpper(strings.TrimPrefix(c.s, " "))
	if rest != "AM" && rest != "PM" {
		return hour
	}
	c.s = ""
	if hour < 1 || hour > 12 {
		c.ok = false
	}
	hour %= 12
	if rest == "PM" {
		hour += 12
	}
	return hour
}

// zone reads what is left as minutes east of UTC.
func (c *scan) zone() int {
	c.s = strings.TrimPrefix(c.s, " ")
	switch c.s {
	case "", "Z", "z", "UTC", "GMT":
		c.s = ""
		return 0
	}
	sign := c.one("+-")
	hours, minutes := c.number(2, 2), 0
	if c.s != "" {
		c.one(":")
		minutes = c.number(2, 2)
	}
	if sign == 0 || hours > 14 || minutes > 59 {
		c.ok = false
	}
	zone := hours*60 + minutes
	if sign == '-' {
		zone = -zone
	}
	return zone
}

func monthDays(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	default:
		return 31
	}
}

// millis is midnight of a day of the Gregorian calendar (days from civil, Hinnant 2013).
func millis(year, month, day int) ledger.Millis {
	if month <= 2 {
		year--
		month += 12
	}
	era := year / 400
	inEra := year % 400
	ofYear := (153*(month-3)+2)/5 + day - 1
	days := era*146097 + inEra*365 + inEra/4 - inEra/100 + ofYear - 719468
	return ledger.Millis(days) * 24 * 60 * 60 * 1000
}

// clip shortens a text of the file for a message.
func clip(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}
