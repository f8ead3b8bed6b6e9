package network

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/waybill-dev/waybill/gateway/profile"
)

func TestStateIsMadeOnceAndUsedAgain(t *testing.T) {
	p := paths{filepath.Join(t.TempDir(), "network")}
	topology, s, err := prepare(p, nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err = saveState(p, s); err != nil {
		t.Fatal(err)
	}
	ca, err := os.ReadFile(p.org("producer").caCert())
	if err != nil {
		t.Fatal(err)
	}
	again, s2, err := prepare(p, topology, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if !sameTopology(topology, again) || s2.Ports["orderer0/listen"] != s.Ports["orderer0/listen"] {
		t.Error("the second start has another topology or other ports")
	}
	if now, err := os.ReadFile(p.org("producer").caCert()); err != nil || string(now) != string(ca) {
		t.Errorf("the second start has other certificates (%v)", err)
	}
	if _, _, err := prepare(p, loaded(t, "bft"), time.Now()); !errors.Is(err, ErrTopology) {
		t.Errorf("another topology: %v, want ErrTopology", err)
	}
}

func TestUnfinishedStateIsMadeAnew(t *testing.T) {
	p := paths{filepath.Join(t.TempDir(), "network")}
	if _, _, err := prepare(p, nil, time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(p.org("carrier").caCert()); err != nil { // a start cut short
		t.Fatal(err)
	}
	if _, _, err := prepare(p, loaded(t, "bft"), time.Now()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(p.org("carrier").caCert()); err != nil {
		t.Error(err)
	}
}

func TestLedgerOutlivesTheLossOfAFileBesideIt(t *testing.T) {
	p := paths{filepath.Join(t.TempDir(), "network")}
	topology, s, err := prepare(p, nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	block := filepath.Join(p.data("peer0.carrier"), "block")
	if err = errors.Join(saveState(p, s), writeFile(block, nil)); err != nil {
		t.Fatal(err)
	}
	n := &Network{topology: topology, paths: p, ports: s.Ports}
	if err = n.configure(t.Context(), s); !errors.Is(err, ErrState) || !strings.Contains(err.Error(), "genesis.block") {
		t.Errorf("without the first block: %v, want ErrState", err)
	}
	for _, file := range []string{p.topology(), p.state()} {
		if err = os.Remove(file); err != nil {
			t.Fatal(err)
		}
		if _, _, err = prepare(p, nil, time.Now()); !errors.Is(err, ErrState) || !strings.Contains(err.Error(), file) {
			t.Errorf("without %s: %v, want ErrState naming it", file, err)
		}
	}
	if _, err = os.Stat(block); err != nil {
		t.Errorf("the ledger is gone: %v", err)
	}
}

func TestFolderOfOthersIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	theirs := filepath.Join(dir, "logs", "theirs")
	if err := writeFile(theirs, []byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := Up(t.Context(), Options{Dir: dir}); !errors.Is(err, ErrState) || !strings.Contains(err.Error(), "logs") {
		t.Errorf("up: %v, want ErrState", err)
	}
	if err := Clean(dir); !errors.Is(err, ErrState) {
		t.Errorf("clean: %v, want ErrState", err)
	}
	if _, err := os.Stat(theirs); err != nil {
		t.Error(err)
	}
	if _, err := ReadStatus(dir); !errors.Is(err, ErrState) {
		t.Errorf("status: %v, want ErrState", err)
	}
}

func TestCleanKeepsWhatOthersPutBeside(t *testing.T) {
	p := paths{filepath.Join(t.TempDir(), "network")}
	_, s, err := prepare(p, nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	beside := filepath.Join(p.dir, "readmodel.db")
	if err = errors.Join(saveState(p, s), writeFile(beside, nil)); err != nil {
		t.Fatal(err)
	}
	if err = Clean(p.dir); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(p.dir)
	if err != nil || len(left) != 1 || left[0].Name() != "readmodel.db" {
		t.Errorf("left: %v, %v", left, err)
	}
}

func TestDamagedStateIsSaidToBe(t *testing.T) {
	p := paths{filepath.Join(t.TempDir(), "network")}
	for name, text := range map[string]string{"no JSON": "{", "other version": `{"version":7}`, "no ports": `{"version":1}`} {
		topology, _, err := prepare(p, nil, time.Now())
		if err != nil {
			t.Fatal(name, err)
		}
		_ = topology
		if err := writeFile(p.state(), []byte(text)); err != nil {
			t.Fatal(err)
		}
		if _, _, err := prepare(p, nil, time.Now()); !errors.Is(err, ErrState) {
			t.Errorf("%s: %v, want ErrState", name, err)
		}
		if err := os.Remove(p.state()); err != nil {
			t.Fatal(err)
		}
	}
}

func at(t *testing.T, raw []byte, path ...string) any {
	t.Helper()
	var v any
	if err := yaml.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	for _, key := range path {
		m, ok := v.(map[string]any)
		if !ok {
			t.Fatalf("no map at %s", key)
		}
		v = m[key]
	}
	return v
}

func TestNodesListenOnLoopbackOnlyWithTLS(t *testing.T) {
	topology := loaded(t, "bft")
	p := paths{"/state"}
	ports, err := choosePorts(topology)
	if err != nil {
		t.Fatal(err)
	}
	core, err := coreYAML(topology, p, ports, topology.Organisations[0], 0)
	if err != nil {
		t.Fatal(err)
	}
	orderer, err := ordererYAML(topology, p, ports, 3)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range [][]string{
		{"peer", "listenAddress"}, {"peer", "address"}, {"peer", "chaincodeListenAddress"}, {"peer", "gossip", "externalEndpoint"}, {"operations", "listenAddress"},
	} {
		if got, ok := at(t, core, path...).(string); !ok || !strings.HasPrefix(got, "127.0.0.1:") {
			t.Errorf("core.yaml %v = %v", path, got)
		}
	}
	for _, path := range [][]string{{"General", "ListenAddress"}, {"Operations", "ListenAddress"}, {"Admin", "ListenAddress"}} {
		if got, ok := at(t, orderer, path...).(string); !ok || !strings.HasPrefix(got, "127.0.0.1") {
			t.Errorf("orderer.yaml %v = %v", path, got)
		}
	}
	for _, v := range []any{
		at(t, core, "peer", "tls", "enabled"), at(t, core, "operations", "tls", "clientAuthRequired"),
		at(t, orderer, "General", "TLS", "Enabled"), at(t, orderer, "Admin", "TLS", "ClientAuthRequired"), at(t, orderer, "Operations", "TLS", "ClientAuthRequired"),
	} {
		if v != true {
			t.Errorf("a TLS setting is %v", v)
		}
	}
	if at(t, core, "ledger", "history", "enableHistoryDatabase") != false || at(t, core, "vm", "endpoint") != "" {
		t.Error("the history database or the container engine is on")
	}
}

func TestChannelIsConfiguredAsTheTopologySays(t *testing.T) {
	for _, name := range TopologyNames() {
		topology := loaded(t, name)
		topology.Endorsement = EndorsementAny
		ports, err := choosePorts(topology)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := configtxYAML(topology, paths{"/state"}, ports)
		if err != nil {
			t.Fatal(err)
		}
		base := []string{"Profiles", configtxName}
		get := func(path ...string) any { return at(t, raw, append(base, path...)...) }
		wantType, path := "etcdraft", []string{"Orderer", "EtcdRaft", "Consenters"}
		if topology.Consensus == profile.BFT {
			wantType, path = "BFT", []string{"Orderer", "ConsenterMapping"}
		}
		consenters := get(path...)
		if got := get("Orderer", "OrdererType"); got != wantType {
			t.Errorf("%s: orderer type %v", name, got)
		}
		if list, ok := consenters.([]any); !ok || len(list) != topology.Orderers.Nodes {
			t.Errorf("%s: consenters %v", name, consenters)
		}
		for section, version := range map[string]string{"Application": "V2_5", "Orderer": "V2_0"} {
			if get(section, "Capabilities", version) != true {
				t.Errorf("%s: %s lacks capability %s", name, section, version)
			}
		}
		anchors := map[string]int{}
		for _, member := range get("Application", "Organizations").([]any) {
			of := member.(map[string]any)
			peers, _ := of["AnchorPeers"].([]any)
			anchors[of["ID"].(string)] = len(peers)
		}
		if want := map[string]int{"ProducerMSP": 1, "CarrierMSP": 1, "RetailerMSP": 1, "AssessorMSP": 0}; !maps.Equal(anchors, want) {
			t.Errorf("%s: the members have the anchor peers %v, want %v", name, anchors, want)
		}
		if get("Capabilities", "V3_0") != true {
			t.Errorf("%s: the channel lacks capability V3_0", name)
		}
		if got := get("Orderer", "BatchTimeout"); got != "250ms" {
			t.Errorf("%s: batch timeout %v", name, got)
		}
		for _, c := range []struct{ section, policy, rule string }{
			{"Application", "Endorsement", "OutOf(1, 'ProducerMSP.peer', 'CarrierMSP.peer', 'RetailerMSP.peer')"},
			// A lax rule for transactions does not weaken what a definition takes.
			{"Application", "LifecycleEndorsement", "OutOf(2, 'ProducerMSP.peer', 'CarrierMSP.peer', 'RetailerMSP.peer')"},
			{"Application", "Readers", "ANY Readers"},
			{"Application", "Writers", "ANY Writers"},
			{"Application", "Admins", "MAJORITY Admins"},
			{"Orderer", "Admins", "MAJORITY Admins"},
			{"Orderer", "BlockValidation", "OR('OrdererMSP.orderer')"},
		} {
			if got := get(c.section, "Policies", c.policy, "Rule"); got != c.rule {
				t.Errorf("%s: policy %s of %s is %v, want %s", name, c.policy, c.section, got, c.rule)
			}
		}
	}
}
