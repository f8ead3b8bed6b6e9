package network_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-gateway/pkg/hash"
	"github.com/hyperledger/fabric-gateway/pkg/identity"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/waybill-dev/waybill/gateway/profile"
	"github.com/waybill-dev/waybill/network"
)

const (
	testChaincode = "./network/testdata/chaincode"
	// envSupervise has the test's own program stand in for the waybill command; its value is the state folder.
	envSupervise = "WAYBILL_TEST_SUPERVISE"
	// envServe has it stand in for a node: it listens on that address, with the certificate beside.
	envServe     = "WAYBILL_TEST_SERVE"
	envServeCert = "WAYBILL_TEST_SERVE_CERT"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(envSupervise); dir != "" {
		os.Exit(supervise(dir))
	}
	if addr := os.Getenv(envServe); addr != "" {
		os.Exit(serve(addr, os.Getenv(envServeCert)))
	}
	os.Exit(m.Run())
}

// serve answers TLS handshakes until it is told to end.
func serve(addr, certDir string) int {
	if certDir == "" {
		fmt.Println("panic: no certificate")
		return 3
	}
	pair, err := tls.LoadX509KeyPair(filepath.Join(certDir, "cert.pem"), filepath.Join(certDir, "key.pem"))
	if err != nil {
		fmt.Println(err)
		return 4
	}
	l, err := tls.Listen("tcp", addr, &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS12})
	if err != nil {
		fmt.Println(err)
		return 5
	}
	for {
		conn, err := l.Accept()
		if err != nil {
			return 6
		}
		_ = conn.(*tls.Conn).Handshake()
		_ = conn.Close()
	}
}

func supervise(dir string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	topology, err := network.ParseTopology([]byte(soloTopology))
	if err != nil {
		return 2
	}
	o := network.Options{Dir: dir, Topology: topology, ChaincodePackage: testChaincode}
	if err := network.Supervise(ctx, o, os.Stdin, os.NewFile(network.ReportDescriptor, "starter"), os.Stderr); err != nil {
		return 1
	}
	return 0
}

// soloTopology is the least network there can be.
const soloTopology = `
version: 1
name: solo
channel: solo
consensus: raft
chaincode: {name: waybill, version: "1.0"}
orderers: {organisation: orderer, mspId: OrdererMSP, nodes: 1, batchTimeout: 50ms}
organisations: [{name: producer, mspId: ProducerMSP, peers: 1}]
`

// bftTopology has four orderers and a member without peers.
const bftTopology = `
version: 1
name: bft-assessed
channel: waybill
consensus: bft
chaincode: {name: waybill, version: "1.0"}
orderers: {organisation: orderer, mspId: OrdererMSP, nodes: 4, batchTimeout: 100ms}
organisations:
  - {name: producer, mspId: ProducerMSP, peers: 1}
  - {name: carrier, mspId: CarrierMSP, peers: 1}
  - {name: assessor, mspId: AssessorMSP, peers: 0}
`

func endToEnd(t *testing.T) context.Context {
	t.Helper()
	if testing.Short() {
		t.Skip("starts a Fabric network; not with -short")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute) // a cold build of Fabric included
	t.Cleanup(cancel)
	return ctx
}

