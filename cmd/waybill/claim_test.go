package main

import (
	"context"
	"errors"
	"iter"
	"os"
	"path/filepath"
	"testing"

	"github.com/waybill-dev/waybill/api/readmodel"
	"github.com/waybill-dev/waybill/gateway/blocks"
	"github.com/waybill-dev/waybill/gateway/fabric"
)

// firstBlock is a stream of one block, or of an error.
type firstBlock struct {
	hash byte
	err  error
}

func (f firstBlock) Blocks(context.Context, uint64) iter.Seq2[blocks.Block, error] {
	return func(yield func(blocks.Block, error) bool) {
		yield(blocks.Block{Hash: [32]byte{f.hash}}, f.err)
	}
}

func TestAStateFolderServesTheLedgerThatItWasMadeOnAndNoOther(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	if err := claimLedger(ctx, dir, firstBlock{err: fabric.ErrUnavailable}); !errors.Is(err, fabric.ErrUnavailable) {
		t.Errorf("without a peer: %v", err)
	}
	for range 2 {
		if err := claimLedger(ctx, dir, firstBlock{hash: 1}); err != nil {
			t.Fatal(err)
		}
	}
	if err := claimLedger(ctx, dir, firstBlock{hash: 2}); !errors.Is(err, readmodel.ErrForeign) || classify(ctx, err, true).exit != exitRefused {
		t.Errorf("another ledger: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, ledgerFile), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := claimLedger(ctx, dir, firstBlock{hash: 1}); !errors.Is(err, readmodel.ErrForeign) {
		t.Errorf("a folder of an unknown ledger: %v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("%v, %v", left, err)
	}
	if err := claimLedger(ctx, filepath.Join(dir, "missing"), firstBlock{hash: 1}); !errors.Is(err, errStateFolder) {
		t.Errorf("no folder: %v", err)
	}
}
