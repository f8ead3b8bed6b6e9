package journey

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/analytics/canon"
	"github.com/waybill-dev/waybill/analytics/detect"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

func judged(tb testing.TB, r Readings, ref *Reference) map[string]Statistic {
	tb.Helper()
	got, err := Judge(Default(), r, ref)
	if err != nil {
		tb.Fatal(err)
	}
	out := map[string]Statistic{}
	for _, s := range got.Statistics {
		if _, twice := out[s.Name]; twice {
			tb.Fatalf("%s is told twice", s.Name)
		}
		n := len(r.Values)
		if s.Ratio < 0 || s.Limit < 0 || s.First < 0 || s.First > s.Peak || s.Peak > s.Last || s.Last >= n ||
			s.From != r.Times[s.First] || s.To != r.Times[s.Last] {
			tb.Fatalf("%+v of %d readings", s, n)
		}
		out[s.Name] = s
	}
	return out
}

func accepted(readings int, step ledger.Millis, n int) []Readings {
	var out []Readings
	for i := range n {
		out = append(out, lane(uint64(1_000_000+i), readings, step, fault{}))
	}
	return out
}

func fitted(tb testing.TB, journeys []Readings) *Reference {
	tb.Helper()
	ref, err := Fit(Default(), journeys)
	if err != nil {
		tb.Fatal(err)
	}
	if !ref.Valid() {
		tb.Fatalf("%+v", ref)
	}
	return &ref
}

func TestWhatDoesNotBelongIsFoundWhereItHappened(t *testing.T) {
	ref := fitted(t, accepted(540, minute, 60))
	for _, c := range []struct {
		fault  fault
		alarms []string // at least these
	}{
		{fault{"excursion", 5}, []string{WindowEnergy, WindowResidual, ReferenceDistance}},
		{fault{"doors", 60}, []string{WindowEnergy, Discord, WindowResidual, ReferenceDistance}},
		{fault{"creep", 5}, []string{ReferenceDistance}},
		{fault{"whole", 4}, []string{ReferenceDistance}},
	} {
		for seed := range uint64(10) {
			r := lane(seed, 540, minute, c.fault)
			got := judged(t, r, ref)
			for _, name := range c.alarms {
				s, ok := got[name]
				if !ok || s.Ratio < detect.Alarm {
					t.Errorf("%v %d: %s %+v", c.fault, seed, name, s)
				}
				// Every fault begins in the second third of the journey, and the whole one with it.
				if c.fault.name != "whole" && s.Last < 540*3/10 {
					t.Errorf("%v %d: %s in readings %d to %d", c.fault, seed, name, s.First, s.Last)
				}
			}
		}
	}
}

func TestCleanJourneysSeldomAlarm(t *testing.T) {
	for _, kind := range []struct {
		readings int
		step     ledger.Millis
	}{{540, minute}, {700, 15 * minute}, {100, 10 * minute}} {
		ref := fitted(t, accepted(kind.readings, kind.step, 60))
		alone, against := 0, 0
		const n = 200
		for seed := range uint64(n) {
			r := lane(seed, kind.readings, kind.step, fault{})
			if slices.ContainsFunc(values(judged(t, r, nil)), alarming) {
				alone++
			}
			if slices.ContainsFunc(values(judged(t, r, ref)), alarming) {
				against++
			}
		}
		t.Logf("%d readings, %d minutes apart: %d of %d clean journeys alarm by themselves, %d against the lane", kind.readings, kind.step/minute, alone, n, against)
		if alone > n/40 || against > n/40 {
			t.Errorf("%d readings: %d and %d of %d clean journeys alarm", kind.readings, alone, against, n)
		}
	}
}

func values(m map[string]Statistic) []Statistic {
	var out []Statistic
	for _, s := range m { // in any order: only whether one alarms is asked
		out = append(out, s)
	}
	return out
}

func alarming(s Statistic) bool { return s.Signal().IsAlarm() }

