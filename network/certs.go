package network

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// RoleAttribute is the certificate attribute that carries an identity's roles, parted by commas.
const RoleAttribute = "waybill.role"

const (
	authorityLifetime = 10 * 365 * 24 * time.Hour
	leafLifetime      = 5 * 365 * 24 * time.Hour
	// backdated lets a certificate be used at once by a machine whose clock is behind.
	backdated = 10 * time.Minute
	// authorityBackdated lets an identity that has expired be checked at the time it was valid.
	authorityBackdated = 7 * 24 * time.Hour
)

// Organisational units that Fabric's node OUs turn into MSP roles.
const (
	ouClient  = "client"
	ouPeer    = "peer"
	ouAdmin   = "admin"
	ouOrderer = "orderer"
)

// attributesOID is where Fabric CA keeps an identity's attributes (hyperledger/fabric-ca, lib/attrmgr).
func attributesOID() asn1.ObjectIdentifier {
	return asn1.ObjectIdentifier{1, 2, 3, 4, 5, 6, 7, 8, 1}
}

// authority is a certificate authority with its key at hand.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// credential is a PEM certificate and its PEM key (PKCS #8).
type credential struct {
	cert []byte
	key  []byte
}

// leaf says what a certificate is to be good for.
type leaf struct {
	name     string
	ou       string
	usage    []x509.ExtKeyUsage
	serving  bool // has the SANs of this machine's loopback
	attrs    map[string]string
	notAfter time.Time // zero: leafLifetime from now
}

func newAuthority(name, organisation string, now time.Time) (*authority, credential, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, credential{}, err
	}
	template, err := newTemplate(&key.PublicKey, pkix.Name{CommonName: name, Organization: []string{organisation}})
	if err != nil {
		return nil, credential{}, err
	}
	template.NotBefore, template.NotAfter = now.Add(-authorityBackdated), now.Add(authorityLifetime)
	template.IsCA, template.MaxPathLenZero = true, true // no authority below it
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	cert, out, err := sign(template, template, key, key)
	if err != nil {
		return nil, credential{}, err
	}
	return &authority{cert: cert, key: key}, out, nil
}

func (a *authority) issue(l leaf, now time.Time) (credential, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return credential{}, err
	}
	subject := pkix.Name{CommonName: l.name, Organization: a.cert.Subject.Organization}
	if l.ou != "" {
		subject.OrganizationalUnit = []string{l.ou}
	}
	template, err := newTemplate(&key.PublicKey, subject)
	if err != nil {
		return credential{}, err
	}
	template.NotBefore, template.NotAfter = now.Add(-backdated), now.Add(leafLifetime)
	if !l.notAfter.IsZero() {
		template.NotAfter = l.notAfter
		if !l.notAfter.After(template.NotBefore) {
			template.NotBefore = l.notAfter.Add(-backdated)
		}
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = l.usage
	if l.serving {
		template.DNSNames = []string{"localhost"}
		template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	}
	if len(l.attrs) > 0 {
		value, marshalErr := json.Marshal(struct {
			Attrs map[string]string `json:"attrs"`
		}{l.attrs})
		if marshalErr != nil {
			return credential{}, marshalErr
		}
		template.ExtraExtensions = []pkix.Extension{{Id: attributesOID(), Value: value}}
	}
	_, out, err := sign(template, a.cert, key, a.key)
	return out, err
}

func newTemplate(pub *ecdsa.PublicKey, subject pkix.Name) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 126))
	if err != nil {
		return nil, err
	}
	raw, err := pub.Bytes()
	if err != nil {
		return nil, err
	}
	id := sha256.Sum256(raw)
	return &x509.Certificate{
		SerialNumber: serial.Add(serial, big.NewInt(1)), Subject: subject,
		SubjectKeyId: id[:], BasicConstraintsValid: true,
	}, nil
}

// sign issues a certificate whose ECDSA signature has a low S: Fabric rewrites others when it reads
// them, and the bytes an orderer signs with must be those the channel configuration names.
func sign(template, parent *x509.Certificate, key, signer *ecdsa.PrivateKey) (*x509.Certificate, credential, error) {
	half := new(big.Int).Rsh(signer.Params().N, 1)
	for {
		der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
		if err != nil {
			return nil, credential{}, err
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, credential{}, err
		}
		var sig struct{ R, S *big.Int }
		if _, err = asn1.Unmarshal(cert.Signature, &sig); err != nil {
			return nil, credential{}, err
		}
		if sig.S.Cmp(half) > 0 {
			continue
		}
		pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			return nil, credential{}, err
		}
		return cert, credential{
			cert: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
			key:  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}),
		}, nil
	}
}

