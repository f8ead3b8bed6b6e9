package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"maps"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
)

func environment(values map[string]string) func(string) string {
	return func(name string) string { return values[name] }
}

func TestHelpNamesEverySetting(t *testing.T) {
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"--help"}, environment(nil), &out, &errs); code != 0 || errs.Len() > 0 {
		t.Fatal(code, errs.String())
	}
	for _, name := range []string{"CHAINCODE_ID", "CHAINCODE_SERVER_ADDRESS", "CHAINCODE_TLS_KEY", "CHAINCODE_TLS_CERT", "CHAINCODE_TLS_CLIENT_CACERT", "CHAINCODE_TLS_DISABLED"} {
		if !strings.Contains(out.String(), name) {
			t.Errorf("%s is missing", name)
		}
	}
}

func TestWrongSettingsAreNamed(t *testing.T) {
	base := map[string]string{"CHAINCODE_ID": "x", "CHAINCODE_SERVER_ADDRESS": "127.0.0.1:0"}
	with := func(more ...string) map[string]string {
		out := maps.Clone(base)
		for i := 0; i < len(more); i += 2 {
			out[more[i]] = more[i+1]
		}
		return out
	}
	for _, c := range []struct {
		env   map[string]string
		args  []string
		names string
	}{
		{nil, nil, "CHAINCODE_ID"},
		{map[string]string{"CHAINCODE_ID": "x"}, nil, "CHAINCODE_SERVER_ADDRESS"},
		{with("CHAINCODE_SERVER_ADDRESS", "nowhere"), nil, "CHAINCODE_SERVER_ADDRESS"},
		{base, nil, "CHAINCODE_TLS_KEY"},
		{with("CHAINCODE_TLS_DISABLED", "perhaps"), nil, "CHAINCODE_TLS_DISABLED"},
		{with("CHAINCODE_TLS_KEY", "/nowhere/key"), nil, "CHAINCODE_TLS_KEY"},
		{base, []string{"serve"}, "serve"},
		{base, []string{"--port"}, "port"},
	} {
		var out, errs bytes.Buffer
		if code := run(t.Context(), c.args, environment(c.env), &out, &errs); code != 2 || !strings.Contains(errs.String(), c.names) {
			t.Errorf("%v: %d %s", c.env, code, errs.String())
		}
	}
}

// authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ca"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return authority{cert, key}
}

// issue gives certificate and key, PEM.
func (a authority) issue(t *testing.T) (certificate, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "leaf"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, private.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
}

func write(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestOnlyPeersWithACertificateConnectAndASignalEndsTheServer(t *testing.T) {
	ca, stranger := newAuthority(t), newAuthority(t)
	cert, key := ca.issue(t)
	env := environment(map[string]string{
		"CHAINCODE_ID": "waybill:1", "CHAINCODE_SERVER_ADDRESS": "127.0.0.1:0",
		"CHAINCODE_TLS_KEY": write(t, "key.pem", key), "CHAINCODE_TLS_CERT": write(t, "cert.pem", cert),
		"CHAINCODE_TLS_CLIENT_CACERT": write(t, "ca.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.cert.Raw})),
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	reader, writer := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, nil, env, io.Discard, writer)
		_ = writer.Close()
	}()
	lines := bufio.NewScanner(reader)
	var address string
	for address == "" && lines.Scan() {
		if _, after, ok := strings.Cut(lines.Text(), "address="); ok {
			address = after
		}
	}
	if address == "" {
		t.Fatal("the server did not say where it listens")
	}
	go func() {
		_, _ = io.Copy(io.Discard, reader)
	}()

	connect := func(from *authority) error {
		pool := x509.NewCertPool()
		pool.AddCert(ca.cert)
		config := &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
		if from != nil {
			c, k := from.issue(t)
			pair, err := tls.X509KeyPair(c, k)
			if err != nil {
				t.Fatal(err)
			}
			config.Certificates = []tls.Certificate{pair}
		}
		conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(credentials.NewTLS(config)))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		wait, done := context.WithTimeout(t.Context(), time.Minute)
		t.Cleanup(done)
		stream, err := peer.NewChaincodeClient(conn).Connect(wait)
		if err != nil {
			return err
		}
		message, err := stream.Recv()
		if err == nil && message.GetType() != peer.ChaincodeMessage_REGISTER {
			t.Errorf("the chaincode's first message is %s", message.GetType())
		}
		return err
	}
	if err := connect(&ca); err != nil {
		t.Errorf("a peer of the authority: %v", err)
	}
	if connect(nil) == nil {
		t.Error("a peer without a certificate connected")
	}
	if connect(&stranger) == nil {
		t.Error("a peer of another authority connected")
	}
	// The first peer's stream is still open.
	cancel()
	select {
	case code := <-ended:
		if code != 0 {
			t.Errorf("exit code %d", code)
		}
	case <-time.After(time.Minute):
		t.Fatal("the server did not end")
	}
}

func TestATakenPortIsSaid(t *testing.T) {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	var errs bytes.Buffer
	env := environment(map[string]string{"CHAINCODE_ID": "x", "CHAINCODE_SERVER_ADDRESS": l.Addr().String(), "CHAINCODE_TLS_DISABLED": "true"})
	if code := run(t.Context(), nil, env, io.Discard, &errs); code != 1 || !strings.Contains(errs.String(), "address already in use") {
		t.Error(code, errs.String())
	}
}
