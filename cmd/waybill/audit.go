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
			{"seconds", took.Seconds()},
		})
	}
	return facts(w,
		"verdict", fmt.Sprintf("%s, window %d of %s, recorded by %s in block %d", v.Level, v.Window, v.Shipment, v.Scorer, r.Block),
		"model", model, "revoked", revoked, "data sets", strings.Join(datasets, ", "),
		"root", same("data set", "root"), "artefact", same("model", "artefact"), "inputs", same("verdict", "inputs"), "trace", same("verdict", "trace"),
		"rests on", fmt.Sprintf("%s, a model of %s", count(int64(r.Readings), "reading"), count(r.Journeys, "journey")), //nolint:gosec // a count
		"compared", fmt.Sprintf("%s, %s in %.1f s", count(len(r.Checks), "field"), count(len(r.Differences()), "difference"), took.Seconds()))
}
