// Package network runs a real Hyperledger Fabric network from Go: topology, ports,
// certificates, the channel's first block, processes and their supervision, and the
// chaincode's lifecycle, without containers or shell scripts. Everything of one network lies
// in one state folder, so several networks stand side by side.
//
// A network runs in one of two ways:
//
//   - Up starts it in the calling process, which supervises it until (*Network).Down. When that
//     process dies, however it dies, its children die with it (on Linux; elsewhere when it is asked to).
//     Tests and the demo do this.
//   - UpDetached starts a supervisor of its own in the background, which runs the same Up;
//     ReadStatus and DownDetached speak to it through the state folder.
//
// Up returns when a transaction has been endorsed under the channel's policy and committed through
// every peer, not before. Ports, certificates and ledgers are kept and used again by the next Up.
//
// It may import gateway/profile (the file it writes for clients) and nothing else of Waybill; only cmd
// and end-to-end tests import it.
package network

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/waybill-dev/waybill/gateway/profile"
)

// readyTimeout bounds the start from the first process to the first committed transaction.
const readyTimeout = 2 * time.Minute

// logFormat is Fabric's own without its colours.
const logFormat = "%{time:2006-01-02T15:04:05.000Z07:00} %{level:.4s} [%{module}] %{shortfunc} -> %{message}"

// Options say what to bring up. The zero value is the default topology in DefaultDir.
type Options struct {
	// Dir is the state folder; empty: DefaultDir.
	Dir string
	// Topology of a new network; nil: the one in the folder, or the default one. Ports and certificates
	// are made once: a folder made with another topology is refused with ErrTopology.
	Topology *Topology
	// ChaincodeBin is the chaincode server's program. Empty: WAYBILL_CHAINCODE_BIN, or waybill-chaincode
	// beside this program, or built from ChaincodePackage of the source tree.
	ChaincodeBin string
	// ChaincodePackage is the Go package to build it from; empty: ./cmd/waybill-chaincode.
	ChaincodePackage string
	// Progress hears of each step; calls do not overlap. It may be nil.
	Progress func(Progress)
	// OnDeath hears of a process that ended by itself after the network was up. It must not block. It may be nil.
	OnDeath func(ProcessStatus)
}

// Status is the state of a network at a moment.
type Status struct {
	Name      string            `json:"name"`
	Dir       string            `json:"dir"`
	Channel   string            `json:"channel"`
	Chaincode string            `json:"chaincode"`
	Consensus profile.Consensus `json:"consensus"`
	// Up says that a supervisor runs; Supervisor is its process id.
	Up         bool `json:"up"`
	Supervisor int  `json:"supervisor"`
	// Ready says that a transaction was endorsed and committed since it started.
	Ready   bool      `json:"ready"`
	ReadyAt time.Time `json:"readyAt,omitzero"`
	// Processes in the order of their start.
	Processes []ProcessStatus `json:"processes"`
}

// Healthy says that the network was ready and every process runs.
func (s Status) Healthy() bool {
	return s.Up && s.Ready && len(s.Processes) > 0 && len(s.Down()) == 0
}

// Down lists the processes that do not run.
func (s Status) Down() []ProcessStatus {
	var down []ProcessStatus
	for _, p := range s.Processes {
		if p.State != Running {
			down = append(down, p)
		}
	}
	return down
}

// Network is a running network, supervised by this process.
type Network struct {
	topology *Topology
	paths    paths
	ports    map[string]int
	binaries Binaries
	genesis  []byte

	supervisor *supervisor
	lock       *fileLock
	deploying  sync.Mutex

	mu       sync.Mutex // guards what follows and the writing of the status file
	progress func(Progress)
	onDeath  func(ProcessStatus)
	starting context.CancelCauseFunc // non-nil until the network is ready: a process's end is then the end of the start
	readyAt  time.Time
	closed   bool
}

