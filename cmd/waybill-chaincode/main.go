// Command waybill-chaincode is the chaincode server of one organisation: Fabric's peer connects to
// it ("chaincode as a service"). It owns its flags, its environment and its gRPC server; the rules
// are those of package contract. It may import chaincode packages and nothing else of Waybill.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"

	"github.com/waybill-dev/waybill/chaincode/contract"
)

const usage = `waybill-chaincode serves Waybill's chaincode to Fabric peers.

Usage:
  waybill-chaincode [--help]

It reads its settings from the environment:
  CHAINCODE_ID                  the package id that the peer's install answered (required)
  CHAINCODE_SERVER_ADDRESS      host:port to listen on (required)
  CHAINCODE_TLS_KEY             file of the server's private key, PEM
  CHAINCODE_TLS_CERT            file of the server's certificate, PEM
  CHAINCODE_TLS_CLIENT_CACERT   file of the authorities whose peers may connect, PEM
  CHAINCODE_TLS_DISABLED        true: serve without TLS; the three files are then not read

The peer must show a certificate of one of the authorities. SIGINT and SIGTERM end the server once
the transactions in hand are answered, after five seconds at the latest.

Exit codes: 0 ended by a signal, 1 could not serve, 2 wrong settings.

Example:
  CHAINCODE_ID=waybill_1:0123… CHAINCODE_SERVER_ADDRESS=127.0.0.1:9999 \
  CHAINCODE_TLS_KEY=tls/key.pem CHAINCODE_TLS_CERT=tls/cert.pem \
  CHAINCODE_TLS_CLIENT_CACERT=tls/ca.pem waybill-chaincode
`

const (
	// messageBytes is the limit of Fabric's peers.
	messageBytes = 100 << 20
	// drain is how long transactions in hand may take at shutdown.
	drain = 5 * time.Second
)

// errSettings marks what the operator has to set otherwise.
var errSettings = errors.New("wrong settings")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is the program: it serves until ctx ends and gives the exit code.
func run(ctx context.Context, args []string, env func(string) string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("waybill-chaincode", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() { fmt.Fprint(stderr, usage) }
	for _, a := range args {
		if a == "-h" || a == "-help" || a == "--help" {
			fmt.Fprint(stdout, usage)
			return 0
		}
	}
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if flags.NArg() > 0 {
		fmt.Fprintf(stderr, "waybill-chaincode: unexpected argument %q; see --help\n", flags.Arg(0))
		return 2
	}
	s, err := readSettings(env)
	if err == nil {
		err = serve(ctx, s, slog.New(slog.NewTextHandler(stderr, nil)))
	}
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errSettings):
		fmt.Fprintf(stderr, "waybill-chaincode: %v; see --help\n", err)
		return 2
	default:
		fmt.Fprintf(stderr, "waybill-chaincode: %v\n", err)
		return 1
	}
}

// settings are what the environment says.
type settings struct {
	id, address string
	credentials credentials.TransportCredentials
}

func readSettings(env func(string) string) (settings, error) {
	s := settings{id: env("CHAINCODE_ID"), address: env("CHAINCODE_SERVER_ADDRESS")}
	for _, name := range []string{"CHAINCODE_ID", "CHAINCODE_SERVER_ADDRESS"} {
		if env(name) == "" {
			return s, fmt.Errorf("%w: %s is not set", errSettings, name)
		}
	}
	if _, _, err := net.SplitHostPort(s.address); err != nil {
		return s, fmt.Errorf("%w: CHAINCODE_SERVER_ADDRESS: %w", errSettings, err)
	}
	if text := env("CHAINCODE_TLS_DISABLED"); text != "" {
		disabled, err := strconv.ParseBool(text)
		if err != nil {
			return s, fmt.Errorf("%w: CHAINCODE_TLS_DISABLED is %q, not true or false", errSettings, text)
		}
		if disabled {
			s.credentials = insecure.NewCredentials()
			return s, nil
		}
	}
	config, err := tlsConfig(env)
	if err != nil {
		return s, err
	}
	s.credentials = credentials.NewTLS(config)
	return s, nil
}

// tlsConfig demands a certificate from who connects.
func tlsConfig(env func(string) string) (*tls.Config, error) {
	var files [3][]byte
	for i, name := range []string{"CHAINCODE_TLS_KEY", "CHAINCODE_TLS_CERT", "CHAINCODE_TLS_CLIENT_CACERT"} {
		path := env(name)
		if path == "" {
			return nil, fmt.Errorf("%w: %s is not set", errSettings, name)
		}
		data, err := os.ReadFile(path) //nolint:gosec // the operator names the file
		if err != nil {
			return nil, fmt.Errorf("%w: %s: %w", errSettings, name, err)
		}
		files[i] = data
	}
	pair, err := tls.X509KeyPair(files[1], files[0])
	if err != nil {
		return nil, fmt.Errorf("%w: CHAINCODE_TLS_CERT and CHAINCODE_TLS_KEY: %w", errSettings, err)
	}
	authorities := x509.NewCertPool()
	if !authorities.AppendCertsFromPEM(files[2]) {
		return nil, fmt.Errorf("%w: CHAINCODE_TLS_CLIENT_CACERT holds no certificate", errSettings)
	}
	return &tls.Config{
		MinVersion:   tls.VersionTLS12,
		Certificates: []tls.Certificate{pair},
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    authorities,
	}, nil
}

// serve answers peers until ctx ends.
func serve(ctx context.Context, s settings, log *slog.Logger) error {
	rules, err := contract.New(time.Now, log)
	if err != nil {
		return err
	}
	chaincode := &counted{Chaincode: rules}
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", s.address)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	server := grpc.NewServer(
		grpc.Creds(s.credentials),
		grpc.MaxRecvMsgSize(messageBytes),
		grpc.MaxSendMsgSize(messageBytes),
		grpc.ConnectionTimeout(10*time.Second),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: time.Minute, Timeout: 20 * time.Second}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: time.Minute, PermitWithoutStream: true}),
	)
	peer.RegisterChaincodeServer(server, &shim.ChaincodeServer{CCID: s.id, Address: s.address, CC: chaincode})
	log.Info("serving", "chaincode", s.id, "address", listener.Addr().String())
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	stop(server, chaincode)
	log.Info("ended")
	return nil
}

// stop waits a little for the transactions in hand. A peer never ends its stream by itself, so a
// graceful stop of gRPC would wait in vain.
func stop(server *grpc.Server, c *counted) {
	deadline := time.NewTimer(drain)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for c.inHand.Load() > 0 {
		select {
		case <-tick.C:
		case <-deadline.C:
			server.Stop()
			return
		}
	}
	server.Stop()
}

// counted is a chaincode that knows how many transactions it has in hand.
type counted struct {
	shim.Chaincode

	inHand atomic.Int64
}

// Invoke runs a transaction function.
func (c *counted) Invoke(stub shim.ChaincodeStubInterface) *peer.Response {
	c.inHand.Add(1)
	defer c.inHand.Add(-1)
	return c.Chaincode.Invoke(stub)
}
