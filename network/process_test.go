package network

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// supervised is a supervisor over this test's own program, which listens when it is given a certificate
// (see TestMain) and ends with status 3 when not.
func supervised(t *testing.T, serves bool) (*supervisor, spec, chan ProcessStatus) {
	t.Helper()
	topology := loaded(t, "default")
	p := material(t, topology)
	l := p.org("producer")
	probe, err := probeTLS(l, "")
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	env := environment("WAYBILL_TEST_SERVE=" + addr)
	if serves {
		env = append(env, "WAYBILL_TEST_SERVE_CERT="+l.api())
	}
	deaths := make(chan ProcessStatus, 64)
	s := newSupervisor(func([]ProcessStatus) {}, func(st ProcessStatus) { deaths <- st })
	t.Cleanup(s.stopAll)
	return s, spec{name: "node", role: "peer", address: addr, path: self, env: env, dir: t.TempDir(), log: filepath.Join(t.TempDir(), "node.log"), tls: probe}, deaths
}

func only(t *testing.T, s *supervisor) ProcessStatus {
	t.Helper()
	all := s.statuses()
	if len(all) != 1 {
		t.Fatalf("%d processes", len(all))
	}
	return all[0]
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func awaitState(t *testing.T, s *supervisor, want ProcessState) {
	t.Helper()
	if err := s.await(within(t), func(all []ProcessStatus) bool { return all[0].State == want }); err != nil {
		t.Fatalf("waiting for %s: %v; it is %+v", want, err, only(t, s))
	}
}

func TestCrashedProcessIsNamedAndStartedAgain(t *testing.T) {
	s, sp, deaths := supervised(t, true)
	s.add(sp)
	awaitState(t, s, Running)
	first := only(t, s)
	if err := s.kill("node"); err != nil {
		t.Fatal(err)
	}
	dead := <-deaths
	if dead.Name != "node" || dead.State != Restarting || !strings.Contains(dead.LastExit, "killed") {
		t.Errorf("death %+v", dead)
	}
	awaitState(t, s, Running)
	if again := only(t, s); again.Restarts != 1 || again.PID == first.PID || again.PID == 0 {
		t.Errorf("after the restart: %+v", again)
	}
}

func TestStoppedProcessStaysStoppedUntilStarted(t *testing.T) {
	s, sp, deaths := supervised(t, true)
	s.add(sp)
	awaitState(t, s, Running)
	pid := only(t, s).PID
	if err := s.order(within(t), "node", false); err != nil {
		t.Fatal(err)
	}
	if st := only(t, s); st.State != Stopped || st.PID != 0 {
		t.Errorf("after stop: %+v", st)
	}
	if syscall.Kill(pid, 0) == nil {
		t.Error("the process runs on")
	}
	if err := s.kill("node"); !errors.Is(err, ErrProcess) {
		t.Errorf("killing what does not run: %v", err)
	}
	if err := s.order(within(t), "node", true); err != nil {
		t.Fatal(err)
	}
	awaitState(t, s, Running)
	if err := s.order(within(t), "node", true); err != nil { // started already
		t.Fatal(err)
	}
	if len(deaths) != 0 {
		t.Errorf("a stop was taken for a death: %+v", <-deaths)
	}
	if err := s.order(within(t), "nobody", true); !errors.Is(err, ErrProcess) || !strings.Contains(err.Error(), "node") {
		t.Errorf("unknown process: %v", err)
	}
}

func TestProcessThatKeepsEndingSaysWhyAndCanBeStopped(t *testing.T) {
	s, sp, deaths := supervised(t, false)
	s.add(sp)
	for range 3 {
		dead := <-deaths
		if !strings.Contains(dead.LastExit, "exit status 3") || !strings.Contains(dead.LastExit, "panic: no certificate") {
			t.Fatalf("reason %q, want the exit status and the panic of the log", dead.LastExit)
		}
	}
	if err := s.order(within(t), "node", false); err != nil {
		t.Fatal(err)
	}
	awaitState(t, s, Stopped)
}

func TestProgramThatCannotStartIsADeathToo(t *testing.T) {
	s, sp, deaths := supervised(t, true)
	sp.path = filepath.Join(t.TempDir(), "nothing")
	s.add(sp)
	if dead := <-deaths; dead.State != Restarting || !strings.Contains(dead.LastExit, "nothing") {
		t.Errorf("death %+v", dead)
	}
}

func TestEnvironmentOfOtherFabricsIsNotInherited(t *testing.T) {
	for _, name := range []string{"CORE_PEER_ID", "ORDERER_GENERAL_LISTENPORT", "FABRIC_CFG_PATH", "CHAINCODE_ID"} {
		t.Setenv(name, "foreign")
	}
	for _, kv := range environment("FABRIC_CFG_PATH=ours") {
		if strings.HasSuffix(kv, "=foreign") {
			t.Errorf("inherited %s", kv)
		}
	}
}

func TestLastLinePrefersThePanicOverItsStack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.log")
	for text, want := range map[string]string{
		"":                                  "",
		"one\ntwo\n":                        "two",
		"a\npanic: boom\n\ngoroutine 1\n\n": "panic: boom",
		strings.Repeat("x", 3*maxTailBytes) + "\nend\n": "end",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := lastLine(path); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestLockIsHeldByOneAndNamesItsHolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	if pid, err := holder(path); pid != 0 || err != nil {
		t.Errorf("without a lock: %d, %v", pid, err)
	}
	lock, ok, err := tryLock(path)
	if !ok || err != nil {
		t.Fatal(ok, err)
	}
	if _, ok, err := tryLock(path); ok || err != nil {
		t.Errorf("locked twice: %v, %v", ok, err)
	}
	if pid, err := holder(path); pid != os.Getpid() || err != nil {
		t.Errorf("holder %d, %v", pid, err)
	}
	waited := false
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := waitLock(ctx, path, func() { waited = true; cancel() }); !waited || !errors.Is(err, context.Canceled) {
		t.Errorf("waited %v, %v", waited, err)
	}
	lock.release()
	if pid, err := holder(path); pid != 0 || err != nil {
		t.Errorf("after release: %d, %v", pid, err)
	}
}

func TestHolderIsNeverAnEarlierOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	const nobody = 1 << 30 // above the largest id that Linux gives
	if err := os.WriteFile(path, []byte(strconv.Itoa(nobody)), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil { // taken, and its id not written yet
		t.Fatal(err)
	}
	if pid, early := holder(path); early == nil {
		t.Errorf("the holder is said to be %d", pid)
	}
	if err = os.WriteFile(path, []byte(strconv.Itoa(os.Getpid())), 0o600); err != nil {
		t.Fatal(err)
	}
	if pid, err := holder(path); pid != os.Getpid() || err != nil {
		t.Errorf("holder %d, %v", pid, err)
	}
}

func TestReleasedLockNamesNobodyAndARemovedOneNoLongerStands(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	lock, ok, err := tryLock(path)
	if !ok || err != nil {
		t.Fatal(ok, err)
	}
	if !lock.stands() {
		t.Error("a lock just taken does not stand")
	}
	if err = os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if lock.stands() {
		t.Error("a removed lock stands")
	}
	other, ok, err := tryLock(path)
	if !ok || err != nil {
		t.Fatal(ok, err)
	}
	if lock.stands() {
		t.Error("a lock stands under a name that another has taken")
	}
	lock.release()
	other.release()
	if raw, err := os.ReadFile(path); err != nil || len(raw) != 0 {
		t.Errorf("a released lock names %q (%v)", raw, err)
	}
}

func TestLogIsBoundedWhileItIsWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.log")
	if err := boundLog(path, 10); err != nil {
		t.Errorf("without a log: %v", err)
	}
	writer, err := openLog(path)
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	write := func(text string) {
		t.Helper()
		if _, err := writer.WriteString(text); err != nil {
			t.Fatal(err)
		}
		if err := boundLog(path, 10); err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []struct{ text, log, old string }{
		{"0123456789", "0123456789", ""}, {"abc", "", "3456789abc"}, {"new", "new", "3456789abc"},
	} {
		write(step.text)
		log, err := os.ReadFile(path)
		if err != nil || string(log) != step.log {
			t.Errorf("after %q the log is %q (%v), want %q", step.text, log, err, step.log)
		}
		if old, err := os.ReadFile(path + ".old"); string(old) != step.old || (err != nil && !errors.Is(err, os.ErrNotExist)) {
			t.Errorf("after %q the old log is %q (%v), want %q", step.text, old, err, step.old)
		}
	}
}

func TestRemovedFolderIsNotMadeAgainForALog(t *testing.T) {
	if _, err := openLog(filepath.Join(t.TempDir(), "removed", "logs", "x.log")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestErrorsKeepTheirIdentityAcrossProcesses(t *testing.T) {
	err := restored(ErrPortTaken.Error() + ": port 7051")
	if !errors.Is(err, ErrPortTaken) || err.Error() != "WB_NETWORK_PORT_TAKEN: port 7051" {
		t.Errorf("got %v", err)
	}
	var steps []Progress
	err = follow(strings.NewReader(`{"progress":{"stage":"ready","text":"x"}}`+"\n"+`{"error":"WB_NETWORK_NOT_READY: y"}`+"\n"), func(p Progress) { steps = append(steps, p) })
	if !errors.Is(err, ErrNotReady) || len(steps) != 1 || steps[0].Stage != "ready" {
		t.Errorf("got %v after %+v", err, steps)
	}
	if err := follow(strings.NewReader("x\n"), nil); !errors.Is(err, ErrProcess) {
		t.Errorf("got %v", err)
	}
}
