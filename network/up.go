package network

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// readyTimeout bounds the start from the first process to the first committed transaction.
const readyTimeout = 2 * time.Minute

// logFormat is Fabric's own without its colours.
const logFormat = "%{time:2006-01-02T15:04:05.000Z07:00} %{level:.4s} [%{module}] %{shortfunc} -> %{message}"

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