// Up brings the network of a state folder up and supervises it in this process until Down. When ctx ends
// before the network is ready, everything is stopped again. It fails with ErrAlreadyUp if it runs already,
// and otherwise with the error of this package that names the cause.
func Up(ctx context.Context, o Options) (*Network, error) {
	p, err := absolute(o.Dir)
	if err != nil {
		return nil, err
	}
	lock, err := lockSoon(ctx, p.lock())
	if err != nil {
		if !errors.Is(err, context.DeadlineExceeded) {
			return nil, fmt.Errorf("%w: %w", ErrState, err)
		}
		if st, err := ReadStatus(p.dir); err == nil && st.Ready {
			return nil, alreadyUp(p, st, o.Topology)
		}
		return nil, fmt.Errorf("%w: another program is starting or stopping the network in %s", ErrBusy, p.dir)
	}
	n := &Network{paths: p, lock: lock, progress: o.Progress, onDeath: o.OnDeath}
	if err := n.up(ctx, o); err != nil {
		n.close()
		return nil, err
	}
	return n, nil
}

func alreadyUp(p paths, st Status, want *Topology) error {
	if want != nil {
		if have, _, err := loadState(p); err != nil || !sameTopology(have, want) {
			return errors.Join(err, otherTopology(p))
		}
	}
	return fmt.Errorf("%w: the network %q in %s runs, supervised by process %d", ErrAlreadyUp, st.Name, st.Dir, st.Supervisor)
}

func (n *Network) up(ctx context.Context, o Options) error {
	n.say("certificates", "preparing %s", n.paths.dir)
	t, s, err := prepare(n.paths, o.Topology, time.Now())
	if err != nil {
		return err
	}
	n.topology, n.ports = t, s.Ports
	if err = checkPorts(t, s.Ports); err != nil {
		return err
	}

	var chaincodeBin string
	built := make(chan error, 1)
	programCtx, cancelPrograms := context.WithCancel(ctx)
	var programs sync.WaitGroup
	defer programs.Wait() // nothing of ours goes on once the start has failed
	defer cancelPrograms()
	programs.Go(func() {
		var buildErr error
		chaincodeBin, buildErr = n.ownPrograms(programCtx, o)
		built <- buildErr
	})
	if n.binaries, err = FabricBinaries(ctx, n.report); err != nil {
		return err
	}
	if err = n.configure(ctx, s); err != nil {
		return err
	}

	ctx, cancelStart := context.WithCancelCause(ctx)
	defer cancelStart(nil)
	n.supervisor = newSupervisor(func([]ProcessStatus) { n.writeStatus() }, n.died)
	n.mu.Lock()
	n.starting = cancelStart
	n.mu.Unlock()
	n.say("processes", "starting %s and %s", count(t.Orderers.Nodes, "orderer"), count(countPeers(t), "peer"))
	if err = n.startNodes(); err != nil { //nolint:contextcheck // processes outlive the call that starts them
		return fmt.Errorf("%w: %w", ErrState, err)
	}
	select {
	case buildErr := <-built:
		if buildErr != nil {
			return buildErr
		}
	case <-ctx.Done():
		return startError(ctx, ErrProcess, context.Cause(ctx))
	}
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	peers, closePeers, err := dialPeers(t, n.paths, n.ports)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrState, err)
	}
	defer closePeers()
	n.say("channel", "joining channel %s", t.Channel)
	if err := joinOrderers(ctx, t, n.paths, n.ports, n.genesis); err != nil {
		return startError(ctx, ErrLifecycle, err)
	}
	if err := joinPeers(ctx, t.Channel, peers, n.genesis); err != nil {
		return startError(ctx, ErrLifecycle, err)
	}
	if err := n.deploy(ctx, peers, chaincodeBin); err != nil {
		return err
	}
	if err := n.supervisor.await(ctx, allRun); err != nil {
		return startError(ctx, ErrNotReady, err)
	}
	n.mu.Lock()
	n.starting, n.readyAt = nil, time.Now()
	n.mu.Unlock()
	n.writeStatus()
	n.say("ready", "a transaction was endorsed and committed through every peer")
	return nil
}

// startError prefers the cause of a cancelled start, a process's death, over what failed for it.
func startError(ctx context.Context, kind, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		if errors.Is(cause, ErrProcess) {
			return cause
		}
		if errors.Is(cause, context.DeadlineExceeded) {
			return fmt.Errorf("%w: not within %s: %w", ErrNotReady, readyTimeout, err)
		}
		return fmt.Errorf("%w: %w", kind, cause)
	}
	return fmt.Errorf("%w: %w", kind, err)
}

func allRun(statuses []ProcessStatus) bool {
	for _, st := range statuses {
		if st.State != Running {
			return false
		}
	}
	return true
}

func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

