package score

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/analytics/detect/sequence"
	"github.com/waybill-dev/waybill/analytics/feature"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

var (
	timeIn    = regexp.MustCompile(`(?:(\d+) days? ?)?(?:(\d+) h ?)?(?:(\d+) min ?)?(earlier|less)`)
	usualTime = regexp.MustCompile(`(?:Up to|At least) (?:(\d+) days? ?)?(?:(\d+) h ?)?(?:(\d+) min ?)?would`)
	degreesIn = regexp.MustCompile(`lower by (\d+)\.(\d{3}) °C`)
)

// toldTime finds the time that a counterfactual tells.
func toldTime(t *rapid.T, s string) ledger.Millis {
	m := timeIn.FindStringSubmatch(s)
	if m == nil {
		t.Fatalf("no time in %q", s)
	}
	n := func(i int) ledger.Millis { v, _ := strconv.Atoi(m[i]); return ledger.Millis(v) }
	return n(1)*24*hour + n(2)*hour + n(3)*minute
}

// brokenRule gives the reason of a rule that is broken.
func brokenRule(v ledger.Verdict, code string) *ledger.Reason {
	for i := range v.Reasons {
		if r := &v.Reasons[i]; r.Code == code && r.Counterfactual != "" {
			return r
		}
	}
	return nil
}

// runs of a temperature with good ones between them.
func runs(lengths []int, milli int32) (values []int32, spans [][2]int) {
	values = flat(30, 5_000)
	for _, n := range lengths {
		spans = append(spans, [2]int{len(values), len(values) + n})
		values = append(values, flat(n, milli)...)
		values = append(values, flat(40, 5_000)...)
	}
	return values, spans
}

func TestWhatWouldHaveKeptARuleWouldHaveWhateverBrokeIt(t *testing.T) {
	m := model(t)
	for _, c := range []struct {
		code  string
		milli int32
		least int
	}{
		{"above_range", 17_000, 31},
		{"below_range", -300, 31},
		{"frozen", -4_000, 60},
		{"excursion_budget", 10_000, 60},
		{"who_freeze", -4_000, 60},
		{"who_heat_10", 12_000, 300},
	} {
		t.Run(c.code, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				p := policy()
				p.MKTMax, p.MKTOver = 0, 0
				if strings.HasPrefix(c.code, "who") {
					p.ExcursionFor, p.ExcursionLow, p.FreezeBelow, p.Grace = 200*hour, -40_000, nil, 100*hour
				}
				values, spans := runs(rapid.SliceOfN(rapid.IntRange(c.least, c.least*3), 1, 6).Draw(t, "runs"), c.milli)
				observe := func() ledger.Verdict {
					return verdictOn(t, m, []feature.Input{{Kind: feature.KindPolicy, Policy: p}, measured(device, 0, start, values...)}, true)
				}
				r := brokenRule(observe(), c.code)
				if r == nil {
					return
				}
				less := int(toldTime(t, r.Counterfactual) / minute)
				each := strings.Contains(r.Counterfactual, "each time")
				inAll := strings.Contains(r.Counterfactual, "in all")
				longest := slices.MaxFunc(spans, func(a, b [2]int) int { return a[1] - a[0] - b[1] + b[0] })
				for _, s := range spans {
					if !each && !inAll && s != longest && s[1]-s[0] == longest[1]-longest[0] {
						t.Fatalf("two as long, and %q", r.Counterfactual)
					}
					if !each && !inAll && s != longest {
						continue
					}
					cut := min(less, s[1]-s[0])
					if inAll {
						less -= cut
					}
					copy(values[s[1]-cut:s[1]], flat(cut, 5_000))
				}
				if again := brokenRule(observe(), c.code); again != nil {
					t.Fatalf("%q did not clear it: %q", r.Counterfactual, again.Detail)
				}
			})
		})
	}
}

