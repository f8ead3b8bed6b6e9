package sequence

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/analytics/canon"
	"github.com/waybill-dev/waybill/analytics/detect"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

const (
	minute = ledger.Millis(60_000)
	hour   = 60 * minute
	start  = ledger.Millis(1_770_000_000_000)
	plant  = "414/9520003000011"
	hub    = "414/9520003000028"
	shop   = "414/9520003000035"
)

func event(r *rand.Rand) (d ledger.Digest) {
	binary.BigEndian.PutUint64(d[:], r.Uint64())
	return d
}

// journey is an honest one: packed, shipped after an hour or so, through the hub or, one in twenty,
// straight, and received.
func journey(r *rand.Rand) []Step {
	at := start + ledger.Millis(r.Int64N(1e9))
	around := func(d ledger.Millis) ledger.Millis { // a quarter either way, skewed
		f := 0.85 + 0.1*r.ExpFloat64() + 0.05*r.NormFloat64()
		return ledger.Millis(float64(d) * max(0.5, f))
	}
	steps := []Step{{At: at, Name: "packing", Place: plant}}
	at += around(hour)
	steps = append(steps, Step{At: at, Name: "shipping", Place: plant, To: shop})
	if r.IntN(20) > 0 {
		at += around(8 * hour)
		steps = append(steps, Step{At: at, Name: "arriving", Place: hub})
		at += around(2 * hour)
		steps = append(steps, Step{At: at, Name: "departing", Place: hub})
	}
	at += around(5 * hour)
	steps = append(steps, Step{At: at, Name: "receiving", Place: shop})
	for i := range steps {
		steps[i].Event = event(r)
	}
	return steps
}

func journeys(seed uint64, n int) [][]Step {
	r := rand.New(rand.NewPCG(seed, 2))
	out := make([][]Step, n)
	for i := range out {
		out[i] = journey(r)
	}
	return out
}

func fit(t testing.TB, shipments [][]Step) *LaneTable {
	t.Helper()
	table, err := Fit(shipments, DefaultParams())
	if err != nil {
		t.Fatal(err)
	}
	return &table
}

func signals(table *LaneTable, steps []Step, now ledger.Millis, final bool) map[string]detect.Signal {
	s := New(table)
	for _, step := range steps {
		s.Observe(step)
	}
	out := map[string]detect.Signal{}
	for _, g := range s.Signals(nil, now, final) {
		out[g.Code] = g
	}
	return out
}

// ordinary is a journey through the hub.
func ordinary(r *rand.Rand) []Step {
	for {
		if s := journey(r); len(s) == 5 {
			return s
		}
	}
}

