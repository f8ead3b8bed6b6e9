package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/waybill-dev/waybill/api/readmodel"
	"github.com/waybill-dev/waybill/api/rest"
	"github.com/waybill-dev/waybill/api/server"
	"github.com/waybill-dev/waybill/api/servertest"
	"github.com/waybill-dev/waybill/api/servicestate"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/gateway/submit"
)

func TestTheServiceKeyIsMadeOnceAndWhole(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "service.key")
	if _, err := serviceKey(file, false); err == nil {
		t.Error("a key that the operator names is made up")
	}
	keys := make([]string, 8)
	var wg sync.WaitGroup
	for n := range keys {
		wg.Go(func() {
			key, err := serviceKey(file, true)
			if err != nil {
				t.Error(err)
			}
			keys[n] = string(key)
		})
	}
	wg.Wait()
	for _, key := range keys {
		if key != keys[0] || len(key) != servicestate.KeyBytes {
			t.Errorf("keys %q and %q", keys[0], key)
		}
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("the folder has %v, %v", left, err)
	}
	for name, change := range map[string]func() error{
		"others may read it": func() error { return os.Chmod(file, 0o640) },
		"it is cut short":    func() error { return errors.Join(os.Chmod(file, 0o600), os.Truncate(file, 10)) },
		"it is empty":        func() error { return os.Truncate(file, 0) },
	} {
		if err := change(); err != nil {
			t.Fatal(err)
		}
		if _, err := serviceKey(file, true); err == nil {
			t.Errorf("taken though %s", name)
		}
	}
}

func TestWhoMayDoWhatOverREST(t *testing.T) {
	ca, other := servertest.NewCA(t, "ca.producer"), servertest.NewCA(t, "ca.carrier")
	cert, key := ca.Issue(servertest.Certificate{Name: "server"})
	certificates, err := server.LoadCertificates(server.CertificateFiles{Cert: cert, Key: key, ClientCAs: []string{ca.File}, OtherCAs: []string{other.File}})
	if err != nil {
		t.Fatal(err)
	}
	allowed := authorizer(certificates)
	ask := func(issuer *servertest.CA, a rest.Action, roles ...ledger.Role) error {
		t.Helper()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		if issuer != nil {
			pair, err := tls.LoadX509KeyPair(issuer.Issue(servertest.Certificate{Name: "caller", Roles: roles}))
			if err != nil {
				t.Fatal(err)
			}
			leaf, err := x509.ParseCertificate(pair.Certificate[0])
			if err != nil {
				t.Fatal(err)
			}
			r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{leaf}}
		}
		return allowed(r, a)
	}
	const none = ledger.Role("none")
	for _, c := range []struct {
		role                          ledger.Role
		discover, read, write, manage bool
	}{
		{ledger.RoleReader, true, true, false, false},
		{ledger.RoleGateway, true, true, false, false},
		{ledger.RoleScorer, true, true, false, false},
		{ledger.RoleRegistrar, true, true, false, true},
		{ledger.RoleRecorder, true, true, true, true},
		{none, true, false, false, false},
	} {
		for a, may := range map[rest.Action]bool{rest.Discover: c.discover, rest.Read: c.read, rest.Write: c.write, rest.Manage: c.manage, rest.Manage + 1: false} {
			if err := ask(ca, a, c.role); (err == nil) != may || err != nil && !errors.Is(err, rest.ErrForbidden) {
				t.Errorf("%s, action %d: %v", c.role, a, err)
			}
			if err := ask(other, a, c.role); !errors.Is(err, rest.ErrForbidden) {
				t.Errorf("%s of another organisation, action %d: %v", c.role, a, err)
			}
		}
	}
	if err := ask(nil, rest.Discover); !errors.Is(err, rest.ErrUnauthorized) {
		t.Errorf("without a certificate: %v", err)
	}
}

func TestANewServiceStateOnALedgerWithEventsIsTold(t *testing.T) {
	log := func(events int) string {
		l := servertest.NewLedger()
		store, err := readmodel.Open(t.Context(), readmodel.Config{Path: filepath.Join(t.TempDir(), "readmodel.db")})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- store.Run(ctx, l) }()
		defer func() {
			stop()
			<-done
			_ = store.Close()
		}()
		for n := range events {
			body := fmt.Appendf(nil, `{"type":"ObjectEvent","eventTime":"2026-01-01T00:00:%02dZ","eventTimeZoneOffset":"+00:00","action":"OBSERVE","epcList":["https://id.gs1.org/01/09521321000018/21/1"]}`, n)
			entry, err := wire.NewEventEntry(nil, body)
			if err != nil {
				t.Fatal(err)
			}
			if _, err = l.Events(t.Context(), []submit.Event{{EventEntry: entry}}); err != nil {
				t.Fatal(err)
			}
		}
		var b bytes.Buffer
		tellNewState(t.Context(), l.Height, store, slog.New(slog.NewTextHandler(&b, nil)))
		return b.String()
	}
	if said := log(2); strings.Count(said, "\n") != 1 || !strings.Contains(said, "WB_SERVICE_STATE_NEW") || !strings.Contains(said, "events=2") {
		t.Errorf("with events: %q", said)
	}
	if said := log(0); said != "" {
		t.Errorf("without events: %q", said)
	}
}
