package score

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/analytics/canon"
	"github.com/waybill-dev/waybill/analytics/feature"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

const (
	minute = ledger.Millis(60_000)
	hour   = 60 * minute
	start  = ledger.Millis(1_770_000_000_000)
	pallet = "https://id.gs1.org/00/395200010000000014"
)

func model(t testing.TB) *Model {
	t.Helper()
	m, err := Default()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func policy() *ledger.Policy {
	freeze := int32(-500)
	return &ledger.Policy{
		ID: "refrigerated", Version: 2, Low: 2_000, High: 8_000, ExcursionLow: 0, ExcursionHigh: 15_000,
		ExcursionFor: 4 * hour, Grace: 30 * minute, MKTMax: 8_000, MKTOver: 24 * hour, FreezeBelow: &freeze, FreezeFor: hour,
	}
}

func hash(b byte) ledger.Digest { return ledger.Digest{b, 1} }

// measured is readings a minute apart from a time on; wave keeps a constant from looking stuck.
func measured(device string, seq uint64, from ledger.Millis, values ...int32) feature.Input {
	in := feature.Input{Kind: feature.KindReadings, Device: device, Seq: seq, Segment: ledger.Digest{byte(seq), 9}}
	for i := range values {
		in.Times = append(in.Times, from+ledger.Millis(i)*minute)
	}
	in.At = in.Times[len(in.Times)-1]
	in.Channels = []ledger.Channel{{Quantity: ledger.Temperature, Values: values}}
	return in
}

func flat(n int, milli int32) []int32 {
	v := make([]int32, n)
	for i := range v {
		v[i] = milli + int32(i%7)*20 - 60
	}
	return v
}

// wander is a triangle wave of a day's length.
func wander(n int, milli, by int32) []int32 {
	v := flat(n, milli)
	for i := range v {
		at := int32((i + 360) % 1440)
		if at > 720 {
			at = 1440 - at
		}
		v[i] += by * (at - 360) / 360
	}
	return v
}

// slope rises after the first quarter.
func slope(n int, from, to int32) []int32 {
	v := flat(n, from)
	for i := n / 4; i < n; i++ {
		v[i] += int32(int(to-from) * (i - n/4) / (n - n/4))
	}
	return v
}

func repeat(n int, milli int32) []int32 {
	v := make([]int32, n)
	for i := range v {
		v[i] = milli
	}
	return v
}

func codes(v ledger.Verdict, least int64) []string {
	var out []string
	for _, r := range v.Reasons {
		if r.Contribution >= least {
			out = append(out, r.Code)
		}
	}
	return out
}

func TestWhatSpeaksAgainstAShipment(t *testing.T) {
	const a, b = "https://id.gs1.org/8004/9520002A", "https://id.gs1.org/8004/9520002B"
	withPolicy := feature.Input{Kind: feature.KindPolicy, Policy: policy()}
	bind := func(device string, at ledger.Millis) feature.Input {
		return feature.Input{Kind: feature.KindBind, At: at, Event: hash(1), Device: device}
	}
	shipped := feature.Input{Kind: feature.KindShipped, At: start + 10*minute, Event: hash(2), Places: []string{"https://id.gs1.org/414/9520003000011"}}
	received := func(place string) feature.Input {
		return feature.Input{Kind: feature.KindReceived, At: start + 20*hour, Event: hash(3), Places: []string{place}}
	}
	finding := func(code ledger.FindingCode, event byte) feature.Input {
		return feature.Input{Kind: feature.KindFinding, Event: hash(event), Finding: ledger.Finding{Code: code, Event: hash(event), Detail: "It does not fit."}}
	}
	good := measured(a, 0, start+minute, flat(600, 5_000)...)
	for _, c := range []struct {
		name   string
		inputs []feature.Input
		final  bool
		level  ledger.VerdictLevel
		codes  []string
		tells  string
	}{
		{"all is well", []feature.Input{withPolicy, bind(a, start), shipped, good, received("https://id.gs1.org/414/9520003000011")}, true, ledger.Clear, nil, ""},
		{"no policy, no rule", []feature.Input{bind(a, start), measured(a, 0, start+minute, flat(600, 30_000)...)}, true, ledger.Clear, nil, ""},
		{"too warm", []feature.Input{withPolicy, bind(a, start), measured(a, 0, start, flat(60, 16_000)...)}, false, ledger.Quarantine, []string{"above_range"}, "Above 15.0 °C for 59 min without a break, highest 16.1 °C; the policy refrigerated/2 allows 30 min."},
		{"frozen", []feature.Input{withPolicy, bind(a, start), good, measured(a, 1, start+11*hour, flat(90, -2_000)...)}, false, ledger.Quarantine, []string{"frozen", "below_range"}, "the goods may have frozen"},
		{"budget", []feature.Input{withPolicy, bind(a, start), measured(a, 0, start, flat(300, 9_000)...)}, false, ledger.Quarantine, []string{"excursion_budget"}, "Outside 2.0 °C to 8.0 °C for 4 h 59 min in all"},
		{"the policy comes late", []feature.Input{bind(a, start), measured(a, 0, start, flat(60, 16_000)...), withPolicy}, false, ledger.Quarantine, []string{"above_range"}, ""},
		{"stuck", []feature.Input{withPolicy, bind(a, start), measured(a, 0, start, append(flat(60, 5_000), repeat(200, 5_010)...)...)}, false, ledger.Inspect, []string{"sensor_stuck"}, "Logger 9520002A repeated 5.0 °C for 3 h 19 min"},
		{"silent", []feature.Input{withPolicy, bind(a, start), good, measured(a, 1, start+14*hour, flat(60, 5_000)...)}, false, ledger.Inspect, []string{"readings_missing"}, "was silent for 4 h"},
		{"never a reading", []feature.Input{withPolicy, bind(a, start), shipped, received("https://id.gs1.org/414/9520003000011")}, true, ledger.Inspect, []string{"readings_missing"}, "No reading of logger 9520002A"},
		{"diverted", []feature.Input{withPolicy, bind(a, start), shipped, good, received("https://id.gs1.org/414/9520003000998")}, true, ledger.Inspect, []string{"diverted"}, "Received at the place with GLN 9520003000998, but it was shipped to the place with GLN 9520003000011."},
		{"diverted, told in the other order", []feature.Input{withPolicy, bind(a, start), good, received("https://id.gs1.org/414/9520003000998"), shipped}, true, ledger.Inspect, []string{"diverted"}, ""},
		{"logger swapped", []feature.Input{withPolicy, bind(a, start), shipped, good, {Kind: feature.KindUnbind, At: start + 11*hour, Device: a}, bind(b, start+11*hour)}, false, ledger.Inspect, []string{"logger_swapped"}, "Logger 9520002B was put in the place of logger 9520002A"},
		{"exchanged and told in the other order", []feature.Input{withPolicy, bind(a, start), shipped, good, bind(b, start+11*hour), {Kind: feature.KindUnbind, At: start + 11*hour - minute, Device: a}}, false, ledger.Inspect, []string{"logger_swapped"}, ""},
		{"the carrier adds a logger of its own", []feature.Input{withPolicy, bind(a, start), shipped, bind(b, start+hour), good, measured(b, 0, start+hour, flat(500, 5_000)...)}, false, ledger.Clear, nil, ""},
		{"its logger stops for good", []feature.Input{withPolicy, bind(a, start), shipped, good, received("https://id.gs1.org/414/9520003000011"), {Kind: feature.KindEnded, At: start + 20*hour}}, true, ledger.Inspect, []string{"readings_missing"}, "No logger told anything for 10 h"},
		{"its logger starts late", []feature.Input{withPolicy, bind(a, start), shipped, measured(a, 0, start+5*hour, flat(600, 5_000)...), {Kind: feature.KindEnded, At: start + 15*hour}}, true, ledger.Inspect, []string{"readings_missing"}, "No logger told anything for 5 h"},
		{"day and night", []feature.Input{withPolicy, bind(a, start), measured(a, 0, start+minute, wander(2880, 5_000, 1_000)...)}, false, ledger.Clear, nil, ""},
		{"creeping to its limit", []feature.Input{withPolicy, bind(a, start), measured(a, 0, start+minute, slope(900, 4_500, 7_800)...)}, false, ledger.Inspect, []string{"drift"}, "crept up"},
		{"wandering without a policy", []feature.Input{bind(a, start), measured(a, 0, start+minute, wander(2880, 5_000, 4_000)...)}, false, ledger.Clear, nil, ""},
		{"loggers exchanged before shipping", []feature.Input{withPolicy, bind(a, start), {Kind: feature.KindUnbind, At: start + minute, Device: a}, bind(b, start+2*minute), shipped, measured(b, 0, start+3*minute, flat(60, 5_000)...)}, false, ledger.Clear, nil, ""},
		{"a first logger after shipping", []feature.Input{withPolicy, shipped, bind(a, start+hour), measured(a, 0, start+2*hour, flat(60, 5_000)...)}, false, ledger.Clear, nil, ""},
		{"a serial twice", []feature.Input{withPolicy, bind(a, start), good, finding(ledger.FindingCommissionedTwice, 7), finding(ledger.FindingCommissionedTwice, 8)}, false, ledger.Quarantine, []string{"finding:commissioned_twice"}, "And 1 more of the kind."},
		{"shipped by another", []feature.Input{withPolicy, bind(a, start), good, finding(ledger.FindingShippedByNonHolder, 7)}, false, ledger.Inspect, []string{"finding:shipped_by_non_holder"}, ""},
		{"a claim of content that is wrong", []feature.Input{withPolicy, bind(a, start), good, finding(ledger.FindingEventIDMismatch, 7)}, false, ledger.Clear, nil, ""},
		{"a finding of a later contract", []feature.Input{withPolicy, bind(a, start), good, finding("packed_in_two_places", 7)}, false, ledger.Inspect, []string{"finding:packed_in_two_places"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := New(model(t), pallet, 0)
			for _, in := range c.inputs {
				if err := e.Observe(in); err != nil {
					t.Fatal(err)
				}
			}
			v := e.Judge(c.final)
			if v.Level != c.level {
				t.Errorf("%s, want %s: %+v", v.Level, c.level, v.Reasons)
			}
			if got := codes(v, 200_000); fmt.Sprint(got) != fmt.Sprint(c.codes) {
				t.Errorf("reasons %v, want %v: %+v", got, c.codes, v.Reasons)
			}
			if c.tells != "" && !strings.Contains(v.Reasons[0].Detail, c.tells) {
				t.Errorf("%q does not tell %q", v.Reasons[0].Detail, c.tells)
			}
			if err := ledger.CheckVerdict(v); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestExchangingLoggersRenewsNoAllowance(t *testing.T) {
	const a, b = "https://id.gs1.org/8004/9520002A", "https://id.gs1.org/8004/9520002B"
	e := New(model(t), pallet, 0)
	for _, in := range []feature.Input{
		{Kind: feature.KindPolicy, Policy: policy()},
		{Kind: feature.KindBind, At: start, Event: hash(1), Device: a},
		measured(a, 0, start, flat(150, 9_000)...),
		{Kind: feature.KindUnbind, At: start + 150*minute, Event: hash(2), Device: a},
		{Kind: feature.KindBind, At: start + 151*minute, Event: hash(3), Device: b},
		measured(b, 0, start+152*minute, flat(150, 9_000)...),
	} {
		if err := e.Observe(in); err != nil {
			t.Fatal(err)
		}
	}
	if v := e.Judge(false); v.Level != ledger.Quarantine {
		t.Errorf("%s: %+v", v.Level, v.Reasons)
	}
}

func TestAStricterPolicyUndoesNoBrokenRule(t *testing.T) {
	strict := policy()
	strict.ID, strict.High = "stricter", 7_000
	e := New(model(t), pallet, 0)
	for _, in := range []feature.Input{
		{Kind: feature.KindPolicy, Policy: policy()},
		measured("d", 0, start, flat(60, 16_000)...),
		measured("d", 1, start+hour, flat(300, 5_000)...), // more than is kept to judge again
		{Kind: feature.KindPolicy, Policy: strict},
		measured("d", 2, start+6*hour, flat(60, 5_000)...),
	} {
		if err := e.Observe(in); err != nil {
			t.Fatal(err)
		}
	}
	v := e.Judge(false)
	if v.Level != ledger.Quarantine || v.Reasons[0].Code != "above_range" || !strings.Contains(v.Reasons[0].Detail, "refrigerated/2") {
		t.Errorf("%s: %+v", v.Level, v.Reasons)
	}
}

func TestWindowsFollowEachOther(t *testing.T) {
	e := New(model(t), pallet, 5)
	p := policy()
	p.WindowAtLeast = 2 * hour
	_ = e.Observe(feature.Input{Kind: feature.KindPolicy, Policy: p})
	_ = e.Observe(measured("d", 0, start, flat(60, 5_000)...))
	if e.Due(false, false) || !e.Due(true, false) || !e.Due(false, true) {
		t.Error("the least time between windows is not kept")
	}
	_ = e.Observe(measured("d", 1, start+hour, flat(120, 5_000)...))
	if !e.Due(false, false) {
		t.Error("not due after the least time")
	}
	first := e.Judge(false)
	_ = e.Observe(measured("d", 2, start+3*hour, flat(60, 5_000)...))
	second := e.Judge(true)
	if first.Window != 5 || second.Window != 6 || second.From != first.To || !second.Final || second.To != start+3*hour+59*minute {
		t.Errorf("%+v\n%+v", first, second)
	}
	if len(second.Segments) != 1 || second.Segments[0].First != 0 || second.Segments[0].Last != 2 {
		t.Errorf("evidence %+v", second.Segments)
	}
}

func inputs() *rapid.Generator[feature.Input] {
	return rapid.Custom(func(t *rapid.T) feature.Input {
		at := start + ledger.Millis(rapid.Int64Range(-int64(hour), 100*int64(hour)).Draw(t, "at"))
		device := rapid.SampledFrom([]string{"", "a", "b", "c"}).Draw(t, "device")
		in := feature.Input{Kind: feature.Kind(rapid.IntRange(0, 13).Draw(t, "kind")), At: at, Device: device, Event: hash(byte(rapid.IntRange(0, 9).Draw(t, "event")))}
		switch in.Kind {
		case feature.KindPolicy:
			p := policy()
			p.MKTOver = ledger.Millis(rapid.Int64Range(0, int64(48*hour)).Draw(t, "span"))
			p.High = rapid.Int32Range(2_000, 20_000).Draw(t, "high")
			if rapid.Bool().Draw(t, "known") {
				p.ID, p.High = "refrigerated-medicine", 8_000
			}
			if rapid.Bool().Draw(t, "thaw") {
				p.FreezeBelow = nil
			}
			in.Policy = p
		case feature.KindStep:
			in.Step = rapid.SampledFrom([]string{"", "storing", "departing"}).Draw(t, "step")
			in.Places = rapid.SliceOfN(rapid.SampledFrom([]string{"x", "y"}), 0, 2).Draw(t, "places")
		case feature.KindClosed:
			in.Finding = ledger.Finding{Code: "other"}
		case feature.KindShipped, feature.KindReceived:
			in.Origin = rapid.SampledFrom([]string{"", "z", "https://id.gs1.org/414/9520001000010"}).Draw(t, "origin")
			in.Places = rapid.SliceOfN(rapid.SampledFrom([]string{"x", "y", "https://id.gs1.org/414/9520003000018"}), 0, 2).Draw(t, "places")
		case feature.KindFinding:
			in.Finding = ledger.Finding{Code: ledger.FindingCode(rapid.SampledFrom([]string{"commissioned_twice", "other"}).Draw(t, "code"))}
		case feature.KindReadings:
			in.Seq = rapid.Uint64Range(0, 5).Draw(t, "seq")
			in.Segment = hash(byte(in.Seq))
			n := rapid.IntRange(0, 80).Draw(t, "n")
			for range n {
				at += ledger.Millis(rapid.Int64Range(-1000, int64(20*minute)).Draw(t, "step"))
				in.Times = append(in.Times, at)
			}
			values := rapid.SliceOfN(rapid.Int32Range(math.MinInt32, math.MaxInt32), 0, n).Draw(t, "values")
			if rapid.Bool().Draw(t, "plausible") {
				for i := range values {
					values[i] = values[i]%20_000 + 5_000
				}
			}
			in.Channels = []ledger.Channel{{Quantity: ledger.Temperature, Values: values}, {Quantity: ledger.RelativeHumidity, Values: values}}
		default:
		}
		return in
	})
}

func TestSaveAndRestoreAtAnyPointGivesTheSameBits(t *testing.T) {
	m := model(t)
	rapid.Check(t, func(t *rapid.T) {
		straight, saved := New(m, pallet, 0), New(m, pallet, 0)
		for _, in := range rapid.SliceOfN(inputs(), 1, 25).Draw(t, "inputs") {
			a, b := straight.Observe(in), saved.Observe(in)
			if (a == nil) != (b == nil) {
				t.Fatal(a, b)
			}
			data, err := saved.MarshalBinary()
			if err != nil {
				t.Fatal(err)
			}
			if saved, err = Restore(m, data); err != nil {
				t.Fatal(err)
			}
			again, err := saved.MarshalBinary()
			if err != nil || !bytes.Equal(data, again) {
				t.Fatal("a restored engine saves other bytes", err)
			}
			if rapid.Bool().Draw(t, "judge") {
				final := rapid.Bool().Draw(t, "final")
				v, w := straight.Judge(final), saved.Judge(final)
				x, err := json.Marshal(v)
				if err != nil {
					t.Fatal(err)
				}
				y, err := json.Marshal(w)
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(x, y) {
					t.Fatalf("%s\n%s", x, y)
				}
			}
		}
	})
}

func TestContributionsSumToTheScoreWhateverIsObserved(t *testing.T) {
	m := model(t)
	rapid.Check(t, func(t *rapid.T) {
		e := New(m, pallet, 0)
		for _, in := range rapid.SliceOfN(inputs(), 1, 25).Draw(t, "inputs") {
			_ = e.Observe(in)
			v := e.Judge(rapid.Bool().Draw(t, "final"))
			sum := int64(0)
			for _, r := range v.Reasons {
				sum += r.Contribution
				if r.Contribution < 0 || r.From > r.To {
					t.Fatalf("%+v", r)
				}
			}
			if sum != v.Score || v.Score < 0 || v.Score > Million || v.From > v.To {
				t.Fatalf("%+v", v)
			}
		}
	})
}

func TestEveryInputChangesTheDigests(t *testing.T) {
	m := model(t)
	seen := map[ledger.Digest]string{}
	for name, ins := range map[string][]feature.Input{
		"nothing":        nil,
		"readings":       {measured("d", 0, start, 5_000, 5_100)},
		"another value":  {measured("d", 0, start, 5_000, 5_101)},
		"another time":   {measured("d", 0, start+1, 5_000, 5_100)},
		"another device": {measured("e", 0, start, 5_000, 5_100)},
		"twice":          {measured("d", 0, start, 5_000, 5_100), measured("d", 0, start, 5_000, 5_100)},
	} {
		e := New(m, pallet, 0)
		for _, in := range ins {
			_ = e.Observe(in)
		}
		v := e.Judge(false)
		if other, ok := seen[v.Inputs]; ok {
			t.Errorf("%s and %s have one digest of inputs", name, other)
		}
		seen[v.Inputs] = name
	}
}

func TestOnlyTheCanonicalFormIsAModel(t *testing.T) {
	m := model(t)
	again, err := ParseModel(m.Bytes())
	if err != nil || again.Name() != m.Name() {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"other spacing": strings.Replace(string(m.Bytes()), "  ", " ", 1),
		"trailing":      string(m.Bytes()) + " ",
		"unknown field": strings.Replace(string(m.Bytes()), `"id"`, `"ID2": 1, "id"`, 1),
		"float":         strings.Replace(string(m.Bytes()), `"within": 60000`, `"within": 60000.5`, 1),
		"bad level":     strings.Replace(string(m.Bytes()), `"inspect_at": 300000`, `"inspect_at": 900000`, 1),
		"a name of two": strings.Replace(string(m.Bytes()), `"id": "`, `"id": "a `, 1),
		"empty":         "",
	} {
		if _, err := ParseModel([]byte(text)); !errors.Is(err, ErrModel) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNoFloodOfHarmlessFindingsHidesAGraveOne(t *testing.T) {
	e := New(model(t), pallet, 0)
	found := func(code ledger.FindingCode, n byte) {
		if err := e.Observe(feature.Input{Kind: feature.KindFinding, Event: hash(n), Finding: ledger.Finding{Code: code, Event: hash(n)}}); err != nil {
			t.Fatal(err)
		}
	}
	for n := range byte(maxFindings) {
		found(ledger.FindingEventIDMismatch, n)
	}
	found(ledger.FindingCommissionedTwice, 200)
	for n := range byte(maxFindings) {
		found(ledger.FindingEventIDMismatch, 100+n)
	}
	if v := e.Judge(false); v.Level != ledger.Quarantine || !slices.Contains(codes(v, 1), "finding:commissioned_twice") {
		t.Errorf("%s: %+v", v.Level, v.Reasons)
	}
	if n := len(e.findings); n != maxFindings {
		t.Errorf("%d findings are kept", n)
	}
}

func TestAVerdictHasNoMoreReasonsThanTheContractTakes(t *testing.T) {
	var causes []cause
	for i := range 2 * ledger.MaxVerdictReasons {
		causes = append(causes, cause{code: fmt.Sprintf("c%d", i), severity: int64(2_000 + i)})
	}
	score, reasons := combine(causes)
	sum := int64(0)
	for _, r := range reasons {
		sum += r.Contribution
	}
	if len(reasons) != ledger.MaxVerdictReasons || sum != score || reasons[0].Code != fmt.Sprintf("c%d", len(causes)-1) {
		t.Errorf("%d reasons of %d, the score is %d", len(reasons), sum, score)
	}
}

func FuzzRestoreRefusesWhatNoEngineSaved(f *testing.F) {
	m := model(f)
	e := New(m, pallet, 0)
	_ = e.Observe(feature.Input{Kind: feature.KindPolicy, Policy: policy()})
	_ = e.Observe(measured("d", 0, start, flat(300, 5_000)...))
	data, err := e.MarshalBinary()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := Restore(m, data)
		if err != nil {
			if !errors.Is(err, canon.ErrState) {
				t.Fatal(err)
			}
			return
		}
		_ = e.Observe(measured("d", 1, start+10*hour, flat(60, 5_000)...))
		e.Judge(true)
	})
}

func BenchmarkObserveReading(b *testing.B) {
	e := New(model(b), pallet, 0)
	_ = e.Observe(feature.Input{Kind: feature.KindPolicy, Policy: policy()})
	in := measured("d", 0, start, flat(60, 5_000)...)
	b.ReportAllocs()
	for b.Loop() {
		for i := range in.Times {
			in.Times[i] += hour
		}
		in.At += hour
		if err := e.Observe(in); err != nil {
			e = New(model(b), pallet, 0)
			for i := range in.Times {
				in.Times[i] = start + ledger.Millis(i)*minute
			}
			in.At = start
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/60, "ns/reading")
}

func BenchmarkJudge(b *testing.B) {
	e := New(model(b), pallet, 0)
	_ = e.Observe(feature.Input{Kind: feature.KindPolicy, Policy: policy()})
	_ = e.Observe(measured("d", 0, start, flat(900, 9_000)...))
	b.ReportAllocs()
	for b.Loop() {
		e.Judge(false)
	}
}

const device = "https://id.gs1.org/8004/9520002A"

// calibrated is the default model with its stratum of one policy and lane only, so that a test knows
// what a journey is compared with.
func calibrated(t testing.TB) (*Model, Stratum) {
	t.Helper()
	m := model(t)
	if len(m.p.Strata) == 0 {
		t.Fatal("the shipped model has no strata")
	}
	for _, s := range m.p.Strata {
		if s.Name == "refrigerated-medicine|9520001000010>9520003000018" {
			return m, s
		}
	}
	t.Fatalf("no stratum of refrigerated medicine, %d others", len(m.p.Strata))
	return nil, Stratum{}
}

// onLane ships a pallet of refrigerated medicine on the lane of the stratum, with a wave of some height.
func onLane(values []int32) []feature.Input {
	p := policy()
	p.ID, p.Version = "refrigerated-medicine", 1
	from, to := "https://id.gs1.org/414/9520001000010", "https://id.gs1.org/414/9520003000018"
	at := start + 30*minute
	return []feature.Input{
		{Kind: feature.KindPolicy, Policy: p},
		{Kind: feature.KindBind, At: start, Event: hash(1), Device: device},
		{Kind: feature.KindShipped, At: at, Event: hash(2), Origin: from, Places: []string{to}},
		measured(device, 0, start+minute, values...),
		{Kind: feature.KindReceived, At: start + ledger.Millis(len(values)+1)*minute, Event: hash(3), Places: []string{to}},
		{Kind: feature.KindEnded, At: start + ledger.Millis(len(values)+1)*minute, Event: hash(3)},
	}
}

// tester is a test, or one of rapid's.
type tester interface {
	Helper()
	Fatal(args ...any)
	Error(args ...any)
}

func verdictOn(t tester, m *Model, inputs []feature.Input, final bool) ledger.Verdict {
	t.Helper()
	e := New(m, pallet, 0)
	for _, in := range inputs {
		if err := e.Observe(in); err != nil {
			t.Fatal(err)
		}
	}
	v := e.Judge(final)
	if err := ledger.CheckVerdict(v); err != nil {
		t.Error(err)
	}
	return v
}

func TestAnUnusualJourneyIsInspectedAndSaysAgainstWhat(t *testing.T) {
	m, s := calibrated(t)
	values := wander(540, 5_000, 400)
	for i := 300; i < 360; i++ {
		values[i] += 2_500 // warm for an hour, and inside its limits
	}
	v := verdictOn(t, m, onLane(values), true)
	if v.Level != ledger.Inspect || v.Stratum != s.Name || v.References != uint32(s.Table.Joint.N) || v.PValue == 0 || v.PValue > m.p.Alpha || v.Lane != "9520001000010>9520003000018" {
		t.Fatalf("%s of %q among %d: p %d, lane %q: %+v", v.Level, v.Stratum, v.References, v.PValue, v.Lane, v.Reasons)
	}
	r := v.Reasons[0]
	if !strings.Contains(r.Detail, "accepted shipments of its lane") || !strings.Contains(r.Counterfactual, "would have been usual") || r.Count == 0 {
		t.Errorf("%+v", r)
	}
	if r.From < start+300*minute-hour || r.To > start+362*minute+hour {
		t.Errorf("the window is %d to %d minutes", (r.From-start)/minute, (r.To-start)/minute)
	}
}

func TestStatisticsAloneNeverQuarantine(t *testing.T) {
	m, _ := calibrated(t)
	values := wander(540, 5_000, 400)
	for i := range values {
		if i%120 < 60 {
			values[i] += 2_400
		}
	}
	if v := verdictOn(t, m, onLane(values), true); v.Level != ledger.Inspect {
		t.Errorf("%s: %+v", v.Level, v.Reasons)
	}
}

func TestALaneThatNobodyKnowsStatesNoProbability(t *testing.T) {
	m, _ := calibrated(t)
	inputs := onLane(wander(540, 5_000, 400))
	inputs[2].Origin = "https://id.gs1.org/414/9520009999994"
	if v := verdictOn(t, m, inputs, true); v.Stratum != "" || v.PValue != 0 || v.References != 0 || v.Lane != "9520009999994>9520003000018" {
		t.Errorf("%+v", v)
	}
}

func TestALoggerThatIsNotToBeBelievedCondemnsNoGoods(t *testing.T) {
	for _, c := range []struct {
		name   string
		values []int32
		code   string
	}{
		{"Fahrenheit after Celsius", append(flat(200, 5_000), flat(200, 41_000)...), "unit_slip"},
		{"stuck where it is too warm", append(flat(200, 5_000), repeat(400, 16_000)...), "sensor_stuck"},
		{"on a rail", append(flat(200, 5_000), repeat(60, 85_000)...), "sensor_rail"},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := verdictOn(t, model(t), []feature.Input{{Kind: feature.KindPolicy, Policy: policy()}, measured(device, 0, start, c.values...)}, false)
			if v.Level != ledger.Inspect || !slices.Contains(codes(v, 100_000), c.code) {
				t.Errorf("%s: %+v", v.Level, v.Reasons)
			}
			told := false
			for _, r := range v.Reasons {
				told = told || strings.Contains(r.Detail, "is not to be believed")
			}
			if !told {
				t.Errorf("no broken rule says that the logger is not to be believed: %+v", v.Reasons)
			}
		})
	}
	t.Run("but warmth that a sound logger saw does", func(t *testing.T) {
		values := append(flat(200, 5_000), flat(60, 16_000)...)
		values = append(values, repeat(400, 5_000)...)
		v := verdictOn(t, model(t), []feature.Input{{Kind: feature.KindPolicy, Policy: policy()}, measured(device, 0, start, values...)}, false)
		if v.Level != ledger.Quarantine {
			t.Errorf("%s: %+v", v.Level, v.Reasons)
		}
	})
}

func TestWhatWouldHaveClearedABrokenRuleWouldHave(t *testing.T) {
	v := verdictOn(t, model(t), []feature.Input{{Kind: feature.KindPolicy, Policy: policy()}, measured(device, 0, start, flat(54, 16_000)...)}, false)
	if want := "Back at 15.0 °C or below 23 min earlier would have kept the allowance."; v.Reasons[0].Counterfactual != want {
		t.Fatalf("%q, want %q", v.Reasons[0].Counterfactual, want)
	}
	values := flat(54, 16_000)
	for i := 53 - 23; i < 54; i++ {
		values[i] = 5_000
	}
	v = verdictOn(t, model(t), []feature.Input{{Kind: feature.KindPolicy, Policy: policy()}, measured(device, 0, start, values...)}, false)
	if slices.Contains(codes(v, 100_000), "above_range") {
		t.Errorf("it was told what would have cleared it, and did not: %+v", v.Reasons)
	}
}

func TestAnAlarmThatThePolicyAllowsAsksForAnInspection(t *testing.T) {
	p := policy()
	p.ExcursionFor, p.MKTMax, p.MKTOver = 48*hour, 0, 0
	values := append(flat(120, 5_000), flat(21*60, 11_000)...)
	v := verdictOn(t, model(t), []feature.Input{{Kind: feature.KindPolicy, Policy: p}, measured(device, 0, start, values...)}, false)
	if v.Level == ledger.Quarantine || !slices.Contains(codes(v, 100_000), "who_heat_10") {
		t.Errorf("%s: %+v", v.Level, v.Reasons)
	}
	for _, r := range v.Reasons {
		if r.Code == "who_heat_10" && (r.Count == 0 || !strings.Contains(r.Counterfactual, "1 h less at or above 10.0 °C in all")) {
			t.Errorf("%+v", r)
		}
	}
}

func TestAnEventDeclaredInErrorIsTakenBack(t *testing.T) {
	const home, far = "https://id.gs1.org/414/9520003000018", "https://id.gs1.org/414/9520003000999"
	base := []feature.Input{
		{Kind: feature.KindPolicy, Policy: policy()},
		{Kind: feature.KindBind, At: start, Event: hash(1), Device: device},
		{Kind: feature.KindShipped, At: start + minute, Event: hash(2), Places: []string{home}},
		measured(device, 0, start+minute, flat(600, 5_000)...),
	}
	mistaken := append(slices.Clone(base), feature.Input{Kind: feature.KindReceived, At: start + 10*hour, Event: hash(3), Places: []string{far}}, feature.Input{Kind: feature.KindEnded, At: start + 10*hour, Event: hash(3)})
	if v := verdictOn(t, model(t), mistaken, true); !slices.Contains(codes(v, 1), CodeDiverted) {
		t.Fatalf("%+v", v.Reasons)
	}
	righted := append(slices.Clone(mistaken), feature.Input{Kind: feature.KindWithdrawn, Event: hash(3)}, feature.Input{Kind: feature.KindReopened, Event: hash(3)},
		feature.Input{Kind: feature.KindReceived, At: start + 10*hour, Event: hash(4), Places: []string{home}}, feature.Input{Kind: feature.KindEnded, At: start + 10*hour, Event: hash(4)})
	if v := verdictOn(t, model(t), righted, true); v.Level != ledger.Clear {
		t.Errorf("%+v", v.Reasons)
	}
	f := feature.Input{Kind: feature.KindFinding, Event: hash(5), Finding: ledger.Finding{Code: ledger.FindingShippedByNonHolder, Event: hash(5), Item: "i"}}
	closed := f
	closed.Kind = feature.KindClosed
	if v := verdictOn(t, model(t), append(slices.Clone(base), f), false); v.Level != ledger.Inspect {
		t.Errorf("%+v", v.Reasons)
	}
	if v := verdictOn(t, model(t), append(slices.Clone(base), f, closed), false); v.Level != ledger.Clear {
		t.Errorf("a finding that is closed still speaks: %+v", v.Reasons)
	}
}

func TestJourneysUnderWayAreNoOdderThanTheWhole(t *testing.T) {
	m, s := calibrated(t)
	e := New(m, pallet, 0)
	inputs := onLane(wander(540, 5_000, 400))
	last := int64(Million)
	for _, in := range inputs[:3] {
		_ = e.Observe(in)
	}
	whole := inputs[3]
	for from := 0; from < len(whole.Times); from += 60 {
		part := whole
		part.Seq = uint64(from / 60)
		part.Times, part.Channels = whole.Times[from:from+60], []ledger.Channel{{Quantity: ledger.Temperature, Values: whole.Channels[0].Values[from : from+60]}}
		part.At = part.Times[59]
		_ = e.Observe(part)
		v := e.Judge(false)
		if v.PValue == 0 || v.PValue > last {
			t.Fatalf("p %d after %d", v.PValue, last)
		}
		last = v.PValue
	}
	for _, in := range inputs[4:] {
		_ = e.Observe(in)
	}
	// Below the resolution p is a model's. The stop that lasted ends in a step that nobody took and counts as that.
	if v := e.Judge(true); v.PValue == 0 || v.PValue > max(last, s.Table.Resolution()) {
		t.Errorf("p %d of the whole, %d under way", v.PValue, last)
	}
}

func TestHumidityIsJudgedToo(t *testing.T) {
	m, _ := calibrated(t)
	inputs := onLane(wander(540, 5_000, 400))
	humidity := make([]int32, 540)
	for i := range humidity {
		humidity[i] = 50_000 + int32(i%5)*100
		if i >= 300 {
			humidity[i] += 30_000
		}
	}
	inputs[3].Channels = append(inputs[3].Channels, ledger.Channel{Quantity: ledger.RelativeHumidity, Values: humidity})
	v := verdictOn(t, m, inputs, true)
	if v.Level != ledger.Inspect || !slices.Contains(codes(v, 1), "energy_relative_humidity") {
		t.Errorf("%s: %+v", v.Level, v.Reasons)
	}
}
