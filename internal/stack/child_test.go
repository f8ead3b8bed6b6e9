package stack

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"
)

// The test's program plays the parts: one that starts a child, and the child, which ends with its
// standard input and says nothing but that it lives.
const partVariable = "WAYBILL_TEST_PART"

func TestMain(m *testing.M) {
	switch os.Getenv(partVariable) {
	case "parent":
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), partVariable+"=child")
		cmd.Stdin, cmd.Stdout = os.Stdin, os.Stdout
		ended, err := Start(cmd)
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		<-ended
	case "child":
		fmt.Println("lives")
		_, _ = io.Copy(io.Discard, os.Stdin)
	default:
		os.Exit(m.Run())
	}
}

func TestAnInterruptedStartIsNoFailureOfAServer(t *testing.T) {
	refused := fmt.Errorf("%w: dial tcp 127.0.0.1:1: connection refused", ErrServer)
	cancelled, cancel := context.WithCancel(t.Context())
	if err := interrupted(cancelled, refused); !errors.Is(err, ErrServer) {
		t.Errorf("under way: %v", err)
	}
	cancel()
	if err := interrupted(cancelled, refused); !errors.Is(err, context.Canceled) || errors.Is(err, ErrServer) {
		t.Errorf("cancelled: %v", err)
	}
	late, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	if err := interrupted(late, refused); !errors.Is(err, ErrServer) {
		t.Errorf("out of time: %v", err)
	}
}

func TestAChildEndsWithTheProgramThatStartedIt(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the kernel offers this on Linux only")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	parent := exec.CommandContext(ctx, os.Args[0])
	parent.Env = append(os.Environ(), partVariable+"=parent")
	in, err := parent.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, child, err := os.Pipe() // the child's and its parent's alike: it ends when both have
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	parent.Stdout = child
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	if err := child.Close(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	if line, err := lines.ReadString('\n'); line != "lives\n" {
		t.Fatalf("%q, %v", line, err)
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := out.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(lines); err != nil || len(rest) > 0 {
		t.Errorf("the child outlives its parent: %q, %v", rest, err)
	}
	_ = parent.Wait() // it was killed
}

func TestAChildThatCannotStartIsAnError(t *testing.T) {
	if _, err := Start(exec.Command(os.Args[0] + ".missing")); err == nil {
		t.Error("a program that is not there was started")
	}
}
