package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/epcis"
)

func TestQuantilesStayWithinOnePercentOfTheTruth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		micros := rapid.SliceOfN(rapid.Int64Range(0, 1<<40), 1, 300).Draw(t, "micros")
		var h Histogram
		for _, v := range micros {
			h.Add(time.Duration(v)*time.Microsecond, 1)
		}
		slices.Sort(micros)
		for _, q := range []float64{0.01, 0.5, 0.99, 1} {
			at := max(int(float64(len(micros))*q+0.9999999), 1) - 1
			want := micros[min(at, len(micros)-1)]
			got := h.Quantile(q).Microseconds()
			if got < want || float64(got) > float64(want)*1.01+1 {
				t.Fatalf("quantile %v of %d values: got %d µs, want %d", q, len(micros), got, want)
			}
		}
		if h.Max().Microseconds() != micros[len(micros)-1] {
			t.Fatalf("max %v, want %d µs", h.Max(), micros[len(micros)-1])
		}
	})
}

func TestHistogramSlotsAreContiguousAndCoverTheirValues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.Uint64Range(0, 1<<62).Draw(t, "v")
		slot := slotOf(v)
		if slot >= histogramSlots || upperOf(slot) < v {
			t.Fatalf("%d lies in slot %d of %d, which ends at %d", v, slot, histogramSlots, upperOf(slot))
		}
		if slot > 0 && upperOf(slot-1) >= v {
			t.Fatalf("%d lies in slot %d although the one before ends at %d", v, slot, upperOf(slot-1))
		}
	})
}

func TestBalanceTellsLostFromFailedAndDoubled(t *testing.T) {
	tally := NewTally[string]()
	for _, k := range []string{"kept", "lost", "doubled", "failed", "failed but there"} {
		tally.Sent(k, 10)
	}
	for _, k := range []string{"kept", "lost", "doubled"} {
		tally.Acked(k)
	}
	tally.Failed("failed")
	tally.Failed("failed but there")
	for _, k := range []string{"kept", "doubled", "doubled", "failed but there", "a stranger"} {
		tally.Seen(k)
	}
	want := Balance{Sent: 50, OnLedger: 30, Failed: 20, Lost: 10, Doubled: 10, Unacknowledged: 10, Foreign: 1}
	if got := tally.Balance(); got != want || got.Exact() {
		t.Fatalf("got %+v, want %+v and not exact", got, want)
	}
}

func TestBalanceIsExactOnlyIfEachKeyIsSeenOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seen := rapid.SliceOfN(rapid.IntRange(0, 3), 1, 50).Draw(t, "seen")
		tally := NewTally[int]()
		exact := true
		for k, n := range seen {
			tally.Sent(k, 1)
			tally.Acked(k)
			for range n {
				tally.Seen(k)
			}
			exact = exact && n == 1
		}
		if got := tally.Balance(); got.Exact() != exact {
			t.Fatalf("seen %v: %+v says exact=%v", seen, got, got.Exact())
		}
	})
}

func TestEventLoadIsValidAndDistinctAndTakesEachPalletThroughItsSteps(t *testing.T) {
	hashes := map[string]bool{}
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for site := range 3 {
		load := NewEventLoad(7, site, start)
		var wanted string
		for i, body := range append(load.Events(7), load.Events(43)...) {
			event, err := epcis.ParseEvent(nil, body)
			if err != nil {
				t.Fatalf("%s: %v", body, err)
			}
			if h := event.Hash().String(); hashes[h] {
				t.Fatalf("the same event twice: %s", body)
			} else {
				hashes[h] = true
			}
			items := event.Items()
			if len(items) != 1 || items[0].Class {
				t.Fatalf("%s names %v, not one instance", body, items)
			}
			if i%len(steps()) == 0 {
				wanted = items[0].Canonical
			}
			if items[0].Canonical != wanted || string(event.BizStep) != steps()[i%len(steps())].bizStep {
				t.Fatalf("event %d is %s of %s, want %s of %s", i, event.BizStep, items[0].Canonical, steps()[i%len(steps())].bizStep, wanted)
			}
		}
	}
}

func TestLoggerSegmentsContinueEachOther(t *testing.T) {
	l := NewLogger(1, 2, time.Unix(1_700_000_000, 0), time.Second)
	first := l.Readings(5)
	_ = l.Sign([]byte("payload"))
	second := l.Readings(5)
	if second.Seq != first.Seq+1 || second.Previous.IsZero() || !first.Previous.IsZero() {
		t.Fatalf("sequence %d then %d, previous %v then %v", first.Seq, second.Seq, first.Previous, second.Previous)
	}
	times := append(slices.Clone(first.Times), second.Times...)
	if !slices.IsSorted(times) || len(slices.Compact(times)) != 10 {
		t.Fatalf("times do not rise: %v", times)
	}
}

