package network

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// ProcessState is where a process of the network stands.
type ProcessState string

// The states of a process.
const (
	// Starting: the process runs and does not listen yet.
	Starting ProcessState = "starting"
	// Running: it listens.
	Running ProcessState = "running"
	// Restarting: it ended by itself and will be started again after a pause.
	Restarting ProcessState = "restarting"
	// Stopped: it was stopped on request, or not started yet.
	Stopped ProcessState = "stopped"
	// Failed: it ended too often in a row and is left alone.
	Failed ProcessState = "failed"
)

const (
	firstPause = 200 * time.Millisecond
	longPause  = 10 * time.Second
	// settled is how long a process must run for its earlier ends to be forgotten.
	settled = 30 * time.Second
	// maxFailures in a row end the restarts.
	maxFailures = 8
	stopTimeout = 10 * time.Second
	// maxLogBytes bounds a log; as much again is kept of what it held before.
	maxLogBytes = 32 << 20
	logCheck    = 10 * time.Second
)

// ProcessStatus describes one process of the network.
type ProcessStatus struct {
	// Name is such as peer0.producer, Role one of orderer, peer and chaincode.
	Name  string       `json:"name"`
	Role  string       `json:"role"`
	State ProcessState `json:"state"`
	// PID is 0 when no process runs.
	PID     int    `json:"pid"`
	Address string `json:"address"`
	// Restarts counts how often it was started again after ending by itself.
	Restarts int `json:"restarts"`
	// LastExit says how it ended last, with the last line of its log; empty if it never did.
	LastExit string    `json:"lastExit,omitempty"`
	ExitedAt time.Time `json:"exitedAt,omitzero"`
	Since    time.Time `json:"since"`
	Log      string    `json:"log"`
}

// spec says how to run a process.
type spec struct {
	name, role, address string
	path                string
	args, env           []string
	dir, log            string
	// tls is how the process is asked whether it serves yet.
	tls *tls.Config
}

// process is one supervised process: a goroutine that starts it, waits for its end and starts it again.
type process struct {
	spec     spec
	commands chan command

	// Guarded by the supervisor's lock.
	status ProcessStatus
	cmd    *exec.Cmd
}

type command struct {
	up   bool
	done chan struct{}
}

// supervisor owns the processes of a network from start to stop.
type supervisor struct {
	spawn    *spawner
	onChange func([]ProcessStatus)
	// onDeath hears of every process that ended by itself.
	onDeath func(ProcessStatus)

	mu      sync.Mutex
	changed chan struct{} // closed and replaced at every change of a status
	procs   []*process

	ctx    context.Context //nolint:containedctx // the life of the supervised goroutines, which outlives every call
	cancel context.CancelFunc
	group  sync.WaitGroup
}

func newSupervisor(onChange func([]ProcessStatus), onDeath func(ProcessStatus)) *supervisor {
	ctx, cancel := context.WithCancel(context.Background())
	s := &supervisor{
		spawn: newSpawner(), onChange: onChange, onDeath: onDeath,
		changed: make(chan struct{}), ctx: ctx, cancel: cancel,
	}
	s.group.Go(s.boundLogs)
	return s
}

// add starts supervising a process and starts it.
func (s *supervisor) add(sp spec) {
	p := &process{spec: sp, commands: make(chan command)}
	p.status = ProcessStatus{Name: sp.name, Role: sp.role, State: Stopped, Address: sp.address, Log: sp.log, Since: time.Now()}
	s.mu.Lock()
	s.procs = append(s.procs, p)
	s.mu.Unlock()
	s.group.Go(func() { s.run(p) })
}

// replace gives a process another program or environment from its next start on.
func (s *supervisor) replace(sp spec) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.procs {
		if p.spec.name == sp.name {
			p.spec = sp
		}
	}
}

func (s *supervisor) has(name string) bool {
	_, ok := s.find(name)
	return ok
}

func (s *supervisor) find(name string) (*process, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.procs {
		if p.spec.name == name {
			return p, true
		}
	}
	return nil, false
}

