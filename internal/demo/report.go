package demo

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/waybill-dev/waybill/analytics/simulate"
)

// Report is what the demo came to.
type Report struct {
	Seed      uint64  `json:"seed"`
	Shipments []Row   `json:"shipments"`
	Seconds   float64 `json:"seconds"`
	// Found of Planted faults were found; Condemned clean shipments were not left alone.
	Planted   int `json:"planted"`
	Found     int `json:"found"`
	Clean     int `json:"clean"`
	Condemned int `json:"condemned"`
	// Findings are those of the contract's rules that were planted beside the shipments, and any that were not.
	Findings []FindingRow `json:"findings"`
	// Picture is of one bad shipment; nil if there was none.
	Picture *Picture `json:"picture,omitempty"`
	// Recall is that of the bad lot.
	Recall RecallReport `json:"recall"`
	Sent   Sent         `json:"sent"`
	// OnChain says how the ledger was asked for the verdicts.
	OnChain OnChain `json:"on_chain"`
	// Scoring says how four scorers judged, one of whom lied.
	Scoring ScoringReport `json:"scoring"`
	// States says whether the peers' world states are equal.
	States States `json:"states"`
	OK     bool   `json:"ok"`
}

// Sent counts what went through the API.
type Sent struct {
	Policies   int `json:"policies"`
	Devices    int `json:"devices"`
	MasterData int `json:"master_data"`
	Events     int `json:"events"`
	Segments   int `json:"segments"`
	Readings   int `json:"readings"`
}

// OnChain is the check of the verdicts against the ledger.
type OnChain struct {
	// Organisation's peer was asked, another than the scorer's.
	Organisation string `json:"organisation"`
	Verdicts     int    `json:"verdicts"`
	Missing      int    `json:"missing"`
	// FirstMissing names one, if any is missing or differs.
	FirstMissing string `json:"first_missing,omitempty"`
}

// States is the comparison of the peers' world states.
type States struct {
	Height uint64   `json:"height"`
	Peers  []string `json:"peers"`
	Digest string   `json:"digest,omitempty"`
	Equal  bool     `json:"equal"`
	Why    string   `json:"why,omitempty"`
}

// settle adds the rows up and decides.
func (r *Report) settle() {
	r.Planted, r.Found, r.Clean, r.Condemned = 0, 0, 0, 0
	all := true
	for _, row := range r.Shipments {
		all = all && row.OK
		if row.Fault == string(simulate.FaultNone) {
			r.Clean++
			if row.Level != "clear" && row.Level != "none" {
				r.Condemned++
			}
			continue
		}
		r.Planted++
		if row.OK {
			r.Found++
		}
	}
	r.OK = all && r.FindingsOK() && r.Recall.OK && r.Scoring.OK && len(r.Shipments) > 0 && r.OnChain.Verdicts > 0 && r.OnChain.Missing == 0 && r.States.Equal
}

// FindingsOK says that the findings are those that were planted.
func (r *Report) FindingsOK() bool {
	return len(r.Findings) > 0 && !slices.ContainsFunc(r.Findings, func(f FindingRow) bool { return !f.OK })
}

// WriteJSON writes the report as one object on one line.
func (r *Report) WriteJSON(w io.Writer) error { return json.NewEncoder(w).Encode(r) }

// shortEPC drops what every EPC begins with: the table is for eyes, --json for copying.
func shortEPC(epc string) string { return strings.TrimPrefix(epc, "https://id.gs1.org/") }

func shortTx(tx string) string { return tx[:min(len(tx), 12)] }

// WriteText writes the table and the sums for a person.
func (r *Report) WriteText(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "\tSHIPMENT\tPRODUCT\tPLANTED\tVERDICT\tWINDOW\tBLOCK\tTRANSACTION\tREASON")
	for _, row := range r.Shipments {
		mark, reason, fault := "ok", row.Reason, row.Fault
		if !row.OK {
			mark, reason = "!!", strings.TrimPrefix(reason+"; "+row.Why, "; ")
		}
		if fault == string(simulate.FaultNone) {
			fault = "-"
		}
		window, block := "-", "-"
		if row.Verdicts > 0 {
			window, block = strconv.FormatUint(uint64(row.Window), 10), strconv.FormatUint(row.Block, 10)
			if row.Final {
				window += " (last)"
			}
		}
		if reason == "" {
			reason = "-"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", mark, shortEPC(row.Shipment), row.Product, fault, row.Level, window, block,
			shortTx(row.Transaction), reason)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if err := r.Picture.writeText(w); err != nil {
		return err
	}
	if err := writeFindings(w, r.Findings); err != nil {
		return err
	}
	if err := r.Recall.writeText(w); err != nil {
		return err
	}
	if err := r.Scoring.writeText(w); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, `
%d of %d planted faults found, %d of %d clean shipments condemned.
%d verdicts asked for on the ledger through the peer of %s: %d missing.
%s
%d events and %d readings in %d segments, seed %d, %s.
`, r.Found, r.Planted, r.Condemned, r.Clean, r.OnChain.Verdicts, r.OnChain.Organisation, r.OnChain.Missing, r.States.sentence(),
		r.Sent.Events, r.Sent.Readings, r.Sent.Segments, r.Seed, time.Duration(r.Seconds*float64(time.Second)).Round(100*time.Millisecond))
	return err
}

func (s States) sentence() string {
	if s.Equal {
		return fmt.Sprintf("World states of %s at height %d are equal: %s.", strings.Join(s.Peers, ", "), s.Height, s.Digest)
	}
	return "World states are not known to be equal: " + s.Why + "."
}
