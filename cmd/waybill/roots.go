package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"

	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/gateway/profile"
)

func (a *app) newRootsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "roots", Short: "Show the roots that the organisations anchored, and who disagrees", Args: cobra.NoArgs, RunE: groupOnly,
	}
	list := &cobra.Command{
		Use:   "list",
		Short: "List the organisations with how their roots stand, and the last anchored roots",
		Long: `Show for each organisation whether its roots of the proof log are those of the node asked: agrees, differs
(it anchored a root that is not this node's), late or absent (it has not anchored what a majority has),
or nothing yet (neither it nor a majority has anchored any); and the heights at which roots were anchored, the highest first. Exit code 1 if an organisation differs.`,
		Example: `  waybill roots list
  waybill roots list --json | jq '.organisations[] | select(.standing != "agrees")'`,
		Args: cobra.NoArgs,
	}
	limit := list.Flags().Uint32("limit", 10, "how many heights")
	list.RunE = func(cmd *cobra.Command, _ []string) error {
		return a.ask(cmd, profile.IdentityDashboard, func(ctx context.Context, conn grpc.ClientConnInterface) error {
			r, err := waybillv1.NewProofServiceClient(conn).ListRoots(ctx, &waybillv1.ListRootsRequest{Limit: *limit})
			if err != nil {
				return err
			}
			if a.json {
				err = writeView(cmd.OutOrStdout(), r)
			} else {
				err = a.printRoots(cmd.OutOrStdout(), r)
			}
			if err != nil {
				return err
			}
			var wrong []string
			for _, o := range r.GetOrganisations() {
				if o.GetStanding() == waybillv1.Standing_STANDING_DIFFERS {
					wrong = append(wrong, o.GetOrganisation())
				}
			}
			if len(wrong) > 0 {
				return refused("the roots of %s differ from this node's", strings.Join(wrong, ", "))
			}
			return nil
		})
	}
	export := &cobra.Command{
		Use:   "export FOLDER",
		Short: "Write the organisations' root certificates of the connection profile, for waybill verify",
		Long: `Write the root certificates of the organisations that anchor roots, those with peers, each as
FOLDER/MSPID.pem, from the connection profile. Whoever does not trust the profile gets each file from its organisation instead.`,
		Example: "  waybill roots export roots/",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := a.loadProfile()
			if err != nil {
				return err
			}
			return a.exportRoots(cmd.OutOrStdout(), p, args[0])
		},
	}
	cmd.AddCommand(list, export)
	return cmd
}

func (a *app) printRoots(w io.Writer, r *waybillv1.ListRootsResponse) error {
	t := newTable(w, "ORGANISATION", "ROOTS", "SINCE", "LAST HEIGHT", "LEAVES", "FALSE", "WHY")
	for _, o := range r.GetOrganisations() {
		last := o.GetLast().GetRoot()
		why := o.GetWhy()
		if f := o.GetLastFalse(); why == "" && f != nil {
			why = fmt.Sprintf("at height %d it anchored the false root %s", f.GetRoot().GetHeight(), f.GetRoot().GetHash())
		}
		stands := wordOf(o.GetStanding())
		if nothingYet(o) {
			stands = "nothing yet"
		}
		t.row(o.GetOrganisation(), stands, stamp(o.GetSince()), number(last.GetHeight()), number(last.GetSize()), number(uint64(o.GetFalseRoots())), why)
	}
	if err := t.flush(); err != nil {
		return err
	}
	agreed := "no root is anchored by a majority yet"
	if root := r.GetAgreed(); root != nil {
		agreed = fmt.Sprintf("a majority agrees on %s: %d leaves after %d blocks", root.GetHash(), root.GetSize(), root.GetHeight())
	}
	if _, err := fmt.Fprintf(w, "%s\n\n", agreed); err != nil {
		return err
	}
	t = newTable(w, "HEIGHT", "LEAVES", "ROOT", "AGREED", "ANCHORED BY")
	for _, h := range r.GetHeights() {
		by := make([]string, len(h.GetAnchors()))
		for i, x := range h.GetAnchors() {
			by[i] = x.GetOrganisation()
			if !x.GetAgrees() {
				by[i] += " (differs: " + short(x.GetRoot().GetHash()) + ")"
			}
		}
		agreed := "no"
		if h.GetAgreed() {
			agreed = "yes"
		}
		t.row(number(h.GetHeight()), number(h.GetOwn().GetSize()), h.GetOwn().GetHash(), agreed, strings.Join(by, ", "))
	}
	return t.flush()
}

// nothingYet tells whether an organisation's roots stand for nothing, since it has anchored none and is not late.
func nothingYet(o *waybillv1.OrganisationRoots) bool {
	s := o.GetStanding()
	return o.GetLast() == nil && (s == waybillv1.Standing_STANDING_AGREES || s == waybillv1.Standing_STANDING_UNSPECIFIED)
}

func number(n uint64) string { return strconv.FormatUint(n, 10) }

// anchoring lists the organisations of a profile whose roots count: those with peers, the same that endorse.
// A member without one keeps no ledger of its own to vouch for; it reads that of the others and checks their
// roots against the log that it derives. A profile that names nobody's peers leaves its own organisation.
func anchoring(p *profile.Profile) []string {
	var organisations []string
	for mspID, peers := range p.Peers {
		if len(peers) > 0 {
			organisations = append(organisations, mspID)
		}
	}
	if len(organisations) == 0 {
		return []string{p.MSPID}
	}
	slices.Sort(organisations)
	return organisations
}

func (a *app) exportRoots(w io.Writer, p *profile.Profile, folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil { //nolint:gosec // certificates are for everyone to read
		return fail(exitRefused, codeFile, "", "%s", err)
	}
	for _, mspID := range anchoring(p) {
		var all [][]byte
		for _, file := range p.TrustRoots[mspID] {
			raw, err := os.ReadFile(file) //nolint:gosec // the profile names it
			if err != nil {
				return fail(exitRefused, codeFile, "", "%s", err)
			}
			all = append(all, raw)
		}
		path := filepath.Join(folder, mspID+".pem")
		if err := os.WriteFile(path, bytes.Join(all, []byte("\n")), 0o644); err != nil { //nolint:gosec // as above
			return fail(exitRefused, codeFile, "", "%s", err)
		}
		if !a.quiet && !a.json {
			if _, err := fmt.Fprintln(w, path); err != nil {
				return err
			}
		}
	}
	if a.json {
		return writeJSON(w, object{{"folder", folder}, {"organisations", anchoring(p)}})
	}
	return nil
}
