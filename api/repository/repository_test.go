package repository_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/api/query"
	"github.com/waybill-dev/waybill/api/readmodel"
	"github.com/waybill-dev/waybill/api/repository"
	"github.com/waybill-dev/waybill/api/rest"
	"github.com/waybill-dev/waybill/api/servertest"
	"github.com/waybill-dev/waybill/api/servicestate"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/epcis"
	"github.com/waybill-dev/waybill/gateway/fabric"
	"github.com/waybill-dev/waybill/gateway/submit"
)

// rig is a repository over a ledger in memory, with a read model and a service state of its own.
type rig struct {
	*repository.Repository
	t      *testing.T
	ledger *servertest.Ledger
	store  *readmodel.Store
	state  *servicestate.Store
	cfg    repository.Config
}

func newRig(t *testing.T) *rig {
	t.Helper()
	dir := t.TempDir()
	store, err := readmodel.Open(t.Context(), readmodel.Config{Path: filepath.Join(dir, "readmodel.db")})
	if err != nil {
		t.Fatal(err)
	}
	state, err := servicestate.Open(t.Context(), servicestate.Config{
		Organisation: "producer", Key: make([]byte, servicestate.KeyBytes), Path: filepath.Join(dir, "service.db"), Lease: time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	g := &rig{t: t, ledger: servertest.NewLedger(), store: store, state: state}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- store.Run(ctx, g.ledger) }()
	t.Cleanup(func() {
		stop()
		if err := errors.Join(<-done, state.Close(), store.Close()); err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	g.cfg = repository.Config{Recorder: g.ledger, Rehearsal: g.ledger, Reader: store, Jobs: state, Chunk: 100, Logger: slog.New(slog.DiscardHandler)}
	g.again()
	return g
}

// again makes another repository over the same stores, as a new start does.
func (g *rig) again() {
	g.t.Helper()
	r, err := repository.New(g.cfg)
	if err != nil {
		g.t.Fatal(err)
	}
	g.Repository = r
}

// run does jobs until stop is called.
func (g *rig) run() (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(g.t.Context()))
	done := make(chan error, 1)
	r := g.Repository
	go func() { done <- r.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			g.t.Error(err)
		}
	}
}

const head = `{"@context":"https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",`

func event(n int, id string) string {
	if id != "" {
		id = fmt.Sprintf(`"eventID":%q,`, id)
	}
	return fmt.Sprintf(`"type":"ObjectEvent",%s"action":"OBSERVE","bizStep":"storing","eventTime":"2026-01-02T03:04:05Z","eventTimeZoneOffset":"+00:00","epcList":["urn:epc:id:sgtin:9521321.000001.%d"]}`, id, n)
}

func bad(n int) string { return strings.Replace(event(n, ""), `"action":"OBSERVE",`, "", 1) }

func document(events ...string) []byte {
	return []byte(head + `"type":"EPCISDocument","schemaVersion":"2.0","creationDate":"2026-01-01T00:00:00Z","epcisBody":{"eventList":[{` + strings.Join(events, ",{") + `]}}`)
}

func (g *rig) start(behaviour rest.ErrorBehaviour, events ...string) string {
	g.t.Helper()
	id, err := g.Start(g.t.Context(), rest.Capture{Raw: document(events...), Behaviour: behaviour})
	if err != nil {
		g.t.Fatal(err)
	}
	return id
}

// ended waits for the end of a job.
func (g *rig) ended(id string) rest.Job {
	g.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		j, err := g.Job(g.t.Context(), id)
		if err != nil {
			g.t.Fatal(err)
		}
		if !j.Running {
			return j
		}
		select {
		case <-tick.C:
		case <-g.t.Context().Done():
			g.t.Fatal("the job does not end")
		}
	}
}

// recorded counts what queries answer.
func (g *rig) recorded() int {
	g.t.Helper()
	height, err := g.ledger.Height(g.t.Context())
	if err != nil {
		g.t.Fatal(err)
	}
	if err = g.store.WaitFor(g.t.Context(), height-1); err != nil {
		g.t.Fatal(err)
	}
	n := 0
	for cursor := ""; ; {
		records, next, err := g.Select(g.t.Context(), &query.Query{}, cursor, 1000)
		if err != nil {
			g.t.Fatal(err)
		}
		n += len(records)
		if cursor = next; cursor == "" {
			return n
		}
	}
}

