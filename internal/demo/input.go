package demo

import (
	"cmp"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"text/tabwriter"
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

// Input is the user's own files.
type Input struct {
	// Paths are files and folders; folders are searched at any depth.
	Paths []string
	// Unit of temperatures in CSV files.
	Unit ingest.Unit
	// Policy by its id, for readings from CSV files; empty: the one whose range holds most of them.
	Policy string
}

// Files is what Collect found.
type Files struct {
	Documents []string
	Readings  []ReadingFile
	// Unreadable files are readings by their name and cannot be read as such.
	Unreadable []FileFault
	// Ignored files are neither documents nor readings by their name.
	Ignored int
}

// ReadingFile is a CSV file, read, and the policy that it is judged by.
type ReadingFile struct {
	Path   string
	Series *Series
	Policy ledger.Policy
	// Note says what is odd about the choice of the policy; empty if nothing is.
	Note string
}

// FileFault is why a file cannot be used.
type FileFault struct {
	File string `json:"file"`
	Fault
}

// Collect finds and checks the user's files. What is not named by its user and ends in anything but .json, .jsonld, .xml
// and .csv is passed over; readings that cannot be read are told of as Unreadable, and are an error only
// if there is nothing else.
func Collect(in Input) (Files, error) {
	if err := in.Check(); err != nil {
		return Files{}, err
	}
	var out Files
	var unreadable []error
	add := func(path string, named bool) error {
		if len(out.Documents)+len(out.Readings)+len(out.Unreadable) >= maxFiles {
			return fmt.Errorf("%w: more than %d files", ErrInput, maxFiles)
		}
		switch strings.ToLower(filepath.Ext(path)) {
		case ".json", ".jsonld", ".xml":
			out.Documents = append(out.Documents, path)
		case ".csv":
			file, err := readFile(path, in)
			if err != nil {
				out.Unreadable = append(out.Unreadable, FileFault{path, faultOf(err)})
				if len(unreadable) < shownFaults {
					unreadable = append(unreadable, fmt.Errorf("%s: %w", path, err))
				}
				return nil
			}
			out.Readings = append(out.Readings, file)
		default:
			if named {
				return fmt.Errorf("%w: %s is not a document (.json, .jsonld, .xml) and not readings (.csv)", ErrInput, path)
			}
			out.Ignored++
		}
		return nil
	}
	for _, path := range in.Paths {
		info, err := os.Stat(path)
		if err != nil {
			return out, fmt.Errorf("%w: %w", ErrInput, err)
		}
		if !info.IsDir() {
			if err := add(path, true); err != nil {
				return out, err
			}
			continue
		}
		if err := filepath.WalkDir(path, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			return add(path, false)
		}); err != nil {
			return out, err
		}
	}
	if len(out.Documents)+len(out.Readings) == 0 {
		if len(unreadable) > 0 {
			return out, fmt.Errorf("%w: %w", ErrInput, errors.Join(unreadable...))
		}
		return out, fmt.Errorf("%w: no document (.json, .jsonld, .xml) and no readings (.csv) in %s", ErrInput, strings.Join(in.Paths, ", "))
	}
	return out, nil
}

// Check says, with ErrInput, that the unit or the policy is none.
func (in Input) Check() error {
	if !slices.Contains([]ingest.Unit{"", ingest.Celsius, ingest.Fahrenheit, ingest.Kelvin}, in.Unit) {
		return fmt.Errorf("%w: unit %q is not celsius, fahrenheit or kelvin", ErrInput, string(in.Unit))
	}
	_, _, err := policyFor(in.Policy, nil)
	return err
}

// readFile reads a file of readings and chooses its policy.
func readFile(path string, in Input) (ReadingFile, error) {
	f, err := os.Open(path) //nolint:gosec // the user names the file
	if err != nil {
		return ReadingFile{}, err
	}
	defer f.Close() //nolint:errcheck // read only
	series, err := ReadSeries(f, in.Unit)
	if err != nil {
		return ReadingFile{}, err
	}
	policy, note, err := policyFor(in.Policy, series.celsius())
	return ReadingFile{path, series, policy, note}, err
}

