package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// FinalResult is a run of final verdicts. Times are from the call that hands a reading over, or from when it was due if
// that was late, to the verified block that makes the verdict on it final.
type FinalResult struct {
	Bench Kind `json:"bench"`
	// MostPerS is the most final verdicts a second that were reached; 0 where it was not looked for.
	MostPerS float64 `json:"most_per_s,omitempty"`
	// Course is final verdicts a second in each tenth of the stretch in which the most was looked for: a run that is too short for
	// scorers to find what the ledger bears shows it by still rising.
	Course []float64 `json:"course_per_s,omitempty"`
	// Offered is the load of the measured stretch in windows a second, Finals how many became final in it.
	Offered float64 `json:"offered_per_s"`
	Finals  uint64  `json:"finals"`
	Seconds float64 `json:"seconds"`
	P50MS   float64 `json:"p50_ms"`
	P99MS   float64 `json:"p99_ms"`
	MaxMS   float64 `json:"max_ms"`
	// Stages are what a window's way is made of, Saturated the same under the most load.
	Stages    []Stage `json:"stages"`
	Saturated []Stage `json:"saturated,omitempty"`
	// By counts how verdicts became final.
	By map[string]uint64 `json:"by"`
	// Readings were recorded in the whole run, Failed were not.
	Readings uint64 `json:"readings"`
	Failed   uint64 `json:"failed"`
	// Missing are windows without a final verdict, Alone verdicts that one scorer wrote by itself.
	Missing uint64 `json:"missing"`
	Alone   uint64 `json:"alone"`
	Lost    uint64 `json:"lost"`
	Doubled uint64 `json:"doubled"`
	// Transactions and Blocks are those that did something with tasks, Invalid all transactions of the run that the
	// peers invalidated.
	Transactions uint64  `json:"transactions"`
	Blocks       uint64  `json:"blocks"`
	Invalid      uint64  `json:"invalid"`
	CPU          *CPU    `json:"cpu,omitempty"`
	Machine      Machine `json:"machine"`
	Load         string  `json:"load"`
	FirstError   string  `json:"first_error,omitempty"`
}

// Stage is a part of a window's way, from one verified block to the next that matters.
type Stage struct {
	Name  string  `json:"name"`
	P50MS float64 `json:"p50_ms"`
	P99MS float64 `json:"p99_ms"`
}

// OK reports whether every window became final by all scorers and nothing was lost.
func (r *FinalResult) OK() bool {
	return r.Failed == 0 && r.Lost == 0 && r.Doubled == 0 && r.Missing == 0 && r.Alone == 0 && r.Finals > 0
}

// WriteJSON writes the result as one object on one line.
func (r *FinalResult) WriteJSON(w io.Writer) error { return json.NewEncoder(w).Encode(r) }

// WriteText writes the result for a person.
func (r *FinalResult) WriteText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "waybill bench %s\n\n  %-22s %s\n", r.Bench, "load", r.Load)
	if r.MostPerS > 0 {
		fmt.Fprintf(&b, "  %-22s %.1f final verdicts/s, of which half was offered\n", "at most", r.MostPerS)
	}
	if len(r.Course) > 0 {
		fmt.Fprintf(&b, "  %-22s %s\n", "tenth by tenth", strings.Trim(fmt.Sprintf("%.0f", r.Course), "[]"))
	}
	fmt.Fprintf(&b, "  %-22s %.1f windows/s (%s final in %.1f s)\n", "offered", r.Offered, grouped(float64(r.Finals)), r.Seconds)
	fmt.Fprintf(&b, "  %-22s p50 %s ms, p99 %s ms, longest %s ms\n", "sent to final", grouped(r.P50MS), grouped(r.P99MS), grouped(r.MaxMS))
	for _, s := range r.Stages {
		fmt.Fprintf(&b, "    %-20s p50 %s ms, p99 %s ms\n", s.Name, grouped(s.P50MS), grouped(s.P99MS))
	}
	for by, n := range r.By {
		fmt.Fprintf(&b, "  %-22s %s\n", "final by "+by, grouped(float64(n)))
	}
	if r.CPU != nil {
		fmt.Fprintf(&b, "  %-22s %s\n", "processor time", r.CPU.sentence())
	}
	fmt.Fprintf(&b, "  %-22s %s transactions in %s blocks, %d invalid\n", "on the ledger", grouped(float64(r.Transactions)), grouped(float64(r.Blocks)), r.Invalid)
	fmt.Fprintf(&b, "  %-22s failed %d, lost %d, doubled %d, without a final verdict %d, written alone %d\n", "check", r.Failed, r.Lost, r.Doubled, r.Missing, r.Alone)
	if r.FirstError != "" {
		fmt.Fprintf(&b, "  %-22s %s\n", "first failure", r.FirstError)
	}
	fmt.Fprintf(&b, "  %-22s %d × %s, %.0f GiB, %s/%s, %s\n", "machine", r.Machine.CPUs, orUnknown(r.Machine.CPU), r.Machine.MemoryGiB, r.Machine.OS, r.Machine.Arch, r.Machine.Go)
	_, err := io.WriteString(w, b.String())
	return err
}

// tell puts what was timed since begin into the result.
func (f *finals) tell(r *FinalResult) {
	r.Stages = f.stages()
	f.mu.Lock()
	defer f.mu.Unlock()
	var all Histogram
	for _, s := range f.timed {
		all.Add(s.final.Sub(s.sent), 1)
	}
	r.P50MS, r.P99MS, r.MaxMS = millis(all.Quantile(0.5)), millis(all.Quantile(0.99)), millis(all.Max())
	r.Finals, r.By, r.Alone, r.Missing = uint64(len(f.timed)), f.by, f.alone, uint64(max(f.waiting, 0))
	if r.Missing > 0 && r.FirstError == "" {
		r.FirstError = fmt.Sprintf("%d windows had no final verdict %s after the last was sent", r.Missing, finalPatience)
	}
}

// stages are the parts of the ways that were timed since begin.
func (f *finals) stages() []Stage {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []Stage
	for _, part := range []struct {
		name     string
		from, to func(*span) time.Time
	}{
		{"sent to recorded", func(s *span) time.Time { return s.sent }, func(s *span) time.Time { return s.recorded }},
		{"to opened", func(s *span) time.Time { return s.recorded }, func(s *span) time.Time { return s.opened }},
		{"to all committed", func(s *span) time.Time { return s.opened }, func(s *span) time.Time { return s.committed }},
		{"to closed", func(s *span) time.Time { return s.committed }, func(s *span) time.Time { return s.closed }},
		{"to all revealed", func(s *span) time.Time { return s.closed }, func(s *span) time.Time { return s.revealed }},
		{"to final", func(s *span) time.Time { return s.revealed }, func(s *span) time.Time { return s.final }},
	} {
		var took []time.Duration
		for _, s := range f.timed {
			from, to := part.from(s), part.to(s)
			if !from.IsZero() && !to.IsZero() {
				took = append(took, to.Sub(from))
			}
		}
		if len(took) == 0 {
			continue
		}
		slices.Sort(took)
		out = append(out, Stage{part.name, millis(took[len(took)/2]), millis(took[min(len(took)-1, len(took)*99/100)])})
	}
	return out
}
