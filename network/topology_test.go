package network

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/gateway/profile"
)

func loaded(t *testing.T, name string) *Topology {
	t.Helper()
	topology, err := LoadTopology(name)
	if err != nil {
		t.Fatal(err)
	}
	return topology
}

func TestEmbeddedTopologiesAreValidAndNameTheirOrganisations(t *testing.T) {
	for name, want := range map[string]struct {
		consensus profile.Consensus
		orderers  int
	}{"default": {profile.Raft, 1}, "bft": {profile.BFT, 4}} {
		topology := loaded(t, name)
		if topology.Consensus != want.consensus || topology.Orderers.Nodes != want.orderers {
			t.Errorf("%s: %s with %d orderers", name, topology.Consensus, topology.Orderers.Nodes)
		}
		var msps []string
		for _, o := range topology.Organisations {
			msps = append(msps, o.MSPID)
		}
		if !slices.Equal(msps, []string{"ProducerMSP", "CarrierMSP", "RetailerMSP", "AssessorMSP"}) || topology.Orderers.MSPID != "OrdererMSP" {
			t.Errorf("%s: %v ordered by %s", name, msps, topology.Orderers.MSPID)
		}
		if topology.Channel != "waybill" || topology.Chaincode.Name != "waybill" || topology.Endorsement != EndorsementMajority {
			t.Errorf("%s: %+v", name, topology)
		}
	}
	if !slices.Equal(TopologyNames(), []string{"default", "bft"}) {
		t.Error("the list of topologies is not the embedded ones")
	}
}

func TestTopologyFaultsAreNamed(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Topology)
		says   string
	}{
		"other version":             {func(t *Topology) { t.Version = 9 }, "version"},
		"name of a path":            {func(t *Topology) { t.Name = "../x" }, "name"},
		"channel in capitals":       {func(t *Topology) { t.Channel = "Waybill" }, "channel"},
		"unknown consensus":         {func(t *Topology) { t.Consensus = "solo" }, "consensus"},
		"bft with three orderers":   {func(t *Topology) { t.Consensus, t.Orderers.Nodes = profile.BFT, 3 }, "orderers.nodes"},
		"no orderer":                {func(t *Topology) { t.Orderers.Nodes = 0 }, "orderers.nodes"},
		"unknown endorsement":       {func(t *Topology) { t.Endorsement = "most" }, "endorsement"},
		"block beyond gRPC":         {func(t *Topology) { t.Orderers.AbsoluteMaxBytes = 64 << 20 }, "absoluteMaxBytes"},
		"preferred above absolute":  {func(t *Topology) { t.Orderers.PreferredMaxBytes = 33 << 20 }, "preferredMaxBytes"},
		"batch timeout of a minute": {func(t *Topology) { t.Orderers.BatchTimeout = time.Minute }, "batchTimeout"},
		"organisation twice":        {func(t *Topology) { t.Organisations[1].Name = "producer" }, "organisations[1].name"},
		"organisation as orderer":   {func(t *Topology) { t.Organisations[1].Name = "orderer" }, "organisations[1].name"},
		"MSP twice":                 {func(t *Topology) { t.Organisations[2].MSPID = "ProducerMSP" }, "organisations[2].mspId"},
		"no peer at all": {func(t *Topology) {
			for i := range t.Organisations {
				t.Organisations[i].Peers = 0
			}
		}, "none has a peer"},
		"negative peers":        {func(t *Topology) { t.Organisations[0].Peers = -1 }, "organisations[0].peers"},
		"identity called admin": {func(t *Topology) { t.Organisations[0].Identities = []IdentitySpec{{Name: "admin"}} }, "identities[0].name"},
		"role with a comma":     {func(t *Topology) { t.Organisations[0].Identities = []IdentitySpec{{Name: "x", Roles: []string{"a,b"}}} }, "identities[0].roles"},
		"role of nobody": {func(t *Topology) {
			t.Organisations[0].Identities = []IdentitySpec{{Name: "x", Roles: []string{"recoder"}}}
		}, "not one of recorder"},
		"port of nobody": {func(t *Topology) { t.Ports = map[string]int{"peer9.producer/listen": 7051} }, "peer9.producer/listen"},
		"port too high":  {func(t *Topology) { t.Ports = map[string]int{"orderer0/listen": 70000} }, "orderer0/listen"},
		"port twice": {func(t *Topology) {
			t.Ports = map[string]int{"orderer0/listen": 7050, "orderer0/admin": 7050}
		}, "orderer0/listen"},
	} {
		t.Run(name, func(t *testing.T) {
			topology := loaded(t, "default")
			c.change(topology)
			err := topology.Validate()
			if !errors.Is(err, ErrTopology) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want ErrTopology naming %s", err, c.says)
			}
		})
	}
}