// A tenth of the accepted journeys should not have been: the reference hardly moves, and what it
// finds is found all the same.
func TestPoisonedJourneysHardlyMoveTheReference(t *testing.T) {
	journeys := accepted(540, minute, 60)
	clean := fitted(t, journeys)
	for _, f := range []fault{{"excursion", 30}, {"whole", -20}, {"creep", 15}, {"spikes", 100}, {"doors", 400}} {
		poisoned := slices.Clone(journeys)
		for i := range len(poisoned) / 10 {
			poisoned[10*i] = lane(uint64(2_000_000+i), 540, minute, f)
		}
		ref := fitted(t, poisoned)
		for b, p := range ref.Parts {
			c := clean.Parts[b]
			if size(p.Centre-c.Centre) > c.Spread/2 || p.Spread > 2*c.Spread {
				t.Errorf("%v: part %d is %+v, was %+v", f, b, p, c)
			}
		}
		for i, u := range []Usual{ref.Energy, ref.Discord, ref.Residual} {
			c := []Usual{clean.Energy, clean.Discord, clean.Residual}[i]
			if size(u.Centre-c.Centre) > c.Spread/2 || u.Spread > 2*c.Spread {
				t.Errorf("%v: statistic %d is %+v, was %+v", f, i, u, c)
			}
		}
		for seed := range uint64(20) {
			r := lane(seed, 540, minute, fault{"excursion", 5})
			if got := judged(t, r, ref)[ReferenceDistance]; !alarming(got) {
				t.Errorf("%v: %+v", f, got)
			}
		}
	}
}

// slow is the definition of the statistics, without recurrences.
func slow(w *windows) (energy, discord, residual float64) {
	m := w.width
	mean := func(x []int64) float64 {
		var s int64
		for _, v := range x {
			s += v
		}
		return float64(s) / float64(len(x))
	}
	x := w.averaged()
	for i := range len(w.values) - m + 1 {
		if w.broken[i] {
			continue
		}
		var sum float64
		for _, v := range w.values[i : i+m] {
			sum += float64(v * v)
		}
		energy = max(energy, math.Sqrt(sum/float64(m)))
	}
	count := len(x) - m + 1
	intact := func(i int) bool { return !w.broken[i] && !w.broken[i+w.smooth-1] }
	for i := range count {
		if !intact(i) {
			continue
		}
		blocks := map[[2]int]float64{}
		for j := range count {
			lag := max(i-j, j-i)
			if lag < m || !intact(j) {
				continue
			}
			var sum float64
			for o := range m {
				d := float64(x[i+o] - x[j+o])
				sum += d * d
			}
			key := [2]int{(lag - m) / max(m, leastBlock), 0}
			if j > i {
				key[1] = 1
			}
			if old, ok := blocks[key]; !ok || sum < old {
				blocks[key] = sum
			}
		}
		var nearest []float64
		for _, d := range blocks {
			nearest = append(nearest, math.Sqrt(d/float64(m)))
		}
		slices.Sort(nearest)
		nearest = nearest[:min(len(nearest), w.params.Neighbours)]
		var sum float64
		for _, d := range nearest {
			sum += d
		}
		if len(nearest) > 0 {
			discord = max(discord, sum/float64(len(nearest)))
		}
	}
	for i := range len(w.values) - m + 1 {
		if w.broken[i] {
			continue
		}
		before, after := w.values[:max(0, i-m/2)], w.values[min(len(w.values), i+m+m/2):]
		length := min(flanks*m, max(len(before), len(after)))
		if both := min(len(before), len(after)); both >= m {
			length = min(length, both)
		}
		if length == 0 {
			continue
		}
		var around []float64
		if len(before) >= length {
			around = append(around, mean(before[len(before)-length:]))
		}
		if len(after) >= length {
			around = append(around, mean(after[:length]))
		}
		want := around[0]
		if len(around) == 2 {
			want = (around[0] + around[1]) / 2
		}
		residual = max(residual, math.Abs(mean(w.values[i:i+m])-want))
	}
	return energy, discord, residual
}

func drawn(t *rapid.T, n int) Readings {
	var r Readings
	at := ledger.Millis(rapid.Int64Range(-1<<50, 1<<50).Draw(t, "start"))
	wide := rapid.SampledFrom([]int32{1, 50, 3000, math.MaxInt32}).Draw(t, "wide")
	for range n {
		switch rapid.IntRange(0, 30).Draw(t, "pause") {
		case 30:
			at += ledger.Millis(rapid.Int64Range(0, 1<<40).Draw(t, "long"))
		case 29:
		default:
			at += minute
		}
		r.Times = append(r.Times, at)
		r.Values = append(r.Values, rapid.Int32Range(-wide, wide).Draw(t, "value"))
	}
	return r
}