func TestProceedRecordsTheGoodAndNamesTheBad(t *testing.T) {
	g := newRig(t)
	defer g.run()()
	var events []string
	for n := range 1000 {
		e := event(n, "")
		if n%100 == 7 {
			e = bad(n)
		}
		events = append(events, e)
	}
	j := g.ended(g.start(rest.Proceed, events...))
	if j.Success || len(j.Errors) != 10 {
		t.Fatalf("success %t, %d errors", j.Success, len(j.Errors))
	}
	for i, e := range j.Errors {
		if *e.Index != i*100+7 || e.Code == "" || !strings.Contains(e.Path, fmt.Sprintf("eventList[%d]", i*100+7)) || e.Detail == "" {
			t.Errorf("error %d: %+v", i, e)
		}
	}
	if n := g.recorded(); n != 990 {
		t.Errorf("%d events are recorded", n)
	}
	if j := g.ended(g.start(rest.Proceed, events...)); len(j.Errors) != 10 || g.recorded() != 990 {
		t.Errorf("sent again: %d errors, %d events", len(j.Errors), g.recorded())
	}
}

func TestRollbackRecordsAllOrNothing(t *testing.T) {
	g := newRig(t)
	defer g.run()()
	if j := g.ended(g.start(rest.Rollback, event(1, "urn:uuid:a"), event(2, ""))); !j.Success || len(j.Errors) > 0 {
		t.Fatalf("%+v", j)
	}
	future := strings.Replace(event(3, ""), "2026-", "2096-", 1)
	for name, c := range map[string]struct {
		events []string
		code   string
		index  int
	}{
		"invalid":                      {[]string{event(10, ""), bad(11)}, "WB_EPCIS_", 1},
		"an id that is taken":          {[]string{event(10, ""), event(11, ""), event(12, "urn:uuid:a")}, "WB_CONFLICT", 2},
		"an id twice":                  {[]string{event(10, "urn:uuid:b"), event(11, "urn:uuid:b")}, "WB_CONFLICT", 1},
		"of the future":                {[]string{future, event(11, "")}, "WB_", 0},
		"an id that no key could hold": {[]string{event(10, "urn:x:"+strings.Repeat("y", 2000))}, "WB_TOO_LARGE", 0},
	} {
		t.Run(name, func(t *testing.T) {
			j := g.ended(g.start(rest.Rollback, c.events...))
			if j.Success || len(j.Errors) != 1 || !strings.HasPrefix(j.Errors[0].Code, c.code) || *j.Errors[0].Index != c.index || (c.code == "WB_CONFLICT") != j.Errors[0].Conflict {
				t.Errorf("%+v", j)
			}
			if n := g.recorded(); n != 2 {
				t.Errorf("%d events are recorded", n)
			}
		})
	}
	// The same event under its id again is no conflict, and neither is the same one twice in a document.
	if j := g.ended(g.start(rest.Rollback, event(1, "urn:uuid:a"), event(1, "urn:uuid:a"), event(5, ""))); !j.Success || g.recorded() != 3 {
		t.Errorf("%+v, %d events", j, g.recorded())
	}
}

// TestARollbackThatAnotherWriteOvertakesSaysSo has another write take an id between the rehearsal and the recording.
func TestARollbackThatAnotherWriteOvertakesSaysSo(t *testing.T) {
	g := newRig(t)
	var overtaken atomic.Bool
	g.ledger.Before = func(ctx context.Context, _ submit.Kind) error {
		if overtaken.CompareAndSwap(false, true) {
			parsed, err := epcis.ParseDocument(document(event(999, "urn:uuid:mine")), epcis.Limits{})
			if err != nil {
				return err
			}
			_, err = g.Record(ctx, parsed.Events[0])
			return err
		}
		return nil
	}
	defer g.run()()
	var events []string
	for n := range 250 { // three chunks; the second one has the id
		id := ""
		if n == 150 {
			id = "urn:uuid:mine"
		}
		events = append(events, event(n, id))
	}
	j := g.ended(g.start(rest.Rollback, events...))
	if j.Success || len(j.Errors) != 1+1+50 || j.Errors[0].Code != "WB_PARTLY_RECORDED" || j.Errors[1].Code != "WB_CONFLICT" || *j.Errors[1].Index != 150 || j.Errors[2].Code != "WB_NOT_RECORDED" {
		t.Fatalf("success %t, %d errors, first %+v", j.Success, len(j.Errors), j.Errors[:min(3, len(j.Errors))])
	}
	if n := g.recorded(); n != 1+199 {
		t.Errorf("%d events are recorded", n)
	}
}

