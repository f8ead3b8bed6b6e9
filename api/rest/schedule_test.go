package rest

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func schedule(t testing.TB, text string) *Schedule {
	t.Helper()
	var s Schedule
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return &s
}

func TestSchedulesNameTheirTimes(t *testing.T) {
	from := time.Date(2024, 2, 28, 23, 59, 30, 5, time.UTC) // a Wednesday
	for _, c := range []struct {
		schedule string
		want     []string
	}{
		{`{"hour":"1","minute":"5"}`, []string{"2024-02-29T01:05:00Z", "2024-03-01T01:05:00Z"}},
		{`{"second":"0/30"}`, []string{"2024-02-29T00:00:00Z", "2024-02-29T00:00:30Z"}},
		{`{"minute":"*/20"}`, []string{"2024-02-29T00:00:00Z", "2024-02-29T00:20:00Z", "2024-02-29T00:40:00Z", "2024-02-29T01:00:00Z"}},
		{`{"dayOfWeek":"1"}`, []string{"2024-03-04T00:00:00Z", "2024-03-11T00:00:00Z"}},
		{`{"dayOfWeek":"7","hour":"[10-11]"}`, []string{"2024-03-03T10:00:00Z", "2024-03-03T11:00:00Z", "2024-03-10T10:00:00Z"}},
		{`{"dayOfMonth":"31","month":"1,3,4"}`, []string{"2024-03-31T00:00:00Z", "2025-01-31T00:00:00Z"}},
		{`{"dayOfMonth":"29","month":"2"}`, []string{"2024-02-29T00:00:00Z", "2028-02-29T00:00:00Z"}},
	} {
		s, at := schedule(t, c.schedule), from
		for _, want := range c.want {
			at = s.Next(at)
			if got := at.Format(time.RFC3339); got != want {
				t.Errorf("%s: %s, want %s", c.schedule, got, want)
			}
		}
		again, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if !schedule(t, string(again)).Next(from).Equal(s.Next(from)) {
			t.Errorf("%s comes back as %s", c.schedule, again)
		}
	}
}

func TestSchedulesThatCannotBeAreRefused(t *testing.T) {
	for _, text := range []string{
		`{}`, `{"hour":"24"}`, `{"minute":"-1"}`, `{"second":"x"}`, `{"dayOfMonth":"0"}`, `{"dayOfWeek":"8"}`, `{"hour":"5-3"}`, `{"hour":"1/0"}`,
		`{"dayOfMonth":"30","month":"2"}`, `{"hour":1}`, `{"hour":""}`, `{"minute":"1,,2"}`,
	} {
		var s Schedule
		if err := json.Unmarshal([]byte(text), &s); !errors.Is(err, errSchedule) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestNextIsTheFirstSecondThatFits compares with trying each second.
func TestNextIsTheFirstSecondThatFits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &Schedule{
			Second: rapid.SampledFrom([]string{"", "7", "0/15", "[50-59]"}).Draw(t, "second"),
			Minute: rapid.SampledFrom([]string{"", "*", "59", "10,20"}).Draw(t, "minute"),
			Hour:   rapid.SampledFrom([]string{"*", "", "23"}).Draw(t, "hour"),
		}
		if s.parse() != nil {
			return
		}
		at := time.Unix(rapid.Int64Range(1.7e9, 1.8e9).Draw(t, "at"), 0).UTC()
		got := s.Next(at)
		for try := at.Add(time.Second); ; try = try.Add(time.Second) {
			if s.sets[0]&(1<<try.Second()) != 0 && s.sets[1]&(1<<try.Minute()) != 0 && s.sets[2]&(1<<try.Hour()) != 0 {
				if !got.Equal(try) {
					t.Fatalf("%+v after %s: %s, want %s", s, at, got, try)
				}
				return
			}
		}
	})
}
