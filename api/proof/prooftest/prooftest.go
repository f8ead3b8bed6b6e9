// Package prooftest makes organisations that sign roots, for tests: authorities and certificates as
// package network issues them. It may import what package proof may.
package prooftest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"strings"
	"time"

	"github.com/waybill-dev/waybill/api/proof"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// ServiceRoles are the roles of a service identity.
const ServiceRoles = "recorder,gateway,scorer,registrar,anchor"

// Authority is an organisation's certificate authority.
type Authority struct {
	MSPID string
	PEM   []byte
	cert  *x509.Certificate
	key   *ecdsa.PrivateKey
}

// Identity is a certified key.
type Identity struct {
	MSPID       string
	Certificate []byte // DER
	Key         *ecdsa.PrivateKey
}

// fatal is what the helpers need of a test.
type fatal interface {
	Helper()
	Fatal(args ...any)
}

func number(t fatal) *big.Int {
	t.Helper()
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 126))
	if err != nil {
		t.Fatal(err)
	}
	return n.Add(n, big.NewInt(1))
}

// NewAuthority makes an organisation's authority, whose name is the MSP ID without its ending.
func NewAuthority(t fatal, mspID string, now time.Time) *Authority {
	t.Helper()
	name := strings.ToLower(strings.TrimSuffix(mspID, "MSP"))
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: number(t), Subject: pkix.Name{CommonName: "ca." + name, Organization: []string{name}},
		NotBefore: now.AddDate(0, 0, -7), NotAfter: now.AddDate(10, 0, 0), SubjectKeyId: keyID(t, key),
		IsCA: true, MaxPathLenZero: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &Authority{MSPID: mspID, PEM: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), cert: cert, key: key}
}

func keyID(t fatal, key *ecdsa.PrivateKey) []byte {
	t.Helper()
	raw, err := key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(raw)
	return sum[:]
}

// Issue certifies a new key as `waybill network up` does, with those roles, for five years from now.
func (a *Authority) Issue(t fatal, name, roles string, now time.Time) Identity {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	value, err := json.Marshal(map[string]any{"attrs": map[string]string{"waybill.role": roles}})
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: number(t), Subject: pkix.Name{CommonName: name, Organization: a.cert.Subject.Organization, OrganizationalUnit: []string{"client"}},
		NotBefore: now.Add(-10 * time.Minute), NotAfter: now.AddDate(5, 0, 0), SubjectKeyId: keyID(t, key), BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageAny},
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3, 4, 5, 6, 7, 8, 1}, Value: value}},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	return Identity{MSPID: a.MSPID, Certificate: der, Key: key}
}

// Sign states a root.
func (i Identity) Sign(t fatal, r ledger.Root, at ledger.Millis) proof.Signature {
	t.Helper()
	statement, err := wire.RootStatement(r, i.MSPID, at)
	if err != nil {
		t.Fatal(err)
	}
	signature, err := ledger.SignStatement(i.Key, rand.Reader, statement)
	if err != nil {
		t.Fatal(err)
	}
	return proof.Signature{At: at, Certificate: i.Certificate, Signature: signature}
}
