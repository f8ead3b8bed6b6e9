package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/waybill-dev/waybill/analytics/audit"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/epcis"
)

const auditLong = `Make a verdict again from nothing but the ledger, and compare every field. The ledger is read from a peer, each
block verified. The snapshots that the verdict's model was fitted to are rebuilt, the model is trained anew by what
its record says of code, parameters and seed, and the shipment is scored again with the model on the ledger. Each
field of verdict, model and snapshots is compared with what comes out, with what the block says of the transaction,
and with what the submitter signed. Where the model was evaluated on a snapshot it is measured again, and each metric
that the ledger alone gives is compared (see waybill model measure); others are told and no fault.

Behind a final verdict stands a task of several organisations: what it lists is rebuilt from the ledger and must give its id and inputs, and
its panel, commitments, reveals, claims and end are decided once more by the contract's own rules and compared. The audit tells by what it
became final, who answered what, and what became of claims that something is left out. A verdict that the final one overruled is made again
too; that it says something else is told and no fault.

A model that another build of this program was trained with differs by its code; with --other-build that is told and
no fault, while its artefact must come out all the same. The exit code is 1 if anything differs.`

func (a *app) newAuditCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "audit SHIPMENT WINDOW [MODEL]",
		Short: "Make a verdict again from the ledger alone, and compare",
		Long:  auditLong,
		Example: `  waybill audit urn:epc:id:sscc:9521321.0000000001 0
  waybill audit https://id.gs1.org/00/095213210000000018 3 fridge@5f2b…c1 --checks
  waybill audit https://id.gs1.org/00/095213210000000018 3 --artefact model.json
  waybill audit https://id.gs1.org/00/095213210000000018 3 --json | jq 'select(.ok == false)'`,
		Args: cobra.RangeArgs(2, 3),
	}
	other := cmd.Flags().Bool("other-build", false, "another build may have trained the model")
	checks := cmd.Flags().Bool("checks", false, "list every comparison, not only what differs")
	skip := cmd.Flags().Bool("skip-evaluations", false, "do not measure the model again where it was evaluated")
	artefact := cmd.Flags().String("artefact", "", "also hold this `FILE`, a copy of the model's artefact, to the ledger's")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ctx, cancel := a.within(cmd.Context())
		defer cancel()
		shipment, err := epcis.CanonicalEPC(args[0])
		if err != nil {
			return err
		}
		window, err := strconv.ParseUint(args[1], 10, 32)
		if err != nil {
			return usage("%q is not a window's number", args[1])
		}
		name := audit.Name{Shipment: shipment, Window: uint32(window)}
		if len(args) == 3 {
			name.Model = args[2]
		}
		return a.audit(ctx, cmd, name, auditFlags{*other, *checks, *skip, *artefact})
	}
	return cmd
}

type auditFlags struct {
	otherBuild, checks, skipEvaluations bool
	artefact                            string
}

func (a *app) audit(ctx context.Context, cmd *cobra.Command, name audit.Name, f auditFlags) error {
	var copied []byte
	if f.artefact != "" {
		var err error
		if copied, err = artefactFile(f.artefact); err != nil {
			return err
		}
	}
	source, release, err := a.openAudit(cmd)
	if err != nil {
		return err
	}
	defer release()
	program, finish, err := a.auditing(cmd)
	if err != nil {
		return err
	}
	program.OtherBuild, program.SkipEvaluations = f.otherBuild, f.skipEvaluations
	began := time.Now()
	report, err := audit.Verdict(ctx, source, program, name)
	finish()
	if err != nil {
		return err
	}
	took := time.Since(began)
	if copied != nil {
		_, recorded, _ := ledger.ArtefactOf(report.Verdict.Model)
		found := ledger.Digest(sha256.Sum256(copied))
		report.Checks = append(report.Checks, audit.Check{
			Subject: "the copy " + f.artefact, Field: "digest", How: audit.Recomputed, Recorded: recorded.String(), Found: found.String(), OK: found == recorded,
		})
	}
	w := cmd.OutOrStdout()
	if f.checks {
		if err := a.sayChecks(w, report); err != nil {
			return err
		}
	}
	if err := a.sayAudit(w, report, took); err != nil {
		return err
	}
	if err := a.sayTask(cmd, report.Task); err != nil {
		return err
	}
	return a.sayDifferences(w, report)
}

