package e2e_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/waybill-dev/waybill/api/client"
	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/gateway/profile"
	"github.com/waybill-dev/waybill/internal/stack"
	"github.com/waybill-dev/waybill/network"
)

// lab is what tests share: a network, supervised by the test itself, and the command.
type lab struct {
	dir     string // the command's --dir
	waybill string // the program
	net     *network.Network
}

// ground is what tests of one kind leave on a ledger for good, so that those of another kind have a network of their own
// and no test rests on the order in which they run.
type ground string

const (
	// plain: each scorer judges alone, by the model that ships.
	plain ground = "plain"
	// convened: organisations have voted for how they score together, by the model that ships. No scorer is registered when a
	// test begins, and none when it ends; stakes stay bonded.
	convened ground = "convened"
	// governed: organisations have voted for how models are approved, and no verdict rests on the one that ships.
	governed ground = "governed"
)

// labs are the networks, each brought up when a test first asks for it.
type labs struct {
	dir, bin string
	up       map[ground]*lab
}

// shared is set by TestMain; nil with -short.
var shared *labs

const (
	// patience bounds each wait of a test, so that it ends soon and says what it waited for.
	patience = 2 * time.Minute
	// coldStart is how long programs and a network may take, a cold build of Fabric included.
	coldStart = 12 * time.Minute
)

func TestMain(m *testing.M) {
	flag.Parse()
	if testing.Short() {
		os.Exit(m.Run())
	}
	os.Exit(inLab(m))
}

func inLab(m *testing.M) (code int) {
	dir, err := os.MkdirTemp("", "waybill-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() {
		if code != 0 && os.Getenv("WAYBILL_KEEP") != "" {
			fmt.Fprintln(os.Stderr, "kept:", dir)
			return
		}
		_ = os.RemoveAll(dir)
	}()
	began := time.Now()
	all := &labs{dir: dir, bin: filepath.Join(dir, "bin"), up: map[ground]*lab{}}
	ctx, cancel := context.WithTimeout(context.Background(), coldStart)
	defer cancel()
	build := exec.CommandContext(ctx, "go", "build", "-o", all.bin+string(filepath.Separator), "./cmd/...")
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building the commands: %v\n%s", err, out)
		return 1
	}
	fmt.Fprintf(os.Stderr, "e2e: programs built after %s\n", time.Since(began).Round(time.Millisecond))
	defer func() {
		down, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		for _, l := range all.up {
			if err := l.net.Down(down); err != nil {
				fmt.Fprintln(os.Stderr, err)
				code = max(code, 1)
			}
		}
	}()
	shared = all
	return m.Run()
}

// on gives the lab of a ground.
func (all *labs) on(g ground) (*lab, error) {
	if l := all.up[g]; l != nil {
		return l, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), coldStart) // it outlives the test that asks first
	defer cancel()
	began, dir := time.Now(), filepath.Join(all.dir, string(g))
	net, err := network.Up(ctx, network.Options{Dir: filepath.Join(dir, "network"), ChaincodeBin: filepath.Join(all.bin, "waybill-chaincode")})
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(os.Stderr, "e2e: the %s network is up after %s\n", g, time.Since(began).Round(time.Millisecond))
	all.up[g] = &lab{dir: dir, waybill: filepath.Join(all.bin, "waybill"), net: net}
	return all.up[g], nil
}

// endToEnd gives the lab of the plain ground and a context that ends the test in time.
func endToEnd(t *testing.T, limit time.Duration) (context.Context, *lab) {
	t.Helper()
	return endToEndOn(t, plain, limit)
}

// endToEndOn is endToEnd on another ground.
func endToEndOn(t *testing.T, g ground, limit time.Duration) (context.Context, *lab) {
	t.Helper()
	if shared == nil {
		t.Skip("starts a Fabric network; not with -short")
	}
	l, err := shared.on(g)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	return ctx, l
}

