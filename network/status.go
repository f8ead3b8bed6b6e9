package network

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/waybill-dev/waybill/gateway/profile"
)

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