func TestWhatALaneDoesRaisesNoAlarmAndWhatItDoesNotDoes(t *testing.T) {
	table := fit(t, journeys(1, 400))
	r := rand.New(rand.NewPCG(7, 7))
	alarms := map[string]int{}
	for range 1_000 {
		for code, g := range signals(table, journey(r), 0, true) {
			if g.IsAlarm() {
				alarms[code]++
			}
		}
	}
	for code, n := range alarms {
		if n > 5 {
			t.Errorf("%d of 1,000 honest journeys alarm by %s", n, code)
		}
	}
	later := func(steps []Step, from int, by ledger.Millis) {
		for i := from; i < len(steps); i++ {
			steps[i].At += by
		}
	}
	for _, c := range []struct {
		name, code string
		spoil      func(s []Step) []Step
		check      func(g detect.Signal, s []Step) bool
	}{
		{
			"held up for a day in the hub", CodeDwellLong, func(s []Step) []Step { later(s, 3, 24*hour); return s },
			func(g detect.Signal, s []Step) bool {
				return g.From == s[2].At && g.To == s[3].At && g.Value == int64(s[3].At-s[2].At) && g.Limit > int64(2*hour) && g.Limit < int64(12*hour)
			},
		},
		{
			"through the hub in a minute", CodeDwellShort, func(s []Step) []Step { later(s, 3, s[2].At-s[3].At+minute); return s },
			func(g detect.Signal, _ []Step) bool { return g.Value == int64(minute) && g.Limit > int64(minute) },
		},
		{
			"never received", CodeTransition, func(s []Step) []Step { return s[:4] },
			func(g detect.Signal, _ []Step) bool { return g.Value == 0 && g.Limit == 10 && g.Count == 0 },
		},
		{"opened on the way", CodeTransition, func(s []Step) []Step {
			return slices.Insert(s, 3, Step{At: s[2].At + minute, Name: "unpacking", Place: hub})
		}, nil},
		{
			"by way of another place", CodeRoute, func(s []Step) []Step { s[2].Place = "414/9520003000999"; return s },
			func(g detect.Signal, s []Step) bool { return g.To == s[2].At },
		},
	} {
		steps := c.spoil(ordinary(r))
		got := signals(table, steps, 0, true)
		if g := got[c.code]; !g.IsAlarm() || g.Subject != detect.SubjectEvents || c.check != nil && !c.check(g, steps) {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}

func TestGoodsThatStillStandAreJudgedByTheTimeThatPassed(t *testing.T) {
	table := fit(t, journeys(1, 400))
	whole := ordinary(rand.New(rand.NewPCG(7, 7)))
	steps := whole[:4] // left the hub
	last := steps[3].At
	before := signals(table, steps, last, false)[CodeDwellLong]
	for _, c := range []struct {
		after ledger.Millis
		alarm bool
	}{{0, false}, {5 * hour, false}, {60 * hour, true}} {
		got := signals(table, steps, last+c.after, false)
		g := got[CodeDwellLong]
		if g.IsAlarm() != c.alarm || c.alarm && (g.From != last || g.To != last+c.after || g.Value != int64(c.after)) {
			t.Errorf("%d hours: %+v", c.after/hour, g)
		}
		if got[CodeTransition].IsAlarm() {
			t.Error("a journey under way lacks no step")
		}
	}
	if g := signals(table, steps, last+60*hour, true)[CodeDwellLong]; g != before {
		t.Errorf("an ended journey stands nowhere: %+v", g)
	}
}

func TestAJourneyUnderWayIsNoOdderThanItTurnsOutToBe(t *testing.T) {
	table := fit(t, journeys(1, 400))
	r := rand.New(rand.NewPCG(7, 9))
	for range 300 {
		whole := journey(r)
		end := signals(table, whole, 0, true)
		for n := 1; n < len(whole); n++ {
			for code, g := range signals(table, whole[:n], whole[n].At, false) {
				if g.Ratio > end[code].Ratio {
					t.Fatalf("%s after %d steps: %+v, in the end %+v", code, n, g, end[code])
				}
			}
		}
	}
}

func TestATenthOfPoisonDoesNotHideADelay(t *testing.T) {
	for _, c := range []struct {
		name   string
		poison func(s []Step)
	}{
		{"delays", func(s []Step) {
			for i := 3; i < len(s); i++ {
				s[i].At += 48 * hour
			}
		}},
		{"haste", func(s []Step) {
			for i := 1; i < len(s); i++ {
				s[i].At = s[0].At + ledger.Millis(i)
			}
		}},
	} {
		all := journeys(3, 400)
		for i := 0; i < len(all); i += 10 {
			c.poison(all[i])
		}
		table := fit(t, all)
		r := rand.New(rand.NewPCG(8, 8))
		wrong, found := 0, 0
		for range 300 {
			if g := signals(table, journey(r), 0, true); g[CodeDwellLong].IsAlarm() || g[CodeDwellShort].IsAlarm() {
				wrong++
			}
			late := ordinary(r)
			for i := 3; i < len(late); i++ {
				late[i].At += 24 * hour
			}
			if signals(table, late, 0, true)[CodeDwellLong].IsAlarm() {
				found++
			}
		}
		t.Logf("%s: %d of 300 honest journeys alarm, %d of 300 delays found", c.name, wrong, found)
		if wrong > 3 || found < 300 {
			t.Errorf("%s: %d wrong, %d found", c.name, wrong, found)
		}
	}
}

func TestNothingIsSaidOfAnUnknownLane(t *testing.T) {
	table := fit(t, journeys(1, 50))
	steps := journey(rand.New(rand.NewPCG(7, 7)))
	steps[1].To = hub
	if got := signals(table, steps, 0, true); len(got) != 0 {
		t.Errorf("%+v", got)
	}
	if got := signals(table, steps[:1], 0, true); len(got) != 0 {
		t.Errorf("not shipped: %+v", got)
	}
	if got := New(nil).Signals(nil, 0, true); len(got) != 0 {
		t.Errorf("no table: %+v", got)
	}
	if few := fit(t, journeys(1, 19)); len(few.Lanes) != 0 {
		t.Errorf("%d lanes of 19 shipments", len(few.Lanes))
	}
}

func TestTheOrderOfRecordingDoesNotMatter(t *testing.T) {
	table := fit(t, journeys(1, 100))
	rapid.Check(t, func(t *rapid.T) {
		steps := journey(rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0)))
		want := signals(table, steps, start, false)
		mixed := rapid.Permutation(append(slices.Clone(steps), steps[0])).Draw(t, "order")
		if got := signals(table, mixed, start, false); !reflect.DeepEqual(got, want) {
			t.Fatalf("%+v, want %+v", got, want)
		}
	})
}