func loadAuthority(dir string) (*authority, error) {
	certPEM, err := os.ReadFile(filepath.Join(dir, certFile)) //nolint:gosec // below the state folder
	if err != nil {
		return nil, err
	}
	keyPEM, err := os.ReadFile(filepath.Join(dir, keyFile)) //nolint:gosec // below the state folder
	if err != nil {
		return nil, err
	}
	certBlock, _ := pem.Decode(certPEM)
	keyBlock, _ := pem.Decode(keyPEM)
	if certBlock == nil || keyBlock == nil {
		return nil, fmt.Errorf("%s holds no PEM certificate and key", dir)
	}
	cert, err := x509.ParseCertificate(certBlock.Bytes)
	if err != nil {
		return nil, err
	}
	key, err := x509.ParsePKCS8PrivateKey(keyBlock.Bytes)
	if err != nil {
		return nil, err
	}
	ec, ok := key.(*ecdsa.PrivateKey)
	if !ok {
		return nil, errors.New("the authority's key is not ECDSA")
	}
	return &authority{cert: cert, key: ec}, nil
}

const (
	certFile = "cert.pem"
	keyFile  = "key.pem"
)

// identityUsage makes an identity good as a TLS client. The second usage is Fabric's doing: its
// MSP checks chains for server use, Go's default, and would refuse a certificate for clients only.
func identityUsage() []x509.ExtKeyUsage {
	return []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageAny}
}

func nodeUsage() []x509.ExtKeyUsage {
	return []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
}

// writeMaterial writes the certificates of all organisations below root, laid out as orgLayout says.
func writeMaterial(t *Topology, root string, now time.Time) error {
	nodes := make([]string, t.Orderers.Nodes)
	for i := range nodes {
		nodes[i] = ordererName(i)
	}
	orderers, err := newOrgWriter(orgLayout{root: filepath.Join(root, t.Orderers.Organisation)}, t.Orderers.Organisation, now)
	if err != nil {
		return err
	}
	for _, n := range nodes {
		if err := orderers.node(n, ouOrderer); err != nil {
			return err
		}
	}
	if err := errors.Join(
		orderers.identity("admin", ouAdmin, nil),
		orderers.tls(orderers.layout.osnAdmin(), leaf{name: "osnadmin", usage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}),
	); err != nil {
		return err
	}
	for _, org := range t.Organisations {
		w, err := newOrgWriter(orgLayout{root: filepath.Join(root, org.Name)}, org.Name, now)
		if err != nil {
			return err
		}
		for i := range org.Peers {
			if err := w.node(peerName(org.Name, i), ouPeer); err != nil {
				return err
			}
		}
		if err := w.identity("admin", ouAdmin, nil); err != nil {
			return err
		}
		for _, id := range org.Identities {
			if err := w.identity(id.Name, ouClient, id.Roles); err != nil {
				return err
			}
		}
		if err := errors.Join(
			w.tls(w.layout.api(), leaf{name: "api." + org.Name, usage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, serving: true}),
			w.tls(w.layout.chaincodeServer(), leaf{name: chaincodeName(org.Name), usage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, serving: true}),
			w.tls(w.layout.chaincodeClient(), leaf{name: "peers." + org.Name, usage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}),
		); err != nil {
			return err
		}
	}
	return nil
}

// orgLayout names the files of one organisation.
type orgLayout struct{ root string }

func (l orgLayout) ca() string              { return filepath.Join(l.root, "ca") }
func (l orgLayout) tlsCA() string           { return filepath.Join(l.root, "tlsca") }
func (l orgLayout) caCert() string          { return filepath.Join(l.ca(), certFile) }
func (l orgLayout) tlsCACert() string       { return filepath.Join(l.tlsCA(), certFile) }
func (l orgLayout) msp() string             { return filepath.Join(l.root, "msp") }
func (l orgLayout) nodeMSP(n string) string { return filepath.Join(l.root, "nodes", n, "msp") }
func (l orgLayout) nodeTLS(n string) string { return filepath.Join(l.root, "nodes", n, "tls") }
func (l orgLayout) user(name string) string { return filepath.Join(l.root, "users", name) }
func (l orgLayout) api() string             { return filepath.Join(l.root, "api") }
func (l orgLayout) osnAdmin() string        { return filepath.Join(l.root, "osnadmin") }
func (l orgLayout) chaincodeServer() string { return filepath.Join(l.root, "chaincode", "server") }
func (l orgLayout) chaincodeClient() string { return filepath.Join(l.root, "chaincode", "client") }
func (l orgLayout) nodeCert(n string) string {
	return filepath.Join(l.nodeMSP(n), "signcerts", certFile)
}