// run is the life of one process under supervision.
func (s *supervisor) run(p *process) {
	failures := 0
	for {
		started := time.Now()
		reason, died := s.attempt(p)
		if died {
			if time.Since(started) > settled {
				failures = 0
			}
			failures++
			again := failures <= maxFailures
			state := Restarting
			if !again {
				state = Failed
			}
			s.set(p, func(st *ProcessStatus) {
				st.State, st.PID, st.LastExit, st.ExitedAt = state, 0, reason, time.Now()
			})
			s.onDeath(s.statusOf(p))
			if again && s.pause(p, min(firstPause<<(failures-1), longPause)) {
				s.set(p, func(st *ProcessStatus) { st.Restarts++ })
				continue
			}
		}
		if s.ctx.Err() != nil {
			return
		}
		if !s.awaitStart(p) {
			return
		}
		failures = 0
	}
}

// attempt runs the process once. died says that it ended by itself, and reason how.
func (s *supervisor) attempt(p *process) (reason string, died bool) {
	exit, err := s.start(p)
	if err != nil {
		return err.Error(), true
	}
	ctx, stopProbe := context.WithCancel(s.ctx)
	defer stopProbe()
	go s.probe(ctx, p)
	for {
		select {
		case err := <-exit:
			return describeExit(err, p.spec.log), true
		case <-s.ctx.Done():
			s.end(p, exit)
			s.set(p, func(st *ProcessStatus) { st.State, st.PID = Stopped, 0 })
			return "", false
		case c := <-p.commands:
			if !c.up {
				s.end(p, exit)
				s.set(p, func(st *ProcessStatus) { st.State, st.PID = Stopped, 0 })
				close(c.done)
				return "", false
			}
			close(c.done)
		}
	}
}

// awaitStart waits for the order to start; false says that the supervision ended.
func (s *supervisor) awaitStart(p *process) bool {
	for {
		select {
		case <-s.ctx.Done():
			return false
		case c := <-p.commands:
			close(c.done)
			if c.up {
				return true
			}
		}
	}
}

// pause waits before a restart and answers whether the process is still wanted.
func (s *supervisor) pause(p *process, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case c := <-p.commands:
		if !c.up {
			s.set(p, func(st *ProcessStatus) { st.State = Stopped })
		}
		close(c.done)
		return c.up
	case <-s.ctx.Done():
		s.set(p, func(st *ProcessStatus) { st.State = Stopped })
		return false
	}
}

// start runs the program and answers a channel that yields its end.
func (s *supervisor) start(p *process) (<-chan error, error) {
	s.mu.Lock()
	sp := p.spec
	s.mu.Unlock()
	logFile, err := openLog(sp.log)
	if err != nil {
		return nil, err
	}
	defer logFile.Close()                    //nolint:errcheck // the child has its own descriptor
	cmd := exec.Command(sp.path, sp.args...) //nolint:gosec,noctx // our own programs; stopped by the supervisor, with grace
	cmd.Dir, cmd.Env = sp.dir, sp.env
	cmd.Stdout, cmd.Stderr = logFile, logFile
	cmd.SysProcAttr = childAttributes()
	if err := s.spawn.start(cmd); err != nil {
		return nil, fmt.Errorf("cannot start %s: %w", sp.path, err)
	}
	s.mu.Lock()
	p.cmd = cmd
	s.mu.Unlock()
	s.set(p, func(st *ProcessStatus) {
		st.State, st.PID, st.Since = Starting, cmd.Process.Pid, time.Now()
	})
	exit := make(chan error, 1)
	go func() { exit <- cmd.Wait() }()
	return exit, nil
}

// end stops a running process: politely, then not.
func (s *supervisor) end(p *process, exit <-chan error) {
	s.mu.Lock()
	cmd := p.cmd
	s.mu.Unlock()
	_ = cmd.Process.Signal(syscall.SIGTERM)
	timer := time.NewTimer(stopTimeout)
	defer timer.Stop()
	select {
	case <-exit: //nolint:errcheck // it was told to end
	case <-timer.C:
		_ = killGroup(cmd.Process.Pid)
		<-exit //nolint:errcheck // it was told to end
	}
}