func countPeers(t *Topology) int {
	n := 0
	for _, o := range t.Organisations {
		n += o.Peers
	}
	return n
}

// ownPrograms finds or builds the external builder and the chaincode server.
func (n *Network) ownPrograms(ctx context.Context, o Options) (chaincodeBin string, err error) {
	builder, err := ownProgram(ctx, "", EnvBuilderBin, "waybill-ccbuilder", "./network/ccbuilder", filepath.Join(n.paths.bin(), "build"), n.report)
	if err != nil {
		return "", err
	}
	if err := installBuilder(builder, n.paths); err != nil {
		return "", fmt.Errorf("%w: %w", ErrState, err)
	}
	if o.ChaincodePackage != "" && o.ChaincodeBin == "" {
		return n.buildChaincode(ctx, o.ChaincodePackage)
	}
	return ownProgram(ctx, o.ChaincodeBin, EnvChaincodeBin, "waybill-chaincode", "./cmd/waybill-chaincode", filepath.Join(n.paths.bin(), "build"), n.report)
}

func (n *Network) buildChaincode(ctx context.Context, pkg string) (string, error) {
	root, err := moduleRoot()
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrBinaries, err)
	}
	out := filepath.Join(n.paths.bin(), "build", "chaincode")
	n.say("programs", "building %s", pkg)
	if err := goTool(ctx, root, func(string) {}, "build", "-trimpath", "-buildvcs=false", "-o", out, pkg); err != nil {
		return "", fmt.Errorf("%w: building %s: %w", ErrBinaries, pkg, err)
	}
	return out, nil
}

// configure writes every node's configuration, the channel's first block if there is none, and the profiles.
func (n *Network) configure(ctx context.Context, s state) error {
	t, p := n.topology, n.paths
	var faults []error
	for i := range t.Orderers.Nodes {
		raw, err := ordererYAML(t, p, n.ports, i)
		faults = append(faults, err, writeFile(filepath.Join(p.node(ordererName(i)), "orderer.yaml"), raw))
	}
	for _, org := range t.Organisations {
		for i := range org.Peers {
			raw, err := coreYAML(t, p, n.ports, org, i)
			faults = append(faults, err, writeFile(filepath.Join(p.node(peerName(org.Name, i)), "core.yaml"), raw))
		}
		faults = append(faults, writeProfile(t, p, n.ports, org))
	}
	if err := errors.Join(faults...); err != nil {
		return fmt.Errorf("%w: %w", ErrState, err)
	}
	if _, err := os.Stat(p.genesis()); errors.Is(err, os.ErrNotExist) {
		if err := hasNoLedger(p, p.genesis()); err != nil {
			return err
		}
		n.say("channel", "making the first block of channel %s", t.Channel)
		if err := n.makeGenesis(ctx); err != nil {
			return err
		}
	}
	var err error
	if n.genesis, err = os.ReadFile(p.genesis()); err != nil {
		return fmt.Errorf("%w: %w", ErrState, err)
	}
	if err := saveState(p, s); err != nil {
		return fmt.Errorf("%w: %w", ErrState, err)
	}
	return nil
}

func (n *Network) makeGenesis(ctx context.Context) error {
	raw, err := configtxYAML(n.topology, n.paths, n.ports)
	if err == nil {
		err = writeFile(filepath.Join(n.paths.dir, "configtx.yaml"), raw)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrState, err)
	}
	tmp := n.paths.genesis() + ".tmp"
	defer os.Remove(tmp)                                                                                                                                                 //nolint:errcheck // renamed away if all went well
	cmd := exec.CommandContext(ctx, n.binaries.Configtxgen, "-profile", configtxName, "-channelID", n.topology.Channel, "-outputBlock", tmp, "-configPath", n.paths.dir) //nolint:gosec // Fabric's program, our arguments
	cmd.Env = environment("FABRIC_LOGGING_SPEC=error")
	if out, err := cmd.CombinedOutput(); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return fmt.Errorf("%w: configtxgen: %w: %s", ErrLifecycle, err, clip(string(out)))
	}
	if err := os.Chmod(tmp, 0o600); err != nil {
		return fmt.Errorf("%w: %w", ErrState, err)
	}
	if err := os.Rename(tmp, n.paths.genesis()); err != nil {
		return fmt.Errorf("%w: %w", ErrState, err)
	}
	return nil
}

