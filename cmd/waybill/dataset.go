package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"

	"github.com/waybill-dev/waybill/analytics/audit"
	"github.com/waybill-dev/waybill/analytics/dataset"
	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/gateway/profile"
)

const datasetLong = `A data set snapshot is a range of blocks, frozen: what they recorded as canonical bytes, record by record in
ledger order, under one RFC 6962 root. The ledger holds the root, so whoever has the ledger makes the snapshot
again and compares.`

func (a *app) newDatasetCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "dataset", Short: "Freeze snapshots of data sets, and verify them", Long: datasetLong, Args: cobra.NoArgs, RunE: groupOnly}
	cmd.AddCommand(a.newDatasetSnapshotCommand(), a.newDatasetVerifyCommand(), a.newDatasetListCommand())
	return cmd
}

type snapshotFlags struct {
	from, to       uint64
	where          []string
	licence, about string
	dry            bool
}

func (a *app) newDatasetSnapshotCommand() *cobra.Command {
	var f snapshotFlags
	cmd := &cobra.Command{
		Use:   "snapshot ID[/VERSION]",
		Short: "Freeze what a range of blocks recorded",
		Long: datasetLong + `

It is read from a peer, block by block, each verified. With --where only what concerns the journeys that have one
of the values of every name given: shipment=EPC, device=EPC, policy=ID, lane=FROM>TO. Without a version it becomes
the next of its data set. With --dry-run nothing is written.`,
		Example: `  waybill dataset snapshot fridge --licence CC-BY-4.0
  waybill dataset snapshot fridge/2 --from 1200 --to 4800 --where policy=refrigerated --licence https://example.org/terms
  waybill dataset snapshot fridge --dry-run --json | jq -r .root`,
		Args: cobra.ExactArgs(1),
	}
	flags := cmd.Flags()
	flags.Uint64Var(&f.from, "from", 0, "the first `BLOCK`")
	flags.Uint64Var(&f.to, "to", 0, "the `BLOCK` after the last (default: the ledger's height)")
	flags.StringArrayVar(&f.where, "where", nil, "only journeys with this `NAME=VALUE`; may be given again")
	flags.StringVar(&f.licence, "licence", "", "SPDX identifier or URL of the terms under which it may be used")
	flags.StringVar(&f.about, "about", "", "what it is, for people")
	flags.BoolVar(&f.dry, "dry-run", false, "say what it would be, and write nothing")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ctx, cancel := a.within(cmd.Context())
		defer cancel()
		return a.snapshot(ctx, cmd, &f, args[0])
	}
	return cmd
}

// datasetName reads "id" or "id/version"; the version is 0 if there is none.
func datasetName(name string) (id string, version uint32, err error) {
	if strings.Contains(name, "/") {
		return ledger.ParseDatasetName(name)
	}
	id, _, err = ledger.ParseDatasetName(name + "/1")
	return id, 0, err
}

func (a *app) snapshot(ctx context.Context, cmd *cobra.Command, f *snapshotFlags, name string) error {
	id, version, err := datasetName(name)
	if err != nil {
		return err
	}
	if f.licence == "" && !f.dry {
		return usage("say with --licence under which terms the data may be used")
	}
	query, err := dataset.NewQuery(f.where)
	if err != nil {
		return usage("%w", err)
	}
	source, release, err := a.openAudit(cmd)
	if err != nil {
		return err
	}
	defer release()
	height, err := source.Height(ctx)
	if err != nil {
		return err
	}
	of := dataset.Selection{From: f.from, To: cmp.Or(f.to, height), Query: query}
	if of.To > height {
		return usage("--to %d: the ledger has %d blocks", of.To, height)
	}
	bar := newProgress(cmd.ErrOrStderr(), a.quiet, "reading", int64(of.To), "blocks", "transactions") //nolint:gosec // a ledger's height
	built, err := dataset.Build(ctx, watchedLedger{datasetLedger{source}, bar}, of, false)
	bar.finish()
	if err != nil {
		return err
	}
	d := built.Snapshot
	d.ID, d.Version, d.Licence, d.About = id, version, f.licence, f.about
	if f.dry {
		return a.saySnapshot(cmd.OutOrStdout(), d, "not frozen: --dry-run")
	}
	return a.freeze(cmd, d) //nolint:contextcheck // like every question to the API it bounds its own time
}

