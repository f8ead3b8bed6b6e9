package panel

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/waybill-dev/waybill/chaincode/ledger"
)

const secretBytes = 32

// ErrSecret says that the file of the secret cannot be used.
var ErrSecret = errors.New("WB_PANEL_SECRET")

// Secret reads the secret that nonces are made of, and makes it first where there is none: 32 random bytes in a file
// that only its owner can read. Who loses it cannot reveal what it has committed to.
func Secret(path string) ([]byte, error) {
	secret, err := os.ReadFile(path) //nolint:gosec // the operator names the folder
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return newSecret(path)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrSecret, err)
	case len(secret) != secretBytes:
		return nil, fmt.Errorf("%w: %s has %d bytes, not %d", ErrSecret, path, len(secret), secretBytes)
	}
	return secret, nil
}

// newSecret writes a secret so that a crash leaves the whole of it or nothing, and so that of two processes one wins.
func newSecret(path string) ([]byte, error) {
	secret := make([]byte, secretBytes)
	_, _ = rand.Read(secret) // it does not fail (crypto/rand)
	folder := filepath.Dir(path)
	f, err := os.CreateTemp(folder, ".secret-*") // mode 0600
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSecret, err)
	}
	_, err = f.Write(secret)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Link(f.Name(), path)
	}
	err = errors.Join(err, os.Remove(f.Name()))
	switch {
	case errors.Is(err, fs.ErrExist):
		return Secret(path)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrSecret, err)
	}
	d, err := os.Open(folder) //nolint:gosec // the operator names the folder
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSecret, err)
	}
	if err = errors.Join(d.Sync(), d.Close()); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSecret, err)
	}
	return secret, nil
}

// nonceOf is the nonce of an account's commitment to a task: the same after every restart, so that nothing need be kept
// before a commitment is sent.
func nonceOf(secret []byte, task, account ledger.Digest) ledger.Digest {
	mac := hmac.New(sha256.New, secret)
	mac.Write(task[:])
	mac.Write(account[:])
	return ledger.Digest(mac.Sum(nil))
}
