package demo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/waybill-dev/waybill/analytics/plot"
	"github.com/waybill-dev/waybill/analytics/simulate"
	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/gateway/profile"
	"github.com/waybill-dev/waybill/internal/picture"
	"github.com/waybill-dev/waybill/internal/stack"
)

// pictureFile is the picture of one bad shipment, in the demo's folder.
const pictureFile = "shipment.svg"

// Picture is one bad shipment told in full: why, and where the picture is.
type Picture struct {
	Shipment string `json:"shipment"`
	Level    string `json:"level"`
	File     string `json:"file"`
	// Reasons are all of the verdict's, the one that contributes most first.
	Reasons []Cause `json:"reasons"`
}

// Cause is one reason of a verdict.
type Cause struct {
	Code  string  `json:"code"`
	Share float64 `json:"share"` // of the score
	From  string  `json:"from,omitempty"`
	To    string  `json:"to,omitempty"`
	// Detail is a sentence for a person, Cleared one on what would have cleared it.
	Detail  string `json:"detail"`
	Cleared string `json:"cleared,omitempty"`
}

// worth ranks rows for the picture: what is seen in readings, found and grave first.
func worth(r Row) int {
	n := 0
	switch simulate.Fault(r.Fault) {
	case simulate.FaultExcursion, simulate.FaultFreeze:
		n += 4
	case simulate.FaultDrift, simulate.FaultStuck:
		n += 2
	default:
	}
	if r.OK && r.Fault != string(simulate.FaultNone) {
		n++
	}
	return n
}

// picture draws the shipment that shows most, from what the scorer's API says. A day without a bad one has none.
func (r *Report) picture(ctx context.Context, s *stack.Stack, folder string, verdicts map[string][]*waybillv1.Verdict) (err error) {
	bad := slices.DeleteFunc(slices.Clone(r.Shipments), func(row Row) bool { return row.Level == "clear" || row.Level == "none" })
	if len(bad) == 0 {
		return nil
	}
	row := slices.MaxFunc(bad, func(a, b Row) int { return cmp.Compare(worth(a), worth(b)) })
	conn, err := s.Dial(watcher, profile.IdentityDashboard)
	if err != nil {
		return err
	}
	chart, err := picture.OfShipment(ctx, conn, row.Shipment, row.Product+", "+shortEPC(row.Shipment)+": "+row.Level)
	if err != nil {
		return err
	}
	p := &Picture{Shipment: row.Shipment, Level: row.Level, File: filepath.Join(folder, pictureFile)}
	worst := slices.MaxFunc(verdicts[row.Shipment], func(a, b *waybillv1.Verdict) int {
		return cmp.Or(cmp.Compare(a.GetLevel(), b.GetLevel()), cmp.Compare(a.GetScoreMillionths(), b.GetScoreMillionths()))
	})
	for _, c := range worst.GetReasons() {
		p.Reasons = append(p.Reasons, causeOf(c, worst.GetScoreMillionths()))
	}
	slices.SortStableFunc(p.Reasons, func(a, b Cause) int { return cmp.Compare(b.Share, a.Share) })
	f, err := os.Create(p.File)
	if err != nil {
		return err
	}
	r.Picture = p
	return errors.Join(chart.Write(f, plot.SVG), f.Close())
}

func causeOf(c *waybillv1.Reason, score int64) Cause {
	out := Cause{Code: c.GetCode(), Detail: c.GetDetail(), Cleared: c.GetCounterfactual()}
	if score > 0 {
		out.Share = float64(c.GetContributionMillionths()) / float64(score)
	}
	if c.GetFrom() != nil && c.GetTo() != nil {
		out.From, out.To = c.GetFrom().AsTime().UTC().Format(time.RFC3339), c.GetTo().AsTime().UTC().Format(time.RFC3339)
	}
	return out
}

// writeText tells why, and where the picture is.
func (p *Picture) writeText(w io.Writer) error {
	if p == nil {
		return nil
	}
	fmt.Fprintf(w, "\nWhy %s is %s, each reason with its part of the score:\n", shortEPC(p.Shipment), p.Level)
	for _, c := range p.Reasons {
		fmt.Fprintf(w, "  %3.0f %%  %s: %s\n", 100*c.Share, c.Code, c.Detail)
		if c.Cleared != "" {
			fmt.Fprintf(w, "         %s\n", c.Cleared)
		}
	}
	_, err := fmt.Fprintf(w, "Its readings, limits, verdicts and the windows of these reasons are drawn in %s\n", p.File)
	return err
}
