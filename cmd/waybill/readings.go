package main

import (
	"cmp"
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/waybill-dev/waybill/api/client"
	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/api/ingest"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/gateway/profile"
)

func (a *app) newReadingsCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "readings", Short: "Push sensor readings, and list them", Args: cobra.NoArgs, RunE: groupOnly}
	cmd.AddCommand(a.newReadingsPushCommand(), a.newReadingsListCommand())
	return cmd
}

// pushFlags say how a file of readings is read and signed.
type pushFlags struct {
	device, key string
	format      ingest.Format
	times       int
}

func (a *app) newReadingsPushCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "push FILE.csv",
		Short: "Sign a CSV file's readings for a device and record them",
		Long: `Cut the readings of a CSV file (- is standard input) into segments, sign them with the device's
key, record them, and wait until each is on the ledger for good.

The first row names the columns: a time (RFC 3339, "2026-03-01 07:00:00", or a Unix time) and values
whose names say what they are (temperature, humidity, shock, light, door, with a unit or without, as
in "Temp (°F)"; value is a temperature), or --channel says it. Columns that are not recorded are
named. A file of two columns without names is a time and a temperature.

push goes on where the device's chain of segments stands on the ledger: readings up to the last one
recorded are left out, so the same file may be pushed again after more was added to it. Rows that
hold no reading, or one that the ledger refuses, such as a time in the future, are named and left
out, and give exit code 1; all others are recorded.`,
		Example: keyExample + `
  waybill readings push probe.csv --device urn:epc:id:giai:9521321.logger7 --key logger7.pem --channel probe_a=temperature --unit fahrenheit`,
		Args: cobra.ExactArgs(1),
	}
	var p pushFlags
	f := cmd.Flags()
	f.StringVar(&p.device, "device", "", "the device's GIAI, as EPC URN or Digital Link")
	f.StringVar(&p.key, "key", "", "`FILE` of the device's private key (see: waybill device register)")
	channels := f.StringToString("channel", nil, "what a column measures, `COLUMN=QUANTITY`; quantities: "+strings.Join(quantityWords(), ", "))
	f.StringVar(&p.format.TimeColumn, "time-column", "", "name of the column of times (default: the one whose name says so)")
	unit := f.String("unit", "", "unit of the temperatures: celsius, fahrenheit, kelvin (default: the one in the column's name, else celsius)")
	f.IntVar(&p.times, "segment", ingest.DefaultTimes, "how many readings a segment holds at most")
	for _, name := range []string{"device", "key"} {
		if err := cmd.MarkFlagRequired(name); err != nil {
			panic(err) // the flag is defined above
		}
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		p.format.Unit = ingest.Unit(*unit)
		if p.times < 1 {
			return usage("--segment is %d, it must be above 0", p.times)
		}
		for column, word := range *channels {
			q, err := parseQuantity(word)
			if err != nil {
				return err
			}
			if p.format.Columns == nil {
				p.format.Columns = map[string]ledger.Quantity{}
			}
			p.format.Columns[column] = ledger.Quantity(q) //nolint:gosec // the two share their numbers
		}
		return a.pushReadings(cmd, p, args[0])
	}
	return cmd
}

func quantityWords() []string {
	var words []string
	for n := range waybillv1.Quantity_name {
		if n != 0 {
			words = append(words, wordOf(waybillv1.Quantity(n)))
		}
	}
	slices.Sort(words)
	return words
}

func parseQuantity(word string) (waybillv1.Quantity, error) {
	for n := range waybillv1.Quantity_name {
		if q := waybillv1.Quantity(n); n != 0 && wordOf(q) == word {
			return q, nil
		}
	}
	return 0, usage("%q is not a quantity: %s", word, strings.Join(quantityWords(), ", "))
}

func (a *app) pushReadings(cmd *cobra.Command, p pushFlags, file string) error {
	signer, err := readPrivateKey(p.key)
	if err != nil {
		return err
	}
	in, err := openInput(file, cmd.InOrStdin())
	if err != nil {
		return err
	}
	defer in.Close() //nolint:errcheck // read only, nothing to lose
	counted := &countingReader{r: in}
	csv, err := ingest.Open(counted, p.format)
	if err != nil {
		_, text := ledger.ParseCode(err.Error())
		hint := ""
		if errors.Is(err, ingest.ErrColumns) {
			hint = "name the columns in the first row, and say what one measures with --channel COLUMN=QUANTITY"
		}
		return fail(exitRefused, codeOf(err), hint, "%s: %s", file, text)
	}
	if len(csv.Ignored) > 0 && !a.quiet {
		if err = a.sayIgnored(cmd.ErrOrStderr(), file, csv.Ignored); err != nil {
			return err
		}
	}
	conn, err := a.connect(profile.IdentityGateway)
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // nothing is under way any more
	ctx, cancel := a.within(cmd.Context())
	defer cancel()
	chain := &ingest.Chain{Signer: signer}
	if err = standing(ctx, conn, chain, p.device); err != nil {
		return err
	}

	push := &pushing{app: a, cmd: cmd, file: file, began: time.Now(), chain: chain}
	push.bar = newProgress(cmd.ErrOrStderr(), a.quiet, "readings", sizeOf(in), unitBytes, "segments answered")
	counted.each = push.bar.add
	err = client.PushSegments(ctx, conn, client.Config{Patience: cmp.Or(a.timeout, writePatience), OnRetry: push.bar.again}, push.segments(csv.Segments(chain, p.times)), push.answered)
	push.bar.finish()
	if err != nil || push.err != nil {
		return cmp.Or(push.err, err)
	}
	return push.end()
}

