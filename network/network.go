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
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/waybill-dev/waybill/gateway/profile"
)

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