// artefactFile reads a file that may be an artefact by its size.
func artefactFile(file string) ([]byte, error) {
	f, err := os.Open(file) //nolint:gosec // the user names the file
	if err != nil {
		return nil, fileFailure(file, err)
	}
	defer f.Close() //nolint:errcheck // was read only
	content, err := io.ReadAll(io.LimitReader(f, ledger.MaxArtefactBytes+1))
	switch {
	case err != nil:
		return nil, fileFailure(file, err)
	case len(content) > ledger.MaxArtefactBytes:
		return nil, usage("%s: more than %d bytes are no artefact", file, ledger.MaxArtefactBytes)
	}
	return content, nil
}

func (a *app) sayChecks(w io.Writer, report *audit.Report) error {
	if a.json {
		for _, c := range report.Checks {
			if err := writeJSON(w, object{{"subject", c.Subject}, {"field", c.Field}, {"how", string(c.How)}, {"ok", c.OK || c.Note}, {"recorded", c.Recorded}, {"found", c.Found}}); err != nil {
				return err
			}
		}
		return nil
	}
	t := newTable(w, "SUBJECT", "FIELD", "HOW", "", "RECORDED")
	for _, c := range report.Checks {
		said := strings.TrimSpace(verdictOn(c.OK))
		if c.Note {
			said = "note"
		}
		t.row(c.Subject, c.Field, string(c.How), said, c.Recorded)
	}
	return t.flush()
}

// sayAudit sums an audit up.
func (a *app) sayAudit(w io.Writer, r *audit.Report, took time.Duration) error {
	v := r.Verdict
	model, datasets := "not registered; it is the one that ships with this program", []string(nil)
	if r.Model != nil {
		model = r.Model.Ref().String() + " of " + r.Model.MSPID
		if r.Standing != nil {
			model += ", " + r.Standing.State.String()
			if len(r.Standing.Approvers) > 0 {
				model += ", approved by " + strings.Join(r.Standing.Approvers, " and ")
			}
		}
	}
	for _, d := range r.Datasets {
		datasets = append(datasets, fmt.Sprintf("%s/%d", d.ID, d.Version))
	}
	revoked := ""
	if r.Revoked != nil {
		revoked = fmt.Sprintf("by %s at %s: %s", r.Revoked.MSPID, stampOf(r.Revoked.At), r.Revoked.Reason)
	}
	same := func(subject, field string) string {
		i := slices.IndexFunc(r.Checks, func(c audit.Check) bool {
			return strings.HasPrefix(c.Subject, subject) && c.Field == field && c.How == audit.Recomputed
		})
		switch {
		case i < 0:
			return ""
		case r.Checks[i].OK:
			return "ok       " + r.Checks[i].Found
		default:
			return "DIFFERS  " + r.Checks[i].Found
		}
	}
	if a.json {
		return writeJSON(w, object{
			{"shipment", v.Shipment},
			{"window", v.Window},
			{"model", v.Model},
			{"level", v.Level.String()},
			{"block", r.Block},
			{"ok", r.OK()},
			{"checks", len(r.Checks)},
			{"differences", len(r.Differences())},
			{"readings", r.Readings},
			{"journeys", r.Journeys},
			{"datasets", datasets},
			{"revoked", r.Revoked != nil},
			{"task", taskObject(r.Task)},
			{"seconds", took.Seconds()},
		})
	}
	final, list := "no task of several organisations came to it: it is one organisation's word", ""
	if t := r.Task; t != nil {
		final = fmt.Sprintf("by %s in block %d: %s, score %s", t.Final.By, t.Block, t.Final.Answer.Level, millionths(t.Final.Answer.Score))
		if b := t.Settlement; b != nil && b.Blend != nil {
			final += fmt.Sprintf(", median of %d from %s to %s", b.Blend.Count, millionths(b.Blend.Low), millionths(b.Blend.High))
		}
		list = "ok       " + t.Task.ID.String()
		if !t.Rebuilt {
			list = "DIFFERS  " + t.Task.ID.String()
		}
	}
	return facts(w,
		"verdict", fmt.Sprintf("%s, window %d of %s, recorded by %s in block %d", v.Level, v.Window, v.Shipment, v.Scorer, r.Block),
		"final", final, "task", list, "model", model, "revoked", revoked, "data sets", strings.Join(datasets, ", "),
		"root", same("data set", "root"), "artefact", same("model", "artefact"), "inputs", same("verdict", "inputs"), "trace", same("verdict", "trace"),
		"rests on", count(int64(r.Readings), "reading")+ifTrue(r.Journeys > 0, ", a model of "+count(r.Journeys, "journey")), //nolint:gosec // a count
		"compared", fmt.Sprintf("%s, %s in %.1f s", count(len(r.Checks), "field"), count(len(r.Differences()), "difference"), took.Seconds()))
}

