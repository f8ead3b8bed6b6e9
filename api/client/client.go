// Package client reaches the API of an organisation: it dials with the organisation's certificates
// and sends events and segments so that each is answered once, through servers that are killed and
// started again. It may import api/gen, chaincode/ledger, gateway/profile and internal/idle, and neither the server
// nor Fabric.
package client

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/gateway/profile"
)

// ErrConfig says that the profile or the identity's files do not serve to reach an API.
var ErrConfig = errors.New("WB_CLIENT_CONFIG")

// maxMessage is the largest message that a client takes.
const maxMessage = 64 << 20

// retries has gRPC repeat a call that no server took; every call of the API may be repeated.
const retries = `{"methodConfig":[{"name":[{}],"retryPolicy":{"maxAttempts":4,"initialBackoff":"0.1s","maxBackoff":"2s","backoffMultiplier":2,"retryableStatusCodes":["UNAVAILABLE"]}}]}`

// Dial makes a connection to the API of the profile's organisation as the identity of that name. It
// reaches out at the first call, and again when the connection breaks. The identity's files are read
// at each handshake, so a new certificate is taken up. It fails with ErrConfig.
func Dial(p *profile.Profile, identity string, options ...grpc.DialOption) (*grpc.ClientConn, error) {
	id, err := p.Identity(identity)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	if p.API.Address == "" || p.API.RootCA == "" {
		return nil, fmt.Errorf("%w: the profile of %s names no API address and root CA", ErrConfig, p.Organisation)
	}
	if _, err = tls.LoadX509KeyPair(id.Cert, id.Key); err != nil {
		return nil, fmt.Errorf("%w: identity %s: %w", ErrConfig, identity, err)
	}
	pem, err := os.ReadFile(p.API.RootCA)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%w: %s holds no certificate", ErrConfig, p.API.RootCA)
	}
	security := credentials.NewTLS(&tls.Config{
		MinVersion: tls.VersionTLS13, RootCAs: roots,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			cert, err := tls.LoadX509KeyPair(id.Cert, id.Key)
			return &cert, err
		},
	})
	return grpc.NewClient("passthrough:///"+p.API.Address, append([]grpc.DialOption{
		grpc.WithTransportCredentials(security),
		grpc.WithDefaultServiceConfig(retries),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 3 * time.Second},
			MinConnectTimeout: 5 * time.Second,
		}),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 30 * time.Second, Timeout: 10 * time.Second}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage), grpc.MaxCallSendMsgSize(maxMessage)),
	}, options...)...)
}

// Code gives the stable code of an error of a call: what the server put into it, else one for what
// gRPC itself says.
func Code(err error) string {
	if err == nil {
		return ""
	}
	st, ok := status.FromError(err)
	if !ok {
		st = status.FromContextError(err)
	}
	for _, d := range st.Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok && strings.HasPrefix(info.GetReason(), "WB_") {
			return info.GetReason()
		}
	}
	if code, _ := ledger.ParseCode(err.Error()); code != "" {
		return code
	}
	switch st.Code() {
	case codes.Unavailable:
		return "WB_UNAVAILABLE"
	case codes.DeadlineExceeded:
		return "WB_DEADLINE"
	case codes.Canceled:
		return "WB_CANCELLED"
	case codes.ResourceExhausted:
		// Of a message, or of what a peer allows: gRPC's own words tell which.
		if strings.Contains(st.Message(), "larger than max") {
			return ledger.CodeTooLarge
		}
		return "WB_BUSY"
	default:
		return ledger.CodeInternal
	}
}

// Passing reports whether an error may pass by itself, so that the same may be sent again.
func Passing(err error) bool {
	switch status.Code(err) { //nolint:exhaustive // the others last
	case codes.Unavailable, codes.Aborted:
		return true
	case codes.ResourceExhausted:
		return Code(err) != ledger.CodeTooLarge
	}
	return false
}
