package demo

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/waybill-dev/waybill/analytics/simulate"
	"github.com/waybill-dev/waybill/api/client"
	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/api/trace"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/gateway/profile"
	"github.com/waybill-dev/waybill/internal/stack"
)

const (
	// recaller is the organisation that recalls: the one whose lot is bad.
	recaller = simulate.Producer
	// answerPatience is how long the recall's events, or the root above them, are waited for.
	answerPatience = 30 * time.Second
	answerAgain    = 100 * time.Millisecond
	shownDiffs     = 5
)

// RecallReport is a recall of the bad lot, held against what was planted.
type RecallReport struct {
	// Organisation asked, its own server.
	Organisation string `json:"organisation"`
	Lot          string `json:"lot"`
	Name         string `json:"name"`
	// Inspection is the event that found the lot bad.
	Inspection string `json:"inspection"`
	// Finished is the lot made of it that was sold.
	Finished string `json:"finished_lot"`
	// Lots, Transformations, Contains and Touched count what the answer names beside the lot itself; Contains
	// and Touched count items.
	Lots            int         `json:"lots"`
	Transformations int         `json:"transformations"`
	Contains        int         `json:"contains"`
	Touched         int         `json:"touched"`
	Sold            int         `json:"sold"`
	Holders         []HolderRow `json:"holders"`
	// Spared things stood near, and the answer rightly does not name them.
	Spared int `json:"spared"`
	// Milliseconds that the answer took, as the client saw it.
	Milliseconds float64 `json:"milliseconds"`
	Height       uint64  `json:"ledger_height"`
	Block        string  `json:"last_block"`
	// Evidence counts the events that the answer rests on.
	Evidence int         `json:"evidence"`
	Proof    ProofReport `json:"proof"`
	// Differences between the answer and what was planted.
	Differences []string `json:"differences,omitempty"`
	OK          bool     `json:"ok"`
}

// HolderRow counts what one organisation holds at one place of what a recall reached.
type HolderRow struct {
	Organisation string `json:"organisation"`
	Place        string `json:"place"`
	Name         string `json:"name,omitempty"`
	Held         int    `json:"held"`
	Shipped      int    `json:"shipped"`
	Sold         int    `json:"sold"`
	Ended        int    `json:"ended"`
	// Party is whom shipped goods are on their way to, where the event names it.
	Party string `json:"party,omitempty"`
}

// recall asks for the recall of the story's lot once every event of the demo is in the answer.
func (p *player) recall(ctx context.Context, s *stack.Stack, story *simulate.Recall) (*RecallReport, trace.Graph, error) {
	out := &RecallReport{Organisation: recaller, Lot: story.Lot, Name: story.Name, Inspection: story.Inspection.String(), Finished: story.Finished}
	conn, err := s.Dial(recaller, profile.IdentityDashboard)
	if err != nil {
		return nil, trace.Graph{}, err
	}
	api := waybillv1.NewTraceServiceClient(conn)
	patience, cancel := context.WithTimeout(ctx, answerPatience)
	defer cancel()
	for {
		begun := time.Now()
		stream, err := api.Recall(patience, &waybillv1.RecallRequest{Id: story.Lot})
		if err != nil {
			return nil, trace.Graph{}, fmt.Errorf("asking for the recall: %w", err)
		}
		g, err := client.ReadGraph(func() (*waybillv1.TracePart, error) {
			part, failed := stream.Recv()
			return part.GetPart(), failed
		})
		if err != nil {
			return nil, trace.Graph{}, fmt.Errorf("asking for the recall: %w", err)
		}
		out.Milliseconds = float64(time.Since(begun).Microseconds()) / 1000
		if g.AsOf.Height > p.sent.block.Load() {
			out.tell(story, g, p.msps)
			return out, g, nil
		}
		select {
		case <-patience.Done():
			return nil, trace.Graph{}, context.Cause(patience)
		case <-time.After(answerAgain):
		}
	}
}

// tell counts what the answer says, and holds it against what was planted.
func (r *RecallReport) tell(story *simulate.Recall, g trace.Graph, msps map[string]string) {
	r.Height, r.Block = g.AsOf.Height, ledger.Digest(g.AsOf.Hash).String()
	names := map[string]string{}
	for org, msp := range msps {
		names[msp] = org
	}
	holders := map[string]*HolderRow{}
	for _, n := range g.Nodes {
		switch {
		case n.Degree == trace.Subject:
			continue
		case n.Kind == trace.KindTransformation:
			r.Transformations++
			continue
		case n.Kind != trace.KindItem:
			r.Lots++
			continue
		case n.Degree == trace.Touched:
			r.Touched++
		default:
			r.Contains++
		}
		c := cmp.Or(n.Custody, &trace.Custody{})
		key := c.Custodian + " " + c.Place
		if holders[key] == nil {
			holders[key] = &HolderRow{Organisation: cmp.Or(names[c.Custodian], c.Custodian), Place: c.Place, Name: story.Places[c.Place]}
		}
		holders[key].count(c, story.Places)
		if c.Status == trace.StatusSold {
			r.Sold++
		}
	}
	for _, key := range slices.Sorted(maps.Keys(holders)) {
		r.Holders = append(r.Holders, *holders[key])
	}
	r.Differences, r.Spared = differences(story, g, msps), len(story.Unreached)
	r.Evidence = len(evidenceOf(story, g))
}

