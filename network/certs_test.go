package network

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/asn1"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/gateway/profile"
)

func material(t *testing.T, topology *Topology) paths {
	t.Helper()
	p := paths{filepath.Join(t.TempDir(), "network")}
	if err := writeMaterial(topology, p.orgs(), time.Now()); err != nil {
		t.Fatal(err)
	}
	return p
}

func certificate(t *testing.T, path string) *x509.Certificate {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(raw)
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func rolesOf(t *testing.T, cert *x509.Certificate) string {
	t.Helper()
	for _, e := range cert.Extensions {
		if e.Id.Equal(attributesOID()) {
			var v struct {
				Attrs map[string]string `json:"attrs"`
			}
			if err := json.Unmarshal(e.Value, &v); err != nil {
				t.Fatal(err)
			}
			return v.Attrs[RoleAttribute]
		}
	}
	return ""
}

func TestIdentitiesCarryTheirRolesAndServeAsTLSClients(t *testing.T) {
	topology := loaded(t, "default")
	p := material(t, topology)
	for _, org := range topology.Organisations {
		l := p.org(org.Name)
		roots, err := certPool(l.caCert())
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]string{
			"admin": "", "service": "recorder,gateway,scorer,registrar,anchor,holder,modeller,steward", "company": "recorder", "gateway": "gateway",
			"dashboard": "reader", "scorer": "scorer", "registrar": "registrar",
		}
		if org.Peers == 0 {
			want = map[string]string{"admin": "", "service": "scorer,holder,modeller,steward", "dashboard": "reader", "scorer": "scorer", "steward": "steward"}
		}
		for name, roles := range want {
			cert := certificate(t, filepath.Join(l.user(name), certFile))
			if got := rolesOf(t, cert); got != roles {
				t.Errorf("%s of %s has roles %q, want %q", name, org.Name, got, roles)
			}
			ou := ouClient
			if name == "admin" {
				ou = ouAdmin
			}
			if !slices.Equal(cert.Subject.OrganizationalUnit, []string{ou}) {
				t.Errorf("%s of %s is of unit %v", name, org.Name, cert.Subject.OrganizationalUnit)
			}
			for _, usage := range []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth} {
				// Fabric's MSP asks for the second, a TLS server for the first.
				if _, err := cert.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{usage}}); err != nil {
					t.Errorf("%s of %s, usage %v: %v", name, org.Name, usage, err)
				}
			}
			if _, err := tls.LoadX509KeyPair(filepath.Join(l.user(name), certFile), filepath.Join(l.user(name), keyFile)); err != nil {
				t.Errorf("%s of %s: %v", name, org.Name, err)
			}
		}
	}
}

func TestServersAreNamedByLoopbackAndNothingElse(t *testing.T) {
	topology := loaded(t, "bft")
	p := material(t, topology)
	producer, orderer := p.org("producer"), p.org("orderer")
	for dir, l := range map[string]orgLayout{
		producer.nodeTLS("peer0.producer"): producer, producer.api(): producer, producer.chaincodeServer(): producer,
		orderer.nodeTLS("orderer3"): orderer,
	} {
		cert := certificate(t, filepath.Join(dir, certFile))
		roots, err := certPool(l.tlsCACert())
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"127.0.0.1", "::1", "localhost"} {
			if _, err := cert.Verify(x509.VerifyOptions{Roots: roots, DNSName: name}); err != nil {
				t.Errorf("%s for %s: %v", dir, name, err)
			}
		}
		if err := cert.VerifyHostname("example.com"); err == nil {
			t.Errorf("%s is good for example.com", dir)
		}
	}
	client := certificate(t, filepath.Join(producer.chaincodeClient(), certFile))
	if slices.Contains(client.ExtKeyUsage, x509.ExtKeyUsageServerAuth) || client.IPAddresses != nil {
		t.Error("the peers' certificate towards the chaincode can serve")
	}
}

func TestSignaturesAreLowSAndFilesTheirOwnersOnly(t *testing.T) {
	p := material(t, loaded(t, "default"))
	half := new(big.Int).Rsh(func() *big.Int {
		n, _ := new(big.Int).SetString("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", 16)
		return n
	}(), 1)
	files := 0
	err := filepath.WalkDir(p.orgs(), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		want := fs.FileMode(0o600)
		if d.IsDir() {
			want = 0o700
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s has mode %v, want %v", path, info.Mode().Perm(), want)
		}
		raw := []byte(nil)
		if !d.IsDir() {
			if raw, err = os.ReadFile(path); err != nil {
				return err
			}
		}
		if !bytes.Contains(raw, []byte("BEGIN CERTIFICATE")) {
			return nil
		}
		files++
		var sig struct{ R, S *big.Int }
		if _, err := asn1.Unmarshal(certificate(t, path).Signature, &sig); err != nil {
			return err
		}
		if sig.S.Cmp(half) > 0 {
			t.Errorf("%s has a high S", path)
		}
		return nil
	})
	if err != nil || files < 40 {
		t.Errorf("%d certificates, %v", files, err)
	}
}

