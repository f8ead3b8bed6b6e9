package demo

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/waybill-dev/waybill/analytics/simulate"
	"github.com/waybill-dev/waybill/api/client"
	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/api/ingest"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/epcis"
	"github.com/waybill-dev/waybill/gateway/profile"
	"github.com/waybill-dev/waybill/internal/stack"
)

// ErrInput says that the user's files cannot be used as they are.
var ErrInput = errors.New("WB_DEMO_INPUT")

const (
	maxFiles = 10_000
	// inputOrg is the organisation in whose name the user's files are sent.
	inputOrg = simulate.Producer
	// quiet is how long no verdict may come before the last one counts as the last.
	quiet = 2 * time.Second
	// windows is about how many segments a file of readings is cut into: enough to see a judgement change.
	windows        = 48
	minSegment     = 20
	maxSegment     = 4_000
	documentPart   = 256 << 10
	filesAtOnce    = 8
	shownVerdicts  = 12
	shownFaults    = 5
	aggregateSlack = 2 * time.Second
)

// PlayInput sends the user's files through the API of a running stack and waits for the verdicts.
func PlayInput(ctx context.Context, s *stack.Stack, files Files, progress Progress) (*InputReport, error) {
	begun := time.Now()
	if progress == nil {
		progress = silent{}
	}
	p, err := newPlayer(s, organisations())
	if err != nil {
		return nil, err
	}
	conn, err := s.Dial(watcher, profile.IdentityDashboard)
	if err != nil {
		return nil, err
	}
	api := waybillv1.NewVerdictServiceClient(conn)
	before, err := latest(ctx, api)
	if err != nil {
		return nil, err
	}
	board, heard := newDashboard(api), &hearing{}
	watchCtx, stop := context.WithCancel(ctx)
	defer stop()
	var watching errgroup.Group
	watching.Go(func() error { return board.run(watchCtx, before, heard.take) })
	defer func() { _ = watching.Wait() }() // what it heard is checked against the ledger below
	defer stop()

	report := &InputReport{Documents: make([]DocumentRow, len(files.Documents)), Readings: make([]ReadingRow, len(files.Readings)), Unreadable: files.Unreadable, Ignored: files.Ignored}
	progress.Say(fmt.Sprintf("documents: %d, files of readings: %d; in the name of %s", len(files.Documents), len(files.Readings), inputOrg))
	for _, f := range files.Unreadable {
		progress.Say(fmt.Sprintf("passed over: %s: %s: %s", clean(f.File), f.Code, clean(f.Message)))
	}
	for _, f := range files.Readings {
		if f.Note != "" {
			progress.Say(clean(f.Path) + ": " + f.Note)
		}
	}
	if err = p.sendInput(ctx, files, report, progress, board); err != nil {
		return nil, err
	}
	var shipments []string
	for _, r := range report.Readings {
		shipments = append(shipments, r.Shipment)
	}
	board.settled(ctx, shipments, judgePatience)
	patience, cancel := context.WithTimeout(ctx, judgePatience)
	heard.untilQuiet(patience)
	cancel()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	verdicts := heard.byShipment()
	report.tell(verdicts)
	if report.OnChain, err = onChain(ctx, s, verdicts, progress); err != nil {
		return nil, err
	}
	report.States = compareStates(ctx, s.NetworkDir())
	report.Seconds = time.Since(begun).Seconds()
	report.OK = report.Why() == ""
	return report, nil
}

// sendInput sends all files, several at once.
func (p *player) sendInput(ctx context.Context, files Files, report *InputReport, progress Progress, board *dashboard) error {
	if len(files.Readings) > 0 {
		policies := simulate.Policies()
		messages := make([]*waybillv1.Policy, len(policies))
		for i, policy := range policies {
			messages[i] = client.PolicyMessage(policy)
		}
		if err := p.setPolicies(ctx, inputOrg, messages); err != nil {
			return err
		}
	}
	var documents counts
	total := 0
	for _, r := range files.Readings {
		total += len(r.Series.Times) * len(r.Series.Channels)
	}
	done := progress.Track(func() []Counter {
		_, verdicts := board.judged(nil)
		return []Counter{
			{"documents", documents.events.Load(), int64(len(files.Documents))},
			{"readings", p.sent.readings.Load(), int64(total)},
			{"verdicts", int64(verdicts), 0},
		}
	})
	defer sync.OnceFunc(done)()
	random := make([]byte, 5)
	if _, err := rand.Read(random); err != nil {
		return err
	}
	tag := hex.EncodeToString(random)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(filesAtOnce)
	for i, file := range files.Documents {
		group.Go(func() error {
			row, err := p.document(ctx, file)
			report.Documents[i] = row
			documents.events.Add(1)
			return err
		})
	}
	for i, file := range files.Readings {
		group.Go(func() error {
			row, err := p.readingFile(ctx, file, tag, i)
			if errors.Is(err, ErrRefused) { // the other files go on
				fault := faultOf(err)
				row.Fault, err = &fault, nil
			}
			report.Readings[i] = row
			if err != nil {
				return fmt.Errorf("%s: %w", file.Path, err)
			}
			return nil
		})
	}
	return group.Wait()
}

