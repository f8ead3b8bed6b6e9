package readmodel

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

const secret = "s3cr&t/pässword"

func TestNoErrorAndNoNameHoldsThePassword(t *testing.T) {
	for _, location := range []string{
		"postgres://waybill:s3cr&t%2Fp%C3%A4ssword@127.0.0.1:1/waybill?connect_timeout=1",
		"postgres://waybill:s3cr&t%2Fp%C3%A4ssword@127.0.0.1:1/waybill?sslmode=nonsense",
		"postgres://waybill:s3cr&t%2Fp%C3%A4ssword@127.0.0.1:port/waybill",
		"postgres://waybill:s3cr%zz@127.0.0.1/waybill",
		"postgres://waybill@127.0.0.1:1/waybill?password=s3cr%26t%2Fp%C3%A4ssword&sslmode=nonsense",
		"postgres://waybill@127.0.0.1:1/waybill?password=s3cr%26t%2Fp%C3%A4ssword&sslrootcert=/nowhere",
	} {
		cfg := Config{Postgres: location}
		_, err := Open(t.Context(), cfg)
		if err == nil {
			t.Fatalf("%s was opened", location)
		}
		if !errors.Is(err, ErrLocation) && !errors.Is(err, ErrUnavailable) {
			t.Errorf("%v has neither code", err)
		}
		for _, text := range []string{err.Error(), cfg.Location(), fmt.Sprintf("%+v", err)} {
			if strings.Contains(text, "s3cr") || strings.Contains(text, secret) {
				t.Errorf("the password is in %q", text)
			}
		}
	}
}

// A server without TLS must not be spoken to by one who demands it.
func TestTLSIsDemandedAsTheURLSays(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var mu sync.Mutex
	var said []byte
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			request := make([]byte, 8)
			io.ReadFull(c, request)
			c.Write([]byte{'N'})
			rest := make([]byte, 256)
			n, _ := c.Read(rest)
			mu.Lock()
			said = append(said, rest[:n]...)
			mu.Unlock()
			c.Close()
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for _, mode := range []string{"require", "verify-full"} {
		if _, err := Open(ctx, Config{Postgres: fmt.Sprintf("postgres://waybill:secret@%s/waybill?sslmode=%s", l.Addr(), mode)}); err == nil {
			t.Errorf("%s: a server without TLS was spoken to", mode)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if len(said) > 0 {
		t.Errorf("%q was said without TLS", said)
	}
}

func TestTwoProcessesMayTakeBlocksIntoOneDatabase(t *testing.T) {
	cfg := onPostgres(t)
	c := newChain(1)
	for n := range 30 {
		c.add(tx(fmt.Sprint("a", n), wire.Transaction{
			Events: []wire.RecordedEvent{recorded(t, objectEvent(fmt.Sprintf("2026-03-01T10:00:%02dZ", n), bottle, stepShip))},
			Items:  []ledger.ItemState{{EPC: bottle, LastAt: ledger.Millis(n)}},
		}))
	}
	var wait sync.WaitGroup
	for range 3 {
		wait.Go(func() {
			s, err := Open(t.Context(), cfg)
			if err != nil {
				t.Error(err)
				return
			}
			defer s.Close()
			for n := range c.all() {
				// Each begins where it believes the store to be; another may have come further.
				if err := s.Apply(t.Context(), c.all()[:n+1]...); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wait.Wait()
	if _, found := check(t, open(t, cfg), c); len(found) > 0 {
		t.Errorf("%v", names(found))
	}
}

func TestTheStoreGoesOnWhenItsDatabaseWasAway(t *testing.T) {
	cfg := onPostgres(t)
	const name = "waybill-cut"
	cfg.Postgres += "&application_name=" + name
	cfg.Retry = time.Millisecond
	s := open(t, cfg)
	c := example(t, 1)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx, c) }()
	if err := s.WaitFor(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	// Every connection is cut, as when the database restarts.
	db, err := sql.Open("pgx", os.Getenv("WAYBILL_TEST_POSTGRES"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var cut int
	if err := db.QueryRowContext(t.Context(), `SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = $1`, name).Scan(&cut); err != nil || cut == 0 {
		t.Fatalf("%d connections were cut, %v", cut, err)
	}
	c.add(tx("later", wire.Transaction{Policies: []ledger.Policy{{ID: "warm", Version: 1}}}))
	if err := s.WaitFor(t.Context(), 4); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

func TestTextThatDatabasesRefuseIsMadeStorable(t *testing.T) {
	c := newChain(1)
	c.add(tx("a\x00b", wire.Transaction{
		Findings: []ledger.Finding{{Code: ledger.FindingCommissionedTwice, Item: "x\xff", Detail: "nul \x00 and \xc3\x28"}},
		Items:    []ledger.ItemState{{EPC: "x\xff", Place: "\x00"}},
		Policies: []ledger.Policy{{ID: "p", Version: 1, Products: []string{"\x00"}}},
	}))
	var dumps []string
	onEach(t, func(t *testing.T, k kind) {
		s := k.open(t)
		if err := s.Apply(t.Context(), c.all()...); err != nil {
			t.Fatal(err)
		}
		dumps = append(dumps, dumped(t, s))
	})
	for _, d := range dumps {
		if d != dumps[0] || !strings.Contains(d, "nul \uFFFD and \uFFFD(") {
			t.Errorf("the stores hold\n%s\n%s", dumps[0], d)
		}
	}
}
