// Package stack runs a whole Waybill on this machine: the Fabric network of a state folder and one
// `waybill serve` process an organisation, supervised, each with a log file. The demo and the
// benchmarks stand on it; they reach what it runs through the public API and nothing else.
//
// It may import network, gateway/profile and api/client. Nothing imports it but internal/demo,
// internal/bench, cmd and end-to-end tests.
package stack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/waybill-dev/waybill/api/client"
	"github.com/waybill-dev/waybill/gateway/profile"
	"github.com/waybill-dev/waybill/network"
)

// ErrServer says that a Waybill server did not start or does not stay up; the text names its log.
var ErrServer = errors.New("WB_STACK_SERVER")

const (
	serveTimeout = 90 * time.Second
	// answerTimeout is how long a server that runs already may take to say so.
	answerTimeout = 2 * time.Second
	downTimeout   = 45 * time.Second
)

// Server is a `waybill serve` process to run.
type Server struct {
	// Organisation whose server it is.
	Organisation string
	// Roles that it runs; none means all. Without the role api it is asked on its metrics address whether it serves.
	Roles []string
	// Flags of `waybill serve` beside these.
	Flags []string
}

// Options say what to run.
type Options struct {
	// Dir is the state folder, the command's --dir.
	Dir string
	// NetworkDir is the network's folder.
	NetworkDir string
	// Topology of a new network; nil for the default one.
	Topology *network.Topology
	// Program is the waybill program; empty: this one.
	Program string
	// ChaincodeBin is the chaincode server's program; empty: the one that the network finds or builds.
	ChaincodeBin string
	// Servers to run, at most one an organisation.
	Servers []Server
	// Say hears of each step, a line each. It may be nil.
	Say func(line string)
}

// Stack is what runs.
type Stack struct {
	opts    Options
	network *network.Network // nil if it ran before and belongs to someone else
	servers []*server
	used    []string // organisations whose servers ran before

	mu      sync.Mutex
	conns   []*grpc.ClientConn
	trouble chan error
}

// Up starts the network, unless it runs already, and the servers, and waits until each serves. What
// was started is stopped again if it fails or ctx ends before that.
func Up(ctx context.Context, o Options) (*Stack, error) {
	if o.Say == nil {
		o.Say = func(string) {}
	}
	if o.Program == "" {
		program, err := os.Executable()
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrServer, err)
		}
		o.Program = program
	}
	s := &Stack{opts: o, trouble: make(chan error, 16)}
	if err := s.up(ctx); err != nil {
		down, cancel := context.WithTimeout(context.WithoutCancel(ctx), downTimeout)
		defer cancel()
		return nil, errors.Join(interrupted(ctx, err), s.Down(down))
	}
	return s, nil
}

// interrupted gives the context's error where it was cancelled: what did not come up then was not to.
func interrupted(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	return err
}

func (s *Stack) up(ctx context.Context) error {
	var last string
	n, err := network.Up(ctx, network.Options{
		Dir: s.opts.NetworkDir, Topology: s.opts.Topology, ChaincodeBin: s.opts.ChaincodeBin,
		Progress: func(p network.Progress) {
			line := "network: " + p.Text
			if p.Total > 0 {
				// A count is told now and then, or a log of the start would hold nothing else.
				if p.Done%50 != 0 && p.Done != p.Total {
					return
				}
				line = fmt.Sprintf("%s (%d of %d)", line, p.Done, p.Total)
			}
			if line != last {
				last = line
				s.opts.Say(line)
			}
		},
		OnDeath: func(p network.ProcessStatus) {
			s.report(fmt.Errorf("%w: %s: %s (log: %s)", network.ErrProcess, p.Name, p.LastExit, p.Log))
		},
	})
	switch {
	case errors.Is(err, network.ErrAlreadyUp):
		s.opts.Say("network: it runs already and is used as it is")
	case err != nil:
		return err
	default:
		s.network = n
	}
	logs := filepath.Join(s.opts.Dir, "logs")
	if err := os.MkdirAll(logs, 0o700); err != nil {
		return fmt.Errorf("%w: %w", ErrServer, err)
	}
	for _, spec := range s.opts.Servers {
		if s.answers(ctx, spec) {
			s.opts.Say(fmt.Sprintf("serve: a server of %s runs already and is used as it is", spec.Organisation))
			s.used = append(s.used, spec.Organisation)
			continue
		}
		args := []string{"serve", "--dir", s.opts.Dir, "--org", spec.Organisation, "--quiet"}
		for _, role := range spec.Roles {
			args = append(args, "--role", role)
		}
		args = append(args, spec.Flags...)
		sv := newServer(spec, s.opts.Program, args, filepath.Join(logs, "serve-"+spec.Organisation+".log"), s.report)
		s.servers = append(s.servers, sv)
		sv.start()
		s.opts.Say(fmt.Sprintf("serve: %s (log: %s)", spec.Organisation, sv.log))
	}
	ready, cancel := context.WithTimeout(ctx, serveTimeout)
	defer cancel()
	for _, sv := range s.servers {
		if err := s.await(ready, sv); err != nil {
			return err
		}
	}
	return nil
}

// hasAPI says that a server with these roles has an API.
func hasAPI(roles []string) bool { return len(roles) == 0 || slices.Contains(roles, "api") }