func TestTheStatisticsAreWhatTheyAreDefinedAs(t *testing.T) {
	played, judgedOnes := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		played++
		p := Default()
		p.Window = rapid.SampledFrom([]ledger.Millis{5 * minute, 10 * minute, 100 * minute}).Draw(t, "window")
		p.Smooth = rapid.SampledFrom([]ledger.Millis{0, 3 * minute, 5 * minute}).Draw(t, "smooth")
		p.Neighbours = rapid.IntRange(1, 5).Draw(t, "neighbours")
		r := drawn(t, rapid.IntRange(p.Least, 90).Draw(t, "n"))
		w, ok := newWindows(p, r, nil)
		got, err := Judge(p, r, nil)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			if len(got.Statistics) != 0 {
				t.Fatalf("%+v", got)
			}
			return
		}
		judgedOnes++
		energy, discord, residual := slow(w)
		for _, s := range got.Statistics {
			want := map[string]float64{WindowEnergy: energy, Discord: discord, WindowResidual: residual}[s.Name]
			if math.Abs(float64(size(s.Value))-want) > 0.5001+1e-9*want {
				t.Errorf("%s %d, by definition %v", s.Name, s.Value, want)
			}
		}
	})
	if 2*judgedOnes < played {
		t.Errorf("only %d journeys of %d had windows without a pause", judgedOnes, played)
	}
}

func TestOriginAndDirectionOfTimeMakeNoDifference(t *testing.T) {
	ref := fitted(t, accepted(300, minute, 10))
	for seed := range uint64(10) {
		r := lane(seed, 300, minute, fault{"excursion", 2})
		want := judged(t, r, nil)
		moved := Readings{Times: slices.Clone(r.Times), Values: slices.Clone(r.Values)}
		for i := range moved.Values {
			moved.Times[i] += 1e12
			moved.Values[i] += 123_456
		}
		back := Readings{Times: slices.Clone(r.Times), Values: slices.Clone(r.Values)}
		slices.Reverse(back.Values)
		for name, s := range judged(t, moved, nil) {
			s.From, s.To = s.From-1e12, s.To-1e12
			if s != want[name] {
				t.Errorf("moved: %+v, was %+v", s, want[name])
			}
		}
		for name, s := range judged(t, back, nil) {
			if s.Ratio != want[name].Ratio || size(s.Value) != size(want[name].Value) {
				t.Errorf("reversed: %+v, was %+v", s, want[name])
			}
		}
		mirrored := Readings{Times: r.Times, Values: slices.Clone(r.Values)}
		for i, v := range r.Values {
			mirrored.Values[i] = 10_000 - v
		}
		// The median of an even number of readings is the lower one, in either mirror.
		for name, s := range judged(t, mirrored, nil) {
			if a, b := float64(s.Ratio), float64(want[name].Ratio); math.Abs(a-b) > 0.1*b {
				t.Errorf("mirrored: %+v, was %+v", s, want[name])
			}
		}
		again := judged(t, r, ref)
		if len(again) != 4 {
			t.Errorf("%v", again)
		}
	}
}

func TestDegenerateJourneysAreJudgedWithoutHarm(t *testing.T) {
	const wide = math.MaxInt32
	constant := func(n int, v int32) Readings {
		r := Readings{Times: make([]ledger.Millis, n), Values: make([]int32, n)}
		for i := range n {
			r.Times[i], r.Values[i] = ledger.Millis(i)*minute, v
		}
		return r
	}
	ref := fitted(t, accepted(100, 10*minute, 20))
	for n := range 30 {
		for _, v := range []int32{0, 5000, wide, -wide - 1} {
			got := judged(t, constant(n, v), nil)
			for _, s := range got {
				if s.Ratio != 0 || s.Value != 0 {
					t.Errorf("%d constant readings: %+v", n, s)
				}
			}
			if n < Default().Least && len(got) != 0 {
				t.Errorf("%d readings: %v", n, got)
			}
			if got = judged(t, constant(n, v), ref); n > 0 && got[ReferenceDistance].Name == "" {
				t.Errorf("%d readings are not held against the lane", n)
			}
		}
	}
	// One value, but for one reading that is as far off as can be.
	for _, n := range []int{24, 100, 1000} {
		r := constant(n, -wide-1)
		r.Values[n/2] = wide
		got := judged(t, r, ref)
		for name, s := range got {
			if s.Ratio < detect.Alarm || s.First > n/2+n/10 || s.Last < n/2-n/10 {
				if name != ReferenceDistance {
					t.Errorf("%d: %+v", n, s)
				}
			}
		}
	}
	// Everything at one time; and so many pauses that no window is without one.
	same := constant(100, 4000)
	for i := range same.Times {
		same.Times[i] = 7
		same.Values[i] += int32(i%5) * 100
	}
	judged(t, same, ref)
	bursts := constant(100, 4000)
	for i := range bursts.Times {
		bursts.Times[i] = ledger.Millis(i)*1000 + ledger.Millis(i/3)*3_600_000
	}
	if got := judged(t, bursts, nil); len(got) != 0 {
		t.Errorf("%v", got)
	}
}

