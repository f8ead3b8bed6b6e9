package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // reports are in the time zone asked for, also on a machine without the database of zones

	"github.com/spf13/cobra"
	"golang.org/x/term"
	"google.golang.org/grpc"

	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/gateway/profile"
)

// reportTimeout is how long one report may take unless --timeout says otherwise.
const reportTimeout = 20 * time.Minute

// maxMasterFile bounds a file of master data.
const maxMasterFile = 8 << 20

// codeIncomplete says that a report broke off.
const codeIncomplete = "WB_REPORT_INCOMPLETE"

func (a *app) newReportCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "report", Short: "Make the reports that laws ask for (DSCSA, FSMA 204)", Args: cobra.NoArgs, RunE: groupOnly,
		Long: `Make the reports that laws ask for. Each row names the event that it rests on by its hash and its
place on the ledger. Nothing is invented: what is not on record is left empty and named in the row.

Names and addresses come from master data: what is registered on the ledger, then the header of
the EPCIS document that --master-data names.`,
	}
	cmd.AddCommand(a.newDSCSACommand(), a.newFSMACommand(), a.newSuspectCommand(), a.newVerifyProductCommand())
	return cmd
}

// reportFlags are what every report takes.
type reportFlags struct{ format, out, zone, master string }

func (r *reportFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&r.format, "format", "", "csv, xlsx or json (default: by the name of --out, else csv)")
	f.StringVarP(&r.out, "out", "o", "", "write to `FILE`, which is there only when the report is whole (default: standard output)")
	f.StringVar(&r.zone, "zone", "", "time zone of the times, such as America/New_York (default UTC)")
	f.StringVar(&r.master, "master-data", "", "EPCIS document `FILE` whose header names products and places, - for standard input")
}

// productFlags name a serialised product.
type productFlags struct{ gtin, serial, lot, expiry string }

func (p *productFlags) add(cmd *cobra.Command, compares bool) {
	f := cmd.Flags()
	f.StringVar(&p.gtin, "gtin", "", "the product's GTIN, instead of its EPC")
	f.StringVar(&p.serial, "serial", "", "its serial number, with --gtin")
	if compares {
		f.StringVar(&p.lot, "lot", "", "the lot number on the package, to be compared")
		f.StringVar(&p.expiry, "expiry", "", "the expiry date on the package, YYYY-MM-DD or YYMMDD, to be compared")
	}
}

func (p *productFlags) product(args []string) (*waybillv1.ProductIdentifier, error) {
	id := &waybillv1.ProductIdentifier{Gtin: p.gtin, Serial: p.serial, Lot: p.lot, Expiry: p.expiry}
	switch {
	case len(args) == 1 && p.gtin == "" && p.serial == "":
		id.Epc = args[0]
	case len(args) == 0 && p.gtin != "" && p.serial != "":
	default:
		return nil, usage("name the product by its EPC, or by --gtin and --serial")
	}
	return id, nil
}

func (a *app) newDSCSACommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dscsa [EPC]",
		Short: "Transaction information and statement of a serialised product",
		Long: `Write the transaction information and transaction statement (21 USC 360eee(26) and (27)) of each
change of ownership of a serialised product, also where only the logistic unit was shipped that it
was packed in. EPC is an SGTIN: an EPC URN or a GS1 Digital Link.`,
		Example: `  waybill report dscsa urn:epc:id:sgtin:9521321.000021.U1 --master-data shipment.xml
  waybill report dscsa --gtin 09521321000216 --serial U1 --out transactions.xlsx`,
		Args: cobra.MaximumNArgs(1),
	}
	var r reportFlags
	var p productFlags
	r.add(cmd)
	p.add(cmd, false)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		id, err := p.product(args)
		if err != nil {
			return err
		}
		return a.report(cmd, r, &waybillv1.DownloadReportRequest{Report: &waybillv1.DownloadReportRequest_Transactions{Transactions: &waybillv1.Transactions{Product: id}}})
	}
	return cmd
}

func (a *app) newFSMACommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "fsma [LOT]",
		Short: "Sortable spreadsheet of the food traceability rule",
		Long: `Write the sortable spreadsheet of FDA's food traceability rule (FSMA 204, 21 CFR 1.1455(c)(3)(ii)): a
row for each lot in each critical tracking event, with its key data elements. LOT is an LGTIN as an
EPC URN, a GS1 Digital Link or (01)GTIN(10)LOT; without it, every lot in the time given.`,
		Example: `  waybill report fsma "(01)09521321000025(10)L-77" --out lot.xlsx
  waybill report fsma --from 2026-05-01T00:00:00Z --until 2026-06-01T00:00:00Z --zone America/Chicago --out may.csv`,
		Args: cobra.MaximumNArgs(1),
	}
	var r reportFlags
	r.add(cmd)
	from := cmd.Flags().String("from", "", "only events at or after this `TIME`, such as 2026-03-01T00:00:00Z")
	until := cmd.Flags().String("until", "", "only events before this `TIME`")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		times, err := timeRange(*from, *until)
		if err != nil {
			return err
		}
		f := &waybillv1.FoodTraceability{EventTime: times}
		if len(args) == 1 {
			f.Lot = args[0]
		}
		return a.report(cmd, r, &waybillv1.DownloadReportRequest{Report: &waybillv1.DownloadReportRequest_FoodTraceability{FoodTraceability: f}})
	}
	return cmd
}