func (h *HolderRow) count(c *trace.Custody, names map[string]string) {
	switch c.Status {
	case trace.StatusShipped:
		h.Shipped++
		h.Party = cmp.Or(names[c.Party], shortEPC(c.Party))
	case trace.StatusSold:
		h.Sold++
	case trace.StatusEnded:
		h.Ended++
	case trace.StatusHeld, trace.StatusUnknown:
		h.Held++
	}
}

// differences are what the answer to a recall says otherwise than the story, thing by thing; none is
// as it should be.
func differences(story *simulate.Recall, g trace.Graph, msps map[string]string) []string {
	var out []string
	if g.Root != story.Lot {
		out = append(out, fmt.Sprintf("it is of %s, not of %s", g.Root, story.Lot))
	}
	for _, t := range g.Truncated {
		out = append(out, "it is cut by "+string(t))
	}
	wanted := map[string]simulate.Reached{}
	for _, want := range story.Reached {
		wanted[want.ID] = want
	}
	for _, n := range g.Nodes {
		want, ok := wanted[n.ID]
		delete(wanted, n.ID)
		if !ok {
			out = append(out, "it names "+n.ID+", which the lot never reached")
			continue
		}
		c := cmp.Or(n.Custody, &trace.Custody{})
		got := simulate.Reached{
			ID: n.ID, Degree: string(n.Degree), Transformation: n.Kind == trace.KindTransformation, Holder: c.Custodian, Status: string(c.Status), Place: c.Place,
		}
		want.Holder = msps[want.Holder]
		if got != want {
			out = append(out, fmt.Sprintf("it says %+v, not %+v", got, want))
		}
	}
	for _, id := range slices.Sorted(maps.Keys(wanted)) {
		out = append(out, "it does not name "+id)
	}
	return out
}

// evidenceOf are the events that an answer rests on, and the inspection that asked for it, each once.
func evidenceOf(story *simulate.Recall, g trace.Graph) []ledger.Digest {
	all := map[ledger.Digest]bool{story.Inspection: true}
	add := func(e *trace.Evidence) {
		if e != nil {
			all[e.Hash] = true
		}
	}
	for _, e := range g.Edges {
		add(&e.Begin)
		add(e.End)
	}
	for _, n := range g.Nodes {
		if c := n.Custody; c != nil {
			add(c.Held)
			add(c.Since)
			add(c.Seen)
		}
	}
	return slices.SortedFunc(maps.Keys(all), func(a, b ledger.Digest) int { return slices.Compare(a[:], b[:]) })
}

// printedLot writes a lot as GS1 prints it on goods.
func printedLot(canonical string) string {
	rest, ok := strings.CutPrefix(canonical, "https://id.gs1.org/01/")
	gtin, lot, found := strings.Cut(rest, "/10/")
	if !ok || !found || strings.ContainsAny(lot, "%/") {
		return canonical
	}
	return "(01)" + gtin + "(10)" + lot
}

func some(n int) string {
	if n == 0 {
		return "-"
	}
	return strconv.Itoa(n)
}

func (r *RecallReport) writeText(w io.Writer) error {
	fmt.Fprintf(w, `
A recall of %s, lot %s, found bad by event %s:
it may be in %d packs and pallets, of %d lots that %d transformations made of it; %d more were in one container with it, or held it once. %d are sold already.

`, r.Name, printedLot(r.Lot), r.Inspection[:min(len(r.Inspection), 12)], r.Contains, r.Lots, r.Transformations, r.Touched, r.Sold)
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "\tHOLDER\tPLACE\tHELD\tON THE WAY\tSOLD\tENDED")
	for _, h := range r.Holders {
		shipped := some(h.Shipped)
		if h.Party != "" {
			shipped += " to " + h.Party
		}
		fmt.Fprintf(t, "\t%s\t%s\t%s\t%s\t%s\t%s\n", h.Organisation, cmp.Or(h.Name, shortEPC(h.Place)), some(h.Held), shipped, some(h.Sold), some(h.Ended))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	verdict := fmt.Sprintf("exactly what was planted; %d things that stood near are rightly left out", r.Spared)
	if len(r.Differences) > 0 {
		verdict = fmt.Sprintf("NOT what was planted, in %d places:\n     %s", len(r.Differences), strings.Join(r.Differences[:min(len(r.Differences), shownDiffs)], "\n     "))
	}
	if _, err := fmt.Fprintf(w, "\n%s  the answer of %s's server, after %d blocks, took %.1f ms: %s.\n", mark(len(r.Differences) == 0), r.Organisation, r.Height, r.Milliseconds, verdict); err != nil {
		return err
	}
	return r.Proof.writeText(w)
}

func mark(ok bool) string {
	if ok {
		return "ok"
	}
	return "!!"
}