// freeze puts a snapshot on the ledger, as the next of its data set if it has no version.
func (a *app) freeze(cmd *cobra.Command, d ledger.DatasetSnapshot) error {
	return a.ask(cmd, profile.IdentityModeller, func(ctx context.Context, conn grpc.ClientConnInterface) error {
		api := waybillv1.NewModelServiceClient(conn)
		if d.Version == 0 {
			all, err := listDatasets(ctx, api, d.ID, 0)
			if err != nil {
				return err
			}
			for _, old := range all {
				d.Version = max(d.Version, old.GetVersion())
			}
			if d.Version == math.MaxUint32 {
				return usage("data set %s has as many versions as there can be", d.ID)
			}
			d.Version++
		}
		if err := ledger.CheckDataset(d); err != nil {
			return err
		}
		r, err := api.SnapshotDatasets(ctx, &waybillv1.SnapshotDatasetsRequest{Datasets: []*waybillv1.DatasetSnapshot{datasetProto(d)}})
		if err != nil {
			return err
		}
		if len(r.GetResults()) != 1 {
			return errors.New(codeInternal + ": the API did not answer for the snapshot")
		}
		result := r.GetResults()[0]
		if result.GetCode() != "" {
			return fail(exitRefused, result.GetCode(), "", "%s", result.GetMessage())
		}
		return a.saySnapshot(cmd.OutOrStdout(), d, result.GetTransactionId())
	})
}

func (a *app) saySnapshot(w io.Writer, d ledger.DatasetSnapshot, transaction string) error {
	name := d.ID
	if d.Version > 0 {
		name = fmt.Sprintf("%s/%d", d.ID, d.Version)
	}
	if a.json {
		return writeJSON(w, object{
			{"dataset", name},
			{"root", d.Root.String()},
			{"events", d.Events},
			{"segments", d.Segments},
			{"bytes", d.Bytes},
			{"from", d.From},
			{"to", d.To},
			{"block", d.Block.String()},
			{"query", d.Query},
			{"schema", d.Schema},
			{"features", d.Features.String()},
			{"licence", d.Licence},
			{"transaction", transaction},
		})
	}
	return facts(w, "data set", name, "root", d.Root.String(), "holds", fmt.Sprintf("%d events and %d segments in %d bytes", d.Events, d.Segments, d.Bytes),
		"blocks", fmt.Sprintf("%d to %d", d.From, d.To-1), "last block", d.Block.String(), "query", d.Query, "schema", d.Schema,
		"features", d.Features.String(), "licence", d.Licence, "transaction", transaction)
}

// watchedLedger tells a bar of the blocks that are read.
type watchedLedger struct {
	datasetLedger

	bar *progress
}

// Blocks yields the blocks from a number on.
func (l watchedLedger) Blocks(ctx context.Context, from uint64) iter.Seq2[dataset.Block, error] {
	return func(yield func(dataset.Block, error) bool) {
		l.bar.add(int64(from)) //nolint:gosec // a ledger's height
		for b, err := range l.datasetLedger.Blocks(ctx, from) {
			l.bar.addExtra(int64(len(b.Transactions)))
			l.bar.add(1)
			if !yield(b, err) || err != nil {
				return
			}
		}
	}
}

func (a *app) newDatasetVerifyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "verify [ID/VERSION...]",
		Short: "Make snapshots again from the ledger and compare",
		Long: `Read the ledger from a peer, each block verified, make the snapshots of these names again, and compare every field
with what is recorded and with what their submitters signed. Without a name, all that are on the ledger. The exit
code is 1 if anything differs.`,
		Example: `  waybill dataset verify fridge/2
  waybill dataset verify --json | jq 'select(.ok | not)'`,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, cancel := a.within(cmd.Context())
			defer cancel()
			return a.verifyDatasets(ctx, cmd, args)
		},
	}
}