func TestNoWindowLiesAcrossAPause(t *testing.T) {
	r := lane(3, 400, minute, fault{})
	for i := 200; i < 400; i++ {
		r.Times[i] += 10 * 24 * 60 * minute
		r.Values[i] += 3000
	}
	for name, s := range judged(t, r, nil) {
		if s.First < 200 && s.Last >= 200 {
			t.Errorf("%s lies across the pause: %+v", name, s)
		}
	}
}

func TestWhatCannotBeJudgedIsRefused(t *testing.T) {
	good := lane(1, 100, minute, fault{})
	short := Readings{Times: good.Times[:99], Values: good.Values}
	long := Readings{Times: make([]ledger.Millis, Most+1), Values: make([]int32, Most+1)}
	back := Readings{Times: slices.Clone(good.Times), Values: good.Values}
	back.Times[50] = back.Times[49] - 1
	far := Readings{Times: slices.Clone(good.Times), Values: good.Values}
	far.Times[99] = math.MaxInt64
	for i, r := range []Readings{short, long, back, far} {
		if _, err := Judge(Default(), r, nil); !errors.Is(err, ErrReadings) {
			t.Errorf("%d: %v", i, err)
		}
		if _, err := Fit(Default(), slices.Repeat([]Readings{r}, 6)); !errors.Is(err, ErrReadings) {
			t.Errorf("%d: %v", i, err)
		}
	}
	for i, change := range []func(*Params){
		func(p *Params) { p.Window = 0 },
		func(p *Params) { p.Smooth = p.Window + 1 },
		func(p *Params) { p.Smooth = -1 },
		func(p *Params) { p.Least = 7 },
		func(p *Params) { p.Neighbours = 0 },
		func(p *Params) { p.Neighbours = mostNeighbours + 1 },
		func(p *Params) { p.Gap = 0 },
		func(p *Params) { p.Floor = 0 },
		func(p *Params) { p.Energy = 0 },
		func(p *Params) { p.Discord = -1 },
		func(p *Params) { p.Residual = math.MaxInt64 },
		func(p *Params) { p.Lane = 0 },
	} {
		p := Default()
		change(&p)
		if _, err := Judge(p, good, nil); !errors.Is(err, ErrParams) {
			t.Errorf("change %d: %v", i, err)
		}
	}
	ref := fitted(t, accepted(100, minute, 8))
	for i, change := range []func(*Reference){
		func(r *Reference) { r.Parts = r.Parts[:parts-1] },
		func(r *Reference) { r.Journeys = 1 },
		func(r *Reference) { r.Parts = slices.Clone(r.Parts); r.Parts[3].Spread = -1 },
		func(r *Reference) { r.Energy.Centre = math.MinInt64 + 1 },
		func(r *Reference) { r.Discord.Spread = math.MaxInt64 },
	} {
		bad := *ref
		change(&bad)
		if _, err := Judge(Default(), good, &bad); !errors.Is(err, ErrReference) {
			t.Errorf("change %d: %v", i, err)
		}
	}
	for _, n := range []int{0, 4} {
		if _, err := Fit(Default(), accepted(100, minute, n)); !errors.Is(err, ErrReference) {
			t.Errorf("%d journeys: %v", n, err)
		}
	}
	if _, err := Fit(Default(), make([]Readings, 20)); !errors.Is(err, ErrReference) {
		t.Errorf("empty journeys: %v", err)
	}
	if _, err := Fit(Default(), make([]Readings, mostFitted+1)); !errors.Is(err, ErrReference) {
		t.Errorf("too many journeys: %v", err)
	}
	if _, err := NewLog(Most + 1); !errors.Is(err, ErrParams) {
		t.Error(err)
	}
}

func TestAReferenceHasOneFormAndIsFittedInAnyOrder(t *testing.T) {
	journeys := accepted(200, minute, 25)
	ref := fitted(t, journeys)
	raw, err := json.Marshal(ref)
	if err != nil {
		t.Fatal(err)
	}
	var back Reference
	if err := json.Unmarshal(raw, &back); err != nil {
		t.Fatal(err)
	}
	slices.Reverse(journeys)
	other, err := json.Marshal(fitted(t, journeys))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(raw, other) {
		t.Errorf("%s\n%s", raw, other)
	}
	r := lane(1, 200, minute, fault{"doors", 60})
	if a, b := judged(t, r, ref), judged(t, r, &back); a[ReferenceDistance] != b[ReferenceDistance] {
		t.Errorf("%+v, %+v", a, b)
	}
}

