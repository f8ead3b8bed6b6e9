package server

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/waybill-dev/waybill/api/servertest"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// overHTTPS serves under certificates like a network's; stop ends it as a signal would.
func overHTTPS(t *testing.T, ca, other *servertest.CA, change func(*HTTPSConfig)) (address string, stop func()) {
	t.Helper()
	cert, key := ca.Issue(servertest.Certificate{Name: "server"})
	certificates, err := LoadCertificates(CertificateFiles{Cert: cert, Key: key, ClientCAs: []string{ca.File}, OtherCAs: []string{other.File}})
	if err != nil {
		t.Fatal(err)
	}
	cfg := HTTPSConfig{TLS: certificates, Logger: slog.New(slog.DiscardHandler), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		subject, err := certificates.Admit(r.TLS, ledger.RoleRecorder)
		if refusal, ok := errors.AsType[*RefusalError](err); ok {
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, refusal.Code)
			return
		}
		_, _ = io.WriteString(w, subject)
	})}
	change(&cfg)
	h, err := NewHTTPS(cfg)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.Serve(ctx, l) }()
	ended := false
	stop = func() {
		if !ended {
			ended = true
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	}
	t.Cleanup(stop)
	return "https://" + l.Addr().String(), stop
}

func httpsClient(t *testing.T, ca, issuer *servertest.CA, c servertest.Certificate) *http.Client {
	t.Helper()
	pem, err := os.ReadFile(ca.File)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	config := &tls.Config{RootCAs: roots, ServerName: "localhost"}
	if issuer != nil {
		pair, err := tls.LoadX509KeyPair(issuer.Issue(c))
		if err != nil {
			t.Fatal(err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	transport := &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func fetch(t *testing.T, c *http.Client, address string) (status int, body string) {
	t.Helper()
	res, err := c.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

func TestHTTPSCallersAreAdmittedAsThoseOfTheAPI(t *testing.T) {
	ca, other, strange := servertest.NewCA(t, "ca.producer"), servertest.NewCA(t, "ca.carrier"), servertest.NewCA(t, "ca.strange")
	address, _ := overHTTPS(t, ca, other, func(*HTTPSConfig) {})
	recorder := []ledger.Role{ledger.RoleRecorder}
	for name, c := range map[string]struct {
		issuer *servertest.CA
		leaf   servertest.Certificate
		want   string
	}{
		"a recorder":              {ca, servertest.Certificate{Name: "company", Roles: recorder}, "company"},
		"a reader":                {ca, servertest.Certificate{Name: "dashboard", Roles: []ledger.Role{ledger.RoleReader}}, "WB_UNAUTHORISED"},
		"of another organisation": {other, servertest.Certificate{Name: "carrier", Roles: recorder}, "WB_CERTIFICATE_FOREIGN"},
		"expired":                 {ca, servertest.Certificate{Name: "company", Roles: recorder, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(-time.Minute)}, "WB_CERTIFICATE_EXPIRED"},
		"of tomorrow":             {ca, servertest.Certificate{Name: "company", Roles: recorder, NotBefore: time.Now().Add(time.Minute)}, "WB_CERTIFICATE_NOT_YET_VALID"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, body := fetch(t, httpsClient(t, ca, c.issuer, c.leaf), address); body != c.want {
				t.Errorf("it is told %q, not %q", body, c.want)
			}
		})
	}
	for name, c := range map[string]*http.Client{
		"without a certificate": httpsClient(t, ca, nil, servertest.Certificate{}),
		"of an unknown CA":      httpsClient(t, ca, strange, servertest.Certificate{Name: "company", Roles: recorder}),
	} {
		if res, err := c.Get(address); err == nil {
			res.Body.Close()
			t.Errorf("a caller %s gets an answer: %s", name, res.Status)
		}
	}
}

func TestHTTPSRequestsAreBoundedAndCounted(t *testing.T) {
	ca := servertest.NewCA(t, "ca.producer")
	registry := prometheus.NewRegistry()
	entered, release := make(chan struct{}, 1), make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("GET /slow", func(http.ResponseWriter, *http.Request) {
		entered <- struct{}{}
		<-release
	})
	address, stop := overHTTPS(t, ca, ca, func(c *HTTPSConfig) { c.Handler, c.Requests, c.Metrics = mux, 1, registry })
	client := httpsClient(t, ca, ca, servertest.Certificate{Name: "company"})
	slow := make(chan int, 1)
	go func() {
		res, err := client.Get(address + "/slow")
		if err != nil {
			t.Error(err)
			slow <- 0
			return
		}
		res.Body.Close()
		slow <- res.StatusCode
	}()
	<-entered
	if status, body := fetch(t, client, address+"/slow"); status != http.StatusServiceUnavailable || !strings.Contains(body, codeBusy) {
		t.Errorf("a request too many: %d %s", status, body)
	}
	// Shutting down lets what is under way end.
	stopped := make(chan struct{})
	go func() {
		stop()
		close(stopped)
	}()
	close(release)
	if status := <-slow; status != http.StatusOK {
		t.Errorf("the request under way: %d", status)
	}
	<-stopped
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	count := func(name string) (n float64) {
		for _, f := range families {
			if f.GetName() == name {
				for _, m := range f.GetMetric() {
					n += m.GetCounter().GetValue() + m.GetGauge().GetValue()
				}
			}
		}
		return n
	}
	if count("waybill_rest_requests_total") != 2 || count("waybill_rest_requests_in_flight") != 0 {
		t.Errorf("counted %g requests, %g in flight", count("waybill_rest_requests_total"), count("waybill_rest_requests_in_flight"))
	}
}

func TestAPanicBehindHTTPSIsAnAnswer(t *testing.T) {
	ca := servertest.NewCA(t, "ca.producer")
	address, _ := overHTTPS(t, ca, ca, func(c *HTTPSConfig) {
		c.Handler = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("a bug") })
	})
	client := httpsClient(t, ca, ca, servertest.Certificate{Name: "company"})
	for range 2 {
		if status, _ := fetch(t, client, address); status != http.StatusInternalServerError {
			t.Errorf("status %d", status)
		}
	}
}

func TestALongURLReachesTheHandlerWhichRefusesItInWords(t *testing.T) {
	ca := servertest.NewCA(t, "ca.producer")
	address, _ := overHTTPS(t, ca, servertest.NewCA(t, "ca.other"), func(c *HTTPSConfig) {
		c.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusRequestURITooLong)
			_, _ = io.WriteString(w, fmt.Sprint(r.ProtoMajor, " ", len(r.RequestURI) > 200_000))
		})
	})
	for version, http2 := range map[string]bool{"1 true": false, "2 true": true} {
		c := httpsClient(t, ca, ca, servertest.Certificate{Name: "company", Roles: []ledger.Role{ledger.RoleRecorder}})
		transport, _ := c.Transport.(*http.Transport)
		transport.ForceAttemptHTTP2 = http2
		if status, body := fetch(t, c, address+"/?x="+strings.Repeat("y", 200_000)); status != http.StatusRequestURITooLong || body != version {
			t.Errorf("%s: %d %s", version, status, body)
		}
	}
}
