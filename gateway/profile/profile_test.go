package profile_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/gateway/profile"
)

func sample() *profile.Profile {
	peer := profile.Peer{Name: "peer0.producer", Address: "127.0.0.1:7051", TLSRootCert: "../orgs/producer/tlsca.pem"}
	return &profile.Profile{
		Version: profile.Version, Name: "default", Channel: "waybill", Chaincode: "waybill", Consensus: profile.BFT,
		Organisation: "producer", MSPID: "ProducerMSP",
		GatewayPeers: []profile.Peer{peer},
		Peers:        map[string][]profile.Peer{"ProducerMSP": {peer}},
		Orderers: []profile.Orderer{{
			Name: "orderer0", Address: "127.0.0.1:7050", MSPID: "OrdererMSP",
			TLSRootCert: "../orgs/orderer/tlsca.pem", ConsenterID: 1, IdentityCert: "../orgs/orderer/orderer0.pem",
		}},
		OrdererMSPIDs: []string{"OrdererMSP"},
		TrustRoots: map[string][]string{
			"ProducerMSP": {"../orgs/producer/ca.pem"}, "OrdererMSP": {"../orgs/orderer/ca.pem"},
		},
		Identities: map[string]profile.Identity{"service": {Cert: "../id/cert.pem", Key: "../id/key.pem"}},
		API:        profile.API{Address: "127.0.0.1:9000", ClientCAs: []string{"../orgs/producer/ca.pem"}},
	}
}

func writeTree(t *testing.T, p *profile.Profile) (root, file string) {
	t.Helper()
	root = t.TempDir()
	for _, name := range []string{"profiles/x", "orgs/producer/tlsca.pem", "orgs/producer/ca.pem", "orgs/orderer/tlsca.pem", "orgs/orderer/orderer0.pem", "orgs/orderer/ca.pem"} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file = filepath.Join(root, "profiles", "producer.yaml")
	if err := p.Save(file); err != nil {
		t.Fatal(err)
	}
	return root, file
}

func TestSavedProfileLoadsWithAbsolutePaths(t *testing.T) {
	root, file := writeTree(t, sample())
	got, err := profile.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(root, "orgs/producer/tlsca.pem"); got.GatewayPeers[0].TLSRootCert != want {
		t.Errorf("tlsRootCert = %s, want %s", got.GatewayPeers[0].TLSRootCert, want)
	}
	moved := filepath.Join(root, "profiles", "again.yaml")
	if err := got.Save(moved); err != nil {
		t.Fatal(err)
	}
	a, _ := os.ReadFile(file)
	b, _ := os.ReadFile(moved)
	if string(a) != string(b) {
		t.Errorf("saving a loaded profile changed it:\n%s\n%s", a, b)
	}
}

func TestJSONProfileIsReadToo(t *testing.T) {
	raw, err := json.Marshal(sample())
	if err != nil {
		t.Fatal(err)
	}
	got, err := profile.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, sample()) {
		t.Errorf("got %+v", got)
	}
}

func TestFaultsAreNamed(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*profile.Profile)
		field  string
	}{
		"no channel":            {func(p *profile.Profile) { p.Channel = "" }, "channel"},
		"unknown consensus":     {func(p *profile.Profile) { p.Consensus = "solo" }, "consensus"},
		"no peer":               {func(p *profile.Profile) { p.GatewayPeers = nil }, "gatewayPeers"},
		"address without port":  {func(p *profile.Profile) { p.GatewayPeers[0].Address = "127.0.0.1" }, "gatewayPeers[0].address"},
		"port by name":          {func(p *profile.Profile) { p.API.Address = "localhost:https" }, "api.address"},
		"bft without identity":  {func(p *profile.Profile) { p.Orderers[0].IdentityCert = "" }, "orderers[0].identityCert"},
		"no root of orderers":   {func(p *profile.Profile) { delete(p.TrustRoots, "OrdererMSP") }, "trustRoots.OrdererMSP"},
		"identity without key":  {func(p *profile.Profile) { p.Identities["service"] = profile.Identity{Cert: "x"} }, "identities.service.key"},
		"other version of file": {func(p *profile.Profile) { p.Version = 2 }, "version"},
	} {
		t.Run(name, func(t *testing.T) {
			p := sample()
			c.change(p)
			err := p.Validate()
			if !errors.Is(err, profile.ErrInvalid) || !strings.Contains(err.Error(), c.field) {
				t.Errorf("got %v, want ErrInvalid naming %s", err, c.field)
			}
		})
	}
}

func TestUnknownFieldAndMissingFilesAreRefused(t *testing.T) {
	if _, err := profile.Parse([]byte("version: 1\nchanel: x\n")); !errors.Is(err, profile.ErrInvalid) {
		t.Errorf("unknown field: %v", err)
	}
	for text, says := range map[string]string{"": "nothing in it", "{": "line 1", "version: 1\n": "channel is empty", "chanel: x\n": "chanel"} {
		file := filepath.Join(t.TempDir(), "mine.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := profile.Load(file); !errors.Is(err, profile.ErrInvalid) || !strings.HasPrefix(err.Error(), profile.ErrInvalid.Error()+": "+file+": ") ||
			!strings.Contains(err.Error(), says) || strings.Count(err.Error(), profile.ErrInvalid.Error()) != 1 {
			t.Errorf("%q: %v, want one code, the file, and %q", text, err, says)
		}
	}
	whole, err := json.Marshal(sample())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := profile.Parse(append(whole, "\n---\nversion: 7\n"...)); !errors.Is(err, profile.ErrInvalid) || !strings.Contains(err.Error(), "more than one") {
		t.Errorf("a second document: %v", err)
	}
	if _, err := profile.Load(filepath.Join(t.TempDir(), "none.yaml")); !errors.Is(err, profile.ErrNotFound) {
		t.Errorf("absent profile: %v", err)
	}
	root, file := writeTree(t, sample())
	if err := os.Remove(filepath.Join(root, "orgs/orderer/ca.pem")); err != nil {
		t.Fatal(err)
	}
	if _, err := profile.Load(file); !errors.Is(err, profile.ErrNotFound) || !strings.Contains(err.Error(), "ca.pem") {
		t.Errorf("missing root: %v", err)
	}
	if _, err := sample().Identity("nobody"); !errors.Is(err, profile.ErrInvalid) {
		t.Errorf("unknown identity: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	raw, err := json.Marshal(sample())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, err := profile.Parse(raw)
		if err == nil && p.Validate() != nil {
			t.Fatal("Parse let an invalid profile through")
		}
	})
}