// probe turns Starting into Running once the process listens.
func (s *supervisor) probe(ctx context.Context, p *process) {
	s.mu.Lock()
	dialer := tls.Dialer{NetDialer: &net.Dialer{Timeout: time.Second}, Config: p.spec.tls}
	addr := p.spec.address
	s.mu.Unlock()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := dialer.DialContext(ctx, "tcp", addr)
		if err == nil {
			_ = conn.Close()
			s.set(p, func(st *ProcessStatus) {
				if st.State == Starting {
					st.State = Running
				}
			})
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (s *supervisor) set(p *process, change func(*ProcessStatus)) {
	s.mu.Lock()
	change(&p.status)
	close(s.changed)
	s.changed = make(chan struct{})
	s.mu.Unlock()
	s.onChange(s.statuses())
}

func (s *supervisor) statusOf(p *process) ProcessStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	return p.status
}

func (s *supervisor) statuses() []ProcessStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]ProcessStatus, len(s.procs))
	for i, p := range s.procs {
		out[i] = p.status
	}
	return out
}

// await blocks until the processes satisfy the condition.
func (s *supervisor) await(ctx context.Context, ok func([]ProcessStatus) bool) error {
	for {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		if ok(s.statuses()) {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-changed:
		}
	}
}

// order asks a process to be up or down and waits until it was heard (and, for down, obeyed).
func (s *supervisor) order(ctx context.Context, name string, up bool) error {
	p, ok := s.find(name)
	if !ok {
		return s.unknown(name)
	}
	c := command{up: up, done: make(chan struct{})}
	select {
	case p.commands <- c:
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-s.ctx.Done():
		return ErrNotUp
	}
	select {
	case <-c.done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// kill ends a process at once, as a crash would.
func (s *supervisor) kill(name string) error {
	p, ok := s.find(name)
	if !ok {
		return s.unknown(name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.status.PID == 0 {
		return fmt.Errorf("%w: %s does not run", ErrProcess, name)
	}
	return p.cmd.Process.Kill()
}

func (s *supervisor) unknown(name string) error {
	var names []string
	for _, st := range s.statuses() {
		names = append(names, st.Name)
	}
	return fmt.Errorf("%w: no process %q; there are %s", ErrProcess, name, strings.Join(names, ", "))
}

// stopAll ends every process and the supervision.
func (s *supervisor) stopAll() {
	s.cancel()
	s.group.Wait()
	s.spawn.close()
}

// spawner starts children from one operating system thread that lives as long as it does: on Linux a
// child that asks to die with its parent dies with the thread that started it (golang.org/issue/27505).
type spawner struct {
	requests chan spawnRequest
}

type spawnRequest struct {
	cmd  *exec.Cmd
	done chan error
}

func newSpawner() *spawner {
	s := &spawner{requests: make(chan spawnRequest)}
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		for r := range s.requests {
			err := r.cmd.Start()
			// A program just written is busy for as long as a child forked meanwhile holds its descriptor.
			for try := 0; errors.Is(err, syscall.ETXTBSY) && try < 20; try++ {
				time.Sleep(10 * time.Millisecond)
				again := *r.cmd
				*r.cmd = exec.Cmd{Path: again.Path, Args: again.Args, Dir: again.Dir, Env: again.Env, Stdout: again.Stdout, Stderr: again.Stderr, SysProcAttr: again.SysProcAttr}
				err = r.cmd.Start()
			}
			r.done <- err
		}
	}()
	return s
}

func (s *spawner) start(cmd *exec.Cmd) error {
	r := spawnRequest{cmd: cmd, done: make(chan error, 1)}
	s.requests <- r
	return <-r.done
}

func (s *spawner) close() { close(s.requests) }

// openLog opens a log for appending; one that has grown large becomes the old log first.
func openLog(path string) (*os.File, error) {
	// Not MkdirAll: a state folder that somebody has removed stays removed.
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, err
	}
	if err := boundLog(path, maxLogBytes); err != nil {
		return nil, err
	}
	return os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600) //nolint:gosec // below the state folder
}

// boundLog makes a log beyond limit bytes the old log and begins it anew. The process that writes it
// holds it open for appending, so it is copied and emptied; a line written meanwhile may be lost.
func boundLog(path string, limit int64) error {
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) || (err == nil && info.Size() <= limit) {
		return nil
	}
	if err != nil {
		return err
	}
	from, err := os.Open(path) //nolint:gosec // below the state folder
	if err != nil {
		return err
	}
	defer from.Close()                                                             //nolint:errcheck // read only
	to, err := os.OpenFile(path+".old", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600) //nolint:gosec // below the state folder
	if err != nil {
		return err
	}
	if _, err = from.Seek(-min(limit, info.Size()), io.SeekEnd); err == nil {
		_, err = io.Copy(to, from)
	}
	// A full disk is the time to empty a log: it is emptied whatever became of the copy.
	return errors.Join(err, to.Close(), os.Truncate(path, 0))
}