// sayIgnored names the columns of a file that are not recorded.
func (a *app) sayIgnored(w io.Writer, file string, columns []string) error {
	if a.json {
		return writeJSON(w, object{{"file", file}, {"columns_not_recorded", columns}})
	}
	quoted := make([]string, len(columns))
	for i, c := range columns {
		quoted[i] = strconv.Quote(c)
	}
	_, err := fmt.Fprintf(w, "%s: not recorded: %s %s (--channel COLUMN=QUANTITY says what one measures)\n", file, map[bool]string{true: "column", false: "columns"}[len(columns) == 1], strings.Join(quoted, ", "))
	return err
}

// standing takes over where the device's chain of segments stands on the ledger, and holds that the
// key is the device's.
func standing(ctx context.Context, conn grpc.ClientConnInterface, chain *ingest.Chain, device string) error {
	limited, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	r, err := waybillv1.NewTelemetryServiceClient(conn).GetDevice(limited, &waybillv1.GetDeviceRequest{Id: device})
	if status.Code(err) == codes.NotFound {
		return fail(exitRefused, ledger.CodeUnknownDevice, "register it first: waybill device register", "device %s is not registered", device)
	}
	if err != nil {
		return err
	}
	d := r.GetDevice()
	registered, err := x509.ParsePKIXPublicKey(d.GetPublicKey())
	if err != nil {
		return fmt.Errorf("%s: the registered key of %s: %w", codeInternal, device, err)
	}
	if public, ok := chain.Signer.Public().(interface{ Equal(crypto.PublicKey) bool }); !ok || !public.Equal(registered) {
		return fail(exitRefused, ledger.CodeSignature, "give the private key that the device was registered with", "the key is not that of %s", d.GetId())
	}
	chain.Device, chain.Next = d.GetId(), d.GetNextSequence()
	if chain.Next == 0 {
		return nil
	}
	if chain.Previous, err = ledger.ParseDigest(d.GetLastDigest()); err != nil {
		return fmt.Errorf("%s: the last digest of %s: %w", codeInternal, device, err)
	}
	if at := d.GetLastReading(); at != nil {
		last := ledger.MillisOf(at.AsTime())
		chain.After = &last
	}
	return nil
}

// countingReader tells how much of a file was read.
type countingReader struct {
	r    io.Reader
	each func(n int64)
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if c.each != nil {
		c.each(int64(n))
	}
	return n, err
}

func sizeOf(in io.Reader) int64 {
	if f, ok := in.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			return info.Size()
		}
	}
	return 0
}

// pushing follows what becomes of a file's readings.
type pushing struct {
	app   *app
	cmd   *cobra.Command
	file  string
	bar   *progress
	began time.Time
	chain *ingest.Chain

	rows     int // that held no reading
	readings int
	answers  map[waybillv1.AnswerStatus]int
	err      error
}

// maxRowFaults bounds how many faulty rows are named.
const maxRowFaults = 100

// segments passes on what is to be pushed and names the rows that hold nothing.
func (p *pushing) segments(source iter.Seq2[ingest.Signed, error]) iter.Seq2[*waybillv1.SignedSegment, error] {
	return func(yield func(*waybillv1.SignedSegment, error) bool) {
		for s, err := range source {
			row, isRow := errors.AsType[*ingest.RowError](err)
			switch {
			case isRow:
				if p.rows++; p.rows <= maxRowFaults {
					_ = p.app.writeFault(p.cmd.ErrOrStderr(), fault{File: p.file, Path: "line " + strconv.Itoa(row.Line), Code: "WB_CSV_ROW", Message: row.Err.Error()})
				}
				continue
			case err != nil:
				yield(nil, err)
				return
			}
			p.readings += s.Times
			if !yield(&waybillv1.SignedSegment{Payload: s.Payload, Signature: s.Signature}, nil) {
				return
			}
		}
	}
}