// document captures one document in pieces, as a company's system sends a large one.
func (p *player) document(ctx context.Context, file string) (DocumentRow, error) {
	row := DocumentRow{File: file}
	c, err := p.of(inputOrg)
	if err != nil {
		return row, err
	}
	f, err := os.Open(file) //nolint:gosec // the user names the file
	if err != nil {
		row.Faults = append(row.Faults, Fault{Code: "WB_FILE", Message: err.Error()})
		return row, nil
	}
	defer f.Close() //nolint:errcheck // read only
	ctx, cancel := context.WithTimeout(ctx, 5*callTimeout)
	defer cancel()
	stream, err := c.capture.StreamEvents(ctx)
	if err != nil {
		return row, fmt.Errorf("capturing %s: %w", file, err)
	}
	go func() {
		buf := make([]byte, documentPart)
		for {
			n, err := io.ReadFull(f, buf)
			last := err != nil
			part := &waybillv1.DocumentPart{Data: buf[:n], Last: last}
			if err := stream.Send(&waybillv1.StreamEventsRequest{Part: &waybillv1.StreamEventsRequest_DocumentPart{DocumentPart: part}}); err != nil {
				return // the receiving side learns the reason
			}
			if last {
				_ = stream.CloseSend() // as above
				return
			}
		}
	}()
	for {
		answer, err := stream.Recv()
		if err != nil {
			return row, fmt.Errorf("capturing %s: %w", file, err)
		}
		for _, r := range answer.GetResults() {
			row.take(r)
		}
		p.sent.events.Add(int64(len(answer.GetResults())))
		if d := answer.GetDocument(); d != nil {
			if fault := d.GetFault(); fault != nil {
				row.Faults = append(row.Faults, Fault{fault.GetCode(), fault.GetPath(), fault.GetMessage()})
			}
			return row, nil
		}
	}
}

// readingFile registers a device for a file of readings, binds it to a shipment of its own, and sends the readings.
func (p *player) readingFile(ctx context.Context, file ReadingFile, tag string, n int) (ReadingRow, error) {
	series, policy := file.Series, file.Policy
	last := len(series.Times) - 1
	row := ReadingRow{
		File: file.Path, Policy: policy.ID, Readings: len(series.Times) * len(series.Channels), Skipped: series.Skipped, Why: series.FirstSkipped, Ignored: series.Ignored,
		From: series.Times[0].Time(), To: series.Times[last].Time(), Note: file.Note,
	}
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return row, err
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return row, err
	}
	// GS1's range for demonstrations; the tag keeps one run apart from another.
	if row.Device, err = epcis.CanonicalEPC(fmt.Sprintf("urn:epc:id:giai:9520001.IN%s-%d", tag, n)); err != nil {
		return row, err
	}
	serial, err := strconv.ParseUint(tag, 16, 64)
	if err != nil {
		return row, err
	}
	if row.Shipment, err = epcis.CanonicalEPC(fmt.Sprintf("urn:epc:id:sscc:9520001.%010d", (serial+uint64(n))%10_000_000_000)); err != nil { //nolint:gosec // a file's number is not negative
		return row, err
	}
	if err = p.register(ctx, inputOrg, []*waybillv1.DeviceKey{{Id: row.Device, Algorithm: waybillv1.KeyAlgorithm_KEY_ALGORITHM_ED25519, PublicKey: der}}); err != nil {
		return row, err
	}
	goods := fmt.Sprintf("%s/21/%s-%d", policy.Products[0], tag, n)
	packed, bound, ended := row.From.Add(-aggregateSlack), row.From.Add(-aggregateSlack/2), row.To.Add(aggregateSlack/2)
	if err = p.capture(ctx, inputOrg, []wire.EventEntry{
		{Body: packing("AggregationEvent", "ADD", "packing", row.Shipment, goods, packed)},
		{Body: packing("AssociationEvent", "ADD", "installing", row.Shipment, row.Device, bound)},
	}); err != nil {
		return row, err
	}
	segments, err := cut(series, row.Device, key)
	if err != nil {
		return row, err
	}
	row.Segments = len(segments)
	for part := range slices.Chunk(segments, 8) {
		signed := make([]sentSegment, len(part))
		for i, s := range part {
			signed[i] = sentSegment{s.SignedSegment, s.Times * len(series.Channels)}
		}
		if err := p.push(ctx, inputOrg, signed); err != nil {
			return row, err
		}
	}
	return row, p.capture(ctx, inputOrg, []wire.EventEntry{{Body: packing("AssociationEvent", "DELETE", "removing", row.Shipment, row.Device, ended)}})
}

// packing is an event that puts a child into a parent or takes it out.
func packing(kind, action, step, parent, child string, at time.Time) []byte {
	return fmt.Appendf(nil, `{"type":%q,"eventTime":%q,"eventTimeZoneOffset":"+00:00","parentID":%q,"childEPCs":[%q],"action":%q,"bizStep":%q}`,
		kind, at.UTC().Format("2006-01-02T15:04:05.000Z07:00"), parent, child, action, step)
}

// cut makes a series into signed segments.
func cut(s *Series, device string, key crypto.Signer) ([]ingest.Signed, error) {
	size := min(max((len(s.Times)+windows-1)/windows, minSegment), maxSegment)
	chain := ingest.Chain{Device: device, Signer: key}
	var out []ingest.Signed
	for i := 0; i < len(s.Times); i += size {
		end := min(i+size, len(s.Times))
		channels := make([]ledger.Channel, len(s.Channels))
		for n, c := range s.Channels {
			channels[n] = ledger.Channel{Quantity: c.Quantity, Values: c.Values[i:end]}
		}
		segment, err := chain.Sign(s.Times[i:end], channels)
		if err != nil {
			return nil, err
		}
		out = append(out, segment)
	}
	return out, nil
}