var stableCode = regexp.MustCompile(`^(WB_[A-Z0-9_]+): `)

// faultOf is an error of one file as the report tells it.
func faultOf(err error) Fault {
	text := err.Error()
	if m := stableCode.FindStringSubmatch(text); m != nil {
		return Fault{Code: m[1], Message: text[len(m[0]):]}
	}
	return Fault{Code: "WB_FILE", Message: text}
}

// policyFor gives the policy of that id, or the one whose recommended range holds most of the values,
// or, if none holds any, the one that they lie nearest to, with a note that says so.
func policyFor(id string, celsius []int32) (ledger.Policy, string, error) {
	all := simulate.Policies()
	if id != "" {
		at := slices.IndexFunc(all, func(p ledger.Policy) bool { return p.ID == id })
		if at < 0 {
			var ids []string
			for _, p := range all {
				ids = append(ids, p.ID)
			}
			return ledger.Policy{}, "", fmt.Errorf("%w: no policy %q; there are %s", ErrInput, id, strings.Join(ids, ", "))
		}
		return all[at], "", nil
	}
	best, held := nearest(all, celsius)
	if held > 0 || len(celsius) == 0 {
		return best, "", nil
	}
	note := fmt.Sprintf("no policy's range holds any of these temperatures, %.1f to %.1f °C; %s is only the nearest, --policy names another",
		float64(slices.Min(celsius))/1000, float64(slices.Max(celsius))/1000, best.ID)
	for _, other := range []struct {
		unit ingest.Unit
		in   func(milli int64) int64
	}{
		{ingest.Fahrenheit, func(milli int64) int64 { return (milli - 32_000) * 5 / 9 }},
		{ingest.Kelvin, func(milli int64) int64 { return milli - 273_150 }},
	} {
		read := make([]int32, len(celsius))
		for i, v := range celsius {
			read[i] = int32(other.in(int64(v))) //nolint:gosec // nearer to zero than a temperature in int32, or below it by 273,150
		}
		if fits, held := nearest(all, read); 2*held > len(read) {
			return best, fmt.Sprintf("%s; taken as %s they fit %s: is it --unit %[2]s?", note, other.unit, fits.ID), nil
		}
	}
	return best, note, nil
}

// nearest is the policy whose recommended range holds most of the values, and how many; of those that
// hold as many, the one whose range the others lie nearest to.
func nearest(all []ledger.Policy, values []int32) (best ledger.Policy, held int) {
	least := int64(0)
	for i, p := range all {
		in, away := 0, int64(0)
		for _, v := range values {
			switch {
			case v < p.Low:
				away += int64(p.Low) - int64(v)
			case v > p.High:
				away += int64(v) - int64(p.High)
			default:
				in++
			}
		}
		if i == 0 || in > held || in == held && away < least {
			best, held, least = p, in, away
		}
	}
	return best, held
}

// DocumentRow is what became of one document.
type DocumentRow struct {
	File      string  `json:"file"`
	Events    int     `json:"events"`
	Recorded  int     `json:"recorded"`
	Duplicate int     `json:"duplicate"`
	Refused   int     `json:"refused"`
	Findings  int     `json:"findings"`
	Faults    []Fault `json:"faults,omitempty"`
}

// Fault is why an event, or a document as a whole, was refused.
type Fault struct {
	Code    string `json:"code"`
	Path    string `json:"path,omitempty"`
	Message string `json:"message"`
}