func (a *app) verifyDatasets(ctx context.Context, cmd *cobra.Command, names []string) error {
	for _, name := range names {
		if _, _, err := ledger.ParseDatasetName(name); err != nil {
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
	report, _, err := audit.Snapshots(ctx, source, program, false, names...)
	finish()
	if err != nil {
		return err
	}
	if len(report.Datasets) == 0 && !a.quiet {
		fmt.Fprintln(cmd.ErrOrStderr(), "no data set is frozen on this ledger")
	}
	for _, d := range report.Datasets {
		name := fmt.Sprintf("%s/%d", d.ID, d.Version)
		checks, wrong := 0, 0
		for _, c := range report.Checks {
			if c.Subject == "data set "+name {
				checks++
				if !c.OK {
					wrong++
				}
			}
		}
		if a.json {
			err = writeJSON(cmd.OutOrStdout(), object{{"dataset", name}, {"ok", wrong == 0}, {"root", d.Root.String()}, {"checks", checks}, {"differences", wrong}})
		} else {
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s  %s  %s, %s\n", verdictOn(wrong == 0), name, d.Root, count(checks, "field")+" compared")
		}
		if err != nil {
			return err
		}
	}
	return a.sayDifferences(cmd.OutOrStdout(), report)
}

func verdictOn(ok bool) string {
	if ok {
		return "ok     "
	}
	return "DIFFERS"
}

// sayDifferences writes what differs, and gives the failure that it is.
func (a *app) sayDifferences(w io.Writer, report *audit.Report) error {
	all := report.Differences()
	for _, c := range all {
		var err error
		if a.json {
			err = writeJSON(w, object{
				{"subject", c.Subject}, {"field", c.Field}, {"how", string(c.How)}, {"ok", c.Note}, {"recorded", c.Recorded}, {"found", c.Found},
			})
		} else {
			kind := "differs"
			if c.Note {
				kind = "note   "
			}
			_, err = fmt.Fprintf(w, "%s  %s: %s (%s)\n           recorded %s\n           found    %s\n", kind, printable(c.Subject), printable(c.Field), c.How,
				printable(c.Recorded), printable(c.Found))
		}
		if err != nil {
			return err
		}
	}
	if report.OK() {
		return nil
	}
	return fail(exitRefused, "WB_AUDIT_DIFFERS", "what is recorded is not what the ledger gives: ask the organisation that submitted it", "%s",
		count(len(all), "difference"))
}

func (a *app) newDatasetListCommand() *cobra.Command {
	var l lister
	cmd := &cobra.Command{
		Use:     "list [ID]",
		Short:   "List the snapshots that are frozen on the ledger",
		Example: "  waybill dataset list --json | jq -r .root",
		Args:    cobra.MaximumNArgs(1),
	}
	l.flags(cmd, "snapshots")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return a.ask(cmd, profile.IdentityDashboard, func(ctx context.Context, conn grpc.ClientConnInterface) error {
			id := ""
			if len(args) == 1 {
				id = args[0]
			}
			all, err := listDatasets(ctx, waybillv1.NewModelServiceClient(conn), id, l.limit)
			if err != nil {
				return err
			}
			t := a.newTable(cmd, "DATA SET", "EVENTS", "SEGMENTS", "BLOCKS", "ROOT", "LICENCE", "BY", "AT")
			if err := show(a, cmd.OutOrStdout(), t, all, datasetRow); err != nil {
				return err
			}
			return t.flush()
		})
	}
	return cmd
}

func datasetRow(d *waybillv1.DatasetSnapshot) []string {
	return []string{
		fmt.Sprintf("%s/%d", d.GetId(), d.GetVersion()), strconv.FormatUint(d.GetEvents(), 10), strconv.FormatUint(d.GetSegments(), 10),
		fmt.Sprintf("%d to %d", d.GetFrom(), d.GetTo()-1), d.GetRoot(), d.GetLicence(), d.GetMspId(), stamp(d.GetAt()),
	}
}

// listDatasets lists the snapshots of a data set, or of all; a limit of 0 is none.
func listDatasets(ctx context.Context, api waybillv1.ModelServiceClient, id string, limit int) ([]*waybillv1.DatasetSnapshot, error) {
	var all []*waybillv1.DatasetSnapshot
	err := eachPage(limit, func(size uint32, token string) (*waybillv1.ListDatasetsResponse, int, error) {
		r, err := api.ListDatasets(ctx, &waybillv1.ListDatasetsRequest{Id: id, PageSize: size, PageToken: token})
		all = append(all, r.GetDatasets()...)
		return r, len(r.GetDatasets()), err
	})
	return all, err
}

// datasetProto is a snapshot as the API takes it.
func datasetProto(d ledger.DatasetSnapshot) *waybillv1.DatasetSnapshot {
	return &waybillv1.DatasetSnapshot{
		Id: d.ID, Version: d.Version, Root: d.Root.String(), Events: d.Events, Segments: d.Segments, Bytes: d.Bytes, From: d.From, To: d.To,
		Block: d.Block.String(), Query: d.Query, Schema: d.Schema, Features: d.Features.String(), Licence: d.Licence, About: d.About,
	}
}