func (a *app) newSuspectCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "suspect [EPC]",
		Short: "Data for a drug notification (Form FDA 3911)",
		Long: `Write what the ledger and the master data say for a drug notification (Form FDA 3911) about a
serialised product, and name the fields that are yours to fill.`,
		Example: `  waybill report suspect urn:epc:id:sgtin:9521321.000021.U1 --lot A124 --expiry 270331
  waybill report suspect --gtin 09521321000216 --serial U1 --format json`,
		Args: cobra.MaximumNArgs(1),
	}
	var r reportFlags
	var p productFlags
	r.add(cmd)
	p.add(cmd, true)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		id, err := p.product(args)
		if err != nil {
			return err
		}
		return a.report(cmd, r, &waybillv1.DownloadReportRequest{Report: &waybillv1.DownloadReportRequest_SuspectProduct{SuspectProduct: &waybillv1.SuspectProduct{Product: id}}})
	}
	return cmd
}

func (a *app) newVerifyProductCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "verify [EPC]",
		Short: "Verify a product: is it what was commissioned?",
		Long: `Answer whether a serialised product, with the lot and the expiry date on its package, is what was
commissioned: verified, not found, mismatch or suspect, with the reasons. Exit code 0 only if it is
verified.`,
		Example: `  waybill report verify urn:epc:id:sgtin:9521321.000021.U1 --lot A123 --expiry 270331
  waybill report verify --gtin 09521321000216 --serial U1 --json`,
		Args: cobra.MaximumNArgs(1),
	}
	var p productFlags
	p.add(cmd, true)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		id, err := p.product(args)
		if err != nil {
			return err
		}
		return a.ask(cmd, profile.IdentityDashboard, func(ctx context.Context, conn grpc.ClientConnInterface) error {
			v, err := waybillv1.NewReportServiceClient(conn).VerifyProduct(ctx, &waybillv1.VerifyProductRequest{Product: id})
			if err != nil {
				return err
			}
			if a.json {
				err = writeView(cmd.OutOrStdout(), v)
			} else {
				err = printVerification(cmd.OutOrStdout(), v)
			}
			if err == nil && v.GetOutcome() != waybillv1.VerificationOutcome_VERIFICATION_OUTCOME_VERIFIED {
				err = refused("%s", strings.ReplaceAll(wordOf(v.GetOutcome()), "_", " "))
			}
			return err
		})
	}
	return cmd
}

func printVerification(w io.Writer, v *waybillv1.VerifyProductResponse) error {
	by := ""
	if v.GetCommissionedByEvent() != "" {
		by = v.GetCommissionedBy() + ", " + stamp(v.GetCommissionedAt())
	}
	if err := facts(w, "product", v.GetEpc(), "outcome", strings.ReplaceAll(wordOf(v.GetOutcome()), "_", " "),
		"lot", ifTrue(v.GetLotMatches(), "matches"), "expiry", ifTrue(v.GetExpiryMatches(), "matches"),
		"status", v.GetStatus(), "custodian", v.GetCustodian(), "container", v.GetContainer(),
		"commissioned by", by, "event", v.GetCommissionedByEvent(), "position", position(v.GetPosition()), "transaction", v.GetTransactionId(),
		"ledger height", strconv.FormatUint(v.GetLedgerHeight(), 10)); err != nil {
		return err
	}
	for _, r := range v.GetReasons() {
		event := ""
		if r.GetEventHash() != "" {
			event = " (event " + r.GetEventHash() + ")"
		}
		if _, err := fmt.Fprintf(w, "reason  %s: %s%s\n", printable(r.GetCode()), printable(r.GetDetail()), event); err != nil {
			return err
		}
	}
	return nil
}

// request completes a request by the flags.
func (r *reportFlags) request(a *app, req *waybillv1.DownloadReportRequest, stdin io.Reader) error {
	format := cmp.Or(strings.ToLower(r.format), ifTrue(a.json, "json"), strings.TrimPrefix(strings.ToLower(filepath.Ext(r.out)), "."), "csv")
	switch format {
	case "csv":
		req.Format = waybillv1.ReportFormat_REPORT_FORMAT_CSV
	case "xlsx":
		req.Format = waybillv1.ReportFormat_REPORT_FORMAT_XLSX
	case "json":
		req.Format = waybillv1.ReportFormat_REPORT_FORMAT_JSON
	default:
		if r.format == "" {
			return usage("the name of --out ends in none of .csv, .xlsx and .json: say which with --format")
		}
		return usage("--format %s is none of csv, xlsx and json", r.format)
	}
	req.TimeZone = r.zone
	if r.master == "" {
		return nil
	}
	in, err := openInput(r.master, stdin)
	if err != nil {
		return err
	}
	defer in.Close() //nolint:errcheck // read only, nothing to lose
	if req.MasterData, err = io.ReadAll(io.LimitReader(in, maxMasterFile+1)); err != nil {
		return fail(exitRefused, codeFile, "", "%s: %w", r.master, err)
	}
	if len(req.GetMasterData()) > maxMasterFile {
		return fail(exitRefused, codeFile, "", "%s: larger than %d bytes", r.master, maxMasterFile)
	}
	return nil
}

