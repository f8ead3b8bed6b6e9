package main

import (
	"crypto/tls"
	"crypto/x509"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
)

// connect makes a connection to the organisation's API as the identity of that name, or as the one
// that --identity names. It opens nothing yet: an API that is not there shows at the first call.
func (a *app) connect(identity string) (*grpc.ClientConn, error) {
	if a.dialed != nil {
		return a.dialed, nil
	}
	p, err := a.loadProfile()
	if err != nil {
		return nil, err
	}
	if a.identity != "" {
		identity = a.identity
	}
	id, err := p.Identity(identity)
	if err != nil {
		return nil, err
	}
	if p.API.Address == "" || p.API.RootCA == "" {
		return nil, fail(exitRefused, "WB_PROFILE_INVALID", hints["WB_PROFILE_INVALID"], "the profile of %s names no API address and root CA", p.Organisation)
	}
	cert, err := tls.LoadX509KeyPair(id.Cert, id.Key)
	if err != nil {
		return nil, fail(exitRefused, codeFile, "", "identity %s: %w", identity, err)
	}
	pem, err := os.ReadFile(p.API.RootCA)
	if err != nil {
		return nil, fail(exitRefused, codeFile, "", "%w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fail(exitRefused, codeFile, "", "%s holds no certificate", p.API.RootCA)
	}
	return grpc.NewClient("passthrough:///"+p.API.Address,
		grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{MinVersion: tls.VersionTLS13, RootCAs: roots, Certificates: []tls.Certificate{cert}})))
}