// taskObject is the task behind a final verdict for programs.
func taskObject(t *audit.Task) any {
	if t == nil {
		return nil
	}
	var answers, claims []object
	for _, r := range t.Reveals {
		seat, _ := t.Task.Seat(r.Account)
		answers = append(answers, object{
			{"account", r.Account.String()},
			{"msp_id", seat.MSPID},
			{"model", r.Answer.Model},
			{"level", r.Answer.Level.String()},
			{"score_millionths", r.Answer.Score},
			{"is_final", r.Answer == t.Final.Answer},
		})
	}
	for _, c := range t.Claims {
		claims = append(claims, object{{"account", c.Account.String()}, {"before", c.Before}, {"refuted", !c.Open()}})
	}
	return object{
		{"id", t.Task.ID.String()},
		{"settled_by", t.Final.By.String()},
		{"block", t.Block},
		{"rebuilt", t.Rebuilt},
		{"references", len(t.Task.Statement.References)},
		{"answers", answers},
		{"claims", claims},
	}
}

// sayTask tells who answered what, and who claimed that something is left out.
func (a *app) sayTask(cmd *cobra.Command, task *audit.Task) error {
	if task == nil || a.json {
		return nil
	}
	w := cmd.OutOrStdout()
	fmt.Fprintln(w)
	t := a.newTable(cmd, "SCORER", "ORGANISATION", "STAKE", "ANSWERED", "SCORE", "OUTCOME")
	for _, seat := range task.Task.Panel {
		row := []string{seat.Account.String(), seat.MSPID, decimal(uint64(seat.Weight)), "nothing", "", ""}
		if slices.ContainsFunc(task.Commitments, func(c ledger.Commitment) bool { return c.Account == seat.Account }) {
			row[3] = "committed, and revealed nothing"
		}
		for _, r := range task.Reveals {
			if r.Account == seat.Account {
				row[3], row[4] = r.Answer.Level.String(), millionths(r.Answer.Score)
				row[5] = ifTrue(task.Final.Model != "" && r.Answer == task.Final.Answer, "is final") + ifTrue(task.Settlement != nil && slices.Contains(task.Settlement.Wrong, seat.Account), "proven wrong")
			}
		}
		t.row(row...)
	}
	if err := t.flush(); err != nil || len(task.Claims) == 0 {
		return err
	}
	fmt.Fprintln(w)
	t = a.newTable(cmd, "CLAIMED BY", "LEFT OUT", "BEFORE", "CLAIM")
	for _, c := range task.Claims {
		omitted, state := "event "+c.Omitted.Digest.String(), "not refuted"
		if c.Omitted.Kind == ledger.RefSegments {
			omitted = fmt.Sprintf("segment %d of %s", c.Omitted.First, c.Omitted.ID)
		}
		if r := c.Refuted; r != nil {
			state = fmt.Sprintf("refuted by %s with reference %d, under the root at height %d", r.Account, r.Reference, r.Height)
		}
		t.row(c.Account.String(), omitted, decimal(c.Before), state)
	}
	return t.flush()
}
