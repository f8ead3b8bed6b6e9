package network

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func program(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("#!"), 0o700); err != nil {
		t.Fatal(err)
	}
}

func TestOperatorsProgramsAreUsedIfComplete(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(EnvFabricBin, dir)
	program(t, filepath.Join(dir, "peer"))
	program(t, filepath.Join(dir, "configtxgen"))
	_, err := FabricBinaries(t.Context(), nil)
	if !errors.Is(err, ErrBinaries) || !strings.Contains(err.Error(), "orderer") || !strings.Contains(err.Error(), EnvFabricBin) || strings.Contains(err.Error(), "lacks peer") {
		t.Errorf("got %v, want ErrBinaries naming the orderer", err)
	}
	program(t, filepath.Join(dir, "orderer"))
	got, err := FabricBinaries(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if want := (Binaries{Peer: filepath.Join(dir, "peer"), Orderer: filepath.Join(dir, "orderer"), Configtxgen: filepath.Join(dir, "configtxgen")}); got != want {
		t.Errorf("got %+v", got)
	}
}

func TestNamedChaincodeMustBeAProgram(t *testing.T) {
	none := func(Progress) {}
	if _, err := ownProgram(t.Context(), filepath.Join(t.TempDir(), "none"), EnvChaincodeBin, "waybill-chaincode", "", "", none); !errors.Is(err, ErrBinaries) || strings.Contains(err.Error(), EnvChaincodeBin) {
		t.Errorf("absent: %v; want ErrBinaries and no word of the environment", err)
	}
	t.Setenv(EnvChaincodeBin, "/none")
	if _, err := ownProgram(t.Context(), "", EnvChaincodeBin, "waybill-chaincode", "", "", none); !errors.Is(err, ErrBinaries) || !strings.Contains(err.Error(), EnvChaincodeBin) {
		t.Errorf("absent, named by the environment: %v", err)
	}
	path := filepath.Join(t.TempDir(), "cc")
	program(t, path)
	t.Setenv(EnvChaincodeBin, path)
	if got, err := ownProgram(t.Context(), "", EnvChaincodeBin, "waybill-chaincode", "", "", none); err != nil || got != path {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestInstalledProgramKeepsItsBytes(t *testing.T) {
	from, dir := filepath.Join(t.TempDir(), "cc"), t.TempDir()
	program(t, from)
	first, digest, err := installProgram(from, dir, "cc")
	if err != nil {
		t.Fatal(err)
	}
	if err = os.WriteFile(from, []byte("#!other"), 0o700); err != nil {
		t.Fatal(err)
	}
	second, digest2, err := installProgram(from, dir, "cc")
	if err != nil || second == first || digest2 == digest {
		t.Errorf("another program went to the same place: %s, %v", second, err)
	}
	if raw, err := os.ReadFile(first); err != nil || string(raw) != "#!" {
		t.Errorf("the first program became %q (%v)", raw, err)
	}
	if err := executable(first); err != nil {
		t.Error(err)
	}
}

func TestBuilderIsOneProgramUnderThreeNames(t *testing.T) {
	from := filepath.Join(t.TempDir(), "builder")
	program(t, from)
	p := paths{t.TempDir()}
	for range 2 { // a restart lays it out again
		if err := installBuilder(from, p); err != nil {
			t.Fatal(err)
		}
	}
	for _, verb := range []string{"detect", "build", "release"} {
		if err := executable(filepath.Join(p.builder(), "bin", verb)); err != nil {
			t.Error(err)
		}
	}
}

func TestFabricIsBuiltAnewWhenItsModulesChange(t *testing.T) {
	dir := t.TempDir()
	digest := func(mod, sum string) string {
		t.Helper()
		if err := errors.Join(writeFile(filepath.Join(dir, "go.mod"), []byte(mod)), writeFile(filepath.Join(dir, "go.sum"), []byte(sum))); err != nil {
			t.Fatal(err)
		}
		d, err := fabricDigest(dir)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	a := digest("module x", "sum")
	if digest("module x", "sum") != a || digest("module y", "sum") == a || digest("module x", "sun") == a {
		t.Error("the digest does not follow go.mod and go.sum")
	}
}