func topology(t *testing.T, text string) *network.Topology {
	t.Helper()
	parsed, err := network.ParseTopology([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func up(ctx context.Context, t *testing.T, o network.Options) *network.Network {
	t.Helper()
	if o.ChaincodeBin == "" {
		o.ChaincodePackage = testChaincode
	}
	start := time.Now()
	o.Progress = func(p network.Progress) {
		if p.Total == 0 || p.Done%200 == 0 {
			t.Logf("%5.1fs %s: %s", time.Since(start).Seconds(), p.Stage, p.Text)
		}
	}
	n, err := network.Up(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Down(context.WithoutCancel(ctx)); err != nil {
			t.Error(err)
		}
	})
	t.Logf("up after %s", time.Since(start).Round(10*time.Millisecond))
	return n
}

// contract connects as an identity of an organisation, from nothing but its profile.
func contract(t *testing.T, n *network.Network, org, name string) *client.Contract {
	t.Helper()
	p, err := n.Profile(org)
	if err != nil {
		t.Fatal(err)
	}
	id, err := p.Identity(name)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(id.Cert, id.Key)
	if err != nil {
		t.Fatal(err)
	}
	x509ID, err := identity.NewX509Identity(p.MSPID, pair.Leaf)
	if err != nil {
		t.Fatal(err)
	}
	sign, err := identity.NewPrivateKeySign(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	peer := p.GatewayPeers[0]
	root, err := os.ReadFile(peer.TLSRootCert)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(root)
	conn, err := grpc.NewClient("passthrough:///"+peer.Address, grpc.WithTransportCredentials(
		credentials.NewTLS(&tls.Config{RootCAs: pool, ServerName: peer.ServerName, MinVersion: tls.VersionTLS12})))
	if err != nil {
		t.Fatal(err)
	}
	gateway, err := client.Connect(x509ID, client.WithSign(sign), client.WithHash(hash.SHA256), client.WithClientConnection(conn))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(gateway.Close(), conn.Close()); err != nil {
			t.Error(err)
		}
	})
	return gateway.GetNetwork(p.Channel).GetContract(p.Chaincode)
}

func put(ctx context.Context, t *testing.T, c *client.Contract, key, value string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if _, err := c.SubmitWithContext(ctx, "Put", client.WithArguments(key, value)); err != nil {
		t.Fatalf("Put %s: %v %v", key, err, details(err))
	}
}

// putSoon puts once enough peers endorse: a peer's gateway asks those that gossip says are there, and hears
// of a peer that was started again some seconds later.
func putSoon(ctx context.Context, t *testing.T, c *client.Contract, key, value string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	again := time.NewTicker(250 * time.Millisecond)
	defer again.Stop()
	for {
		_, err := c.SubmitWithContext(ctx, "Put", client.WithArguments(key, value))
		if _, unendorsed := errors.AsType[*client.EndorseError](err); !unendorsed {
			if err != nil {
				t.Fatalf("Put %s: %v %v", key, err, details(err))
			}
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("Put %s: %v %v", key, err, details(err))
		case <-again.C:
		}
	}
}

func get(ctx context.Context, t *testing.T, c *client.Contract, key string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	value, err := c.EvaluateWithContext(ctx, "Get", client.WithArguments(key))
	if err != nil {
		t.Fatalf("Get %s: %v", key, err)
	}
	return string(value)
}

// getsSoon waits until a peer other than the one that told of the commit has it too.
func getsSoon(ctx context.Context, t *testing.T, c *client.Contract, key, want string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		value, err := c.EvaluateWithContext(ctx, "Get", client.WithArguments(key))
		if err == nil && string(value) == want {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("Get %s: %q, %v; want %q", key, value, err, want)
		case <-again.C:
		}
	}
}

func details(err error) []any {
	var st interface{ Details() []any }
	if errors.As(err, &st) {
		return st.Details()
	}
	return nil
}

func process(t *testing.T, st network.Status, name string) network.ProcessStatus {
	t.Helper()
	for _, p := range st.Processes {
		if p.Name == name {
			return p
		}
	}
	t.Fatalf("no process %s in %+v", name, st)
	return network.ProcessStatus{}
}

