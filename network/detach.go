package network

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// A supervisor in the background is this program again, started with a line of its own. It tells its
// starter how far it is, one JSON object a line on descriptor 3, and goes on alone only when the starter
// says so on its standard input: if the starter ends before that, the network is stopped again.

// message is one line from supervisor to starter.
type message struct {
	Progress *Progress `json:"progress,omitempty"`
	Ready    bool      `json:"ready,omitempty"`
	Error    string    `json:"error,omitempty"`
}

// ReportDescriptor is the descriptor on which a supervisor finds the way to its starter.
const ReportDescriptor = 3

const (
	detachWord = "detach\n"
	// downTimeout is how long a supervisor may take to stop its processes before it is killed with them.
	downTimeout = 30 * time.Second
	// folderCheck is how often a supervisor looks whether its state folder is still there.
	folderCheck = time.Second
)

// UpDetached starts program with args, which must call Supervise, in a session of its own and returns
// when the network is ready; the supervisor stays. When ctx ends first, nothing stays.
func UpDetached(ctx context.Context, dir string, progress func(Progress), program string, args ...string) error {
	p, err := absolute(dir)
	if err != nil {
		return err
	}
	if progress == nil {
		progress = func(Progress) {}
	}
	if err = claim(p); err != nil {
		return err
	}
	logFile, err := openLog(p.log("supervisor"))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrState, err)
	}
	defer logFile.Close() //nolint:errcheck // the child has its own descriptor
	reader, writer, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrState, err)
	}
	defer reader.Close()                  //nolint:errcheck // read to its end
	cmd := exec.Command(program, args...) //nolint:gosec,noctx // this program again; it must outlive the caller
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = logFile, logFile, []*os.File{writer}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	hold, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	_ = writer.Close()
	if err != nil {
		return fmt.Errorf("%w: starting the supervisor: %w", ErrProcess, err)
	}
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		_ = cmd.Wait() // what it said on its way out is in the messages and in its log
	}()

	outcome := make(chan error, 1)
	go func() { outcome <- follow(reader, progress) }()
	select {
	case err := <-outcome:
		if err == nil {
			_, err = io.WriteString(hold, detachWord)
			if err = errors.Join(err, hold.Close()); err == nil {
				return nil
			}
			err = fmt.Errorf("%w: the supervisor ended as soon as it was ready: %s", ErrProcess, lastLine(logFile.Name()))
		}
		_ = hold.Close()
		awaitEnd(cmd.Process, exited)
		if errors.Is(err, io.EOF) {
			err = fmt.Errorf("%w: the supervisor ended: %s (log: %s)", ErrProcess, lastLine(logFile.Name()), logFile.Name())
		}
		return err
	case <-ctx.Done():
		_ = hold.Close()
		awaitEnd(cmd.Process, exited)
		return context.Cause(ctx)
	}
}

func awaitEnd(process *os.Process, exited <-chan struct{}) {
	timer := time.NewTimer(downTimeout)
	defer timer.Stop()
	select {
	case <-exited:
	case <-timer.C:
		_ = process.Kill() // the kernel kills its children with it
		<-exited
	}
}

// follow reads a supervisor's lines until it is ready (nil), has failed, or is gone (io.EOF).
func follow(r io.Reader, progress func(Progress)) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 4096), 1<<20)
	for lines.Scan() {
		var m message
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			return fmt.Errorf("%w: the supervisor said %q", ErrProcess, clip(lines.Text()))
		}
		switch {
		case m.Ready:
			return nil
		case m.Error != "":
			return restored(m.Error)
		case m.Progress != nil:
			progress(*m.Progress)
		}
	}
	return io.EOF
}

// restored gives an error that crossed a process border its identity back.
func restored(text string) error {
	for _, known := range []error{
		ErrTopology, ErrPortTaken, ErrAlreadyUp, ErrBusy, ErrNotUp, ErrBinaries, ErrProcess,
		ErrNotReady, ErrLifecycle, ErrState, ErrIdentity, context.Canceled,
	} {
		if rest, ok := strings.CutPrefix(text, known.Error()); ok {
			return fmt.Errorf("%w%s", known, rest)
		}
	}
	return errors.New(text)
}

// Supervise is the other end of UpDetached: it brings the network up, reports to the starter, and
// supervises until ctx ends (on a signal, say), then stops everything. in is the standard input,
// out ReportDescriptor, log where it says what happens afterwards.
func Supervise(ctx context.Context, o Options, in io.Reader, out io.Writer, log io.Writer) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		word, err := bufio.NewReader(io.LimitReader(in, int64(len(detachWord)))).ReadString('\n')
		if err != nil || word != detachWord {
			cancel(fmt.Errorf("%w: the program that started the supervisor is gone", context.Canceled))
		}
	}()
	tell := json.NewEncoder(out)
	note := func(format string, args ...any) {
		fmt.Fprintf(log, "%s %s\n", time.Now().UTC().Format(time.RFC3339Nano), fmt.Sprintf(format, args...))
	}
	// The starter may be gone at any line; the reader of in notices that.
	o.Progress = func(p Progress) { _ = tell.Encode(message{Progress: &p}) }
	o.OnDeath = func(st ProcessStatus) { note("%s is %s: %s", st.Name, st.State, st.LastExit) }
	n, err := Up(ctx, o)
	if err != nil {
		note("not up: %v", err)
		_ = tell.Encode(message{Error: err.Error()})
		return err
	}
	defer n.close()
	note("up: %s", n.Dir())
	_ = tell.Encode(message{Ready: true})
	if c, ok := out.(io.Closer); ok {
		_ = c.Close()
	}
	go func() {
		tick := time.NewTicker(folderCheck)
		defer tick.Stop()
		for ctx.Err() == nil && n.lock.stands() {
			select {
			case <-ctx.Done():
			case <-tick.C:
			}
		}
		// Nobody could find these processes any more to stop them.
		cancel(fmt.Errorf("%w: %s was removed", ErrState, n.Dir()))
	}()
	<-ctx.Done()
	note("stopping: %v", context.Cause(ctx))
	n.close()
	note("stopped")
	return nil
}

// DownDetached stops the network of a state folder, whichever process supervises it, and waits for the
// end of all its processes. It fails with ErrNotUp if none runs.
func DownDetached(ctx context.Context, dir string) error {
	p, err := absolute(dir)
	if err != nil {
		return err
	}
	pid, err := holder(p.lock())
	if err != nil {
		return fmt.Errorf("%w: %w", ErrState, err)
	}
	if pid == 0 {
		return fmt.Errorf("%w: no network runs in %s", ErrNotUp, p.dir)
	}
	if pid == os.Getpid() {
		return fmt.Errorf("%w: the network in %s is supervised by this process", ErrBusy, p.dir)
	}
	if err = syscall.Kill(pid, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("%w: stopping supervisor %d: %w", ErrProcess, pid, err)
	}
	waitCtx, cancel := context.WithTimeout(ctx, downTimeout)
	defer cancel()
	lock, err := waitLock(waitCtx, p.lock(), func() {})
	if err != nil && ctx.Err() == nil {
		_ = syscall.Kill(pid, syscall.SIGKILL) // the kernel kills its children with it
		again, cancelAgain := context.WithTimeout(ctx, downTimeout)
		defer cancelAgain()
		lock, err = waitLock(again, p.lock(), func() {})
	}
	if err != nil {
		return fmt.Errorf("%w: supervisor %d does not end: %w", ErrBusy, pid, err)
	}
	lock.release()
	return nil
}
