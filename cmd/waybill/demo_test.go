package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestDemoRefusesWrongArgumentsBeforeItStartsAnything(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	for _, args := range [][]string{
		{"--shipments", "0"},
		{"--shipments", "-3"},
		{"--shipments", "100001"},
		{"--unit", "furlong", "--input", t.TempDir()},
		{"--policy", "none-such", "--input", t.TempDir()},
	} {
		var stdout, stderr bytes.Buffer
		code := run(context.Background(), append([]string{"demo", "--once", "--dir", dir}, args...), strings.NewReader(""), &stdout, &stderr)
		if code != exitUsage || !strings.Contains(stderr.String(), codeUsage) {
			t.Errorf("%v: exit code %d, %q", args, code, stderr.String())
		}
		if _, err := os.Stat(dir); err == nil {
			t.Fatalf("%v: a state folder was made", args)
		}
	}
}

func TestHintsNameTheProgramAsItWasCalled(t *testing.T) {
	for _, c := range []struct{ program, dir, want string }{
		{"waybill", defaultDir, "waybill"},
		{"bin/waybill", defaultDir, "bin/waybill"},
		{"bin/waybill", "rr", "bin/waybill --dir rr"},
		{"/opt/my tools/waybill", "it's here", `'/opt/my tools/waybill' --dir 'it'\''s here'`},
		{"waybill", "$HOME", "waybill --dir '$HOME'"},
		{"waybill", "", "waybill --dir ''"},
	} {
		if got := (&app{dir: c.dir}).invocation(c.program); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}

func TestAShellReadsQuotedWordsBack(t *testing.T) {
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("there is no shell here")
	}
	for _, word := range []string{"", "a", "a b", "it's", "$x`y`\\", "*", "~", "\"q\"", "é", "a;b", "-n\nb"} {
		out, err := exec.CommandContext(t.Context(), shell, "-c", "printf %s "+shellQuoted(word)).Output()
		if err != nil || string(out) != word {
			t.Errorf("%q came back as %q (%v)", word, out, err)
		}
	}
}