// nothingRuns checks that every process of a status is gone and its port free.
func nothingRuns(t *testing.T, st network.Status) {
	t.Helper()
	if len(st.Processes) == 0 {
		t.Fatal("the status names no process")
	}
	for _, p := range st.Processes {
		if p.PID != 0 && syscall.Kill(p.PID, 0) == nil {
			t.Errorf("%s still runs as process %d", p.Name, p.PID)
		}
		l, err := net.Listen("tcp", p.Address)
		if err != nil {
			t.Errorf("the port of %s is still held: %v", p.Name, err)
			continue
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestNetworkEndorsesSurvivesAndKeepsItsLedger(t *testing.T) {
	ctx := endToEnd(t)
	dir := filepath.Join(t.TempDir(), "network")
	deaths := make(chan network.ProcessStatus, 16)
	n := up(ctx, t, network.Options{Dir: dir, OnDeath: func(st network.ProcessStatus) { deaths <- st }})
	if st := n.Status(); !st.Healthy() || len(st.Processes) != 7 {
		t.Fatalf("status after up: %+v", st)
	}

	everyPortIsGuarded(ctx, t, dir)
	producer := contract(t, n, "producer", "company")
	put(ctx, t, producer, "item", "at the producer")
	getsSoon(ctx, t, contract(t, n, "carrier", "dashboard"), "item", "at the producer")
	for name, want := range map[string]string{"company": "recorder", "service": "recorder,gateway,scorer,registrar,anchor,holder,modeller,steward", "admin": ""} {
		roles, err := contract(t, n, "retailer", name).EvaluateWithContext(ctx, "Roles")
		if err != nil || string(roles) != want {
			t.Errorf("roles of %s: %q, %v; want %q", name, roles, err, want)
		}
	}

	if _, err := network.Up(ctx, network.Options{Dir: dir}); !errors.Is(err, network.ErrAlreadyUp) {
		t.Errorf("second up: %v, want ErrAlreadyUp", err)
	}
	if _, err := network.Up(ctx, network.Options{Dir: dir, Topology: topology(t, soloTopology)}); !errors.Is(err, network.ErrTopology) {
		t.Errorf("second up of another topology: %v, want ErrTopology", err)
	}
	if err := network.Clean(dir); !errors.Is(err, network.ErrBusy) {
		t.Errorf("clean of a running network: %v, want ErrBusy", err)
	}

	// An expired identity is refused by the peers; the clock's tolerance does not help it.
	if _, err := n.Issue(ctx, network.IssueRequest{Organisation: "producer", Name: "expired", Roles: []string{"recorder"}, NotAfter: time.Now().Add(-time.Hour)}); err != nil {
		t.Fatal(err)
	}
	if _, err := contract(t, n, "producer", "expired").SubmitWithContext(ctx, "Put", client.WithArguments("item", "stolen")); err == nil {
		t.Error("an expired identity wrote to the ledger")
	}

	// A crash is noticed, named and mended.
	before := process(t, n.Status(), "peer0.carrier")
	if err := n.Kill("peer0.carrier"); err != nil {
		t.Fatal(err)
	}
	select {
	case dead := <-deaths:
		if dead.Name != "peer0.carrier" || dead.State != network.Restarting || !strings.Contains(dead.LastExit, "killed") {
			t.Errorf("death: %+v", dead)
		}
	case <-ctx.Done():
		t.Fatal("nobody noticed the dead peer")
	}
	if err := n.AwaitProcess(ctx, "peer0.carrier", network.Running); err != nil {
		t.Fatal(err)
	}
	if after := process(t, n.Status(), "peer0.carrier"); after.Restarts != 1 || after.PID == before.PID {
		t.Errorf("after the restart: %+v", after)
	}
	for _, name := range []string{"orderer0", "chaincode.producer"} {
		if err := n.Kill(name); err != nil {
			t.Fatal(err)
		}
		<-deaths
		if err := n.AwaitProcess(ctx, name, network.Running); err != nil {
			t.Fatal(err)
		}
	}
	if err := n.Ready(ctx); err != nil {
		t.Fatal(err)
	}

	// A minority may be away.
	if err := n.StopProcess(ctx, "peer0.retailer"); err != nil {
		t.Fatal(err)
	}
	if st := n.Status(); st.Healthy() || len(st.Down()) != 1 || st.Down()[0].Name != "peer0.retailer" {
		t.Errorf("status with a stopped peer: %+v", st.Down())
	}
	putSoon(ctx, t, producer, "item", "on its way")
	if err := n.Ready(ctx); err != nil {
		t.Fatal(err)
	}
	if err := n.StartProcess(ctx, "peer0.retailer"); err != nil {
		t.Fatal(err)
	}

	running := n.Status()
	if err := n.Down(ctx); err != nil {
		t.Fatal(err)
	}
	nothingRuns(t, running)
	if st, err := network.ReadStatus(dir); err != nil || st.Up || st.Healthy() {
		t.Errorf("status when down: %+v, %v", st, err)
	}

	portTaken(ctx, t, dir, process(t, running, "peer0.retailer").Address)

	n = up(ctx, t, network.Options{Dir: dir})
	producer = contract(t, n, "producer", "company")
	if got := get(ctx, t, producer, "item"); got != "on its way" {
		t.Errorf("after a restart the ledger says %q", got)
	}
	if a, b := process(t, running, "orderer0").Address, process(t, n.Status(), "orderer0").Address; a != b {
		t.Errorf("the orderer moved from %s to %s", a, b)
	}

	// Another program is another chaincode: approved and committed anew, on the same ledger.
	other := filepath.Join(t.TempDir(), "chaincode")
	build := exec.CommandContext(ctx, "go", "build", "-ldflags=-X main.unused=2 -s", "-o", other, "./testdata/chaincode")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := n.Upgrade(ctx, other); err != nil {
		t.Fatal(err)
	}
	put(ctx, t, producer, "item", "delivered")
	if got := get(ctx, t, producer, "item"); got != "delivered" {
		t.Errorf("after the upgrade the ledger says %q", got)
	}
	if err := n.Down(ctx); err != nil {
		t.Fatal(err)
	}
	if err := network.Clean(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("clean left %v", err)
	}
}

// everyPortIsGuarded knocks at all ports of the network: none answers but on TLS 1.2 and above, and of those
// that administer or carry the chaincode, none answers who shows no certificate of the organisation's TLS authority.
func everyPortIsGuarded(ctx context.Context, t *testing.T, dir string) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, "state.json"))
	if err != nil {
		t.Fatal(err)
	}
	var state struct{ Ports map[string]int }
	if err = json.Unmarshal(raw, &state); err != nil {
		t.Fatal(err)
	}
	org := func(process string) string {
		if strings.HasPrefix(process, "orderer") {
			return filepath.Join(dir, "orgs", "orderer")
		}
		return filepath.Join(dir, "orgs", process[strings.LastIndex(process, ".")+1:])
	}
	pair := func(folder string) []tls.Certificate {
		t.Helper()
		c, err := tls.LoadX509KeyPair(filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem"))
		if err != nil {
			t.Fatal(err)
		}
		return []tls.Certificate{c}
	}
	// admitted says whether a server talks to a client: in TLS 1.3 the refusal comes after the client's handshake.
	admitted := func(port int, config *tls.Config) error {
		dialer := tls.Dialer{NetDialer: &net.Dialer{Timeout: 20 * time.Second}, Config: config}
		conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			return err
		}
		defer conn.Close()
		if err = conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
			return err
		}
		request := "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
		if conn.(*tls.Conn).ConnectionState().NegotiatedProtocol == "h2" {
			request = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00" // preface and empty settings
		}
		if _, err = conn.Write([]byte(request)); err != nil {
			return err
		}
		_, err = conn.Read(make([]byte, 1))
		return err
	}
	guarded := 0
	for key, port := range state.Ports {
		process, endpoint, _ := strings.Cut(key, "/")
		if strings.HasPrefix(process, "api.") {
			continue // the API server does not run here
		}
		folder := org(process)
		pool := x509.NewCertPool()
		ca, err := os.ReadFile(filepath.Join(folder, "tlsca", "cert.pem"))
		if err != nil || !pool.AppendCertsFromPEM(ca) {
			t.Fatal(process, err)
		}
		config := func(certificates []tls.Certificate) *tls.Config {
			c := &tls.Config{RootCAs: pool, Certificates: certificates, NextProtos: []string{"h2", "http/1.1"}, MinVersion: tls.VersionTLS12}
			if endpoint == "chaincode" { // the peer makes an authority of its own for it
				c.InsecureSkipVerify = true
			}
			return c
		}
		old := config(nil)
		old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
		if admitted(port, old) == nil {
			t.Errorf("%s takes TLS 1.1", key)
		}
		if open := endpoint == "listen" && !strings.HasPrefix(process, "chaincode."); open {
			if err := admitted(port, config(nil)); err != nil {
				t.Errorf("%s: %v", key, err)
			}
			continue
		}
		guarded++
		if admitted(port, config(nil)) == nil {
			t.Errorf("%s answers who shows no certificate", key)
		}
		stranger := pair(filepath.Join(dir, "orgs", "carrier", "users", "admin")) // of an identity authority, not of a TLS one
		if admitted(port, config(stranger)) == nil {
			t.Errorf("%s answers an administrator of the carrier", key)
		}
		var friend []tls.Certificate
		switch {
		case endpoint == "chaincode":
			continue
		case process == "orderer0":
			friend = pair(filepath.Join(folder, "osnadmin"))
		default:
			friend = pair(filepath.Join(folder, "chaincode", "client"))
		}
		if err := admitted(port, config(friend)); err != nil {
			t.Errorf("%s does not answer a certificate of its authority: %v", key, err)
		}
	}
	if guarded != 11 { // 2 of the orderer; 2 of each peer; 1 of each chaincode server
		t.Errorf("%d guarded ports, want 11", guarded)
	}
}

