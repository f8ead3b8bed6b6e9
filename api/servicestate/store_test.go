package servicestate_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/waybill-dev/waybill/api/rest"
	"github.com/waybill-dev/waybill/api/servicestate"
)

func key(b byte) []byte { return bytes.Repeat([]byte{b}, servicestate.KeyBytes) }

// onEach runs a test on a fresh place on each database.
func onEach(t *testing.T, test func(t *testing.T, at servicestate.Config)) {
	t.Run("sqlite", func(t *testing.T) {
		test(t, servicestate.Config{Organisation: "producer", Key: key(1), Path: filepath.Join(t.TempDir(), "service.db")})
	})
	t.Run("postgres", func(t *testing.T) {
		dsn := os.Getenv("WAYBILL_TEST_POSTGRES")
		if dsn == "" {
			t.Skip("WAYBILL_TEST_POSTGRES names no PostgreSQL database to test on; `make postgres` starts one")
		}
		db, err := sql.Open("pgx", dsn)
		if err != nil {
			t.Fatal(err)
		}
		suffix := make([]byte, 8)
		rand.Read(suffix)
		schema := "test_" + hex.EncodeToString(suffix)
		if _, err := db.ExecContext(t.Context(), "CREATE SCHEMA "+schema); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if _, err := db.ExecContext(context.WithoutCancel(t.Context()), "DROP SCHEMA "+schema+" CASCADE"); err != nil {
				t.Error(err)
			}
			db.Close()
		})
		u, err := url.Parse(dsn)
		if err != nil {
			t.Fatal(err)
		}
		parameters := u.Query()
		parameters.Set("search_path", schema)
		u.RawQuery = parameters.Encode()
		test(t, servicestate.Config{Organisation: "producer", Key: key(1), Postgres: u.String()})
	})
}

