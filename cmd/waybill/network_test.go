package main

import (
	"bytes"
	"errors"
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
		{[]string{"down"}, exitOK, ""},
		{[]string{"clean"}, exitOK, ""},
	} {
		code, _, stderr := command(t, append([]string{"network", "--dir", dir}, c.args...)...)
		if code != c.exit || !strings.Contains(stderr, c.says) {
			t.Errorf("%v: exit %d, %q; want %d naming %q", c.args, code, stderr, c.exit, c.says)
		}
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
