package panel

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/waybill-dev/waybill/chaincode/ledger"
)

func TestASecretIsMadeOnceAndIsItsOwners(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	secrets := make([][]byte, 8)
	var all sync.WaitGroup
	for i := range secrets {
		all.Go(func() {
			secret, err := Secret(path)
			if err != nil {
				t.Error(err)
			}
			secrets[i] = secret
		})
	}
	all.Wait()
	for _, s := range secrets {
		if len(s) != secretBytes || !bytes.Equal(s, secrets[0]) {
			t.Errorf("%x", s)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 1 {
		t.Errorf("%v %v", left, err)
	}
}

func TestASecretThatIsNoneIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{path, filepath.Join(path, "below"), filepath.Join(t.TempDir(), "none", "secret")} {
		if _, err := Secret(p); !errors.Is(err, ErrSecret) {
			t.Errorf("%s: %v", p, err)
		}
	}
}

func TestANonceIsOfOneTaskAndOneAccount(t *testing.T) {
	secret := make([]byte, secretBytes)
	one := nonceOf(secret, ledger.Digest{1}, ledger.Digest{2})
	if one != nonceOf(secret, ledger.Digest{1}, ledger.Digest{2}) {
		t.Error("it changes")
	}
	other := append([]byte{1}, secret[1:]...)
	for _, n := range []ledger.Digest{nonceOf(secret, ledger.Digest{2}, ledger.Digest{2}), nonceOf(secret, ledger.Digest{1}, ledger.Digest{1}), nonceOf(other, ledger.Digest{1}, ledger.Digest{2})} {
		if n == one {
			t.Error("two are the same")
		}
	}
}