// portTaken holds a port of a network that is down and expects its start to name it.
func portTaken(ctx context.Context, t *testing.T, dir, addr string) {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(addr)
	_, err = network.Up(ctx, network.Options{Dir: dir, ChaincodePackage: testChaincode})
	if !errors.Is(err, network.ErrPortTaken) || !strings.Contains(err.Error(), port) || !strings.Contains(err.Error(), "peer0.retailer") {
		t.Errorf("up with a taken port: %v", err)
	}
}

func TestTwoNetworksRunSideBySideOneOfThemBFT(t *testing.T) {
	ctx := endToEnd(t)
	solo := up(ctx, t, network.Options{Dir: filepath.Join(t.TempDir(), "solo"), Topology: topology(t, soloTopology)})
	bft := up(ctx, t, network.Options{Dir: filepath.Join(t.TempDir(), "bft"), Topology: topology(t, bftTopology)})

	one := contract(t, solo, "producer", "company")
	put(ctx, t, one, "where", "solo")
	// A member without peers writes through the peers of others, and needs not endorse.
	two := contract(t, bft, "assessor", "service")
	put(ctx, t, two, "where", "bft")
	if a, b := get(ctx, t, one, "where"), get(ctx, t, two, "where"); a != "solo" || b != "bft" {
		t.Errorf("the networks mix: %q and %q", a, b)
	}
	p, err := bft.Profile("assessor")
	if err != nil {
		t.Fatal(err)
	}
	if p.Consensus != profile.BFT || len(p.Orderers) != 4 || len(p.GatewayPeers) != 2 {
		t.Errorf("profile: %s, %d orderers, %d gateway peers", p.Consensus, len(p.Orderers), len(p.GatewayPeers))
	}

	// One of four orderers may fail.
	if err := bft.StopProcess(ctx, "orderer3"); err != nil {
		t.Fatal(err)
	}
	put(ctx, t, two, "where", "bft with three")
}

