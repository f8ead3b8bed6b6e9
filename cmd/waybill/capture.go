package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/epcis"
	"github.com/waybill-dev/waybill/gateway/profile"
)

const (
	// writePatience is how long a write is tried while the API or the network does not answer.
	writePatience = time.Minute
	// documentPart is how much of a document travels in one message.
	documentPart = 256 << 10
	maxParallel  = 64
)

func (a *app) newCaptureCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "capture FILE...",
		Short: "Record the events of EPCIS documents on the ledger",
		Long: `Record every event of EPCIS 2.0 documents (JSON or XML; - is standard input, a folder stands for
the documents in it) through the organisation's API, and wait until each is on the ledger for good.
Each event is answered for itself: recorded, duplicate (it was there before) or refused with a code
and the place in the document; a refused event does not sink its neighbours. With --json there is a
line for each event.

It is safe to repeat: nothing is recorded twice. While the API or the network does not answer,
capture tries again for as long as --timeout says (a minute by default).`,
		Example: `  waybill capture shipment.jsonld
  waybill capture --org carrier documents/
  waybill capture --json *.xml | jq -r 'select(.status == "refused") | .code'`,
		Args: atLeastOneFile,
	}
	parallel := cmd.Flags().Int("parallel", 8, "documents on their way at once")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *parallel < 1 || *parallel > maxParallel {
			return usage("--parallel is %d, 1 to %d are possible", *parallel, maxParallel)
		}
		files, err := expand(args, documentSuffixes())
		if err != nil {
			return err
		}
		conn, err := a.connect(profile.IdentityCompany)
		if err != nil {
			return err
		}
		defer conn.Close() //nolint:errcheck // nothing is under way any more
		return a.capture(cmd, waybillv1.NewCaptureServiceClient(conn), files, *parallel)
	}
	return cmd
}

// captured is what became of one document.
type captured struct {
	file    string
	results []*waybillv1.EventResult // by index
	fault   *fault                   // the document was refused whole
	err     error                    // it was not answered to its end
	sent    bool                     // some of it went to the API
}

func (a *app) capture(cmd *cobra.Command, api waybillv1.CaptureServiceClient, files []string, parallel int) error {
	began := time.Now()
	bar := newProgress(cmd.ErrOrStderr(), a.quiet, "capture", totalSize(files), unitBytes, "events answered")
	outcomes := make([]chan captured, len(files))
	for i := range outcomes {
		outcomes[i] = make(chan captured, 1)
	}
	ctx, cancel := a.within(cmd.Context())
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel + 1) // and the one that starts them
	group.Go(func() error {
		for i, file := range files {
			group.Go(func() error {
				d := &documentCapture{api: api, file: file, stdin: cmd.InOrStdin(), patience: cmp.Or(a.timeout, writePatience), bar: bar}
				out := d.run(ctx)
				outcomes[i] <- out
				return out.err // the API is out of reach: the others would only wait as well
			})
		}
		return nil
	})
	var sum captureSum
	var writeErr error
	for i := range outcomes {
		out := <-outcomes[i]
		if writeErr == nil {
			writeErr = sum.add(a, cmd, out)
		}
	}
	err := group.Wait()
	bar.finish()
	if writeErr != nil {
		return writeErr
	}
	sum.print(a, cmd, len(files), time.Since(began))
	switch {
	case err != nil:
		return err
	case sum.Refused > 0 || sum.Faulty > 0:
		return refused("refused: %s", sum.refusals())
	}
	return nil
}

type captureSum struct {
	Documents  int     `json:"documents"`
	Faulty     int     `json:"documents_refused"`
	Unanswered int     `json:"documents_unanswered"`
	Uncertain  int     `json:"documents_uncertain"` // of those unanswered: events of theirs may be on the ledger
	Recorded   int     `json:"recorded"`
	Duplicate  int     `json:"duplicate"`
	Refused    int     `json:"refused"`
	Seconds    float64 `json:"seconds"`
	findings   map[string]int
}

func (s *captureSum) refusals() string {
	var parts []string
	if s.Refused > 0 {
		parts = append(parts, count(s.Refused, "event"))
	}
	if s.Faulty > 0 {
		parts = append(parts, count(s.Faulty, "whole document"))
	}
	return strings.Join(parts, " and ")
}