// ReadingRow is what became of one file of readings.
type ReadingRow struct {
	File     string    `json:"file"`
	Device   string    `json:"device"`
	Shipment string    `json:"shipment"`
	Policy   string    `json:"policy"`
	Readings int       `json:"readings"`
	Skipped  int       `json:"skipped"`
	Why      string    `json:"why_skipped,omitempty"`
	Ignored  []string  `json:"columns_not_recorded,omitempty"`
	Segments int       `json:"segments"`
	From     time.Time `json:"from"`
	To       time.Time `json:"to"`
	Worst    string    `json:"worst"`
	Final    string    `json:"final"`
	// Note says what is odd about the policy that it is judged by.
	Note string `json:"note,omitempty"`
	// Fault is why not all of it was recorded.
	Fault *Fault `json:"fault,omitempty"`
}

// VerdictRow is one verdict, told.
type VerdictRow struct {
	Shipment    string    `json:"shipment"`
	File        string    `json:"file,omitempty"`
	Window      uint32    `json:"window"`
	Final       bool      `json:"final"`
	Level       string    `json:"level"`
	Code        string    `json:"code,omitempty"`
	Reason      string    `json:"reason,omitempty"`
	Until       time.Time `json:"until"`
	Block       uint64    `json:"block"`
	Transaction string    `json:"transaction"`
}

// InputReport is what became of the user's files.
type InputReport struct {
	Documents []DocumentRow `json:"documents"`
	Readings  []ReadingRow  `json:"readings"`
	Verdicts  []VerdictRow  `json:"verdicts"`
	// Unreadable files were passed over.
	Unreadable []FileFault `json:"unreadable,omitempty"`
	Ignored    int         `json:"ignored_files"`
	OnChain    OnChain     `json:"on_chain"`
	States     States      `json:"states"`
	Seconds    float64     `json:"seconds"`
	OK         bool        `json:"ok"`
}

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
	patience, cancel := context.WithTimeout(ctx, judgePatience)
	board.settled(patience, shipments)
	heard.untilQuiet(patience)
	cancel()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	verdicts := heard.byShipment()
	report.tell(verdicts)
	if report.OnChain, err = onChain(ctx, s, verdicts); err != nil {
		return nil, err
	}
	report.States = compareStates(ctx, s.NetworkDir())
	report.Seconds = time.Since(begun).Seconds()
	report.OK = report.Why() == ""
	return report, nil
}

// hearing keeps the verdicts of a watch.
type hearing struct {
	mu   sync.Mutex
	all  []*waybillv1.Verdict
	last time.Time
}

func (h *hearing) take(v *waybillv1.Verdict) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all, h.last = append(h.all, v), time.Now()
}

// untilQuiet waits until no verdict was heard for a while.
func (h *hearing) untilQuiet(ctx context.Context) {
	start := time.Now()
	for {
		h.mu.Lock()
		since := h.last
		h.mu.Unlock()
		if since.Before(start) {
			since = start
		}
		left := quiet - time.Since(since)
		if left <= 0 {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(left):
		}
	}
}

func (h *hearing) byShipment() map[string][]*waybillv1.Verdict {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := map[string][]*waybillv1.Verdict{}
	for _, v := range h.all {
		out[v.GetShipment()] = append(out[v.GetShipment()], v)
	}
	inOrder(out)
	return out
}