func (a *app) report(cmd *cobra.Command, r reportFlags, req *waybillv1.DownloadReportRequest) (err error) {
	if err = r.request(a, req, cmd.InOrStdin()); err != nil {
		return err
	}
	target := cmd.OutOrStdout()
	if r.out != "" && r.out != stdinName {
		out, failed := os.CreateTemp(filepath.Dir(r.out), ".report-*")
		if failed != nil {
			return fail(exitRefused, codeFile, "", "%w", failed)
		}
		target = out
		defer func() { err = keep(out, r.out, err) }()
	} else if f, ok := target.(*os.File); ok && req.GetFormat() == waybillv1.ReportFormat_REPORT_FORMAT_XLSX && term.IsTerminal(int(f.Fd())) {
		return usage("a workbook is not for a terminal: name a file with --out")
	}
	conn, err := a.connect(profile.IdentityDashboard)
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // nothing is under way any more
	ctx, cancel := context.WithTimeout(cmd.Context(), cmp.Or(a.timeout, reportTimeout))
	defer cancel()
	stream, err := waybillv1.NewReportServiceClient(conn).DownloadReport(ctx, req)
	if err != nil {
		return err
	}
	d := &download{out: target, digest: sha256.New(), progress: newProgress(cmd.ErrOrStderr(), a.quiet, "report", 0, "events", "rows")}
	err = d.receive(stream)
	d.progress.finish()
	if err != nil {
		return err
	}
	if !a.quiet && target != cmd.OutOrStdout() {
		fmt.Fprintf(cmd.ErrOrStderr(), "%s: %s, %s; %s, ledger height %d\n", r.out, printable(d.header.GetTitle()), printable(d.header.GetSubject()),
			count(int(d.end.GetRows()), "row"), d.header.GetLedgerHeight()) //nolint:gosec // rows of one file
	}
	return nil
}

// keep gives a written file its name, or removes it.
func keep(out *os.File, name string, err error) error {
	if err == nil {
		err = out.Sync()
	}
	if closeErr := out.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		if err = os.Rename(out.Name(), name); err == nil {
			return nil
		}
	}
	_ = os.Remove(out.Name())
	if f, ok := errors.AsType[*failure](err); ok {
		return f
	}
	if _, ok := errors.AsType[*os.PathError](err); ok {
		return fail(exitRefused, codeFile, "", "%w", err)
	}
	return err
}

// download takes a report in.
type download struct {
	out      io.Writer
	digest   hash.Hash
	bytes    uint64
	progress *progress
	events   uint64
	rows     uint64
	header   *waybillv1.ReportHeader
	end      *waybillv1.ReportEnd
}

func (d *download) receive(stream grpc.ServerStreamingClient[waybillv1.DownloadReportResponse]) error {
	for {
		r, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return d.check()
		}
		if err != nil {
			return err
		}
		switch p := r.GetPart().(type) {
		case *waybillv1.DownloadReportResponse_Header:
			d.header = p.Header
		case *waybillv1.DownloadReportResponse_Progress:
			d.progress.add(int64(p.Progress.GetEvents() - d.events))  //nolint:gosec // it grows
			d.progress.addExtra(int64(p.Progress.GetRows() - d.rows)) //nolint:gosec // it grows
			d.events, d.rows = p.Progress.GetEvents(), p.Progress.GetRows()
		case *waybillv1.DownloadReportResponse_Data:
			d.digest.Write(p.Data)
			d.bytes += uint64(len(p.Data))
			if _, err := d.out.Write(p.Data); err != nil {
				return fail(exitRefused, codeFile, "", "%w", err)
			}
		case *waybillv1.DownloadReportResponse_End:
			d.end = p.End
		}
	}
}

// check holds what came against what the server says it sent.
func (d *download) check() error {
	if d.end == nil {
		return fail(exitUnavailable, codeIncomplete, "ask again", "%s: the report broke off", codeIncomplete)
	}
	if d.bytes != d.end.GetBytes() || hex.EncodeToString(d.digest.Sum(nil)) != d.end.GetSha256() {
		return fail(exitUnavailable, codeIncomplete, "ask again", "%s: the report did not arrive as it was sent", codeIncomplete)
	}
	return nil
}
