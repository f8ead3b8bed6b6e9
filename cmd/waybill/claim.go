package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"

	"github.com/waybill-dev/waybill/api/readmodel"
	"github.com/waybill-dev/waybill/gateway/blocks"
)

// ledgerFile holds, in a state folder, the hash of the first block of the ledger that it was made on.
const ledgerFile = "ledger"

// errStateFolder says that the state folder cannot be read or written.
var errStateFolder = errors.New("WB_STATE_FOLDER")

type verifiedBlocks interface {
	Blocks(ctx context.Context, from uint64) iter.Seq2[blocks.Block, error]
}

// claimLedger ties a state folder to the ledger that the stream reads, by its verified first block, or
// fails with readmodel.ErrForeign where the folder was made on another. What the parts keep in the
// folder, such as the scorer's checkpoint, is worth nothing on another ledger and would not show it.
func claimLedger(ctx context.Context, dir string, stream verifiedBlocks) error {
	var first string
	for b, err := range stream.Blocks(ctx, 0) {
		if err != nil {
			return err
		}
		first = hex.EncodeToString(b.Hash[:])
		break
	}
	path := filepath.Join(dir, ledgerFile)
	have, err := os.ReadFile(path) //nolint:gosec // below the state folder
	switch {
	case err == nil && strings.TrimSpace(string(have)) == first:
		return nil
	case err == nil:
		return fmt.Errorf("%w: the ledger begins with %s, the state folder was made on the one that begins with %.64q", readmodel.ErrForeign, first, have)
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: %w", errStateFolder, err)
	}
	// Whole or not at all: processes that share the folder write the same.
	f, err := os.CreateTemp(dir, ledgerFile+".*")
	if err != nil {
		return fmt.Errorf("%w: %w", errStateFolder, err)
	}
	_, err = f.WriteString(first + "\n")
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errStateFolder, errors.Join(err, os.Remove(f.Name())))
	}
	return nil
}