type orgWriter struct {
	layout    orgLayout
	ca, tlsCA *authority
	caPEM     []byte
	tlsCAPEM  []byte
	now       time.Time
}

func newOrgWriter(l orgLayout, name string, now time.Time) (*orgWriter, error) {
	ca, caOut, err := newAuthority("ca."+name, name, now)
	if err != nil {
		return nil, err
	}
	tlsCA, tlsOut, err := newAuthority("tlsca."+name, name, now)
	if err != nil {
		return nil, err
	}
	w := &orgWriter{layout: l, ca: ca, tlsCA: tlsCA, caPEM: caOut.cert, tlsCAPEM: tlsOut.cert, now: now}
	return w, errors.Join(
		writeCredential(l.ca(), caOut),
		writeCredential(l.tlsCA(), tlsOut),
		w.verifyingMSP(l.msp()),
	)
}

func (w *orgWriter) verifyingMSP(dir string) error {
	return errors.Join(
		writeFile(filepath.Join(dir, "cacerts", "ca.pem"), w.caPEM),
		writeFile(filepath.Join(dir, "tlscacerts", "tlsca.pem"), w.tlsCAPEM),
		writeFile(filepath.Join(dir, "config.yaml"), nodeOUs()),
	)
}

func nodeOUs() []byte {
	var b bytes.Buffer
	b.WriteString("NodeOUs:\n  Enable: true\n")
	for _, id := range []struct{ field, ou string }{
		{"ClientOUIdentifier", ouClient},
		{"PeerOUIdentifier", ouPeer},
		{"AdminOUIdentifier", ouAdmin},
		{"OrdererOUIdentifier", ouOrderer},
	} {
		fmt.Fprintf(&b, "  %s:\n    Certificate: cacerts/ca.pem\n    OrganizationalUnitIdentifier: %s\n", id.field, id.ou)
	}
	return b.Bytes()
}

func (w *orgWriter) node(name, ou string) error {
	id, err := w.ca.issue(leaf{name: name, ou: ou}, w.now)
	if err != nil {
		return err
	}
	msp := w.layout.nodeMSP(name)
	return errors.Join(
		w.verifyingMSP(msp),
		writeFile(filepath.Join(msp, "signcerts", certFile), id.cert),
		writeFile(filepath.Join(msp, "keystore", keyFile), id.key),
		w.tls(w.layout.nodeTLS(name), leaf{name: name, usage: nodeUsage(), serving: true}),
	)
}

func (w *orgWriter) identity(name, ou string, roles []string) error {
	id, err := w.ca.issue(identityLeaf(name, ou, roles, time.Time{}), w.now)
	if err != nil {
		return err
	}
	return writeCredential(w.layout.user(name), id)
}

func identityLeaf(name, ou string, roles []string, notAfter time.Time) leaf {
	l := leaf{name: name, ou: ou, usage: identityUsage(), notAfter: notAfter}
	if len(roles) > 0 {
		l.attrs = map[string]string{RoleAttribute: strings.Join(roles, ",")}
	}
	return l
}

func (w *orgWriter) tls(dir string, l leaf) error {
	c, err := w.tlsCA.issue(l, w.now)
	if err != nil {
		return err
	}
	return writeCredential(dir, c)
}

func writeCredential(dir string, c credential) error {
	return errors.Join(writeFile(filepath.Join(dir, keyFile), c.key), writeFile(filepath.Join(dir, certFile), c.cert))
}

// writeFile replaces path in one step, its folder made as needed; everything here is its owner's only.
func writeFile(path string, raw []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil { //nolint:gosec // below the state folder
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".tmp-*")
	if err != nil {
		return err
	}
	_, err = tmp.Write(raw)
	if err = errors.Join(err, tmp.Close()); err == nil {
		err = os.Rename(tmp.Name(), path) //nolint:gosec // below the state folder
	}
	if err != nil {
		_ = os.Remove(tmp.Name()) //nolint:gosec // made above
	}
	return err
}
