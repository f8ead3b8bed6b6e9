package demo

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"golang.org/x/sync/errgroup"

	"github.com/waybill-dev/waybill/analytics/simulate"
	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/epcis"
	"github.com/waybill-dev/waybill/gateway/profile"
	"github.com/waybill-dev/waybill/internal/stack"
)

// FindingRow is a finding that was planted, or one that was not.
type FindingRow struct {
	Code string `json:"code"`
	// Story is what was planted; empty for a finding that was not.
	Story    string `json:"planted,omitempty"`
	Item     string `json:"item,omitempty"`
	Event    string `json:"event"`
	Severity string `json:"severity,omitempty"`
	Detail   string `json:"detail,omitempty"`
	Block    uint64 `json:"block"`
	// OK says that it was planted and is open on the ledger.
	OK bool `json:"ok"`
}

// findings asks for the open findings on every event of the story, and holds them against those planted.
func findings(ctx context.Context, s *stack.Stack, story *simulate.Recall) ([]FindingRow, error) {
	conn, err := s.Dial(recaller, profile.IdentityDashboard)
	if err != nil {
		return nil, err
	}
	api := waybillv1.NewFindingServiceClient(conn)
	events, err := eventsOf(story)
	if err != nil {
		return nil, err
	}
	found := make([][]*waybillv1.Finding, len(events))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(16)
	for i, hash := range events {
		group.Go(func() error {
			answer, err := api.ListFindings(ctx, &waybillv1.ListFindingsRequest{Filter: &waybillv1.FindingFilter{EventHash: hash.String(), OpenOnly: true}, PageSize: 100})
			if err != nil {
				return fmt.Errorf("listing findings: %w", err)
			}
			found[i] = answer.GetFindings()
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return judgeFindings(story.Findings, slices.Concat(found...)), nil
}

// eventsOf are the hashes of the story's events.
func eventsOf(story *simulate.Recall) ([]ledger.Digest, error) {
	var out []ledger.Digest
	for _, a := range story.Actions {
		if a.Kind != simulate.KindEvent {
			continue
		}
		e, err := epcis.ParseEvent(a.Event.Context, a.Event.Body)
		if err != nil {
			return nil, err
		}
		out = append(out, ledger.Digest(e.Hash()))
	}
	return out, nil
}

// judgeFindings gives a row for each finding that was planted, in that order, and then for each that was not.
func judgeFindings(planted []simulate.Planted, found []*waybillv1.Finding) []FindingRow {
	var rows []FindingRow
	for _, p := range planted {
		row := FindingRow{Code: string(p.Code), Story: p.Story, Item: p.Item, Event: p.Event.String()}
		at := slices.IndexFunc(found, func(f *waybillv1.Finding) bool {
			hash, err := epcis.ParseHash(f.GetEventHash())
			return err == nil && ledger.Digest(hash) == p.Event && f.GetCode() == row.Code && f.GetItem() == p.Item
		})
		if at >= 0 {
			row.tell(found[at])
			row.OK = true
			found = slices.Delete(slices.Clone(found), at, at+1)
		}
		rows = append(rows, row)
	}
	for _, f := range found {
		row := FindingRow{Code: f.GetCode(), Item: f.GetItem(), Event: f.GetEventHash()}
		row.tell(f)
		rows = append(rows, row)
	}
	return rows
}

func (r *FindingRow) tell(f *waybillv1.Finding) {
	r.Severity = strings.ToLower(strings.TrimPrefix(f.GetSeverity().String(), "SEVERITY_"))
	r.Detail, r.Block = f.GetDetail(), f.GetBlock()
}

func writeFindings(w io.Writer, rows []FindingRow) error {
	fmt.Fprintln(w, "\nFindings of the contract's rules beside the shipments:")
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "\tPLANTED\tFINDING\tSEVERITY\tBLOCK\tITEM")
	for _, r := range rows {
		planted, severity, block, item := r.Story, r.Severity, some(int(r.Block)), shortEPC(r.Item) //nolint:gosec // a block of a demo
		if planted == "" {
			planted = "nothing"
		}
		if severity == "" {
			severity = "not found"
		}
		if item == "" {
			item = "-"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", mark(r.OK), planted, r.Code, severity, block, item)
	}
	return t.Flush()
}
