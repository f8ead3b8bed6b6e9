package bench

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
)

// Kind is what a run measures.
type Kind string

// The kinds.
const (
	// Capture is EPCIS events through the public API.
	Capture Kind = "capture"
	// Readings is signed segments of readings through the public API.
	Readings Kind = "readings"
	// Verdict is the time from a reading's sending to its verdict on the ledger.
	Verdict Kind = "verdict"
)

// Result is one run. Rates are records a second, a record being an event or a reading; latencies are
// from the sending of a record to its answer (for Verdict: to its verdict on the ledger).
type Result struct {
	Bench   Kind    `json:"bench"`
	Records uint64  `json:"records"`
	Seconds float64 `json:"seconds"`
	// RatePerS is the measured way's sustained rate. For Verdict it is the rate offered, half the sustained one.
	RatePerS      float64 `json:"rate_per_s"`
	NaiveRatePerS float64 `json:"naive_rate_per_s"`
	Ratio         float64 `json:"ratio"`
	P50MS         float64 `json:"p50_ms"`
	P99MS         float64 `json:"p99_ms"`
	// Failed counts the measured way's failures, warm-up included.
	Failed  uint64  `json:"failed"`
	Lost    uint64  `json:"lost"`
	Doubled uint64  `json:"doubled"`
	Machine Machine `json:"machine"`

	// Naive is the naive way in the same run.
	Naive Way `json:"naive"`
	// Transactions and Blocks are what the measured way's records came to on the ledger.
	Transactions uint64 `json:"transactions"`
	Blocks       uint64 `json:"blocks"`
	// Check holds the ledger, read from its first block, against everything sent in the run, warm-up and naive way included.
	Check Balance `json:"check"`
	// SustainedPerS is, for Verdict, the readings rate that was found before half of it was offered.
	SustainedPerS float64 `json:"sustained_per_s,omitempty"`
	// Verdicts is, for Verdict, how many verdicts were timed.
	Verdicts uint64 `json:"verdicts,omitempty"`
	// MaxMS is the longest latency.
	MaxMS float64 `json:"max_ms"`
	// Rounds are the measured way's rates, round by round: what the machine's noise does.
	Rounds []Round `json:"rounds"`
	// CPU is the processor time that the measured way took, of all processes; absent where the system does not tell
	// or where the processes are not this program's own.
	CPU *CPU `json:"cpu,omitempty"`
	// Load says what was sent and how, for a reader.
	Load string `json:"load"`
	// FirstError is the first failure's text, if any.
	FirstError string `json:"first_error,omitempty"`
}

// Way is one way of writing, measured.
type Way struct {
	Records  uint64  `json:"records"`
	Seconds  float64 `json:"seconds"`
	RatePerS float64 `json:"rate_per_s"`
	// P50MS and P99MS are absent where this way's latencies are not measured: it gives no verdicts.
	P50MS float64 `json:"p50_ms,omitempty"`
	P99MS float64 `json:"p99_ms,omitempty"`
	// Failed counts this way's failures, warm-up included.
	Failed uint64 `json:"failed"`
	CPU    *CPU   `json:"cpu,omitempty"`
	Load   string `json:"load"`
}

// CPU is processor time.
type CPU struct {
	Seconds float64 `json:"seconds"`
	// MicrosPerRecord is what a record took, over all processes.
	MicrosPerRecord float64 `json:"us_per_record"`
	// Programs are the seconds by program, all its processes together.
	Programs map[string]float64 `json:"programs"`
}

func cpuOf(s stretch) *CPU {
	if s.cpu == nil || s.records == 0 {
		return nil
	}
	c := &CPU{Programs: map[string]float64{}}
	for name, seconds := range s.cpu {
		c.Seconds += seconds
		c.Programs[name] = math.Round(seconds*100) / 100
	}
	c.MicrosPerRecord = round1(c.Seconds * 1e6 / float64(s.records))
	c.Seconds = math.Round(c.Seconds*100) / 100
	return c
}

// sentence says where the time went, the most first.
func (c *CPU) sentence() string {
	names := slices.SortedFunc(maps.Keys(c.Programs), func(a, b string) int { return cmp.Compare(c.Programs[b], c.Programs[a]) })
	parts := make([]string, len(names))
	for i, n := range names {
		parts[i] = fmt.Sprintf("%s %.1f s", n, c.Programs[n])
	}
	return fmt.Sprintf("%.4g µs a record (%s)", c.MicrosPerRecord, strings.Join(parts, ", "))
}

