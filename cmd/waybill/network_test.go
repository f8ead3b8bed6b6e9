package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/network"
)

func command(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errOut bytes.Buffer
	code = run(t.Context(), args, strings.NewReader(""), &out, &errOut)
	return code, out.String(), errOut.String()
}

func TestNetworkCommandsWithoutANetworkSaySo(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		args []string
		exit int
		says string
	}{
		{[]string{"status"}, exitRefused, "WB_NETWORK_STATE"},
		{[]string{"logs"}, exitRefused, "WB_NETWORK_STATE"},
		{[]string{"issue", "--name", "x"}, exitRefused, "WB_NETWORK_STATE"},
		{[]string{"up", "--topology", "nowhere.yaml"}, exitRefused, "WB_NETWORK_TOPOLOGY"},
		{[]string{"topology", "other"}, exitRefused, "WB_NETWORK_TOPOLOGY"},
		{[]string{"issue", "--name", "x", "--not-after", "soon"}, exitUsage, "--not-after"},
		{[]string{"logs", "--lines", "-1"}, exitUsage, "--lines"},
		{[]string{"supervise"}, exitUsage, "supervise"},
		{[]string{"issue"}, exitUsage, "--name"},
		{[]string{"down"}, exitOK, ""},
		{[]string{"clean"}, exitOK, ""},
	} {
		code, _, stderr := command(t, append([]string{"network", "--dir", dir}, c.args...)...)
		if code != c.exit || !strings.Contains(stderr, c.says) {
			t.Errorf("%v: exit %d, %q; want %d naming %q", c.args, code, stderr, c.exit, c.says)
		}
	}
}

func TestCleanTakesWhatServeDerivedFromTheLedgerAndNothingElse(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a [b] *") // no pattern
	file := func(path ...string) string {
		t.Helper()
		whole := filepath.Join(append([]string{dir}, path...)...)
		if err := errors.Join(os.MkdirAll(filepath.Dir(whole), 0o700), os.WriteFile(whole, nil, 0o600)); err != nil {
			t.Fatal(err)
		}
		return whole
	}
	file("network", ".waybill-network")
	file("network", "profiles", "carrier.yaml")
	file("network", "logs", "orderer0.log")
	gone, elsewhere := file("serve", "carrier", "readmodel.db"), file("serve", "stranger", "readmodel.db")

	if code, _, stderr := command(t, "network", "logs", "--dir", dir); code != exitOK {
		t.Errorf("logs: exit %d, %s", code, stderr)
	}
	release, err := lockState(filepath.Join(dir, "serve", "carrier"), roleScorer, "waybill serve")
	if err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := command(t, "network", "clean", "--dir", dir); code != exitRefused || !strings.Contains(stderr, "WB_STATE_LOCKED") {
		t.Errorf("clean beside a server: exit %d, %s", code, stderr)
	}
	if _, err := os.Stat(gone); err != nil {
		t.Errorf("a refused clean removed something: %v", err)
	}
	release()
	if code, out, stderr := command(t, "network", "clean", "--dir", dir, "--json"); code != exitOK || !strings.Contains(out, `"changed":true`) {
		t.Errorf("clean: exit %d, %s %s", code, out, stderr)
	}
	if _, err := os.Stat(filepath.Dir(gone)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the carrier's read model is left: %v", err)
	}
	if _, err := os.Stat(elsewhere); err != nil {
		t.Errorf("what is no organisation of the network went too: %v", err)
	}
	if code, out, _ := command(t, "network", "clean", "--dir", dir); code != exitOK || !strings.Contains(out, "nothing") {
		t.Errorf("second clean: exit %d, %q", code, out)
	}
}

func TestSignalDuringAStartIsNoFaultOfTheNetwork(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, kind := range []error{network.ErrProcess, network.ErrBinaries, network.ErrLifecycle} {
		f := classify(ctx, networkError(fmt.Errorf("%w: %w", kind, context.Canceled)), true)
		if f.exit != exitInterrupted {
			t.Errorf("%v: exit %d", kind, f.exit)
		}
	}
	err := networkError(fmt.Errorf("%w: %w", network.ErrNotReady, network.ErrProcess))
	if f := classify(t.Context(), err, true); f.exit != exitUnavailable || f.code != network.ErrNotReady.Error() {
		t.Errorf("%+v", f)
	}
}

func TestPrintedTopologyIsAValidOne(t *testing.T) {
	for _, name := range network.TopologyNames() {
		code, out, _ := command(t, "network", "topology", name)
		if _, err := network.ParseTopology([]byte(out)); code != exitOK || err != nil {
			t.Errorf("%s: exit %d, %v", name, code, err)
		}
	}
}

func TestNotAfterIsATimeOrADuration(t *testing.T) {
	now := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"": {}, "-1h": now.Add(-time.Hour), "2031-01-31T12:00:00Z": time.Date(2031, 1, 31, 12, 0, 0, 0, time.UTC),
	} {
		if got, err := parseNotAfter(text, now); err != nil || !got.Equal(want) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}

func TestUnhealthyStatusNamesWhatIsDown(t *testing.T) {
	st := network.Status{Up: true, Ready: true, Processes: []network.ProcessStatus{
		{Name: "orderer0", State: network.Running}, {Name: "peer0.carrier", State: network.Restarting},
	}}
	var f *failure
	if err := unhealthy(st); !errors.As(err, &f) || f.exit != exitUnavailable || !strings.Contains(err.Error(), "peer0.carrier is restarting") || strings.Contains(err.Error(), "orderer0") {
		t.Errorf("got %v", err)
	}
	st.Processes[1].State = network.Running
	if err := unhealthy(st); err != nil {
		t.Errorf("healthy: %v", err)
	}
}

func TestLogsShowTheirEndAndWhatFollows(t *testing.T) {
	path := filepath.Join(t.TempDir(), "orderer0.log")
	if err := os.WriteFile(path, []byte("one\ntwo\nthree\x1b[31m\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l := &processLog{name: "orderer0", path: path}
	var out strings.Builder
	if err := l.tail(&out, 2, true); err != nil {
		t.Fatal(err)
	}
	grow := func(text string) {
		t.Helper()
		f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = f.WriteString(text); err != nil {
			t.Fatal(err)
		}
		if err = errors.Join(f.Close(), l.more(&out, true)); err != nil {
			t.Fatal(err)
		}
	}
	grow("four\nfi")
	grow("ve\n")
	if want := "orderer0 | two\norderer0 | three\uFFFD[31m\norderer0 | four\norderer0 | five\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
	if err := os.WriteFile(path, []byte("new\n"), 0o600); err != nil { // begun anew
		t.Fatal(err)
	}
	if err := l.more(&out, true); err != nil || !strings.HasSuffix(out.String(), "orderer0 | new\n") {
		t.Errorf("got %q, %v", out.String(), err)
	}
}