// answers says that somebody else's server of an organisation serves.
func (s *Stack) answers(ctx context.Context, spec Server) bool {
	if s.network != nil {
		return false // a server that was up before its network is on its way down or lost
	}
	p, err := s.Profile(spec.Organisation)
	if err != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	if !hasAPI(spec.Roles) {
		return readyz(ctx, p) == nil
	}
	conn, err := client.Dial(p, profile.IdentityDashboard)
	if err != nil {
		return false
	}
	defer conn.Close() //nolint:errcheck // nothing is under way any more
	return serves(ctx, conn) == nil
}

// serves asks an API whether it serves.
func serves(ctx context.Context, conn *grpc.ClientConn) error {
	answer, err := healthv1.NewHealthClient(conn).Check(ctx, &healthv1.HealthCheckRequest{})
	if err == nil && answer.GetStatus() != healthv1.HealthCheckResponse_SERVING {
		err = fmt.Errorf("it says %s", answer.GetStatus())
	}
	return err
}

// readyz asks a server without an API whether all of it works.
func readyz(ctx context.Context, p *profile.Profile) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.API.MetricsAddress+"/readyz", http.NoBody)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close() //nolint:errcheck // read only
	said, err := io.ReadAll(io.LimitReader(answer.Body, 4<<10))
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("it says %s", said)
	}
	return err
}

// await waits until a server answers that it serves.
func (s *Stack) await(ctx context.Context, sv *server) error {
	var ask func(context.Context) error
	if hasAPI(sv.roles) {
		conn, err := s.Dial(sv.organisation, profile.IdentityDashboard)
		if err != nil {
			return err
		}
		ask = func(ctx context.Context) error { return serves(ctx, conn) }
	} else {
		p, err := s.Profile(sv.organisation)
		if err != nil {
			return err
		}
		ask = func(ctx context.Context) error { return readyz(ctx, p) }
	}
	for {
		err := ask(ctx)
		if err == nil {
			return nil
		}
		if sv.failed() {
			return fmt.Errorf("%w: the server of %s ends as it starts: %s", ErrServer, sv.organisation, sv.lastLine())
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: the server of %s does not serve yet: %w (log: %s)", ErrServer, sv.organisation, err, sv.log)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// report passes trouble on to whoever listens; nobody has to.
func (s *Stack) report(err error) {
	select {
	case s.trouble <- err:
	default:
	}
}

// Trouble tells of processes that ended when they should not have. They are started again.
func (s *Stack) Trouble() <-chan error { return s.trouble }

// Profile loads the connection profile of an organisation.
func (s *Stack) Profile(organisation string) (*profile.Profile, error) {
	return profile.Load(network.ProfilePath(s.opts.NetworkDir, organisation))
}

// NetworkDir is the network's state folder.
func (s *Stack) NetworkDir() string { return s.opts.NetworkDir }

// OwnsNetwork says whether Up started the network, so that Down stops it.
func (s *Stack) OwnsNetwork() bool { return s.network != nil }

// Beside puts a second chaincode onto the channel of the network that Up started; see network.Network.Beside.
func (s *Stack) Beside(ctx context.Context, name, version string, addresses map[string]string, serve func([]network.Companion) error) error {
	if s.network == nil {
		return fmt.Errorf("%w: the network was up before and is not changed", ErrServer)
	}
	return s.network.Beside(ctx, name, version, addresses, serve)
}

// Endorsing are the organisations with peers of the network that Up started; none if it was up before.
func (s *Stack) Endorsing() []string {
	if s.network == nil {
		return nil
	}
	var out []string
	for _, org := range s.network.Topology().Organisations {
		if org.Peers > 0 {
			out = append(out, org.Name)
		}
	}
	return out
}

// Organisations are those whose servers run.
func (s *Stack) Organisations() []string {
	out := slices.Clone(s.used)
	for _, sv := range s.servers {
		out = append(out, sv.organisation)
	}
	return out
}

// Kill ends an organisation's server at once, as a crash would; it is started again.
func (s *Stack) Kill(organisation string) error {
	at := slices.IndexFunc(s.servers, func(sv *server) bool { return sv.organisation == organisation })
	if at < 0 {
		return fmt.Errorf("%w: no server of %s runs here", ErrServer, organisation)
	}
	return s.servers[at].kill()
}

// Dial makes a connection to an organisation's API as one of its identities. Down closes it.
func (s *Stack) Dial(organisation, identity string) (*grpc.ClientConn, error) {
	p, err := s.Profile(organisation)
	if err != nil {
		return nil, err
	}
	conn, err := client.Dial(p, identity)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conns = append(s.conns, conn)
	return conn, nil
}

// Down stops the servers, then the network if Up started it, and waits for their end. The ledger stays.
func (s *Stack) Down(ctx context.Context) error {
	s.mu.Lock()
	conns := s.conns
	s.conns = nil
	s.mu.Unlock()
	var errs []error
	for _, c := range conns {
		errs = append(errs, c.Close())
	}
	var wg sync.WaitGroup
	for _, sv := range s.servers {
		wg.Go(sv.stop)
	}
	wg.Wait()
	s.servers = nil
	if s.network != nil {
		errs = append(errs, s.network.Down(ctx))
		s.network = nil
	}
	return errors.Join(errs...)
}
