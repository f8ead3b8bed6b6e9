package stack

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

const (
	stopTimeout = 25 * time.Second
	// A server that ends so often without having lived for settled is left alone.
	maxEnds    = 5
	settled    = 10 * time.Second
	firstPause = 100 * time.Millisecond
	longPause  = 3 * time.Second
)

// server is one supervised `waybill serve` process.
type server struct {
	organisation string
	roles        []string
	program      string
	args         []string
	log          string
	report       func(error)

	done chan struct{}
	quit chan struct{}

	mu       sync.Mutex
	process  *os.Process
	stopping bool
	ends     int
	gaveUp   bool
}

func newServer(spec Server, program string, args []string, log string, report func(error)) *server {
	return &server{
		organisation: spec.Organisation, roles: spec.Roles, program: program, args: args, log: log, report: report,
		done: make(chan struct{}), quit: make(chan struct{}),
	}
}

// start begins the supervision.
func (s *server) start() {
	go func() {
		defer close(s.done)
		s.supervise()
	}()
}

func (s *server) supervise() {
	wait := firstPause
	for {
		begun := time.Now()
		err := s.once()
		s.mu.Lock()
		s.process = nil
		if time.Since(begun) > settled {
			s.ends, wait = 0, firstPause
		}
		s.ends++
		stopping := s.stopping
		s.gaveUp = !stopping && s.ends >= maxEnds
		gaveUp := s.gaveUp
		s.mu.Unlock()
		if stopping {
			return
		}
		s.report(fmt.Errorf("%w: the server of %s ended: %w (log: %s)", ErrServer, s.organisation, err, s.log))
		if gaveUp {
			return
		}
		select {
		case <-s.quit:
			return
		case <-time.After(wait):
		}
		wait = min(2*wait, longPause)
	}
}

var errEnded = errors.New("without an error")

// once runs the process to its end.
func (s *server) once() error {
	out, err := os.OpenFile(s.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()                         //nolint:errcheck // the process holds a descriptor of its own
	cmd := exec.Command(s.program, s.args...) //nolint:gosec,noctx // our own program; stop ends it, in its own time
	cmd.Stdout, cmd.Stderr = out, out
	s.mu.Lock()
	if s.stopping {
		s.mu.Unlock()
		return nil
	}
	ended, err := Start(cmd)
	if err == nil {
		s.process = cmd.Process
	}
	s.mu.Unlock()
	if err != nil {
		return err
	}
	if err := <-ended; err != nil {
		return err
	}
	return errEnded
}

// failed says that the server ended more than once without having lived, or was given up.
func (s *server) failed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.gaveUp || s.ends > 1
}

// kill ends the process at once.
func (s *server) kill() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process == nil {
		return nil
	}
	return s.process.Kill()
}

// stop asks the process to end, ends it after stopTimeout, and waits.
func (s *server) stop() {
	s.mu.Lock()
	already := s.stopping
	s.stopping = true
	if s.process != nil {
		_ = s.process.Signal(syscall.SIGTERM) // it may have ended by itself just now
	}
	s.mu.Unlock()
	if !already {
		close(s.quit)
	}
	select {
	case <-s.done:
	case <-time.After(stopTimeout):
		_ = s.kill() // as above
		<-s.done
	}
}

// lastLine gives the end of the log, where the reason usually stands.
func (s *server) lastLine() string {
	raw, err := os.ReadFile(s.log)
	if err != nil {
		return err.Error()
	}
	lines := bytes.Split(bytes.TrimSpace(raw), []byte("\n"))
	return fmt.Sprintf("%s (log: %s)", lines[len(lines)-1], s.log)
}