// latest is the position of the last verdict on the ledger, nil if there is none.
func latest(ctx context.Context, api waybillv1.VerdictServiceClient) (*waybillv1.Position, error) {
	r, err := api.ListVerdicts(ctx, &waybillv1.ListVerdictsRequest{PageSize: 1, NewestFirst: true})
	if err != nil {
		return nil, fmt.Errorf("listing verdicts: %w", err)
	}
	if len(r.GetVerdicts()) == 0 {
		return nil, nil //nolint:nilnil // no verdict and no error: watch from the beginning
	}
	return r.GetVerdicts()[0].GetPosition(), nil
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

func (row *DocumentRow) take(r *waybillv1.EventResult) {
	row.Events++
	row.Findings += len(r.GetFindings())
	switch r.GetStatus() {
	case waybillv1.AnswerStatus_ANSWER_STATUS_RECORDED:
		row.Recorded++
	case waybillv1.AnswerStatus_ANSWER_STATUS_DUPLICATE:
		row.Duplicate++
	default:
		row.Refused++
		if len(row.Faults) < shownFaults {
			row.Faults = append(row.Faults, Fault{r.GetCode(), r.GetPath(), r.GetMessage()})
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

// tell fills the verdicts in.
func (r *InputReport) tell(verdicts map[string][]*waybillv1.Verdict) {
	files := map[string]*ReadingRow{}
	for i := range r.Readings {
		r.Readings[i].Worst, r.Readings[i].Final = "none", "none"
		files[r.Readings[i].Shipment] = &r.Readings[i]
	}
	for _, shipment := range slices.Sorted(maps.Keys(verdicts)) {
		var worst waybillv1.VerdictLevel
		for _, v := range verdicts[shipment] {
			var told Row
			told.tell(v, "")
			row := VerdictRow{
				Shipment: shipment, Window: v.GetWindow(), Final: v.GetFinal(), Level: told.Level, Code: told.Code, Reason: told.Reason,
				Until: v.GetTo().AsTime(), Block: told.Block, Transaction: told.Transaction,
			}
			worst = max(worst, v.GetLevel())
			if f := files[shipment]; f != nil {
				row.File, f.Worst = f.File, level(worst).String()
				if v.GetFinal() {
					f.Final = told.Level
				}
			}
			r.Verdicts = append(r.Verdicts, row)
		}
	}
}

// Why says what is not as it should be; empty if all is.
func (r *InputReport) Why() string {
	refused, unjudged := 0, 0
	for _, d := range r.Documents {
		if d.Refused > 0 || len(d.Faults) > 0 {
			refused++
		}
	}
	notRecorded := 0
	for _, f := range r.Readings {
		switch {
		case f.Fault != nil:
			notRecorded++
		case f.Final == "none":
			unjudged++
		}
	}
	var why []string
	if refused > 0 {
		why = append(why, fmt.Sprintf("%d of %d documents hold what was refused", refused, len(r.Documents)))
	}
	if len(r.Unreadable) > 0 {
		why = append(why, fmt.Sprintf("%d of %d files of readings cannot be read", len(r.Unreadable), len(r.Unreadable)+len(r.Readings)))
	}
	if notRecorded > 0 {
		why = append(why, fmt.Sprintf("%d of %d files of readings hold what was refused", notRecorded, len(r.Readings)))
	}
	if unjudged > 0 {
		why = append(why, fmt.Sprintf("%d of %d files of readings were not judged to their end", unjudged, len(r.Readings)))
	}
	if r.OnChain.Missing > 0 {
		why = append(why, fmt.Sprintf("%d verdicts are not on the ledger of %s (%s)", r.OnChain.Missing, r.OnChain.Organisation, r.OnChain.FirstMissing))
	}
	if !r.States.Equal {
		why = append(why, "the peers' world states are not known to be equal: "+r.States.Why)
	}
	return strings.Join(why, "; ")
}

// WriteJSON writes the report as one object on one line.
func (r *InputReport) WriteJSON(w io.Writer) error { return json.NewEncoder(w).Encode(r) }

// WriteText writes the report for a person.
func (r *InputReport) WriteText(w io.Writer) error {
	section := func(write func(io.Writer)) error {
		t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
		write(t)
		fmt.Fprintln(t)
		return t.Flush()
	}
	var errs []error
	if len(r.Documents) > 0 {
		errs = append(errs, section(r.writeDocuments))
		for _, d := range r.Documents {
			for _, f := range d.Faults {
				_, err := fmt.Fprintf(w, "%s: %s %s: %s\n", clean(d.File), f.Code, clean(f.Path), clean(f.Message))
				errs = append(errs, err)
			}
		}
	}
	for _, f := range r.Readings {
		errs = append(errs, section(f.write))
	}
	if len(r.Verdicts) > 0 {
		errs = append(errs, section(r.writeVerdicts))
	}
	for _, f := range r.Unreadable {
		_, err := fmt.Fprintf(w, "%s: %s: %s\n", clean(f.File), f.Code, clean(f.Message))
		errs = append(errs, err)
	}
	recorded, duplicate, refused := 0, 0, 0
	for _, d := range r.Documents {
		recorded, duplicate, refused = recorded+d.Recorded, duplicate+d.Duplicate, refused+d.Refused
	}
	_, err := fmt.Fprintf(w, "Documents: %d, with %d events recorded, %d duplicate, %d refused. Files of readings: %d, %d that cannot be read.\nVerdicts: %d, %d missing on the ledger of %s.\n%s\n",
		len(r.Documents), recorded, duplicate, refused, len(r.Readings)+len(r.Unreadable), len(r.Unreadable), len(r.Verdicts), r.OnChain.Missing, r.OnChain.Organisation, r.States.sentence())
	return errors.Join(append(errs, err)...)
}

func (r *InputReport) writeDocuments(w io.Writer) {
	fmt.Fprintln(w, "DOCUMENT\tEVENTS\tRECORDED\tDUPLICATE\tREFUSED\tFINDINGS")
	for _, d := range r.Documents {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\n", clean(filepath.Base(d.File)), d.Events, d.Recorded, d.Duplicate, d.Refused, d.Findings)
	}
}

func (row ReadingRow) write(w io.Writer) {
	fmt.Fprintf(w, "READINGS\t%s\n", clean(row.File))
	fmt.Fprintf(w, "  how many\t%d in %d segments, %s to %s\n", row.Readings, row.Segments, row.From.Format(time.RFC3339), row.To.Format(time.RFC3339))
	if row.Skipped > 0 {
		fmt.Fprintf(w, "  rows passed over\t%d; the first: %s\n", row.Skipped, clean(row.Why))
	}
	if len(row.Ignored) > 0 {
		fmt.Fprintf(w, "  columns not recorded\t%s\n", clean(strings.Join(row.Ignored, ", ")))
	}
	if row.Fault != nil {
		fmt.Fprintf(w, "  refused\t%s: %s\n", row.Fault.Code, clean(row.Fault.Message))
	}
	if row.Note != "" {
		fmt.Fprintf(w, "  note\t%s\n", row.Note)
	}
	fmt.Fprintf(w, "  device\t%s\n  shipment\t%s\n  policy\t%s\n  worst verdict\t%s\n  final verdict\t%s\n", row.Device, row.Shipment, row.Policy, row.Worst, row.Final)
}

// writeVerdicts shows, of each shipment, the verdicts at which the level or the main reason changed, and the last.
func (r *InputReport) writeVerdicts(w io.Writer) {
	fmt.Fprintln(w, "SHIPMENT\tWINDOW\tUNTIL\tVERDICT\tBLOCK\tTRANSACTION\tREASON")
	shown := 0
	for i, v := range r.Verdicts {
		first := i == 0 || r.Verdicts[i-1].Shipment != v.Shipment
		last := i+1 == len(r.Verdicts) || r.Verdicts[i+1].Shipment != v.Shipment
		if first {
			shown = 0
		}
		changed := first || r.Verdicts[i-1].Level != v.Level || r.Verdicts[i-1].Code != v.Code
		if !last && (!changed || shown >= shownVerdicts) {
			continue
		}
		shown++
		window := strconv.FormatUint(uint64(v.Window), 10)
		if v.Final {
			window += " (last)"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s\t%s\n", shortEPC(v.Shipment), window, v.Until.Format(time.RFC3339), v.Level, v.Block, shortTx(v.Transaction), clean(cmp.Or(v.Reason, "-")))
	}
}

// clean keeps a terminal from obeying what stands in a file.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0) {
			return '�'
		}
		return r
	}, s)
}