func (s *captureSum) add(a *app, cmd *cobra.Command, out captured) error {
	stdout, stderr := cmd.OutOrStdout(), cmd.ErrOrStderr()
	for _, r := range out.results {
		if r == nil { // not answered before the stream broke for good
			continue
		}
		switch r.GetStatus() {
		case waybillv1.AnswerStatus_ANSWER_STATUS_RECORDED:
			s.Recorded++
		case waybillv1.AnswerStatus_ANSWER_STATUS_DUPLICATE:
			s.Duplicate++
		default:
			s.Refused++
		}
		if a.json {
			if err := writeJSON(stdout, append(object{{"file", out.file}}, view(r)...)); err != nil {
				return err
			}
			continue
		}
		if r.GetStatus() == waybillv1.AnswerStatus_ANSWER_STATUS_REFUSED {
			fmt.Fprintln(stderr, printable(fault{File: out.file, Path: r.GetPath(), Code: r.GetCode(), Message: r.GetMessage()}.String()))
		}
		for _, f := range r.GetFindings() {
			if s.findings == nil {
				s.findings = map[string]int{}
			}
			s.findings[f.GetCode()]++
		}
	}
	switch {
	case out.fault != nil:
		s.Faulty++
		if a.json {
			return writeJSON(stdout, object{{"file", out.file}, {"status", "refused"}, {"code", out.fault.Code}, {"path", out.fault.Path}, {"message", out.fault.Message}})
		}
		fmt.Fprintln(stderr, printable(out.fault.String()))
	case out.err != nil:
		s.Unanswered++
		if out.sent {
			s.Uncertain++
		}
	default:
		s.Documents++
	}
	return nil
}

func (s *captureSum) print(a *app, cmd *cobra.Command, files int, took time.Duration) {
	if a.quiet {
		return
	}
	s.Seconds = took.Round(time.Millisecond).Seconds()
	if a.json {
		_ = writeJSON(cmd.ErrOrStderr(), s)
		return
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%d recorded, %d duplicate, %d refused, from %d of %s in %.1f s\n",
		s.Recorded, s.Duplicate, s.Refused, s.Documents, count(files, "document"), s.Seconds)
	if s.Uncertain > 0 {
		fmt.Fprintf(cmd.OutOrStdout(), "not answered to the end: %s; more of its events may be on the ledger: capture again, nothing is recorded twice\n", count(s.Uncertain, "document"))
	}
	if len(s.findings) == 0 {
		return
	}
	var parts []string
	for _, code := range slices.Sorted(maps.Keys(s.findings)) {
		parts = append(parts, fmt.Sprintf("%s %d", code, s.findings[code]))
	}
	fmt.Fprintf(cmd.OutOrStdout(), "findings: %s (waybill findings list shows them)\n", strings.Join(parts, ", "))
}

// documentCapture sends one document, again and again if need be, and gathers one answer an event.
type documentCapture struct {
	api      waybillv1.CaptureServiceClient
	file     string
	stdin    io.Reader
	patience time.Duration
	bar      *progress

	results []*waybillv1.EventResult
	sent    atomic.Bool
	shown   int64 // how much of the document the bar counts as sent
}

// totalSize is how much there is to send, as far as it can be known.
func totalSize(files []string) int64 {
	total := int64(0)
	for _, file := range files {
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() {
			total += info.Size()
		}
	}
	return total
}

func (d *documentCapture) run(ctx context.Context) captured {
	out := captured{file: d.file}
	in, err := d.open()
	if err != nil {
		out.fault = &faultsOf(d.file, nil, err)[0]
		return out
	}
	defer in.Close() //nolint:errcheck // read only, nothing to lose
	err = retry(ctx, d.patience, d.bar.again, func(ctx context.Context) (err error) {
		if _, err = in.Seek(0, io.SeekStart); err != nil {
			return fail(exitRefused, codeFile, "", "%s: %w", d.file, err)
		}
		out.fault, err = d.attempt(ctx, in)
		return err
	})
	out.results, out.sent = d.results, d.sent.Load()
	var read *failure
	switch {
	case errors.As(err, &read) && read.code == codeFile:
		out.fault = &fault{File: d.file, Code: read.code, Message: read.Error()}
	case err != nil:
		out.err = fmt.Errorf("%s: %w", d.file, err)
	}
	return out
}

type seekCloser interface {
	io.ReadSeeker
	io.Closer
}

type memory struct{ *bytes.Reader }

func (memory) Close() error { return nil }

