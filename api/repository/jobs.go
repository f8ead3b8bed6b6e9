package repository

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/waybill-dev/waybill/api/rest"
	"github.com/waybill-dev/waybill/api/servicestate"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/epcis"
	"github.com/waybill-dev/waybill/gateway/submit"
)

const (
	// lookEvery is how often jobs are looked for that another process, or an earlier start, has left.
	lookEvery = 2 * time.Second
	// A network or store that does not answer is asked again after a pause that grows between these.
	firstPause = 200 * time.Millisecond
	lastPause  = 15 * time.Second
	// saying bounds the last word on a job when the process ends.
	saying = 5 * time.Second
)

// The codes that jobs give beside those of epcis and the ledger.
const (
	codePartly   = "WB_PARTLY_RECORDED"
	codeNotTried = "WB_NOT_RECORDED"
	codeTwice    = ledger.CodeConflict
)

// Run does jobs until the context is done, and gives those under way back: they go on at the next
// start. It ends without an error.
func (r *Repository) Run(ctx context.Context) error {
	var workers errgroup.Group
	for range r.cfg.Workers {
		workers.Go(func() error {
			r.work(ctx)
			return nil
		})
	}
	return workers.Wait()
}

func (r *Repository) work(ctx context.Context) {
	for ctx.Err() == nil {
		w, ok, err := r.cfg.Jobs.ClaimJob(ctx)
		if err != nil && ctx.Err() == nil {
			r.log.WarnContext(ctx, "capture jobs cannot be read", "error", err)
		}
		if err == nil && ok {
			r.hurry() // there may be one for another worker
			r.do(ctx, w)
			continue
		}
		timer := time.NewTimer(lookEvery)
		select {
		case <-ctx.Done():
		case <-r.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// do does one job and keeps it with this process meanwhile.
func (r *Repository) do(ctx context.Context, w servicestate.Work) {
	own, cancel := context.WithCancelCause(ctx)
	beating := make(chan struct{})
	go func() {
		defer close(beating)
		tick := time.NewTicker(max(r.cfg.Jobs.LeaseTime()/4, time.Millisecond))
		defer tick.Stop()
		for {
			select {
			case <-own.Done():
				return
			case <-tick.C:
				if err := r.cfg.Jobs.ExtendJob(own, w.ID); errors.Is(err, servicestate.ErrLost) {
					cancel(err)
					return
				}
			}
		}
	}()
	errs, err := r.perform(own, w)
	if err == nil {
		err = r.persist(own, func() error { return r.cfg.Jobs.FinishJob(own, w.ID, errs) })
	}
	lost := errors.Is(context.Cause(own), servicestate.ErrLost) || errors.Is(err, servicestate.ErrLost)
	cancel(nil)
	<-beating
	switch {
	case lost:
		r.log.WarnContext(ctx, "another process does a capture job", "job", w.ID)
	case err != nil:
		if ctx.Err() == nil {
			r.log.ErrorContext(ctx, "a capture job was broken off and is tried again", "job", w.ID, "error", err)
		}
		last, done := context.WithTimeout(context.WithoutCancel(ctx), saying)
		defer done()
		if err = r.cfg.Jobs.LeaveJob(last, w.ID); err != nil {
			r.log.WarnContext(ctx, "a capture job is not given back and waits until its lease ends", "job", w.ID, "error", err)
		}
		if ctx.Err() == nil {
			r.pause(ctx, lastPause)
		}
	default:
		result := "success"
		if len(errs) > 0 {
			result = "errors"
		}
		r.ended.WithLabelValues(string(w.Behaviour), result).Inc()
	}
}

func (r *Repository) pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// persist says something to the store until it takes it.
func (r *Repository) persist(ctx context.Context, say func() error) error {
	for wait := firstPause; ; wait = min(2*wait, lastPause) {
		err := say()
		if err == nil || errors.Is(err, servicestate.ErrLost) {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		r.pause(ctx, wait)
	}
}

// input is one event of a job on its way to the ledger.
type input struct {
	source epcis.Source
	event  submit.Event
}

func (in input) fault(code, detail string) rest.JobError {
	e := faultOf(in.source, code, in.source.Path, detail)
	e.Conflict = code == ledger.CodeConflict
	return e
}

func faultOf(s epcis.Source, code, path, detail string) rest.JobError {
	index := s.Index
	e := rest.JobError{Code: code, Index: &index, Path: path, Detail: detail}
	if s.Event != nil {
		if e.EventID = s.Event.EventID; e.EventID == "" && s.Err == nil {
			e.EventID = s.Event.Hash().String()
		}
	}
	return e
}

// maxFaults bounds the faults of one event that a job's error tells.
const maxFaults = 5

// entryOf makes a valid event ready for the ledger, or tells why it is none.
func entryOf(s epcis.Source) (submit.Event, *rest.JobError) {
	if s.Err != nil || s.Event == nil {
		e := faultOf(s, "WB_INVALID", s.Path, "the event cannot be read")
		if fs, ok := errors.AsType[epcis.Faults](s.Err); ok && len(fs) > 0 {
			e.Code, e.Path = fs[0].Code, fs[0].Path
			var text []string
			for _, f := range fs[:min(len(fs), maxFaults)] {
				text = append(text, strings.TrimPrefix(f.Path+": ", ": ")+f.Message)
			}
			if more := len(fs) - maxFaults; more > 0 {
				text = append(text, fmt.Sprintf("and %d more", more))
			}
			e.Detail = strings.Join(text, "; ")
		} else if f, ok := errors.AsType[epcis.Fault](s.Err); ok {
			e.Code, e.Detail = f.Code, f.Message
			if f.Path != "" {
				e.Path = f.Path
			}
		}
		return submit.Event{}, &e
	}
	entry := wire.SourceEntry(s)
	if len(entry.Body) > ledger.MaxEventBytes || len(entry.Context) > ledger.MaxContextBytes {
		err := fmt.Errorf("%w: an event of %d bytes (at most %d) under a context of %d (at most %d)", ledger.ErrTooLarge,
			len(entry.Body), ledger.MaxEventBytes, len(entry.Context), ledger.MaxContextBytes)
		_, text := ledger.ParseCode(err.Error())
		e := faultOf(s, ledger.Code(err), s.Path, text)
		return submit.Event{}, &e
	}
	return submit.Event{EventEntry: entry, Keys: submit.KeysOf(s.Event, s.Event.Hash())}, nil
}

// perform does the work of a job and gives the errors that it ends with. An error of its own says
// that the job is not at its end.
func (r *Repository) perform(ctx context.Context, w servicestate.Work) ([]rest.JobError, error) {
	bytes := min(w.Bytes, r.cfg.DocumentBytes)
	if err := r.room.Acquire(ctx, bytes); err != nil {
		return nil, err
	}
	defer r.room.Release(bytes)
	var document []byte
	if err := r.persist(ctx, func() (err error) {
		document, err = r.cfg.Jobs.JobDocument(ctx, w.ID)
		return err
	}); err != nil {
		return nil, err
	}
	doc, err := epcis.ParseDocument(document, r.cfg.Limits)
	if err != nil {
		return []rest.JobError{{Code: ledger.Code(err), Detail: err.Error()}}, nil
	}
	var inputs []input
	var errs []rest.JobError
	for _, s := range doc.Events {
		event, fault := entryOf(s)
		if fault != nil {
			r.events.WithLabelValues("refused").Inc()
			errs = append(errs, *fault)
			continue
		}
		inputs = append(inputs, input{s, event})
	}
	elements, fault := elementsOf(doc)
	if fault != nil {
		errs = append(errs, *fault)
	}
	if w.Behaviour == rest.Rollback && !w.Sending {
		if len(errs) == 0 {
			if errs, err = r.rehearse(ctx, inputs); err != nil {
				return nil, err
			}
		}
		if len(errs) > 0 {
			return errs, nil // nothing was recorded
		}
	}
	if err = r.persist(ctx, func() error { return r.cfg.Jobs.KeepJob(ctx, w.ID, true, errs) }); err != nil {
		return nil, err
	}
	stated, err := r.sendElements(ctx, elements)
	if err != nil {
		return nil, err
	}
	errs = append(errs, stated...)
	refused, recorded, err := r.send(ctx, inputs, w.Behaviour == rest.Rollback)
	if err != nil {
		return nil, err
	}
	if w.Behaviour == rest.Rollback && len(refused) > 0 && recorded > 0 {
		refused = append([]rest.JobError{{Code: codePartly, Detail: fmt.Sprintf(
			"%d events of this capture are recorded and cannot be taken back: another write came in between. Declare them in error, or send the capture again once the events below are mended", recorded)}}, refused...)
	}
	errs = append(errs, refused...)
	slices.SortStableFunc(errs, func(a, b rest.JobError) int {
		switch {
		case a.Index == nil && b.Index == nil:
			return 0
		case a.Index == nil:
			return -1
		case b.Index == nil:
			return 1
		}
		return *a.Index - *b.Index
	})
	return errs, nil
}

// rehearse finds everything about the events that the ledger would refuse, before any is sent: by the
// contract's own rules here, and by its answers on a peer for what depends on what is recorded.
func (r *Repository) rehearse(ctx context.Context, inputs []input) (errs []rest.JobError, err error) {
	now := ledger.MillisOf(time.Now())
	within := map[string]*epcis.Context{}
	bearers := map[string]ledger.Digest{}
	var named []input
	for _, in := range inputs {
		raw := string(in.event.Context)
		c, ok := within[raw]
		if !ok {
			if c, err = epcis.ParseContext(in.event.Context); err != nil {
				return nil, err
			}
			within[raw] = c
		}
		read, err := ledger.ReadEvent(c, in.event.Context, in.event.Body)
		if err == nil {
			_, err = ledger.DecideEvent(read, ledger.EventView{}, ledger.Tx{Time: now}, 0)
		}
		if err != nil {
			_, text := ledger.ParseCode(err.Error())
			errs = append(errs, in.fault(ledger.Code(err), text))
			continue
		}
		if read.Claims == "" {
			continue
		}
		if have, ok := bearers[read.Claims]; ok && have != read.Hash {
			errs = append(errs, in.fault(codeTwice, "another event of the document has the eventID "+read.Claims))
			continue
		}
		bearers[read.Claims] = read.Hash
		named = append(named, in)
	}
	for len(named) > 0 {
		part := rehearsed(named)
		named = named[len(part):]
		found, err := r.ask(ctx, part)
		if err != nil {
			return nil, err
		}
		errs = append(errs, found...)
	}
	return errs, nil
}

// rehearsed gives as many inputs from the beginning as a peer is asked about at a time.
func rehearsed(inputs []input) []input {
	const most, bytes, items = 1_000, 2 << 20, 4_000
	size, keys := 0, 0
	for i, in := range inputs {
		size += len(in.event.Body) + len(in.event.Context)
		keys += len(in.event.Keys)
		if i > 0 && (i == most || size > bytes || keys > items) {
			return inputs[:i]
		}
	}
	return inputs
}

// ask has a peer decide on events without recording them.
func (r *Repository) ask(ctx context.Context, part []input) (errs []rest.JobError, err error) {
	entries := make([]wire.EventEntry, len(part))
	for i, in := range part {
		entries[i] = in.event.EventEntry
	}
	batch, err := wire.EncodeEventBatch(entries)
	if err != nil {
		return nil, err
	}
	until := time.Now().Add(r.cfg.Patience)
	for wait := firstPause; ; wait = min(2*wait, lastPause) {
		answers, err := r.evaluate(ctx, batch)
		if err == nil && len(answers) == len(part) {
			for i, a := range answers {
				if a.Status == ledger.StatusRefused {
					errs = append(errs, part[i].fault(a.Code, a.Message))
				}
			}
			return errs, nil
		}
		if err == nil {
			err = fmt.Errorf("a peer gave %d answers to %d events", len(answers), len(part))
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		code, message, final := finalOf(err)
		if !final && time.Now().After(until) {
			code, message, final = codeNotTried, "the network did not answer for "+r.cfg.Patience.String(), true
		}
		if final {
			for _, in := range part {
				errs = append(errs, in.fault(code, message))
			}
			return errs, nil
		}
		r.log.WarnContext(ctx, "a capture job waits for the network", "error", err)
		r.pause(ctx, wait)
	}
}

func (r *Repository) evaluate(ctx context.Context, batch []byte) ([]wire.Answer, error) {
	out, err := r.cfg.Rehearsal.Evaluate(ctx, wire.FnRecordEvents, batch)
	if err != nil {
		return nil, err
	}
	answers, err := wire.DecodeAnswers(out)
	return answers.Answers, err
}

// send records events and gives those that were refused, and how many are recorded. With stop it sends
// no more after a refusal.
func (r *Repository) send(ctx context.Context, inputs []input, stop bool) (refused []rest.JobError, recorded int, err error) {
	until := time.Now().Add(r.cfg.Patience)
	var block uint64
	for len(inputs) > 0 {
		part := inputs[:min(len(inputs), r.cfg.Chunk)]
		inputs = inputs[len(part):]
		for wait := firstPause; len(part) > 0; wait = min(2*wait, lastPause) {
			events := make([]submit.Event, len(part))
			for i, in := range part {
				events[i] = in.event
			}
			outcomes, err := r.cfg.Recorder.Events(ctx, events)
			if len(outcomes) != len(events) {
				outcomes = make([]submit.Outcome, len(events))
				for i := range outcomes {
					outcomes[i].Err = unavailable(err)
				}
			}
			var again []input
			late := time.Now().After(until)
			for i, o := range outcomes {
				if o.Err != nil {
					code, message, final := finalOf(o.Err)
					if !final && !late {
						again = append(again, part[i])
						continue
					}
					if !final {
						code, message = codeNotTried, "the network did not take it for "+r.cfg.Patience.String()
					}
					o.Status, o.Code, o.Message = ledger.StatusRefused, code, message
				}
				r.events.WithLabelValues(statusWord(o)).Inc()
				if o.Status == ledger.StatusRefused {
					refused = append(refused, part[i].fault(o.Code, o.Message))
					continue
				}
				recorded++
				block = max(block, o.Block)
			}
			if ctx.Err() != nil {
				return nil, 0, ctx.Err()
			}
			if len(again) > 0 {
				r.log.WarnContext(ctx, "a capture job waits for the network", "events", len(again), "error", err)
				r.pause(ctx, wait)
			}
			part = again
		}
		if stop && len(refused) > 0 {
			for _, in := range inputs {
				refused = append(refused, in.fault(codeNotTried, "it was not sent, since an event before it was refused"))
			}
			break
		}
	}
	// Who sees the job's end can ask for what it recorded.
	readable, cancel := context.WithTimeout(ctx, r.cfg.ReadableTime)
	defer cancel()
	_ = r.cfg.Reader.WaitFor(readable, block) // what is recorded is recorded, readable or not
	return refused, recorded, nil
}