func (n *Network) startNodes() error {
	t, p := n.topology, n.paths
	node := func(org, name, role, program string, args ...string) error {
		probe, err := probeTLS(p.org(org), "")
		if err != nil {
			return err
		}
		n.supervisor.add(spec{
			name: name, role: role, address: address(n.ports[name+"/listen"]), path: program, args: args,
			env: environment("FABRIC_CFG_PATH="+p.node(name), "FABRIC_LOGGING_SPEC=warning", "FABRIC_LOGGING_FORMAT="+logFormat),
			dir: p.node(name), log: p.log(name), tls: probe,
		})
		return nil
	}
	for i := range t.Orderers.Nodes {
		if err := node(t.Orderers.Organisation, ordererName(i), "orderer", n.binaries.Orderer); err != nil {
			return err
		}
	}
	for _, org := range t.Organisations {
		for i := range org.Peers {
			if err := node(org.Name, peerName(org.Name, i), "peer", n.binaries.Peer, "node", "start"); err != nil {
				return err
			}
		}
	}
	return nil
}

// probeTLS is how the supervisor knocks at a process of an organisation: as gRPC would, so that nothing is logged.
func probeTLS(l orgLayout, clientDir string) (*tls.Config, error) {
	pool, err := certPool(l.tlsCACert())
	if err != nil {
		return nil, err
	}
	config := &tls.Config{RootCAs: pool, NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS12}
	if clientDir != "" {
		cert, err := tls.LoadX509KeyPair(filepath.Join(clientDir, certFile), filepath.Join(clientDir, keyFile))
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{cert}
	}
	return config, nil
}

// deploy installs, runs, approves and commits a chaincode program, and proves it with a transaction.
func (n *Network) deploy(ctx context.Context, peers []endorserPeer, program string) error {
	t, p := n.topology, n.paths
	installed, digest, err := installProgram(program, p.bin(), "waybill-chaincode")
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBinaries, err)
	}
	packages := map[string]chaincodePackage{}
	for _, org := range t.endorsing() {
		if packages[org.Name], err = packageChaincode(t, p, n.ports, org, digest); err != nil {
			return fmt.Errorf("%w: packaging the chaincode: %w", ErrLifecycle, err)
		}
	}
	n.say("lifecycle", "installing chaincode %s %s (%s)", t.Chaincode.Name, t.Chaincode.Version, digest[:12])
	if err := install(ctx, peers, packages); err != nil {
		return startError(ctx, ErrLifecycle, err)
	}
	if err := n.startChaincode(ctx, installed, packages); err != nil {
		return startError(ctx, ErrLifecycle, err)
	}
	n.say("lifecycle", "approving and committing it")
	d := definition{channel: t.Channel, name: t.Chaincode.Name, version: t.Chaincode.Version + "+" + digest[:12]}
	if err := approveAndCommit(ctx, peers, packages, d); err != nil {
		return startError(ctx, ErrLifecycle, err)
	}
	n.say("ready", "submitting a transaction through each peer")
	if err := prove(ctx, peers, d); err != nil {
		return startError(ctx, ErrNotReady, err)
	}
	return nil
}

// startChaincode runs one chaincode server an organisation, or starts those that run again with the new package.
func (n *Network) startChaincode(ctx context.Context, program string, packages map[string]chaincodePackage) error {
	for _, org := range n.topology.endorsing() {
		name := chaincodeName(org.Name)
		layout := n.paths.org(org.Name)
		addr := address(n.ports[name+"/listen"])
		probe, err := probeTLS(layout, layout.chaincodeClient())
		if err != nil {
			return err
		}
		sp := spec{
			name: name, role: "chaincode", address: addr, path: program, dir: n.paths.dir, log: n.paths.log(name), tls: probe,
			env: environment(
				"CHAINCODE_ID="+packages[org.Name].id, "CHAINCODE_SERVER_ADDRESS="+addr,
				"CHAINCODE_TLS_KEY="+filepath.Join(layout.chaincodeServer(), keyFile),
				"CHAINCODE_TLS_CERT="+filepath.Join(layout.chaincodeServer(), certFile),
				"CHAINCODE_TLS_CLIENT_CACERT="+layout.tlsCACert(),
			),
		}
		if !n.supervisor.has(name) {
			n.supervisor.add(sp) //nolint:contextcheck // it outlives this call
			continue
		}
		n.supervisor.replace(sp)
		if err := errors.Join(n.supervisor.order(ctx, name, false), n.supervisor.order(ctx, name, true)); err != nil {
			return err
		}
	}
	return n.supervisor.await(ctx, func(statuses []ProcessStatus) bool {
		for _, st := range statuses {
			if st.Role == "chaincode" && st.State != Running {
				return false
			}
		}
		return true
	})
}

