package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

func TestEveryCommandIsExplainedWithAnExample(t *testing.T) {
	var visit func(cmd *cobra.Command)
	visit = func(cmd *cobra.Command) {
		if cmd.Hidden || cmd.Name() == "help" || cmd.Name() == "completion" {
			return
		}
		if cmd.Short == "" {
			t.Errorf("%s says nothing of itself", cmd.CommandPath())
		}
		if len(cmd.Commands()) == 0 && !strings.Contains(cmd.Example, "waybill ") {
			t.Errorf("%s has no example", cmd.CommandPath())
		}
		if cmd.HasParent() && !cmd.Parent().HasParent() && cmd.GroupID == "" {
			t.Errorf("%s stands in no group of the help", cmd.CommandPath())
		}
		for _, child := range cmd.Commands() {
			visit(child)
		}
	}
	visit((&app{}).newRootCommand())
}

func TestAKeyIsMadeOnceAndForItsOwnerOnly(t *testing.T) {
	file := filepath.Join(t.TempDir(), "logger.pem")
	first, made, err := deviceKey("urn:epc:id:giai:9521321.1", file, "")
	if err != nil || !made {
		t.Fatalf("made %t, %v", made, err)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	again, made, err := deviceKey("urn:epc:id:giai:9521321.1", file, "")
	if err != nil || made || string(again.GetPublicKey()) != string(first.GetPublicKey()) {
		t.Errorf("the key was made again: %t, %v", made, err)
	}
	if _, err = makeKey(file); !errors.Is(err, os.ErrExist) {
		t.Errorf("a key was written over: %v", err)
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(file), ".key-*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestARefusedRegistrationLeavesNoKey(t *testing.T) {
	file := filepath.Join(t.TempDir(), "logger.pem")
	for _, id := range []string{"urn:epc:id:giai:9521321.logger7", "urn:epc:id:sgtin:9521321.000001.1001", "logger7"} {
		var stdout, stderr strings.Builder
		code := (&app{dialed: cannedAPI(t, nil)}).run(t.Context(), []string{"device", "register", id, "--key", file}, strings.NewReader(""), &stdout, &stderr)
		if _, err := os.Stat(file); code != exitRefused || !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: exit code %d, %s; the key: %v", id, code, stderr.String(), err)
		}
	}
	if _, err := makeKey(file); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr strings.Builder
	code := (&app{dialed: cannedAPI(t, nil)}).run(t.Context(), []string{"device", "register", "urn:epc:id:giai:9521321.logger7", "--key", file}, strings.NewReader(""), &stdout, &stderr)
	if _, err := os.Stat(file); code != exitRefused || err != nil {
		t.Errorf("exit code %d; a key that was there before: %v", code, err)
	}
}

func TestAKeyIsReadAsOpenSSLWritesIt(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sec1, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	parameters := pem.EncodeToMemory(&pem.Block{Type: "EC PARAMETERS", Bytes: []byte{6, 8, 42, 134, 72, 206, 61, 3, 1, 7}})
	file := filepath.Join(t.TempDir(), "ec.pem")
	write := func(raw []byte) {
		if err := os.WriteFile(file, raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(append(parameters, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: sec1})...))
	if got, err := readPrivateKey(file); err != nil || !key.PublicKey.Equal(got.Public()) {
		t.Errorf("%v, %v", got, err)
	}
	for name, block := range map[string]*pem.Block{
		"encrypted":            {Type: "ENCRYPTED PRIVATE KEY", Bytes: sec1},
		"encrypted, old style": {Type: "EC PRIVATE KEY", Headers: map[string]string{"DEK-Info": "AES-128-CBC,00"}, Bytes: sec1},
		"RSA":                  {Type: "RSA PRIVATE KEY", Bytes: sec1},
	} {
		write(pem.EncodeToMemory(block))
		_, err := readPrivateKey(file)
		if f, ok := errors.AsType[*failure](err); !ok || f.code != codeInvalid || !strings.Contains(f.hint, "openssl pkcs8") {
			t.Errorf("%s: %v", name, err)
		}
	}
	write(parameters)
	if _, err := readPrivateKey(file); err == nil {
		t.Error("parameters were read as a key")
	}
}

func TestAStateFolderHoldsEachRoleOnce(t *testing.T) {
	dir := t.TempDir()
	release, err := lockState(dir, roleScorer, "waybill serve")
	if err != nil {
		t.Fatal(err)
	}
	if _, err = lockState(dir, roleScorer, "waybill serve"); err == nil || !strings.Contains(err.Error(), roleScorer) {
		t.Errorf("the role runs twice: %v", err)
	}
	other, err := lockState(dir, roleAPI, "waybill serve")
	if err != nil {
		t.Errorf("another role: %v", err)
	} else {
		other()
	}
	release()
	again, err := lockState(dir, roleScorer, "waybill serve")
	if err != nil {
		t.Fatalf("after the first has ended: %v", err)
	}
	again()
}

func TestFoldersAndPatternsStandForTheirDocuments(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"b.json", "a.xml", "notes.txt", "sub/c.JSONLD"} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, nil, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	in := func(names ...string) string {
		for i, n := range names {
			names[i] = filepath.Join(dir, n)
		}
		return strings.Join(names, " ")
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{dir}, in("a.xml", "b.json", "sub/c.JSONLD")},
		{[]string{filepath.Join(dir, "*.json")}, in("b.json")},
		{[]string{filepath.Join(dir, "notes.txt"), "-"}, in("notes.txt") + " -"},
		{[]string{filepath.Join(dir, "none.json")}, in("none.json")},
	} {
		got, err := expand(c.args, documentSuffixes())
		if err != nil || strings.Join(got, " ") != c.want {
			t.Errorf("%v: %v %v, want %s", c.args, got, err, c.want)
		}
	}
	for _, arg := range []string{filepath.Join(dir, "*.csv"), t.TempDir(), filepath.Join(dir, "[")} {
		if got, err := expand([]string{arg}, documentSuffixes()); err == nil {
			t.Errorf("%s: %v", arg, got)
		}
	}
}