func (l *lab) profile(t *testing.T, org string) *profile.Profile {
	t.Helper()
	p, err := l.net.Profile(org)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// dial connects to an organisation's API.
func (l *lab) dial(t *testing.T, org, identity string) *grpc.ClientConn {
	t.Helper()
	conn, err := client.Dial(l.profile(t, org), identity)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// result is what a run of the command gave.
type result struct {
	stdout, stderr string
	code           int
}

// run runs the command to its end.
func (l *lab) run(ctx context.Context, t *testing.T, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, l.waybill, append(args, "--dir", l.dir)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	ended, err := stack.Start(cmd)
	if err == nil {
		err = <-ended
	}
	if ctx.Err() != nil {
		t.Fatalf("waybill %s did not end within %s:\n%s%s", strings.Join(args, " "), patience, tail(stdout.String()), tail(stderr.String()))
	}
	if _, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended {
		t.Fatalf("waybill %s: %v", strings.Join(args, " "), err)
	}
	return result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// must runs the command and wants exit code 0.
func (l *lab) must(ctx context.Context, t *testing.T, args ...string) string {
	t.Helper()
	r := l.run(ctx, t, args...)
	if r.code != 0 {
		t.Fatalf("waybill %s: exit %d\n%s%s", strings.Join(args, " "), r.code, tail(r.stdout), tail(r.stderr))
	}
	return r.stdout
}

func tail(s string) string {
	const most = 4000
	if len(s) > most {
		return "…" + s[len(s)-most:]
	}
	return s
}

// serving is a running `waybill serve`.
type serving struct {
	cmd  *exec.Cmd
	log  *tailBuffer
	done chan struct{} // closed when the process has ended

	killed bool // by the test, which knows why
}

// serve starts a server and waits until it is ready and, if it answers questions, has read what is on the
// ledger: one is ready that is some blocks behind, and answers about what it has read.
func (l *lab) serve(ctx context.Context, t *testing.T, org string, args ...string) *serving {
	t.Helper()
	s := l.serveBehind(ctx, t, org, args...)
	var roles []string
	for i, arg := range args {
		if arg == "--role" {
			roles = append(roles, strings.Split(args[i+1], ",")...)
		}
	}
	if len(roles) == 0 || slices.Contains(roles, "api") {
		l.caughtUp(ctx, t, org)
	}
	return s
}

// caughtUp waits until an organisation's server has read what is on the ledger now.
func (l *lab) caughtUp(ctx context.Context, t *testing.T, org string) {
	t.Helper()
	height := l.height(ctx, t)
	api := waybillv1.NewAdminServiceClient(l.dial(t, org, profile.IdentityDashboard))
	until(ctx, t, org+"'s server has read the ledger", func() error {
		r, err := api.GetStatus(ctx, &waybillv1.GetStatusRequest{})
		if err == nil && r.GetReadHeight() < height {
			err = fmt.Errorf("it has read %d of %d blocks", r.GetReadHeight(), height)
		}
		return err
	})
}

// serveBehind starts a server and waits until it says that it is ready.
func (l *lab) serveBehind(ctx context.Context, t *testing.T, org string, args ...string) *serving {
	t.Helper()
	s, ready := l.start(t, org, args...)
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	select {
	case ok := <-ready:
		if !ok {
			<-s.done
			t.Fatalf("waybill serve of %s ended before it was ready:\n%s", org, s.log)
		}
	case <-ctx.Done():
		t.Fatalf("waybill serve of %s was not ready in time:\n%s", org, s.log)
	}
	return s
}

// start starts a server; ready gets true when it says so, false when it ends first.
func (l *lab) start(t *testing.T, org string, args ...string) (*serving, <-chan bool) {
	t.Helper()
	s := &serving{log: &tailBuffer{}, done: make(chan struct{})}
	s.cmd = exec.Command(l.waybill, append([]string{"serve", "--org", org, "--dir", l.dir}, args...)...)
	s.cmd.Stderr = s.log
	stdout, said := io.Pipe()
	s.cmd.Stdout = said
	ended, err := stack.Start(s.cmd)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		<-ended
		_ = said.Close() // the reading side learns that there is no more
	}()
	ready := make(chan bool, 1)
	go func() {
		said := false
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			if strings.HasPrefix(lines.Text(), "ready") && !said {
				said = true
				ready <- true
			}
		}
		if !said {
			ready <- false
		}
		close(s.done)
	}()
	t.Cleanup(func() {
		wanted := s.killed
		s.kill()
		if t.Failed() && !wanted {
			t.Logf("the end of the log of %s:\n%s", org, s.log)
		}
	})
	return s, ready
}

// kill ends the server as a power cut would, and waits for its end.
func (s *serving) kill() {
	s.killed = true
	_ = s.cmd.Process.Kill()
	<-s.done
}

// end asks the server to end and gives its exit code.
func (s *serving) end(ctx context.Context, t *testing.T) int {
	t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	select {
	case <-s.done:
	case <-ctx.Done():
		t.Fatalf("the server does not end:\n%s", s.log)
	}
	return s.cmd.ProcessState.ExitCode()
}

// tailBuffer keeps the end of what is written to it.
type tailBuffer struct {
	mu  sync.Mutex
	buf []byte
}

func (b *tailBuffer) Write(p []byte) (int, error) {
	const most = 32 << 10
	b.mu.Lock()
	defer b.mu.Unlock()
	b.buf = append(b.buf, p...)
	if len(b.buf) > 2*most {
		b.buf = append([]byte(nil), b.buf[len(b.buf)-most:]...)
	}
	return len(p), nil
}

func (b *tailBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return string(b.buf)
}

// freeAddress is a loopback address that nothing listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

var _ io.Writer = (*tailBuffer)(nil)

// until repeats a check until it holds, for as long as a test has patience.
func until(ctx context.Context, t *testing.T, what string, check func() error) {
	t.Helper()
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s: not within %s: %v", what, time.Since(began).Round(time.Second), err)
		case <-tick.C:
		}
	}
}