func TestAJobThatWasBrokenOffGoesOn(t *testing.T) {
	for _, behaviour := range []rest.ErrorBehaviour{rest.Rollback, rest.Proceed} {
		t.Run(string(behaviour), func(t *testing.T) {
			g := newRig(t)
			broken := make(chan struct{})
			var calls atomic.Int32
			g.ledger.After = func(submit.Kind) error { // the second chunk is recorded, and nobody hears of it
				if calls.Add(1) == 2 {
					close(broken)
					return fabric.ErrUnknownOutcome
				}
				return nil
			}
			var events []string
			for n := range 250 {
				events = append(events, event(n, fmt.Sprintf("urn:uuid:%d", n)))
			}
			stop := g.run()
			id := g.start(behaviour, events...)
			<-broken
			stop()
			if j, err := g.Job(t.Context(), id); err != nil || !j.Running {
				t.Fatalf("%+v, %v", j, err)
			}
			g.again()
			defer g.run()()
			if j := g.ended(id); !j.Success || len(j.Errors) > 0 {
				t.Errorf("%+v", j)
			}
			if n := g.recorded(); n != 250 {
				t.Errorf("%d events are recorded", n)
			}
		})
	}
}

func TestAJobWaitsForTheNetwork(t *testing.T) {
	g := newRig(t)
	var calls atomic.Int32
	g.ledger.Before = func(context.Context, submit.Kind) error {
		if calls.Add(1) <= 2 {
			return fabric.ErrUnavailable
		}
		return nil
	}
	defer g.run()()
	if j := g.ended(g.start(rest.Proceed, event(1, ""), event(2, ""))); !j.Success || g.recorded() != 2 {
		t.Errorf("%+v, %d events", j, g.recorded())
	}
}

func TestAJobGivesUpInTheEndAndNamesWhatIsNotRecorded(t *testing.T) {
	g := newRig(t)
	g.cfg.Patience = time.Nanosecond
	g.again()
	g.ledger.Before = func(context.Context, submit.Kind) error { return fabric.ErrUnavailable }
	defer g.run()()
	j := g.ended(g.start(rest.Proceed, event(1, ""), event(2, "")))
	if j.Success || len(j.Errors) != 2 || j.Errors[1].Code != "WB_NOT_RECORDED" || *j.Errors[1].Index != 1 {
		t.Errorf("%+v", j)
	}
}

