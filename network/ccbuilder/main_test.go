package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestOnlyChaincodeAsAServiceIsDetected(t *testing.T) {
	for text, want := range map[string]bool{`{"type":"ccaas"}`: true, `{"type":"golang"}`: false, `{`: false} {
		dir := t.TempDir()
		write(t, dir, "metadata.json", text)
		if err := run("detect", t.TempDir(), dir); (err == nil) != want {
			t.Errorf("%s: %v", text, err)
		}
	}
	if err := run("detect", t.TempDir(), t.TempDir()); err == nil {
		t.Error("a package without metadata was detected")
	}
}

func TestConnectionReachesThePeer(t *testing.T) {
	source, metadata, built, released := t.TempDir(), t.TempDir(), t.TempDir(), t.TempDir()
	const connection = `{"address":"127.0.0.1:7052"}`
	write(t, source, "connection.json", connection)
	if err := run("build", source, metadata, built); err != nil {
		t.Fatal(err)
	}
	if err := run("release", built, released); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(released, "chaincode", "server", "connection.json"))
	if err != nil || string(raw) != connection {
		t.Errorf("%q, %v", raw, err)
	}
}

func TestBadConnectionsAndCallsAreRefused(t *testing.T) {
	source := t.TempDir()
	for _, text := range []string{`{}`, `no JSON`, strings.Repeat(" ", maxFileBytes) + `{"address":"x:1"}`} {
		write(t, source, "connection.json", text)
		if err := run("build", source, t.TempDir(), t.TempDir()); err == nil {
			t.Errorf("accepted %.40q", text)
		}
	}
	if err := run("run"); err == nil {
		t.Error("accepted an unknown call")
	}
	if err := run("build", source); err == nil {
		t.Error("accepted too few arguments")
	}
}
