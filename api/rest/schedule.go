package rest

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Schedule says when a query runs, as the standard's QuerySchedule: in UTC, at each
// second whose parts are all in the sets given. Fields that are left out and finer
// than the finest one given are at their beginning, so that hour 1 and minute 5 is
// once a day; coarser ones are free.
type Schedule struct {
	Second, Minute, Hour, DayOfMonth, Month, DayOfWeek string

	sets [6]uint64
}

// errSchedule says that no schedule can be read.
var errSchedule = errors.New("WB_SCHEDULE")

// fields gives the fields from the finest to the coarsest. Days of the week count
// from Monday, 1.
func (s *Schedule) fields() [6]struct {
	name     string
	text     *string
	min, max int
} {
	return [6]struct {
		name     string
		text     *string
		min, max int
	}{
		{"second", &s.Second, 0, 59},
		{"minute", &s.Minute, 0, 59},
		{"hour", &s.Hour, 0, 23},
		{"dayOfMonth", &s.DayOfMonth, 1, 31},
		{"month", &s.Month, 1, 12},
		{"dayOfWeek", &s.DayOfWeek, 1, 7},
	}
}

// parse reads the fields.
func (s *Schedule) parse() error {
	finer := true
	for i, f := range s.fields() {
		switch {
		case *f.text != "":
			set, err := parseSet(*f.text, f.min, f.max)
			if err != nil {
				return fmt.Errorf("%w: %s: %w", errSchedule, f.name, err)
			}
			s.sets[i], finer = set, false
		case finer && i < 3: // days have no beginning that is not a day
			s.sets[i] = 1
		default:
			s.sets[i] = ^uint64(0)
		}
	}
	if s.Second+s.Minute+s.Hour+s.DayOfMonth+s.Month+s.DayOfWeek == "" {
		return fmt.Errorf("%w: a schedule has at least one field", errSchedule)
	}
	if s.Next(time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return fmt.Errorf("%w: there is no such day", errSchedule)
	}
	return nil
}

// parseSet reads numbers, ranges ([1-5], 1-5, *) and steps (*/5, 0/30, 1-30/2),
// divided by commas.
func parseSet(text string, least, most int) (uint64, error) {
	const longest = 256
	if len(text) > longest {
		return 0, errors.New("too long")
	}
	var set uint64
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		whole, stepText, stepped := strings.Cut(part, "/")
		step := 1
		if stepped {
			n, err := strconv.Atoi(stepText)
			if err != nil || n < 1 {
				return 0, fmt.Errorf("%q is no step", stepText)
			}
			step = n
		}
		whole = strings.TrimSuffix(strings.TrimPrefix(whole, "["), "]")
		low, high := least, most
		if whole != "*" {
			from, to, ranged := strings.Cut(whole, "-")
			var err error
			if low, err = strconv.Atoi(from); err != nil {
				return 0, fmt.Errorf("%q is no number", from)
			}
			switch {
			case ranged:
				if high, err = strconv.Atoi(to); err != nil {
					return 0, fmt.Errorf("%q is no number", to)
				}
			case !stepped:
				high = low
			}
		}
		if low < least || high > most || low > high {
			return 0, fmt.Errorf("%q is not from %d to %d", part, least, most)
		}
		for n := low; n <= high; n += step {
			set |= 1 << n
		}
	}
	return set, nil
}

// Next gives the first time of the schedule after t, to the second; zero when there
// is none within 30 years.
func (s *Schedule) Next(t time.Time) time.Time {
	in := func(i, n int) bool { return s.sets[i]&(1<<n) != 0 }
	t = t.UTC().Truncate(time.Second).Add(time.Second)
	for end := t.AddDate(30, 0, 0); t.Before(end); {
		weekday := int(t.Weekday())
		if weekday == 0 {
			weekday = 7
		}
		switch {
		case !in(4, int(t.Month())):
			t = time.Date(t.Year(), t.Month()+1, 1, 0, 0, 0, 0, time.UTC)
		case !in(3, t.Day()), !in(5, weekday):
			t = time.Date(t.Year(), t.Month(), t.Day()+1, 0, 0, 0, 0, time.UTC)
		case !in(2, t.Hour()):
			t = t.Truncate(time.Hour).Add(time.Hour)
		case !in(1, t.Minute()):
			t = t.Truncate(time.Minute).Add(time.Minute)
		case !in(0, t.Second()):
			t = t.Add(time.Second)
		default:
			return t
		}
	}
	return time.Time{}
}

type scheduleJSON struct {
	Second     string `json:"second,omitempty"`
	Minute     string `json:"minute,omitempty"`
	Hour       string `json:"hour,omitempty"`
	DayOfMonth string `json:"dayOfMonth,omitempty"`
	Month      string `json:"month,omitempty"`
	DayOfWeek  string `json:"dayOfWeek,omitempty"`
}

// MarshalJSON writes the fields as the standard names them.
func (s *Schedule) MarshalJSON() ([]byte, error) {
	return json.Marshal(scheduleJSON{s.Second, s.Minute, s.Hour, s.DayOfMonth, s.Month, s.DayOfWeek})
}

// UnmarshalJSON reads what MarshalJSON writes, and validates it. Fields are text.
func (s *Schedule) UnmarshalJSON(b []byte) error {
	var f scheduleJSON
	if err := json.Unmarshal(b, &f); err != nil {
		return fmt.Errorf("%w: %w", errSchedule, err)
	}
	*s = Schedule{Second: f.Second, Minute: f.Minute, Hour: f.Hour, DayOfMonth: f.DayOfMonth, Month: f.Month, DayOfWeek: f.DayOfWeek}
	return s.parse()
}