func TestSupervisorInTheBackgroundLeavesNothingBehind(t *testing.T) {
	ctx := endToEnd(t)
	dir := filepath.Join(t.TempDir(), "network")
	t.Setenv(envSupervise, dir)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	start := func(ctx context.Context, progress func(network.Progress)) error {
		return network.UpDetached(ctx, dir, progress, self)
	}
	status := func() network.Status {
		t.Helper()
		st, statusErr := network.ReadStatus(dir)
		if statusErr != nil {
			t.Fatal(statusErr)
		}
		return st
	}

	// Interrupted half way.
	interrupted, interrupt := context.WithCancel(ctx)
	err = start(interrupted, func(p network.Progress) {
		if p.Stage == "lifecycle" {
			interrupt()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("interrupted up: %v", err)
	}
	if st := status(); st.Up {
		t.Errorf("after the interrupt: %+v", st)
	}
	nothingRuns(t, status())

	// Up, and then the supervisor is killed.
	if err := start(ctx, nil); err != nil {
		t.Fatal(err)
	}
	running := status()
	if !running.Healthy() {
		t.Fatalf("status: %+v", running)
	}
	if err := start(ctx, nil); !errors.Is(err, network.ErrAlreadyUp) {
		t.Errorf("second up: %v, want ErrAlreadyUp", err)
	}
	if err := syscall.Kill(running.Supervisor, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for _, p := range running.Processes {
		for syscall.Kill(p.PID, 0) == nil { // the kernel ends them; how soon is its business
			if ctx.Err() != nil {
				t.Fatalf("%s outlives its supervisor", p.Name)
			}
			runtime.Gosched()
		}
	}
	if st := status(); st.Up || st.Healthy() {
		t.Errorf("status after the supervisor was killed: %+v", st)
	}

	// Up again from what the crash left, and down.
	if err := start(ctx, nil); err != nil {
		t.Fatal(err)
	}
	running = status()
	if err := network.DownDetached(ctx, dir); err != nil {
		t.Fatal(err)
	}
	nothingRuns(t, running)
	if err := network.DownDetached(ctx, dir); !errors.Is(err, network.ErrNotUp) {
		t.Errorf("second down: %v, want ErrNotUp", err)
	}

	// A supervisor whose folder is removed ends with its processes and leaves nothing there.
	if err := start(ctx, nil); err != nil {
		t.Fatal(err)
	}
	running = status()
	for os.RemoveAll(dir) != nil && ctx.Err() == nil { // what runs may make a file meanwhile
		runtime.Gosched()
	}
	for syscall.Kill(running.Supervisor, 0) == nil {
		if ctx.Err() != nil {
			t.Fatal("the supervisor outlives its folder")
		}
		runtime.Gosched()
	}
	nothingRuns(t, running)
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the removed folder is there again: %v", err)
	}
}