func TestALogHoldsAnyJourneyInBoundedMemory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.SampledFrom([]int{64, 65, 256, Most}).Draw(t, "limit")
		r := drawn(t, rapid.IntRange(0, 300).Draw(t, "n"))
		cut := rapid.IntRange(0, len(r.Values)).Draw(t, "cut")
		whole, err := NewLog(limit)
		if err != nil {
			t.Fatal(err)
		}
		half, err := NewLog(limit)
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range r.Values {
			whole.Observe(r.Times[i], v)
			if i == cut {
				half = restored(t, half, limit)
			}
			half.Observe(r.Times[i], v)
		}
		if a, b := written(t, whole), written(t, half); !bytes.Equal(a, b) {
			t.Fatal("interrupted and whole differ")
		}
		got := whole.Readings()
		if len(got.Values) > limit+1 || got.valid() != nil {
			t.Fatalf("%d points of at most %d", len(got.Values), limit)
		}
		if len(r.Values) <= limit&^1 && (!slices.Equal(got.Values, r.Values) || !slices.Equal(got.Times, r.Times)) {
			t.Fatal("a journey that fits is held as it is")
		}
		for _, v := range got.Values {
			if v < slices.Min(r.Values) || v > slices.Max(r.Values) {
				t.Fatalf("%d is no mean", v)
			}
		}
	})
}

func written(tb interface{ Fatal(...any) }, l *Log) []byte {
	c := canon.Writer(nil)
	l.Code(c)
	if err := c.Err(); err != nil {
		tb.Fatal(err)
	}
	return c.Bytes()
}

func restored(tb interface{ Fatal(...any) }, l *Log, limit int) *Log {
	out, err := NewLog(limit)
	if err != nil {
		tb.Fatal(err)
	}
	c := canon.Reader(written(tb, l))
	out.Code(c)
	if err := c.Done(); err != nil {
		tb.Fatal(err)
	}
	return out
}

func TestALongJourneyIsHeldByItsMeans(t *testing.T) {
	l, err := NewLog(1000)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 10_007 {
		l.Observe(ledger.Millis(i)*minute, int32(i))
	}
	r := l.Readings()
	if len(r.Values) < 500 || len(r.Values) > 1001 {
		t.Fatalf("%d points", len(r.Values))
	}
	for i, v := range r.Values[:len(r.Values)-1] {
		if want := 16*i + 8; size(int64(v)-int64(want)) > 4 || r.Times[i] != ledger.Millis(16*i)*minute {
			t.Fatalf("point %d is %d at %d", i, v, r.Times[i]/minute)
		}
	}
	if n := testing.AllocsPerRun(100, func() { l.Observe(1e10, 5) }); n != 0 {
		t.Errorf("%v allocations a reading", n)
	}
}

func FuzzLogState(f *testing.F) {
	for _, n := range []int{0, 10, 64, 1000} {
		l, err := NewLog(64)
		if err != nil {
			f.Fatal(err)
		}
		for i := range n {
			l.Observe(ledger.Millis(i)*minute, int32(i%7))
		}
		f.Add(written(f, l))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := NewLog(64)
		if err != nil {
			t.Fatal(err)
		}
		c := canon.Reader(data)
		l.Code(c)
		if c.Done() != nil {
			return
		}
		for range 200 {
			l.Observe(1, 5)
		}
		if _, err := Judge(Default(), l.Readings(), nil); err != nil {
			t.Fatal(err)
		}
	})
}

func TestTheSameBitsOnEveryMachine(t *testing.T) {
	const want = "b726a50836b64e772da10b4819d138a5ec43e710b4bba8365cad836663e05e10"
	x, level := uint64(88172645463325252), int64(0)
	made := func(n int) Readings {
		var r Readings
		for i := range n {
			x ^= x << 13
			x ^= x >> 7
			x ^= x << 17
			level += int64(x%21) - 10 - level/20
			r.Times = append(r.Times, ledger.Millis(i)*minute)
			r.Values = append(r.Values, int32(10*level))
		}
		return r
	}
	var journeys []Readings
	for range 12 {
		journeys = append(journeys, made(500))
	}
	ref := fitted(t, journeys)
	h := sha256.New()
	raw, err := json.Marshal(ref)
	if err != nil {
		t.Fatal(err)
	}
	h.Write(raw)
	for _, n := range []int{30, 500, 2000} {
		got, err := Judge(Default(), made(n), ref)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range got.Statistics {
			h.Write([]byte(s.Name))
			for _, v := range []int64{s.Ratio, s.Value, s.Limit, int64(s.From), int64(s.To), int64(s.First), int64(s.Last), int64(s.Peak)} {
				h.Write(binary.BigEndian.AppendUint64(nil, uint64(v)))
			}
		}
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != want {
		t.Errorf("digest %s", got)
	}
}
