package server

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/asn1"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"

	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// ErrCertificates says that the server's certificate, its key or the CAs of its callers cannot be used.
var ErrCertificates = errors.New("WB_SERVER_CERTIFICATES")

// CertificateFiles are the files that the server proves itself with and checks its callers against.
type CertificateFiles struct {
	Cert, Key string
	// ClientCAs are the CAs whose client certificates are accepted.
	ClientCAs []string
	// OtherCAs are CAs whose client certificates get through the handshake, and no further: their
	// holders, of the channel's other organisations, are told by a code that they are at the wrong
	// server. All others learn no more than that the connection is refused.
	OtherCAs []string
}

func (f CertificateFiles) all() []string {
	return slices.Concat([]string{f.Cert, f.Key}, f.ClientCAs, f.OtherCAs)
}

// Certificates are the server's certificate and the CAs of its callers. They are read again when
// their files change, so certificates can be replaced while the server runs.
type Certificates struct {
	files CertificateFiles
	now   func() time.Time

	mu      sync.Mutex
	current *certificates
	checked time.Time
	stamps  []time.Time
}

type certificates struct {
	server  tls.Certificate
	callers *x509.CertPool
	known   *x509.CertPool // callers, and those who are told why they are none
}

// recheck is the least time between two looks at the files.
const recheck = 5 * time.Second

// LoadCertificates reads the files; it fails with ErrCertificates.
func LoadCertificates(files CertificateFiles) (*Certificates, error) {
	c := &Certificates{files: files, now: time.Now}
	return c, c.Reload()
}

// Reload reads the files again. If that fails the certificates stay as they were.
func (c *Certificates) Reload() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.load()
}

func (c *Certificates) load() error {
	stamps, err := c.changed()
	if err != nil {
		return err
	}
	server, err := tls.LoadX509KeyPair(c.files.Cert, c.files.Key)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrCertificates, err)
	}
	if len(c.files.ClientCAs) == 0 {
		return fmt.Errorf("%w: no CA of callers is named", ErrCertificates)
	}
	callers := x509.NewCertPool()
	if err = addFiles(callers, c.files.ClientCAs); err != nil {
		return err
	}
	known := callers.Clone()
	if err = addFiles(known, c.files.OtherCAs); err != nil {
		return err
	}
	c.current, c.stamps, c.checked = &certificates{server: server, callers: callers, known: known}, stamps, c.now()
	return nil
}

func addFiles(pool *x509.CertPool, files []string) error {
	for _, file := range files {
		pem, err := os.ReadFile(file) //nolint:gosec // named by the operator
		if err != nil {
			return fmt.Errorf("%w: %w", ErrCertificates, err)
		}
		if !pool.AppendCertsFromPEM(pem) {
			return fmt.Errorf("%w: %s holds no certificate", ErrCertificates, file)
		}
	}
	return nil
}

func (c *Certificates) changed() ([]time.Time, error) {
	var stamps []time.Time
	for _, file := range c.files.all() {
		info, err := os.Stat(file)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrCertificates, err)
		}
		stamps = append(stamps, info.ModTime())
	}
	return stamps, nil
}

// get gives the certificates, read again if their files have changed. Files that cannot be used,
// such as half-written ones, leave the old certificates in force.
func (c *Certificates) get() *certificates {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.now(); now.Sub(c.checked) >= recheck {
		c.checked = now
		if stamps, err := c.changed(); err == nil && !slices.Equal(stamps, c.stamps) {
			_ = c.load() // the old ones stay in force, and the files are looked at again
		}
	}
	return c.current
}

// credentials demands a certificate of each caller and checks at the handshake that one of the known
// CAs issued it for a client. Whether it is a caller's and in its time of validity is checked at each
// call, so that who is refused is told so by a code, and a connection outlives neither its
// certificate nor the trust in its CA.
func (c *Certificates) credentials() credentials.TransportCredentials {
	return credentials.NewTLS(c.tls())
}

func (c *Certificates) tls() *tls.Config {
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		ClientAuth:             tls.RequireAnyClientCert,
		SessionTicketsDisabled: true, // each connection proves the caller's certificate anew
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return &c.get().server, nil
		},
		VerifyConnection: func(state tls.ConnectionState) error {
			return c.verify(state.PeerCertificates, c.get().known)
		},
	}
}

func (c *Certificates) verify(chain []*x509.Certificate, roots *x509.CertPool) error {
	if len(chain) == 0 {
		return errors.New("no client certificate")
	}
	leaf := chain[0]
	at := c.now()
	if at.After(leaf.NotAfter) {
		at = leaf.NotAfter
	}
	if at.Before(leaf.NotBefore) {
		at = leaf.NotBefore
	}
	intermediates := x509.NewCertPool()
	for _, cert := range chain[1:] {
		intermediates.AddCert(cert)
	}
	_, err := leaf.Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: intermediates, CurrentTime: at,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	return err
}

// attributesOID is the extension in which Fabric's CA writes the attributes of an identity.
func attributesOID() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{1, 2, 3, 4, 5, 6, 7, 8, 1} }

// roleAttribute holds the roles, parted by commas.
const roleAttribute = "waybill.role"

// RolesOf reads the roles from a certificate; none if it states none.
func RolesOf(cert *x509.Certificate) []ledger.Role {
	for _, extension := range cert.Extensions {
		if !extension.Id.Equal(attributesOID()) {
			continue
		}
		var value struct {
			Attrs map[string]string `json:"attrs"`
		}
		if json.Unmarshal(extension.Value, &value) != nil {
			return nil
		}
		return ledger.ParseRoles(value.Attrs[roleAttribute])
	}
	return nil
}

// caller is who calls, by the certificate of the connection.
type caller struct {
	subject string
	roles   []ledger.Role
}

// caller checks that the connection's certificate is a caller's and valid now, and gives its holder.
func (c *Certificates) caller(ctx context.Context) (caller, error) {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return caller{}, refuse(codes.Unauthenticated, codeNoCert, "a client certificate is required")
	}
	info, ok := p.AuthInfo.(credentials.TLSInfo)
	if !ok || len(info.State.PeerCertificates) == 0 {
		return caller{}, refuse(codes.Unauthenticated, codeNoCert, "a client certificate is required")
	}
	return c.callerOf(info.State.PeerCertificates)
}

func (c *Certificates) callerOf(chain []*x509.Certificate) (caller, error) {
	leaf := chain[0]
	if err := c.verify(chain, c.get().callers); err != nil {
		return caller{}, refuse(codes.PermissionDenied, codeForeign, "%s issued the client certificate of %s, and this server serves its own organisation; call the server of yours",
			leaf.Issuer.CommonName, leaf.Subject.CommonName)
	}
	switch now := c.now(); {
	case now.After(leaf.NotAfter):
		return caller{}, refuse(codes.Unauthenticated, codeExpired, "the client certificate of %s expired at %s; ask its CA for a new one", leaf.Subject.CommonName, leaf.NotAfter.UTC().Format(time.RFC3339))
	case now.Before(leaf.NotBefore):
		return caller{}, refuse(codes.Unauthenticated, codeNotYet, "the client certificate of %s is valid from %s on; compare the clocks", leaf.Subject.CommonName, leaf.NotBefore.UTC().Format(time.RFC3339))
	}
	return caller{subject: leaf.Subject.CommonName, roles: RolesOf(leaf)}, nil
}