func TestIssuedIdentityJoinsTheProfileAndMayBeExpired(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "network")
	topology, s, err := prepare(paths{dir}, nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	p := paths{dir}
	if err = errors.Join(writeFile(p.genesis(), []byte("block")), saveState(p, s)); err != nil {
		t.Fatal(err)
	}
	for _, org := range topology.Organisations {
		if err = writeProfile(topology, p, s.Ports, org); err != nil {
			t.Fatal(err)
		}
	}
	past := time.Now().Add(-time.Hour)
	id, err := Issue(t.Context(), dir, IssueRequest{Organisation: "carrier", Name: "truck-7", Roles: []string{"gateway", "reader"}, NotAfter: past})
	if err != nil {
		t.Fatal(err)
	}
	cert := certificate(t, id.Cert)
	if !cert.NotAfter.Before(time.Now()) || !cert.NotBefore.Before(cert.NotAfter) {
		t.Errorf("valid from %s to %s, want an expired one", cert.NotBefore, cert.NotAfter)
	}
	if got := rolesOf(t, cert); got != "gateway,reader" {
		t.Errorf("roles %q", got)
	}
	loaded, err := profile.Load(ProfilePath(dir, "carrier"))
	if err != nil {
		t.Fatal(err)
	}
	if loaded.Identities["truck-7"] != id {
		t.Errorf("the profile has %+v, want %+v", loaded.Identities["truck-7"], id)
	}
	for name, req := range map[string]IssueRequest{
		"again":          {Organisation: "carrier", Name: "truck-7"},
		"of nobody":      {Organisation: "nobody", Name: "x"},
		"name of a path": {Organisation: "carrier", Name: "../admin"},
		"two roles":      {Organisation: "carrier", Name: "x", Roles: []string{"gateway,recorder"}},
		"role of nobody": {Organisation: "carrier", Name: "x", Roles: []string{"recoder"}},
		"for a century":  {Organisation: "carrier", Name: "x", NotAfter: time.Now().AddDate(100, 0, 0)},
	} {
		if _, err := Issue(t.Context(), dir, req); !errors.Is(err, ErrIdentity) {
			t.Errorf("%s: %v, want ErrIdentity", name, err)
		}
	}
	if _, err := Issue(t.Context(), t.TempDir(), IssueRequest{Organisation: "carrier", Name: "x"}); !errors.Is(err, ErrState) {
		t.Errorf("without a network: %v, want ErrState", err)
	}
}

func TestProfilesNameEveryTrustRootAndOneOwnPeer(t *testing.T) {
	topology := loaded(t, "bft")
	p := material(t, topology)
	ports, err := choosePorts(topology)
	if err != nil {
		t.Fatal(err)
	}
	if err := writeFile(p.genesis(), nil); err != nil {
		t.Fatal(err)
	}
	for _, org := range topology.Organisations {
		if err := writeProfile(topology, p, ports, org); err != nil {
			t.Fatal(err)
		}
		got, err := profile.Load(p.profile(org.Name))
		if err != nil {
			t.Fatal(err)
		}
		if len(got.TrustRoots) != 5 || len(got.Orderers) != 4 || len(got.Peers) != 3 {
			t.Errorf("%s: %d roots, %d orderers, peers of %d", org.Name, len(got.TrustRoots), len(got.Orderers), len(got.Peers))
		}
		want := []string{"peer0." + org.Name}
		if org.Peers == 0 {
			want = []string{"peer0.producer", "peer0.carrier", "peer0.retailer"}
		}
		var gateways []string
		for _, peer := range got.GatewayPeers {
			gateways = append(gateways, peer.Name)
		}
		if !slices.Equal(gateways, want) {
			t.Errorf("%s talks to %v, want %v", org.Name, gateways, want)
		}
	}
}

func TestPackageDependsOnProgramAndConnectionOnly(t *testing.T) {
	topology := loaded(t, "default")
	p := material(t, topology)
	ports, err := choosePorts(topology)
	if err != nil {
		t.Fatal(err)
	}
	pack := func(org int, digest string) chaincodePackage {
		t.Helper()
		pkg, err := packageChaincode(topology, p, ports, topology.Organisations[org], digest)
		if err != nil {
			t.Fatal(err)
		}
		return pkg
	}
	a := pack(0, "one")
	if b := pack(0, "one"); a.id != b.id || !bytes.Equal(a.raw, b.raw) {
		t.Error("the same package has two ids")
	}
	if pack(0, "two").id == a.id {
		t.Error("another program has the same id")
	}
	if pack(1, "one").id == a.id {
		t.Error("another organisation's connection has the same id")
	}
	if !strings.HasPrefix(a.id, "waybill_1.0:") {
		t.Errorf("id %s", a.id)
	}
}