// open gives a document that can be read again. Standard input is held in memory, up to a byte more
// than the API takes, so that the API is the one to refuse it.
func (d *documentCapture) open() (seekCloser, error) {
	if d.file == stdinName {
		raw, err := io.ReadAll(io.LimitReader(d.stdin, epcis.DefaultLimits().MaxBytes+1))
		if err != nil {
			return nil, fail(exitRefused, codeFile, "", "%w", err)
		}
		return memory{bytes.NewReader(raw)}, nil
	}
	f, err := os.Open(d.file)
	if err != nil {
		return nil, fail(exitRefused, codeFile, "", "%w", err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a file", d.file)
	}
	if err != nil {
		return nil, errors.Join(fail(exitRefused, codeFile, "", "%w", err), f.Close())
	}
	return f, nil
}

// attempt sends the document once and takes the answers in. A fault is the document's own, an error
// means that its answers did not all come.
func (d *documentCapture) attempt(ctx context.Context, in io.Reader) (*fault, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := d.api.StreamEvents(ctx)
	if err != nil {
		return nil, err
	}
	sent := make(chan error, 1)
	go func() { sent <- d.send(stream, in, cancel) }()
	for answered := uint64(0); ; {
		r, err := stream.Recv()
		if err != nil {
			cancel()
			// A file that cannot be read cancels the stream: its error is the cause, not the stream's.
			var read *failure
			if sendErr := <-sent; errors.As(sendErr, &read) {
				return nil, read
			}
			if errors.Is(err, io.EOF) {
				err = fmt.Errorf("%s: the server ended the stream before its last answer", codeUnavailable)
			}
			return nil, err
		}
		for _, result := range r.GetResults() {
			if result.GetIndex() != answered {
				return nil, fail(exitInternal, "WB_PROTOCOL", "", "the server answers event %d where event %d is due", result.GetIndex(), answered)
			}
			answered++
			d.take(result)
		}
		if doc := r.GetDocument(); doc != nil {
			if f := doc.GetFault(); f != nil {
				return &fault{File: d.file, Path: f.GetPath(), Code: f.GetCode(), Message: f.GetMessage()}, nil
			}
			if uint64(doc.GetEvents()) != answered {
				return nil, fail(exitInternal, "WB_PROTOCOL", "", "the server answered %d of the document's %d events", answered, doc.GetEvents())
			}
			return nil, nil //nolint:nilnil // no fault and no error: the document was answered to its end
		}
	}
}

// maxAnswers bounds what a server can have this process remember of one document.
const maxAnswers = 1 << 20

// take keeps the first answer to an event: what an earlier attempt recorded, a later one finds as a duplicate.
func (d *documentCapture) take(r *waybillv1.EventResult) {
	if r.GetIndex() >= maxAnswers {
		return
	}
	for uint64(len(d.results)) <= r.GetIndex() {
		d.results = append(d.results, nil)
	}
	if d.results[r.GetIndex()] == nil {
		d.results[r.GetIndex()] = r
		d.bar.addExtra(1)
	}
}

func (d *documentCapture) send(stream waybillv1.CaptureService_StreamEventsClient, in io.Reader, cancel context.CancelFunc) error {
	buf := make([]byte, documentPart)
	for gone := int64(0); ; {
		n, err := io.ReadFull(in, buf)
		last := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !last {
			cancel()
			return fail(exitRefused, codeFile, "", "%w", err)
		}
		part := &waybillv1.DocumentPart{Data: buf[:n], Last: last}
		if err := stream.Send(&waybillv1.StreamEventsRequest{Part: &waybillv1.StreamEventsRequest_DocumentPart{DocumentPart: part}}); err != nil {
			return err // the receiving side learns the reason
		}
		d.sent.Store(true)
		if gone += int64(n); gone > d.shown {
			d.bar.add(gone - d.shown)
			d.shown = gone
		}
		if last {
			return stream.CloseSend()
		}
	}
}

// retry repeats work that failed because nothing answered, with growing pauses, until patience is
// used up since the last sign of life.
func retry(ctx context.Context, patience time.Duration, again func(error), work func(ctx context.Context) error) error {
	wait, began := firstRetry, time.Now()
	for {
		err := work(ctx)
		if err == nil || exitOf(codeOf(err)) != exitUnavailable || ctx.Err() != nil {
			return err
		}
		if time.Since(began)+wait > patience {
			return err
		}
		again(err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
		wait = min(2*wait, lastRetry)
	}
}
