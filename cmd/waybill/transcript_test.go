package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The transcripts below testdata are what a user sees: command lines, output, exit codes. They are
// run again and compared; -update writes them anew.
func updating() bool { return flag.Lookup("update").Value.String() == "true" }

func TestMain(m *testing.M) {
	flag.Bool("update", false, "write the transcripts anew")
	flag.Parse()
	os.Exit(m.Run())
}

func TestTranscriptsAreWhatTheCommandSays(t *testing.T) {
	files, err := filepath.Glob("testdata/transcripts/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := replay(t, string(want))
			if got == string(want) {
				return
			}
			if updating() {
				if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			t.Errorf("%s differs (-update writes it anew); now:\n%s", file, got)
		})
	}
}

// replay runs each line "$ waybill …" of a transcript and writes what came: standard output as it
// is, standard error behind "! ", the exit code in brackets. Lines beginning with # are kept.
func replay(t *testing.T, transcript string) string {
	t.Helper()
	dir := t.TempDir()
	keyFile, otherFile := filepath.Join(dir, "logger.pem"), filepath.Join(dir, "other.pem")
	if _, err := makeKey(otherFile); err != nil {
		t.Fatal(err)
	}
	device, _, err := deviceKey("urn:epc:id:giai:9521321.logger7", keyFile, "")
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for line := range strings.Lines(transcript) {
		line = strings.TrimSuffix(line, "\n")
		command, ok := strings.CutPrefix(line, "$ waybill")
		if !ok {
			if strings.HasPrefix(line, "#") {
				out.WriteString(line + "\n")
			}
			continue
		}
		var stdin io.Reader = strings.NewReader("")
		command, input, redirected := strings.Cut(command, " < ")
		if redirected {
			raw, err := os.ReadFile(input)
			if err != nil {
				t.Fatal(err)
			}
			stdin = bytes.NewReader(raw)
		}
		command = strings.NewReplacer("$KEY", keyFile, "$OTHER", otherFile, "$NEW", filepath.Join(dir, "new.pem")).Replace(command)
		var stdout, stderr bytes.Buffer
		a := &app{}
		if strings.Contains(transcript, "# with an API") {
			a.dialed = cannedAPI(t, device.GetPublicKey())
		}
		code := a.run(context.Background(), strings.Fields(command), stdin, &stdout, &stderr)
		fmt.Fprintln(&out, line)
		out.WriteString(steady(stdout.String()))
		for l := range strings.Lines(steady(stderr.String())) {
			out.WriteString("! " + l)
		}
		fmt.Fprintf(&out, "[%d]\n\n", code)
	}
	return strings.TrimSuffix(out.String(), "\n")
}

// steady replaces what differs from run to run.
func steady(s string) string {
	s = regexp.MustCompile(`in \d+\.\d s\n`).ReplaceAllString(s, "in 0.0 s\n")
	s = regexp.MustCompile(`"seconds":[0-9.e-]+`).ReplaceAllString(s, `"seconds":0`)
	if s != "" && !strings.HasSuffix(s, "\n") {
		s += "\n"
	}
	return s
}