func TestUnknownTopologyAndUnknownFieldAreRefused(t *testing.T) {
	if _, err := LoadTopology("nowhere.yaml"); !errors.Is(err, ErrTopology) {
		t.Errorf("absent file: %v", err)
	}
	for text, says := range map[string]string{
		"version: 1\npeers: 3\n":                "peers",
		"":                                      "nothing in it",
		"# only this\n":                         "nothing in it",
		"organisations: []\n":                   "none has a peer",
		"a: [":                                  "line 1",
		strings.Repeat("#", maxTopologyBytes+1): "larger than",
	} {
		file := filepath.Join(t.TempDir(), "mine.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := LoadTopology(file)
		if !errors.Is(err, ErrTopology) || !strings.Contains(err.Error(), says) || !strings.HasPrefix(err.Error(), ErrTopology.Error()+": "+file) || strings.Count(err.Error(), ErrTopology.Error()) != 1 {
			t.Errorf("%.20q: %v, want one code, the file, and %q", text, err, says)
		}
	}
	whole, err := TopologySource("default")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ParseTopology(append(whole, "---\nversion: 7\n"...)); !errors.Is(err, ErrTopology) || !strings.Contains(err.Error(), "more than one document") {
		t.Errorf("a second document: %v", err)
	}
}

func TestMembersWithoutPeersDoNotCountForEndorsement(t *testing.T) {
	const peers = "'ProducerMSP.peer', 'CarrierMSP.peer', 'RetailerMSP.peer'"
	for _, name := range TopologyNames() {
		topology := loaded(t, name)
		for rule, need := range map[Endorsement]string{EndorsementMajority: "2", EndorsementAll: "3", EndorsementAny: "1"} {
			topology.Endorsement = rule
			if kind, text := topology.endorsementPolicy(); kind != "Signature" || text != "OutOf("+need+", "+peers+")" {
				t.Errorf("%s, %s: %s %s", name, rule, kind, text)
			}
		}
		topology.Endorsement = EndorsementMajority
		topology.Organisations = topology.endorsing()
		if kind, rule := topology.endorsementPolicy(); kind != "ImplicitMeta" || rule != "MAJORITY Endorsement" {
			t.Errorf("%s without the assessor: %s %s", name, kind, rule)
		}
	}
}

func TestTheAssessorMayScoreAndRecordNothing(t *testing.T) {
	for _, name := range TopologyNames() {
		assessor, ok := loaded(t, name).organisation("assessor")
		if !ok || assessor.Peers != 0 {
			t.Fatalf("%s: %+v", name, assessor)
		}
		held := map[string]bool{}
		for _, id := range assessor.Identities {
			for _, role := range id.Roles {
				held[role] = true
			}
		}
		for _, role := range Roles() {
			want := role != "recorder" && role != "gateway" && role != "registrar" && role != "anchor"
			if held[role] != want {
				t.Errorf("%s: an identity of the assessor holds %s: %t", name, role, held[role])
			}
		}
		if !slices.ContainsFunc(assessor.Identities, func(id IdentitySpec) bool {
			return id.Name == profile.IdentityService && slices.Contains(id.Roles, "scorer")
		}) {
			t.Errorf("%s: `waybill serve` could not score", name)
		}
	}
}

func TestPortsAreKeptWhereNamedAndDistinctElsewhere(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		topology := loaded(t, "default")
		topology.Orderers.Nodes = rapid.IntRange(1, 5).Draw(rt, "orderers")
		for i := range topology.Organisations {
			topology.Organisations[i].Peers = rapid.IntRange(0, 3).Draw(rt, "peers")
		}
		topology.Organisations[0].Peers = max(1, topology.Organisations[0].Peers)
		topology.Ports = map[string]int{"peer0.producer/listen": 1234}
		if err := topology.Validate(); err != nil {
			rt.Fatal(err)
		}
		ports, err := choosePorts(topology)
		if err != nil {
			rt.Fatal(err)
		}
		if ports["peer0.producer/listen"] != 1234 {
			rt.Fatalf("the named port became %d", ports["peer0.producer/listen"])
		}
		seen := map[int]string{}
		for _, e := range topology.endpoints() {
			port := ports[e.key()]
			if port == 0 || seen[port] != "" {
				rt.Fatalf("%s has port %d, as %q", e.key(), port, seen[port])
			}
			seen[port] = e.key()
		}
		if len(ports) != len(seen) {
			rt.Fatalf("%d ports for %d endpoints: %v", len(ports), len(seen), slices.Sorted(maps.Keys(ports)))
		}
	})
}

func FuzzParseTopology(f *testing.F) {
	// Small seeds: the fuzzer shrinks whatever it finds from them.
	f.Add([]byte("version: 1\nname: a\nchannel: a\nconsensus: raft\nchaincode: {name: a, version: a}\norderers: {organisation: o, mspId: O, nodes: 1}\norganisations: [{name: p, mspId: P, peers: 1}]"))
	f.Add([]byte("ports: {x: 1}"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		topology, err := ParseTopology(raw)
		if err != nil {
			if !errors.Is(err, ErrTopology) {
				t.Fatalf("an error without code: %v", err)
			}
			return
		}
		if !sameTopology(topology, topology.clone()) {
			t.Fatal("a topology is not equal to its copy")
		}
	})
}