func (p *pushing) answered(_ uint64, r *waybillv1.SegmentResult) {
	if p.answers == nil {
		p.answers = map[waybillv1.AnswerStatus]int{}
	}
	p.answers[r.GetStatus()]++
	p.bar.addExtra(1)
	switch {
	case p.app.json:
		p.err = cmp.Or(p.err, writeView(p.cmd.OutOrStdout(), r))
	case r.GetStatus() == waybillv1.AnswerStatus_ANSWER_STATUS_REFUSED:
		fmt.Fprintf(p.cmd.ErrOrStderr(), "%s: segment %d: %s: %s\n", p.file, r.GetSequence(), r.GetCode(), printable(r.GetMessage()))
	}
}

func (p *pushing) end() error {
	refusals := p.answers[waybillv1.AnswerStatus_ANSWER_STATUS_REFUSED]
	took := time.Since(p.began).Round(time.Millisecond).Seconds()
	switch {
	case p.app.quiet:
	case p.app.json:
		_ = writeJSON(p.cmd.ErrOrStderr(), object{
			{"readings", p.readings},
			{"recorded", p.answers[waybillv1.AnswerStatus_ANSWER_STATUS_RECORDED]},
			{"duplicate", p.answers[waybillv1.AnswerStatus_ANSWER_STATUS_DUPLICATE]},
			{"refused", refusals},
			{"rows_refused", p.rows},
			{"left_out", p.chain.Passed},
			{"seconds", took},
		})
	default:
		fmt.Fprintf(p.cmd.OutOrStdout(), "%s in segments: %d recorded, %d duplicate, %d refused, in %.1f s\n", count(p.readings, "reading"),
			p.answers[waybillv1.AnswerStatus_ANSWER_STATUS_RECORDED], p.answers[waybillv1.AnswerStatus_ANSWER_STATUS_DUPLICATE], refusals, took)
	}
	if p.chain.Passed > 0 && !p.app.quiet && !p.app.json {
		fmt.Fprintf(p.cmd.OutOrStdout(), "%s left out: the ledger holds the device's readings up to %s\n", count(p.chain.Passed, "reading"),
			p.chain.After.Time().Format(time.RFC3339Nano))
	}
	if refusals > 0 || p.rows > 0 {
		return refused("refused: %s and %s", count(refusals, "segment"), count(p.rows, "row"))
	}
	return nil
}

func (a *app) newReadingsListCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list DEVICE",
		Short: "List a device's recorded readings",
		Long:  "List a device's recorded readings as CSV: time, quantity, value in the quantity's unit (°C, %, g, lux; door: 0 or 1).",
		Example: `  waybill readings list urn:epc:id:giai:9521321.logger7 --from 2026-03-01T00:00:00Z
  waybill readings list --json --quantity temperature urn:epc:id:giai:9521321.logger7`,
		Args: cobra.ExactArgs(1),
	}
	f := cmd.Flags()
	from := f.String("from", "", "only readings from this time on (RFC 3339)")
	until := f.String("until", "", "only readings before this time (RFC 3339)")
	quantity := f.String("quantity", "", "only this quantity: "+strings.Join(quantityWords(), ", "))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		times, err := timeRange(*from, *until)
		if err != nil {
			return err
		}
		request := &waybillv1.ListReadingsRequest{Device: args[0], Time: times}
		if *quantity != "" {
			if request.Quantity, err = parseQuantity(*quantity); err != nil {
				return err
			}
		}
		return a.ask(cmd, profile.IdentityDashboard, func(ctx context.Context, conn grpc.ClientConnInterface) error {
			api := waybillv1.NewTelemetryServiceClient(conn)
			if !a.json {
				fmt.Fprintln(cmd.OutOrStdout(), "time,quantity,value")
			}
			return eachPage(0, func(size uint32, token string) (*waybillv1.ListReadingsResponse, int, error) {
				request.PageSize, request.PageToken = size, token
				r, err := api.ListReadings(ctx, request)
				if err != nil {
					return nil, 0, err
				}
				for _, run := range r.GetRuns() {
					if err := a.printRun(cmd.OutOrStdout(), run); err != nil {
						return nil, 0, err
					}
				}
				return r, len(r.GetRuns()), nil
			})
		})
	}
	return cmd
}

func (a *app) printRun(w io.Writer, run *waybillv1.ReadingRun) error {
	if a.json {
		return writeView(w, run)
	}
	var b strings.Builder
	for i, at := range run.GetTimesMs() {
		for _, c := range run.GetChannels() {
			if i >= len(c.GetValues()) {
				return fmt.Errorf("%s: a channel of segment %d is shorter than its times", codeInternal, run.GetSequence())
			}
			fmt.Fprintf(&b, "%s,%s,%s\n", time.UnixMilli(at).UTC().Format(time.RFC3339Nano), wordOf(c.GetQuantity()),
				strconv.FormatFloat(float64(c.GetValues()[i])/1000, 'f', -1, 64))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