func TestFittingGivesOneTableInWhateverOrder(t *testing.T) {
	all := journeys(1, 200)
	want := fit(t, all)
	slices.Reverse(all)
	if got := fit(t, all); !reflect.DeepEqual(got, want) {
		t.Error("another table")
	}
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var read LaneTable
	if err := json.Unmarshal(text, &read); err != nil || !reflect.DeepEqual(&read, want) || read.Check() != nil {
		t.Error("not read back", err)
	}
	t.Logf("%d bytes a lane", len(text))
}

func TestWhatIsNoTableIsRefused(t *testing.T) {
	if _, err := Fit(nil, Params{}); !errors.Is(err, ErrTable) {
		t.Error(err)
	}
	for name, spoil := range map[string]func(*LaneTable){
		"parameters":  func(t *LaneTable) { t.Params.Rare = 0 },
		"no bound":    func(t *LaneTable) { t.Params.Threshold, t.Params.SpreadFloor = 1, 1_000 },
		"journeys":    func(t *LaneTable) { t.Lanes[0].Journeys = math.MaxInt },
		"lanes twice": func(t *LaneTable) { t.Lanes = append(t.Lanes, t.Lanes[0]) },
		"legs":        func(t *LaneTable) { slices.Reverse(t.Lanes[0].Legs) },
		"spread":      func(t *LaneTable) { t.Lanes[0].Legs[0].Spread = -1 },
		"share":       func(t *LaneTable) { t.Lanes[0].Transitions[0].Of = 1 << 40 },
		"places":      func(t *LaneTable) { t.Lanes[0].Places[0].Journeys = 0 },
	} {
		table := fit(t, journeys(1, 60))
		spoil(table)
		if err := table.Check(); !errors.Is(err, ErrTable) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSaveAndRestoreAtAnyPointGivesTheSameBits(t *testing.T) {
	table := fit(t, journeys(1, 60))
	rapid.Check(t, func(t *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		a, b := New(table), New(table)
		for range rapid.IntRange(1, 2*MaxSteps).Draw(t, "n") {
			step := Step{
				At: start + ledger.Millis(rapid.Int64Range(0, 5).Draw(t, "at")), Event: event(r),
				Name: rapid.SampledFrom([]string{"", "shipping", "receiving"}).Draw(t, "name"), Place: plant,
				To: rapid.SampledFrom([]string{"", shop}).Draw(t, "to"),
			}
			a.Observe(step)
			b.Observe(step)
			w := canon.Writer(nil)
			b.Code(w)
			b = New(table)
			c := canon.Reader(w.Bytes())
			b.Code(c)
			if err := c.Done(); err != nil {
				t.Fatal(err)
			}
		}
		v, w := canon.Writer(nil), canon.Writer(nil)
		a.Code(v)
		b.Code(w)
		a.Trace(v)
		b.Trace(w)
		if !bytes.Equal(v.Bytes(), w.Bytes()) || len(a.steps) > MaxSteps ||
			!reflect.DeepEqual(a.Signals(nil, start+hour, false), b.Signals(nil, start+hour, false)) {
			t.Fatal("states differ")
		}
	})
}

func FuzzSequenceStatesThatNoSequenceHadAreRefusedOrHarmless(f *testing.F) {
	table := fit(f, journeys(1, 60))
	s := New(table)
	for _, step := range journeys(5, 1)[0] {
		s.Observe(step)
	}
	w := canon.Writer(nil)
	s.Code(w)
	f.Add(w.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		s := New(table)
		c := canon.Reader(data)
		s.Code(c)
		if c.Done() == nil {
			for _, g := range s.Signals(nil, start, true) {
				if g.Ratio < 0 {
					t.Fatalf("%+v", g)
				}
			}
		}
	})
}

func BenchmarkSignals(b *testing.B) {
	table := fit(b, journeys(1, 400))
	s := New(table)
	for _, step := range journeys(5, 1)[0] {
		s.Observe(step)
	}
	var dst []detect.Signal
	b.ReportAllocs()
	for b.Loop() {
		dst = s.Signals(dst[:0], start, true)
	}
}