func one(t *testing.T, e string) epcis.Source {
	t.Helper()
	doc, err := epcis.ParseDocument([]byte(head+e), epcis.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return doc.Events[0]
}

func TestOneEventIsRecordedAndGivenBack(t *testing.T) {
	g := newRig(t)
	first, err := g.Record(t.Context(), one(t, event(1, "urn:uuid:a")))
	if err != nil || first.RecordTime.IsZero() || first.Event.EventID != "urn:uuid:a" {
		t.Fatalf("%+v, %v", first, err)
	}
	again, err := g.Record(t.Context(), one(t, event(1, "urn:uuid:a")))
	if err != nil || again.Hash != first.Hash || !again.RecordTime.Equal(first.RecordTime) {
		t.Errorf("again: %+v, %v", again, err)
	}
	if _, err = g.Record(t.Context(), one(t, event(2, "urn:uuid:a"))); !errors.Is(err, rest.ErrConflict) {
		t.Errorf("other content: %v", err)
	}
	if n := g.recorded(); n != 1 {
		t.Errorf("%d events are recorded", n)
	}
	got, err := g.Event(t.Context(), "urn:uuid:a")
	if err != nil || len(got) != 1 || got[0].Hash != first.Hash {
		t.Errorf("by id: %+v, %v", got, err)
	}
	if got, err = g.Event(t.Context(), first.Hash.String()); err != nil || len(got) != 1 || got[0].Event.EventID != "urn:uuid:a" {
		t.Errorf("by hash: %+v, %v", got, err)
	}
	if _, err = g.Event(t.Context(), "urn:uuid:b"); !errors.Is(err, rest.ErrNotFound) {
		t.Errorf("no such event: %v", err)
	}
	g.ledger.Before = func(context.Context, submit.Kind) error { return fabric.ErrUnavailable }
	if _, err = g.Record(t.Context(), one(t, event(3, ""))); !errors.Is(err, rest.ErrUnavailable) {
		t.Errorf("without a network: %v", err)
	}
}

func TestAnEventIsFoundByEveryEventIDItWasSentUnder(t *testing.T) {
	g := newRig(t)
	first, err := g.Record(t.Context(), one(t, event(1, "urn:uuid:a")))
	if err != nil {
		t.Fatal(err)
	}
	g.ledger.Now++
	second, err := g.Record(t.Context(), one(t, event(1, "urn:uuid:b")))
	if err != nil || second.Hash != first.Hash || second.Event.EventID != "urn:uuid:b" || !second.RecordTime.After(first.RecordTime) {
		t.Fatalf("%+v, %v", second, err)
	}
	again, err := g.Record(t.Context(), one(t, event(1, "urn:uuid:b")))
	if err != nil || again.Event.EventID != "urn:uuid:b" || !again.RecordTime.Equal(second.RecordTime) {
		t.Errorf("again: %+v, %v", again, err)
	}
	if _, err = g.Record(t.Context(), one(t, event(2, "urn:uuid:b"))); !errors.Is(err, rest.ErrConflict) {
		t.Errorf("other content: %v", err)
	}
	if n := g.recorded(); n != 1 {
		t.Errorf("%d events are recorded", n)
	}
	for _, id := range []string{"urn:uuid:a", "urn:uuid:b"} {
		got, err := g.Event(t.Context(), id)
		if err != nil || len(got) != 1 || got[0].Hash != first.Hash || got[0].Event.EventID != id {
			t.Errorf("%s: %+v, %v", id, got, err)
		}
	}
	// The hash is the name of the content: it finds the event once, also when a text bears it.
	named, err := g.Record(t.Context(), one(t, event(1, first.Hash.String())))
	if err != nil || named.Event.EventID != first.Hash.String() {
		t.Fatalf("%+v, %v", named, err)
	}
	if got, err := g.Event(t.Context(), first.Hash.String()); err != nil || len(got) != 1 || got[0].Event.EventID != first.Hash.String() {
		t.Errorf("by hash: %+v, %v", got, err)
	}
	// Without an eventID it is the event as it is known.
	if bare, err := g.Record(t.Context(), one(t, event(1, ""))); err != nil || bare.Event.EventID != "urn:uuid:a" {
		t.Errorf("%+v, %v", bare, err)
	}
}

func TestADeclarationIsAnsweredBesideItsEvent(t *testing.T) {
	g := newRig(t)
	first, err := g.Record(t.Context(), one(t, event(1, "urn:uuid:a")))
	if err != nil {
		t.Fatal(err)
	}
	g.ledger.Now++
	declaration := strings.Replace(event(1, "urn:uuid:a"), `"action"`, `"errorDeclaration":{"declarationTime":"2026-01-03T00:00:00Z","reason":"incorrect_data"},"action"`, 1)
	declared, err := g.Record(t.Context(), one(t, declaration))
	if err != nil || declared.Hash != first.Hash || declared.Event.ErrorDeclaration == nil || !declared.RecordTime.After(first.RecordTime) {
		t.Errorf("%+v, %v", declared, err)
	}
	for _, id := range []string{"urn:uuid:a", first.Hash.String()} {
		got, err := g.Event(t.Context(), id)
		if err != nil || len(got) != 2 || got[0].Event.ErrorDeclaration != nil || got[1].Event.ErrorDeclaration == nil {
			t.Errorf("%s: %+v, %v", id, got, err)
		}
	}
}

func TestPositionsFollowTheOrderOfRecording(t *testing.T) {
	g := newRig(t)
	ctx := t.Context()
	if at, err := g.PositionAt(ctx, time.Now()); err != nil || at != "" {
		t.Fatalf("the position on an empty ledger is %q, %v", at, err)
	}
	var times []ledger.Millis
	for n := range 5 {
		g.ledger.Now += 1000
		times = append(times, g.ledger.Now)
		if _, err := g.Record(ctx, one(t, event(n, ""))); err != nil {
			t.Fatal(err)
		}
	}
	all, last, err := g.After(ctx, "", 10)
	if err != nil || len(all) != 5 {
		t.Fatalf("%d events, %v", len(all), err)
	}
	for n, at := range times {
		from, err := g.PositionAt(ctx, at.Time())
		if err != nil {
			t.Fatal(err)
		}
		if got, _, err := g.After(ctx, from, 10); err != nil || len(got) != 5-n || got[0].Hash != all[n].Hash {
			t.Errorf("from event %d on: %d events, %v", n, len(got), err)
		}
	}
	if got, next, err := g.After(ctx, last, 10); err != nil || len(got) > 0 || next != last {
		t.Errorf("after the last: %d events, %q, %v", len(got), next, err)
	}
	if at, err := g.PositionAt(ctx, time.Now()); err != nil || at != last {
		t.Errorf("the position at the end is %q, not %q, %v", at, last, err)
	}
	woken := make(chan error, 1)
	go func() { woken <- g.Wait(ctx, last) }()
	if _, err := g.Record(ctx, one(t, event(77, ""))); err != nil {
		t.Fatal(err)
	}
	if err := <-woken; err != nil {
		t.Error(err)
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	_, last, _ = g.After(ctx, last, 10)
	if err := g.Wait(ended, last); !errors.Is(err, context.Canceled) {
		t.Errorf("waiting for nothing: %v", err)
	}
	if _, _, err := g.After(ctx, "nonsense", 10); !errors.Is(err, rest.ErrInvalid) {
		t.Errorf("a position that is none: %v", err)
	}
}

func TestCompanyPrefixesAreLearnedFromEPCURNs(t *testing.T) {
	g := newRig(t)
	link := "https://id.gs1.org/01/09521321000018/21/7"
	urns := repository.NewPrefixes(g.Repository, g.state, nil)
	_, err := urns.URN(link)
	if f, ok := errors.AsType[epcis.Fault](err); !ok || f.Code != epcis.CodeCompanyPrefix {
		t.Fatalf("nobody knows the prefix: %v", err)
	}
	if _, err = g.Record(t.Context(), one(t, event(1, ""))); err != nil {
		t.Fatal(err)
	}
	for _, p := range []*repository.Prefixes{repository.NewPrefixes(g.Repository, g.state, nil), repository.NewPrefixes(g.Repository, g.state, nil)} {
		if urn, err := p.URN(link); err != nil || urn != "urn:epc:id:sgtin:9521321.000001.7" {
			t.Errorf("%q, %v", urn, err)
		}
	}
	if prefixes, position, err := g.state.Prefixes(t.Context()); err != nil || !slices.Equal(prefixes, []string{"9521321"}) || position == "" {
		t.Errorf("kept: %v at %q, %v", prefixes, position, err)
	}
	named := repository.NewPrefixes(g.Repository, g.state, epcis.CompanyPrefixes{"4012345"})
	if urn, err := named.URN("https://id.gs1.org/414/4012345000016"); err != nil || urn != "urn:epc:id:sgln:4012345.00001.0" {
		t.Errorf("by a prefix that was named: %q, %v", urn, err)
	}
	if other, err := named.URN("https://example.com/thing"); err != nil || other != "https://example.com/thing" {
		t.Errorf("what is no GS1 identifier: %q, %v", other, err)
	}
}