func TestANumberBelowZeroIsNamedAsSuch(t *testing.T) {
	for _, args := range [][]string{
		{"credits", "burn", "-1"},
		{"credits", "bond", "-10000"},
		{"credits", "unbond", "-.5"},
		{"scoring", "scorer", "-7"},
		{"scoring", "join", "--stake -5", "--stake", "-5"},
	} {
		named := args[2]
		if len(args) > 3 {
			args = append(args[:2], args[3:]...)
		}
		code, _, stderr := command(t, args...)
		if code != exitUsage || !strings.HasPrefix(stderr, "waybill: "+codeUsage+": "+named+" is below zero") {
			t.Errorf("%q: %d, %s", args, code, stderr)
		}
	}
	for _, args := range [][]string{{"scoring", "join", "--stake", "abc"}, {"simulate", "scoring", "--rounds", "1x"}, {"health", "--timeout", "soon"}} {
		if code, _, stderr := command(t, args...); code != exitUsage || strings.Contains(stderr, "strconv") || !strings.Contains(stderr, " takes no ") {
			t.Errorf("%q: %d, %s", args, code, stderr)
		}
	}
	if code, _, stderr := command(t, "credits", "burn", "-x"); code != exitUsage || !strings.Contains(stderr, "unknown shorthand flag") {
		t.Errorf("a flag that is none: %d, %s", code, stderr)
	}
}

func TestASecondScorerIsNotSentToAnotherFolder(t *testing.T) {
	for role, want := range map[string]string{roleScorer: "must not begin with another --dir", roleAPI: "a state folder of its own with --dir"} {
		dir := t.TempDir()
		release, err := lockState(dir, role, "waybill serve")
		if err != nil {
			t.Fatal(err)
		}
		defer release()
		_, err = lockState(dir, role, "waybill serve")
		if failed, ok := errors.AsType[*failure](err); !ok || failed.code != "WB_STATE_LOCKED" || !strings.Contains(failed.hint, want) {
			t.Errorf("%s: %v", role, err)
		}
	}
}