// Upgrade puts another chaincode program in place of the one that runs: installed, approved by each
// organisation and committed with the next sequence. The same program again changes nothing. While it
// lasts, transactions fail.
func (n *Network) Upgrade(ctx context.Context, chaincodeBin string) error {
	n.deploying.Lock()
	defer n.deploying.Unlock()
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	peers, closePeers, err := dialPeers(n.topology, n.paths, n.ports)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrState, err)
	}
	defer closePeers()
	return n.deploy(ctx, peers, chaincodeBin)
}

// Ready submits a transaction through every peer that is not stopped and waits for its commit there.
func (n *Network) Ready(ctx context.Context) error {
	all, closePeers, err := dialPeers(n.topology, n.paths, n.ports)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrState, err)
	}
	defer closePeers()
	stopped := map[string]bool{}
	for _, st := range n.supervisor.statuses() {
		stopped[st.Name] = st.State == Stopped
	}
	peers := slices.DeleteFunc(slices.Clone(all), func(peer endorserPeer) bool { return stopped[peer.name] })
	if err = prove(ctx, peers, definition{channel: n.topology.Channel, name: n.topology.Chaincode.Name}); err != nil {
		return fmt.Errorf("%w: %w", ErrNotReady, err)
	}
	return nil
}

// Down stops every process and waits for their end. The ledger stays. Calling it again does nothing.
func (n *Network) Down(ctx context.Context) error {
	done := make(chan struct{})
	go func() {
		defer close(done)
		n.close()
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: processes are still stopping: %w", ErrBusy, context.Cause(ctx))
	}
}

func (n *Network) close() {
	n.mu.Lock()
	closed := n.closed
	n.closed, n.starting, n.readyAt = true, nil, time.Time{}
	n.mu.Unlock()
	if closed {
		return
	}
	if n.supervisor != nil {
		n.supervisor.stopAll()
		n.writeStatus()
	}
	n.lock.release()
}

// Dir is the state folder.
func (n *Network) Dir() string { return n.paths.dir }

// Topology returns a copy of what the network is made of.
func (n *Network) Topology() *Topology { return n.topology.clone() }

// Profile loads the connection profile of an organisation.
func (n *Network) Profile(organisation string) (*profile.Profile, error) {
	return profile.Load(n.paths.profile(organisation))
}

// ProfilePath is the file of an organisation's connection profile.
func (n *Network) ProfilePath(organisation string) string { return n.paths.profile(organisation) }

// LogPath is the log file of a process.
func (n *Network) LogPath(process string) string { return n.paths.log(process) }

// Binaries are the Fabric programs that the network runs.
func (n *Network) Binaries() Binaries { return n.binaries }

// Issue makes a further client identity; see the function Issue.
func (n *Network) Issue(ctx context.Context, req IssueRequest) (profile.Identity, error) {
	return Issue(ctx, n.paths.dir, req)
}

// StopProcess stops a process and keeps it stopped until StartProcess.
func (n *Network) StopProcess(ctx context.Context, name string) error {
	return n.supervisor.order(ctx, name, false)
}

// StartProcess starts a process that was stopped or has failed, and waits until it listens.
func (n *Network) StartProcess(ctx context.Context, name string) error {
	if err := n.supervisor.order(ctx, name, true); err != nil {
		return err
	}
	return n.AwaitProcess(ctx, name, Running)
}

// Kill ends a process at once, as a crash would; the supervisor starts it again.
func (n *Network) Kill(name string) error { return n.supervisor.kill(name) }

// AwaitProcess waits until a process is in that state.
func (n *Network) AwaitProcess(ctx context.Context, name string, want ProcessState) error {
	if !n.supervisor.has(name) {
		return n.supervisor.unknown(name)
	}
	return n.supervisor.await(ctx, func(statuses []ProcessStatus) bool {
		for _, st := range statuses {
			if st.Name == name {
				return st.State == want
			}
		}
		return false
	})
}

// Status of the network now.
func (n *Network) Status() Status {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.statusLocked()
}