func open(t *testing.T, cfg servicestate.Config) *servicestate.Store {
	t.Helper()
	s, err := servicestate.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestAJobIsDoneByOneAndOutlivesItsProcess(t *testing.T) {
	onEach(t, func(t *testing.T, cfg servicestate.Config) {
		ctx := t.Context()
		cfg.Lease = 50 * time.Millisecond
		s := open(t, cfg)
		document := bytes.Repeat([]byte("0123456789"), 150_000) // three pieces
		id, err := s.CreateJob(ctx, rest.Proceed, document)
		must(t, err)
		w, ok, err := s.ClaimJob(ctx)
		if err != nil || !ok || w.ID != id || w.Behaviour != rest.Proceed || !w.Running || !w.Success || w.Sending || w.Bytes != int64(len(document)) {
			t.Fatalf("claimed %+v, %t, %v", w, ok, err)
		}
		if got, err := s.JobDocument(ctx, id); err != nil || !bytes.Equal(got, document) {
			t.Fatalf("the document has %d bytes, %v", len(got), err)
		}
		index := 7
		errs := []rest.JobError{{Code: "WB_X", Index: &index, EventID: "urn:x", Path: "$.x", Detail: "why"}}
		must(t, s.KeepJob(ctx, id, true, errs))

		// Its process is gone; another one takes it over after the lease, and the first one learns of it.
		var other *servicestate.Store
		if cfg.Postgres != "" {
			other = open(t, cfg)
		} else {
			must(t, s.Close())
			s = open(t, cfg)
			other = s
		}
		for deadline := time.Now().Add(5 * time.Second); ; {
			w, ok, err = other.ClaimJob(ctx)
			must(t, err)
			if ok {
				break
			}
			if time.Now().After(deadline) {
				t.Fatal("nobody takes the job over")
			}
		}
		if w.ID != id || !w.Sending || w.Success || len(w.Errors) != 1 || *w.Errors[0].Index != 7 {
			t.Fatalf("taken over: %+v", w)
		}
		if cfg.Postgres != "" {
			for _, err := range []error{s.ExtendJob(ctx, id), s.KeepJob(ctx, id, true, nil), s.FinishJob(ctx, id, nil)} {
				if !errors.Is(err, servicestate.ErrLost) {
					t.Errorf("who lost the job is told %v", err)
				}
			}
		}
		must(t, other.FinishJob(ctx, id, errs))
		j, err := other.Job(ctx, id)
		if err != nil || j.Running || j.Success || j.Finished.IsZero() || len(j.Errors) != 1 || j.Errors[0].Code != "WB_X" || j.Errors[0].EventID != "urn:x" {
			t.Fatalf("ended as %+v, %v", j, err)
		}
		if got, err := other.JobDocument(ctx, id); err != nil || len(got) != 0 {
			t.Errorf("the document of an ended job has %d bytes, %v", len(got), err)
		}
		if _, ok, err := other.ClaimJob(ctx); ok || err != nil {
			t.Errorf("an ended job is claimed: %t, %v", ok, err)
		}
	})
}

func TestAStateIsFreshForTheOneThatMakesIt(t *testing.T) {
	onEach(t, func(t *testing.T, at servicestate.Config) {
		for _, want := range []bool{true, false} {
			s, err := servicestate.Open(t.Context(), at)
			if err != nil {
				t.Fatal(err)
			}
			if s.Fresh() != want {
				t.Errorf("fresh: %t, want %t", s.Fresh(), want)
			}
			if err = s.Close(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestJobsAreBounded(t *testing.T) {
	onEach(t, func(t *testing.T, cfg servicestate.Config) {
		ctx := t.Context()
		cfg.MaxJobs, cfg.MaxJobBytes, cfg.KeepJobs = 3, 100, 2
		s := open(t, cfg)
		var ids []string
		for range 3 {
			id, err := s.CreateJob(ctx, rest.Rollback, []byte("x"))
			must(t, err)
			ids = append(ids, id)
		}
		if _, err := s.CreateJob(ctx, rest.Rollback, []byte("x")); !errors.Is(err, rest.ErrBusy) {
			t.Errorf("one job too many: %v", err)
		}
		for range ids {
			w, ok, err := s.ClaimJob(ctx)
			if err != nil || !ok {
				t.Fatal(ok, err)
			}
			must(t, s.FinishJob(ctx, w.ID, nil))
		}
		if _, err := s.CreateJob(ctx, rest.Rollback, make([]byte, 101)); !errors.Is(err, rest.ErrBusy) {
			t.Errorf("one byte too many: %v", err)
		}
		jobs, more, err := s.Jobs(ctx, "", 10)
		if err != nil || len(jobs) != 2 || more {
			t.Fatalf("%d ended jobs are known, %v", len(jobs), err)
		}
		if first, more, err := s.Jobs(ctx, "", 1); err != nil || len(first) != 1 || !more {
			t.Errorf("the first page is %v, %v, %v", first, more, err)
		}
		if older, _, err := s.Jobs(ctx, jobs[0].ID, 10); err != nil || len(older) != 1 || older[0].ID != jobs[1].ID {
			t.Errorf("the page after the first is %v, %v", older, err)
		}
		for _, id := range ids {
			if _, err := s.Job(ctx, id); err != nil && !errors.Is(err, rest.ErrNotFound) {
				t.Error(err)
			}
		}
	})
}

// A database that serialises makes transactions be done again: none of what they keep may be used up by then.
func TestDocumentsArriveWholeThoughTheirTransactionsAreDoneAgain(t *testing.T) {
	onEach(t, func(t *testing.T, cfg servicestate.Config) {
		ctx := t.Context()
		if cfg.Postgres != "" {
			cfg.Postgres += "&default_transaction_isolation=serializable"
		}
		s := open(t, cfg)
		const jobs = 12
		var wg sync.WaitGroup
		var mu sync.Mutex
		sent := map[string][]byte{}
		for n := range jobs {
			wg.Go(func() {
				document := bytes.Repeat([]byte{byte('a' + n)}, 700_000) // two pieces
				id, err := s.CreateJob(ctx, rest.Proceed, document)
				if errors.Is(err, rest.ErrUnavailable) {
					return // the others had the preference too often, and the caller is told
				}
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				sent[id] = document
			})
		}
		wg.Wait()
		if len(sent) == 0 {
			t.Error("nothing was taken")
		}
		for id, document := range sent {
			if got, err := s.JobDocument(ctx, id); err != nil || !bytes.Equal(got, document) {
				t.Errorf("job %s has %d of %d bytes, %v", id, len(got), len(document), err)
			}
		}
	})
}

func TestJobsWithManyErrorsAreBoundedAndNameThemAll(t *testing.T) {
	onEach(t, func(t *testing.T, cfg servicestate.Config) {
		ctx := t.Context()
		s := open(t, cfg)
		const events = 30_000
		errs := make([]rest.JobError, events)
		for n := range errs {
			errs[n] = rest.JobError{Code: "WB_EPCIS_REQUIRED", Index: &n, Path: "$.epcisBody", Detail: strings.Repeat("x", 900)}
		}
		for range 3 {
			_, err := s.CreateJob(ctx, rest.Proceed, []byte("x"))
			must(t, err)
			w, ok, err := s.ClaimJob(ctx)
			if err != nil || !ok {
				t.Fatal(ok, err)
			}
			must(t, s.FinishJob(ctx, w.ID, errs))
		}
		seen, pages := 0, 0
		for before, more := "", true; more; pages++ {
			var jobs []rest.Job
			var err error
			if jobs, more, err = s.Jobs(ctx, before, 100); err != nil || len(jobs) == 0 {
				t.Fatal(len(jobs), err)
			}
			bytes := 0
			for _, j := range jobs {
				seen++
				before = j.ID
				if len(j.Errors) != events || *j.Errors[events-1].Index != events-1 || j.Errors[events-1].Code == "" || j.Errors[0].Detail == "" {
					t.Fatalf("%d errors, the last %+v", len(j.Errors), j.Errors[len(j.Errors)-1])
				}
				for _, e := range j.Errors {
					bytes += len(e.Code) + len(e.Path) + len(e.Detail)
				}
			}
			if bytes > 32<<20 {
				t.Errorf("a page with %d bytes of errors", bytes)
			}
		}
		if seen != 3 || pages < 2 {
			t.Errorf("%d jobs on %d pages", seen, pages)
		}
	})
}

func TestAListOfLargeQueriesEndsEarlyAndGoesOn(t *testing.T) {
	onEach(t, func(t *testing.T, cfg servicestate.Config) {
		ctx := t.Context()
		s := open(t, cfg)
		definition := json.RawMessage(`{"EQ_eventID":["urn:x:` + strings.Repeat("x", 1<<20) + `"]}`)
		const queries = 20
		for n := range queries {
			must(t, s.CreateQuery(ctx, rest.NamedQuery{Name: string(rune('a' + n)), Definition: definition}))
		}
		seen, pages := 0, 0
		for after := ""; ; pages++ {
			list, err := s.Queries(ctx, after, 1000)
			must(t, err)
			if len(list) == 0 {
				break
			}
			for _, q := range list {
				if want := string(rune('a' + seen)); q.Name != want || len(q.Definition) != len(definition) {
					t.Fatalf("query %q of %d bytes, want %q", q.Name, len(q.Definition), want)
				}
				seen++
			}
			after = list[len(list)-1].Name
		}
		if seen != queries || pages != 2 {
			t.Errorf("%d queries on %d pages", seen, pages)
		}
	})
}

func TestManyWorkersDoEachJobOnce(t *testing.T) {
	onEach(t, func(t *testing.T, cfg servicestate.Config) {
		ctx := t.Context()
		s := open(t, cfg)
		const jobs = 40
		for range jobs {
			_, err := s.CreateJob(ctx, rest.Rollback, []byte("x"))
			must(t, err)
		}
		var mu sync.Mutex
		var wg sync.WaitGroup
		done := map[string]int{}
		for range 8 {
			wg.Go(func() {
				for {
					w, ok, err := s.ClaimJob(ctx)
					if err != nil {
						t.Error(err)
						return
					}
					if !ok {
						return
					}
					mu.Lock()
					done[w.ID]++
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		for id, n := range done {
			if n != 1 {
				t.Errorf("job %s is claimed %d times", id, n)
			}
		}
		if cfg.Postgres == "" && len(done) != jobs { // there, a claim may see none while another is under way
			t.Errorf("%d of %d jobs are claimed", len(done), jobs)
		}
	})
}

func schedule(t *testing.T, text string) *rest.Schedule {
	t.Helper()
	s := new(rest.Schedule)
	must(t, json.Unmarshal([]byte(text), s))
	return s
}

func TestQueriesAndSubscriptionsAreKept(t *testing.T) {
	onEach(t, func(t *testing.T, cfg servicestate.Config) {
		ctx := t.Context()
		s := open(t, cfg)
		for _, name := range []string{"b", "a", "Ä", "B"} {
			must(t, s.CreateQuery(ctx, rest.NamedQuery{Name: name, Definition: json.RawMessage(`{"EQ_bizStep":["shipping"]}`)}))
		}
		if err := s.CreateQuery(ctx, rest.NamedQuery{Name: "a", Definition: json.RawMessage(`{}`)}); !errors.Is(err, rest.ErrConflict) || !strings.Contains(err.Error(), "query of that name") {
			t.Errorf("a name twice: %v", err)
		}
		queries, err := s.Queries(ctx, "B", 2)
		if err != nil || len(queries) != 2 || queries[0].Name != "a" || queries[1].Name != "b" {
			t.Errorf("queries in bytewise order after B: %v, %v", queries, err)
		}
		sub := rest.Subscription{
			ID: "one", Query: "a", Dest: "https://example.com/hook", SignatureToken: "hush", Created: time.UnixMilli(1_700_000_000_123).UTC(),
			InitialRecordTime: time.UnixMilli(1_700_000_000_000).UTC(), Schedule: schedule(t, `{"second":"0","minute":"0,30"}`), ReportIfEmpty: true, EPCFormat: rest.FormatOriginal,
		}
		must(t, s.CreateSubscription(ctx, sub, rest.Progress{Position: "4-2"}))
		if err := s.CreateSubscription(ctx, rest.Subscription{ID: "x", Query: "none"}, rest.Progress{}); !errors.Is(err, rest.ErrNotFound) {
			t.Errorf("a subscription to no query: %v", err)
		}
		p := rest.Progress{Position: "9-1", LastNotified: time.UnixMilli(5).UTC(), LastRun: time.UnixMilli(6).UTC()}
		must(t, s.SaveProgress(ctx, "a", "one", p))
		if cfg.Postgres == "" {
			must(t, s.Close())
			s = open(t, cfg)
		}
		got, at, err := s.Subscription(ctx, "a", "one")
		must(t, err)
		if at != p || got.SignatureToken != "hush" || got.Dest != sub.Dest || got.Created != sub.Created || got.InitialRecordTime != sub.InitialRecordTime || !got.ReportIfEmpty ||
			got.Schedule == nil || got.Schedule.Next(time.Unix(0, 0)) != sub.Schedule.Next(time.Unix(0, 0)) {
			t.Errorf("read back %+v, %+v", got, at)
		}
		if list, err := s.Subscriptions(ctx, "", "", 10); err != nil || len(list) != 1 {
			t.Errorf("subscriptions of all queries: %v, %v", list, err)
		}
		must(t, s.DeleteQuery(ctx, "a"))
		for _, err := range []error{s.DeleteQuery(ctx, "a"), s.DeleteSubscription(ctx, "a", "one"), s.SaveProgress(ctx, "a", "one", p)} {
			if !errors.Is(err, rest.ErrNotFound) {
				t.Errorf("what is gone: %v", err)
			}
		}
	})
}

func TestSecretsAreNotReadableInTheStore(t *testing.T) {
	cfg := servicestate.Config{Organisation: "producer", Key: key(1), Path: filepath.Join(t.TempDir(), "service.db")}
	s := open(t, cfg)
	must(t, s.CreateQuery(t.Context(), rest.NamedQuery{Name: "a", Definition: json.RawMessage(`{}`)}))
	const secret = "a secret between the two"
	must(t, s.CreateSubscription(t.Context(), rest.Subscription{ID: "one", Query: "a", SignatureToken: secret}, rest.Progress{}))
	must(t, s.Close())
	files, err := filepath.Glob(cfg.Path + "*")
	must(t, err)
	for _, file := range files {
		info, err := os.Stat(file)
		must(t, err)
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s may be read by others: %s", file, info.Mode())
		}
		content, err := os.ReadFile(file)
		must(t, err)
		if bytes.Contains(content, []byte(secret)) {
			t.Errorf("%s holds the secret", file)
		}
	}
	cfg.Key = key(2)
	if _, err := servicestate.Open(t.Context(), cfg); !errors.Is(err, servicestate.ErrKey) {
		t.Errorf("with another key: %v", err)
	}
}

func TestOneProcessAtATimeHasALease(t *testing.T) {
	onEach(t, func(t *testing.T, cfg servicestate.Config) {
		ctx := t.Context()
		s := open(t, cfg)
		other := s
		if cfg.Postgres != "" {
			other = open(t, cfg)
		}
		for range 2 {
			if ok, err := s.Lease(ctx, "work"); err != nil || !ok {
				t.Fatal(ok, err)
			}
		}
		if cfg.Postgres != "" {
			if ok, err := other.Lease(ctx, "work"); err != nil || ok {
				t.Fatalf("another process has the lease too: %t, %v", ok, err)
			}
		}
		must(t, s.Release(ctx, "work"))
		if ok, err := other.Lease(ctx, "work"); err != nil || !ok {
			t.Fatal(ok, err)
		}
	})
}

func TestOrganisationsThatShareADatabaseKeepApart(t *testing.T) {
	onEach(t, func(t *testing.T, cfg servicestate.Config) {
		ctx := t.Context()
		a := open(t, cfg)
		cfg.Organisation, cfg.Key = "carrier", key(2)
		b := open(t, cfg)
		must(t, a.CreateQuery(ctx, rest.NamedQuery{Name: "q", Definition: json.RawMessage(`{}`)}))
		must(t, b.CreateQuery(ctx, rest.NamedQuery{Name: "q", Definition: json.RawMessage(`{}`)}))
		id, err := a.CreateJob(ctx, rest.Rollback, []byte("x"))
		must(t, err)
		if _, err := b.Job(ctx, id); !errors.Is(err, rest.ErrNotFound) {
			t.Error("the job of another organisation is shown")
		}
		if _, ok, err := b.ClaimJob(ctx); ok || err != nil {
			t.Errorf("the job of another organisation is claimed: %v", err)
		}
		must(t, a.SavePrefixes(ctx, []string{"9521321", "952132"}, "3-1"))
		must(t, a.SavePrefixes(ctx, []string{"9521321"}, "4-1"))
		if prefixes, position, err := a.Prefixes(ctx); err != nil || position != "4-1" || !slices.Equal(prefixes, []string{"952132", "9521321"}) {
			t.Errorf("prefixes %v at %s, %v", prefixes, position, err)
		}
		if prefixes, position, err := b.Prefixes(ctx); err != nil || len(prefixes) > 0 || position != "" {
			t.Errorf("prefixes of another: %v at %s, %v", prefixes, position, err)
		}
	})
}

func TestEndedTokensAreRememberedWithinBounds(t *testing.T) {
	onEach(t, func(t *testing.T, cfg servicestate.Config) {
		ctx := t.Context()
		cfg.MaxTokens = 2
		s := open(t, cfg)
		must(t, s.EndToken(ctx, []byte("old"), time.Now().Add(-time.Second)))
		must(t, s.EndToken(ctx, []byte("a"), time.Now().Add(time.Hour)))
		must(t, s.EndToken(ctx, []byte("b"), time.Now().Add(time.Hour)))
		if err := s.EndToken(ctx, []byte("c"), time.Now().Add(time.Hour)); !errors.Is(err, rest.ErrBusy) {
			t.Errorf("one token too many: %v", err)
		}
		for token, want := range map[string]bool{"a": true, "b": true, "old": false, "c": false} {
			if got, err := s.TokenEnded(ctx, []byte(token)); err != nil || got != want {
				t.Errorf("%s ended: %t, %v", token, got, err)
			}
		}
	})
}