// boundLogs keeps the logs of processes that run for long within their limit.
func (s *supervisor) boundLogs() {
	tick := time.NewTicker(logCheck)
	defer tick.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-tick.C:
			for _, st := range s.statuses() {
				_ = boundLog(st.Log, maxLogBytes) // tried again at the next tick
			}
		}
	}
}

func describeExit(err error, log string) string {
	reason := "exited by itself"
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		reason = exit.String()
		if ws, ok := exit.Sys().(syscall.WaitStatus); ok && ws.Signaled() && (ws.Signal() == syscall.SIGKILL || ws.Signal() == syscall.SIGTERM) {
			return reason // from outside: its log knows nothing of it
		}
	case err != nil:
		reason = err.Error()
	}
	if line := lastLine(log); line != "" {
		reason += "; its log ends: " + line
	}
	return reason
}

const maxTailBytes = 8 << 10

// lastLine answers the last line of a log that says something: of a panic, the panic rather than its stack.
func lastLine(path string) string {
	f, err := os.Open(path) //nolint:gosec // below the state folder
	if err != nil {
		return ""
	}
	defer f.Close() //nolint:errcheck // read only
	if info, statErr := f.Stat(); statErr == nil && info.Size() > maxTailBytes {
		if _, err = f.Seek(-maxTailBytes, io.SeekEnd); err != nil {
			return ""
		}
	}
	raw, err := io.ReadAll(io.LimitReader(f, maxTailBytes))
	if err != nil {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(string(raw)), "\n")
	for _, line := range slices.Backward(lines) {
		if strings.HasPrefix(line, "panic:") || strings.Contains(line, " panic]") || strings.Contains(line, "FATAL") {
			return clip(line)
		}
	}
	return clip(lines[len(lines)-1])
}

func clip(s string) string {
	const limit = 300
	s = strings.ToValidUTF8(strings.TrimSpace(s), "")
	if len(s) > limit {
		return strings.ToValidUTF8(s[:limit], "") + "…"
	}
	return s
}

// environment is what children inherit: not the settings of some other Fabric in the operator's
// shell, which would override the configuration files.
func environment(extra ...string) []string {
	if os.Getenv("GOGC") == "" {
		// Heaps are small beside what is allocated for each transaction: a collection at every doubling
		// takes a tenth of a peer's and a fifth of a chaincode server's processor time (adr/003).
		extra = append(extra, "GOGC=400")
	}
	env := slices.DeleteFunc(os.Environ(), func(kv string) bool {
		for _, prefix := range []string{"CORE_", "ORDERER_", "FABRIC_", "CONFIGTX_", "CHAINCODE_"} {
			if strings.HasPrefix(kv, prefix) {
				return true
			}
		}
		return false
	})
	return append(env, extra...)
}

// killGroup ends a child that leads a process group, and whatever it started.
func killGroup(pid int) error { return syscall.Kill(-pid, syscall.SIGKILL) }