func (n *Network) statusLocked() Status {
	st := Status{Dir: n.paths.dir, Up: !n.closed, Supervisor: os.Getpid(), Ready: !n.readyAt.IsZero(), ReadyAt: n.readyAt}
	if n.closed {
		st.Supervisor = 0
	}
	if t := n.topology; t != nil {
		st.Name, st.Channel, st.Chaincode, st.Consensus = t.Name, t.Channel, t.Chaincode.Name, t.Consensus
	}
	if n.supervisor != nil {
		st.Processes = n.supervisor.statuses()
	}
	return st
}

func (n *Network) writeStatus() {
	n.mu.Lock()
	defer n.mu.Unlock()
	raw, err := json.MarshalIndent(n.statusLocked(), "", "  ")
	if err == nil && n.lock.stands() { // a removed folder stays removed
		// A status that cannot be written must not stop the network; readers see the old one.
		_ = writeFile(n.paths.status(), raw)
	}
}

// died hears of a process that ended by itself: during the start that is the end of it.
func (n *Network) died(st ProcessStatus) {
	n.mu.Lock()
	starting, onDeath := n.starting, n.onDeath
	n.mu.Unlock()
	if starting != nil {
		starting(fmt.Errorf("%w: %s ended while the network started: %s (log: %s)", ErrProcess, st.Name, st.LastExit, st.Log))
		return
	}
	if onDeath != nil {
		onDeath(st)
	}
}

func (n *Network) say(stage, format string, args ...any) {
	n.report(Progress{Stage: stage, Text: fmt.Sprintf(format, args...)})
}

func (n *Network) report(p Progress) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.progress != nil {
		n.progress(p)
	}
}

// ReadStatus reads the status of the network in a state folder, whoever supervises it. Where none
// runs, every process is stopped. It fails with ErrState if the folder holds no network.
func ReadStatus(dir string) (Status, error) {
	p, err := absolute(dir)
	if err != nil {
		return Status{}, err
	}
	t, _, err := loadMade(p)
	if err != nil {
		return Status{}, err
	}
	pid, err := holder(p.lock())
	if err != nil {
		return Status{}, fmt.Errorf("%w: %w", ErrState, err)
	}
	st := Status{Name: t.Name, Dir: p.dir, Channel: t.Channel, Chaincode: t.Chaincode.Name, Consensus: t.Consensus, Up: pid != 0, Supervisor: pid}
	raw, err := os.ReadFile(p.status())
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return st, nil
		}
		return Status{}, fmt.Errorf("%w: %w", ErrState, err)
	}
	var written Status
	if err := json.Unmarshal(raw, &written); err != nil {
		return Status{}, fmt.Errorf("%w: %s: %w", ErrState, p.status(), err)
	}
	st.Processes = written.Processes
	if pid != 0 && written.Supervisor == pid {
		st.Ready, st.ReadyAt = written.Ready, written.ReadyAt
		return st, nil
	}
	for i := range st.Processes {
		if st.Processes[i].State != Failed {
			st.Processes[i].State = Stopped
		}
		st.Processes[i].PID = 0
	}
	return st, nil
}

// Clean removes what a network keeps in its state folder: ledgers, certificates, logs; and the folder
// if nothing else is in it. It fails with ErrBusy while the network runs, and with ErrState if
// no network was made there.
func Clean(dir string) error {
	p, err := absolute(dir)
	if err != nil {
		return err
	}
	if _, err = os.Stat(p.marker()); err != nil {
		return fmt.Errorf("%w: no network was made in %s", ErrState, p.dir)
	}
	lock, err := lockSoon(context.Background(), p.lock())
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			return fmt.Errorf("%w: the network in %s runs; stop it first (waybill network down)", ErrBusy, p.dir)
		}
		return fmt.Errorf("%w: %w", ErrState, err)
	}
	defer lock.release()
	for _, name := range p.entries() { // the mark is last: what fails half way can be cleaned again
		if err := os.RemoveAll(filepath.Join(p.dir, name)); err != nil {
			return fmt.Errorf("%w: %w", ErrState, err)
		}
	}
	if left, err := os.ReadDir(p.dir); err == nil && len(left) == 0 {
		if err := os.Remove(p.dir); err != nil {
			return fmt.Errorf("%w: %w", ErrState, err)
		}
	}
	return nil
}