func TestGS1CheckDigit(t *testing.T) {
	// Examples of the GS1 General Specifications and of GTINs in public use.
	for digits, want := range map[string]string{"629104150021": "6291041500213", "37610425002123456": "376104250021234569"} {
		if got := gs1Digits(digits); got != want {
			t.Errorf("%s: got %s, want %s", digits, got, want)
		}
	}
}

func TestRunCountsWhatItTimes(t *testing.T) {
	var h Histogram
	calls := 0
	s, err := run(t.Context(), []sender{func(context.Context) (piece, error) {
		calls++
		return piece{records: 3, failed: 1, why: errors.New("one of four")}, nil
	}}, 300*time.Millisecond, &h) // a machine may be away for a while before the first call
	if err != nil {
		t.Fatal(err)
	}
	if s.records != uint64(3*calls) || s.failed != uint64(calls) || h.Count() != s.records || s.why == nil || s.elapsed < 300*time.Millisecond {
		t.Fatalf("%d calls gave %+v and %d latencies", calls, s, h.Count())
	}
}

func TestRunEndsWithTheErrorThatStoppedIt(t *testing.T) {
	boom := errors.New("boom")
	var h Histogram
	wait := func(ctx context.Context) (piece, error) { <-ctx.Done(); return piece{}, context.Cause(ctx) }
	_, err := run(t.Context(), []sender{wait, func(context.Context) (piece, error) { return piece{}, boom }}, time.Hour, &h)
	if !errors.Is(err, boom) {
		t.Fatalf("got %v", err)
	}
}

func TestFailuresOfTheWarmUpCount(t *testing.T) {
	boom := errors.New("boom")
	calls := 0
	fine := func(ctx context.Context) (piece, error) {
		return piece{records: 1}, sleepUntil(ctx, time.Now().Add(10*time.Millisecond))
	}
	failing := func(ctx context.Context) (piece, error) {
		if calls++; calls == 1 {
			return piece{failed: 4, why: boom}, nil
		}
		return fine(ctx)
	}
	b := &bench{cfg: Config{Seconds: 1, Rounds: 1, Say: func(string) {}}}
	var m measured
	if err := b.alternate(t.Context(), []sender{fine}, []sender{failing}, &m); err != nil {
		t.Fatal(err)
	}
	if m.warmWay.failed != 4 || !errors.Is(m.warmWay.why, boom) || m.way.failed != 0 || m.warmNaive.failed != 0 || m.way.records == 0 {
		t.Fatalf("way %+v, warm-up %+v and naive %+v", m.way, m.warmWay, m.warmNaive)
	}
}

func TestNumbersOfARunAreHeldToTheirBounds(t *testing.T) {
	if err := (Config{}).Check(); err != nil {
		t.Errorf("the defaults: %v", err)
	}
	for _, c := range []Config{{Seconds: -5}, {Rounds: 101}, {Clients: -1}, {NaiveClients: 401}, {Events: -1}, {Loggers: 1001}, {Readings: 1 << 30}} {
		if c.Check() == nil {
			t.Errorf("%+v is accepted", c)
		}
	}
}

func TestLatenciesThatWereNotMeasuredAreNotTold(t *testing.T) {
	var b bytes.Buffer
	if err := (&Result{Bench: Verdict, P50MS: 1, Naive: Way{Records: 1}}).WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	if strings.Count(b.String(), "p50_ms") != 1 || strings.Count(b.String(), "p99_ms") != 1 {
		t.Errorf("%s", b.String())
	}
}

func TestResultIsOneJSONObjectWithThePromisedFields(t *testing.T) {
	var b bytes.Buffer
	r := Result{Bench: Capture, Records: 5, Machine: ThisMachine()}
	if err := r.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	if strings.Count(strings.TrimSpace(b.String()), "\n") != 0 {
		t.Fatalf("more than one line: %s", b.String())
	}
	var fields map[string]any
	if err := json.Unmarshal(b.Bytes(), &fields); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"records", "seconds", "rate_per_s", "naive_rate_per_s", "ratio", "p50_ms", "p99_ms", "failed", "lost", "doubled", "machine"} {
		if _, ok := fields[name]; !ok {
			t.Errorf("no field %s", name)
		}
	}
}