func TestALowerMeanKineticTemperatureWouldHaveKeptTheLimit(t *testing.T) {
	m := model(t)
	rapid.Check(t, func(t *rapid.T) {
		p := policy()
		p.ExcursionFor = 200 * hour
		hours := rapid.IntRange(8, 12).Draw(t, "hours")
		values := append(flat(hours*60, int32(rapid.IntRange(12_000, 12_300).Draw(t, "warm"))), flat((25-hours)*60, 5_000)...)
		observe := func() ledger.Verdict {
			return verdictOn(t, m, []feature.Input{{Kind: feature.KindPolicy, Policy: p}, measured(device, 0, start, values...)}, true)
		}
		r := brokenRule(observe(), "mkt_exceeded")
		if r == nil {
			return
		}
		d := degreesIn.FindStringSubmatch(r.Counterfactual)
		if d == nil || d[1]+d[2] == "0000" {
			t.Fatalf("%q", r.Counterfactual)
		}
		whole, _ := strconv.Atoi(d[1])
		part, _ := strconv.Atoi(d[2])
		by := int32(whole*1000 + part)
		by += by/50 + 1 // the mean of colder readings lies a little less lower than they
		for i := range values {
			values[i] -= by
		}
		if again := brokenRule(observe(), "mkt_exceeded"); again != nil {
			t.Fatalf("%q did not clear it: %q", r.Counterfactual, again.Detail)
		}
	})
}

func TestAUsualDwellIsOneThatTheStatisticClears(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		centre := float64(rapid.Int64Range(3_000_000, 9_000_000).Draw(t, "centre")) / Million
		bound := float64(rapid.Int64Range(200_000, 1_500_000).Draw(t, "bound")) / Million
		rescaled := func(ms ledger.Millis) float64 { return math.Log(1 + float64(ms)/60_000) }
		back := func(y float64) int64 { return int64((math.Exp(y) - 1) * 60_000) }
		s, sign := told{}, 1.0
		s.Code = sequence.CodeDwellLong
		if rapid.Bool().Draw(t, "short") {
			s.Code, sign = sequence.CodeDwellShort, -1
		}
		s.Ratio = rapid.Int64Range(700_000, 1_900_000).Draw(t, "ratio")
		most := rapid.Int64Range(300_000, 690_000).Draw(t, "most")
		s.Value, s.Limit = back(centre+sign*bound*float64(s.Ratio)/Million), back(centre+sign*bound)
		text := usual(s, most)
		m := usualTime.FindStringSubmatch(text)
		if m == nil || s.Value <= 60_000 {
			return
		}
		n := func(i int) ledger.Millis { v, _ := strconv.Atoi(m[i]); return ledger.Millis(v) }
		at := n(1)*24*hour + n(2)*hour + n(3)*minute
		if ratio := sign * (rescaled(at) - centre) / bound; ratio > float64(most)/Million+0.005 {
			t.Fatalf("%q has the ratio %v, %d is usual", text, ratio, most)
		}
	})
	if got := usual(told{}, 0); got != "" {
		t.Errorf("nothing of it would have been usual, and %q", got)
	}
}

func TestASteadyThermometerIsStillJudgedByItsLimits(t *testing.T) {
	for _, c := range []struct {
		name  string
		warm  float64
		hours int
		after int
		want  []string
	}{
		{"30 h at 12 °C, then 5 °C", 12, 30, 6, []string{"excursion_budget", "mkt_exceeded"}},
		{"a mean of 8.0257 °C", 12, 8, 16, []string{"excursion_budget", "mkt_exceeded"}},
		{"a mean of 8.7859 °C", 15, 6, 18, []string{"excursion_budget", "mkt_exceeded"}},
		{"a mean of 7.1066 °C", 15, 3, 21, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := rows(t, 1, policy(), 0)
			var got []string
			for i := range (c.hours+c.after)*60 + 1 {
				celsius := 5.0
				if i < c.hours*60 {
					celsius = c.warm
				}
				r, err := l.Observe(start+ledger.Millis(i)*minute, []float64{celsius})
				if err != nil {
					t.Fatal(err)
				}
				if r.Alarm && (r.Reason == "excursion_budget" || r.Reason == "mkt_exceeded") {
					if !slices.Contains(got, r.Reason) { // the row itself may be unusual too
						got = append(got, r.Reason)
					}
				}
			}
			if fmt.Sprint(got) != fmt.Sprint(c.want) {
				t.Errorf("told %v, want %v", got, c.want)
			}
		})
	}
}

func TestNonsenseDecidesNoMeanKineticTemperature(t *testing.T) {
	for _, minutes := range []int{20, 60, 180} {
		p := policy()
		p.MKTMax = 6_000
		values := flat(30*60, 5_000)
		for i := 900; i < 900+minutes; i++ {
			values[i] = values[i]*9/5 + 32_000
		}
		v := verdictOn(t, model(t), []feature.Input{{Kind: feature.KindPolicy, Policy: p}, measured(device, 0, start, values...)}, true)
		if v.Level != ledger.Inspect || !slices.Contains(codes(v, 1), "unit_slip") {
			t.Errorf("%d minutes: %s %+v", minutes, v.Level, v.Reasons)
		}
	}
}