// Round is one stretch of the measured way with the naive stretch before it.
type Round struct {
	RatePerS      float64 `json:"rate_per_s"`
	NaiveRatePerS float64 `json:"naive_rate_per_s"`
}

// OK reports whether nothing was lost, doubled or failed.
func (r *Result) OK() bool {
	return r.Failed == 0 && r.Lost == 0 && r.Doubled == 0 && r.Check.Foreign == 0
}

// WriteJSON writes the result as one object on one line.
func (r *Result) WriteJSON(w io.Writer) error { return json.NewEncoder(w).Encode(r) }

// WriteText writes the result for a person.
func (r *Result) WriteText(w io.Writer) error {
	unit := "events"
	if r.Bench != Capture {
		unit = "readings"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "waybill bench %s\n\n", r.Bench)
	fmt.Fprintf(&b, "  %-22s %s\n", "load", r.Load)
	if r.Bench == Verdict {
		fmt.Fprintf(&b, "  %-22s %s %s/s, of which half was offered\n", "sustained", grouped(r.SustainedPerS), unit)
	}
	fmt.Fprintf(&b, "  %-22s %s %s/s   (%s %s in %.1f s)\n", "through the API", grouped(r.RatePerS), unit, grouped(float64(r.Records)), unit, r.Seconds)
	fmt.Fprintf(&b, "  %-22s %s %s/s   (%s)\n", "the naive way", grouped(r.NaiveRatePerS), unit, r.Naive.Load)
	fmt.Fprintf(&b, "  %-22s %.1f times\n", "ratio", r.Ratio)
	what := "sent to answered"
	if r.Bench == Verdict {
		what = "sent to verdict"
	}
	fmt.Fprintf(&b, "  %-22s p50 %s ms, p99 %s ms, longest %s ms\n", what, grouped(r.P50MS), grouped(r.P99MS), grouped(r.MaxMS))
	if r.Bench == Verdict {
		fmt.Fprintf(&b, "  %-22s %d\n", "verdicts timed", r.Verdicts)
	} else {
		fmt.Fprintf(&b, "  %-22s p50 %s ms, p99 %s ms\n", "the naive way", grouped(r.Naive.P50MS), grouped(r.Naive.P99MS))
	}
	for _, c := range []struct {
		name string
		cpu  *CPU
	}{{"processor time", r.CPU}, {"the naive way", r.Naive.CPU}} {
		if c.cpu != nil {
			fmt.Fprintf(&b, "  %-22s %s\n", c.name, c.cpu.sentence())
		}
	}
	fmt.Fprintf(&b, "  %-22s %s transactions in %s blocks\n", "on the ledger", grouped(float64(r.Transactions)), grouped(float64(r.Blocks)))
	fmt.Fprintf(&b, "  %-22s failed %d, lost %d, doubled %d (all %s %s of the run, naive way included, against every block)\n",
		"check", r.Failed, r.Lost, r.Doubled, grouped(float64(r.Check.Sent)), unit)
	if r.Naive.Failed > 0 {
		fmt.Fprintf(&b, "  %-22s failed %d\n", "the naive way", r.Naive.Failed)
	}
	if r.FirstError != "" {
		fmt.Fprintf(&b, "  %-22s %s\n", "first failure", r.FirstError)
	}
	fmt.Fprintf(&b, "  %-22s %d × %s, %.0f GiB, %s/%s, %s\n", "machine", r.Machine.CPUs, orUnknown(r.Machine.CPU), r.Machine.MemoryGiB,
		r.Machine.OS, r.Machine.Arch, r.Machine.Go)
	_, err := io.WriteString(w, b.String())
	return err
}

func orUnknown(s string) string {
	if s == "" {
		return "CPU of unknown make"
	}
	return s
}

// grouped writes a number without decimals, in groups of three digits.
func grouped(v float64) string {
	s := fmt.Sprintf("%.0f", math.Abs(v))
	var b strings.Builder
	if v < 0 && s != "0" {
		b.WriteByte('-')
	}
	for i, r := range s {
		if i > 0 && (len(s)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// round1 keeps figures readable: nobody measured the fourth digit.
func round1(v float64) float64 { return math.Round(v*10) / 10 }

func millis(d time.Duration) float64 { return round1(float64(d) / float64(time.Millisecond)) }

// rate is records a second; 0 where nothing was measured.
func rate(records uint64, elapsed time.Duration) float64 {
	if elapsed <= 0 {
		return 0
	}
	return round1(float64(records) / elapsed.Seconds())
}
