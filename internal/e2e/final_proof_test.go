package e2e_test

import (
	"context"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// standsProven proves what stands for a window and verifies that offline, and has it audited from the ledger alone.
func (l *lab) standsProven(ctx context.Context, t *testing.T, org string, f ledger.FinalVerdict) {
	t.Helper()
	folder := t.TempDir()
	file, roots := filepath.Join(folder, "final.wbproof"), filepath.Join(folder, "roots")
	name := []string{f.Shipment, strconv.FormatUint(uint64(f.Window), 10), f.Model}
	l.must(ctx, t, append([]string{"prove", "final", "--output", file, "--org", org}, name...)...)
	l.must(ctx, t, "roots", "export", "--org", org, roots)
	said := l.must(ctx, t, "verify", file, "--roots", roots, "--expect", "final "+strings.Join(name, " "))
	if !strings.Contains(said, "the final verdict of "+f.Model) || !strings.Contains(said, f.TxID) {
		t.Error(said)
	}
	said = l.must(ctx, t, append([]string{"audit", "--org", org, "--quiet"}, name...)...)
	if !strings.Contains(said, "task      ok       "+f.Task.String()) || !strings.Contains(said, " 0 differences") {
		t.Error(said)
	}
	t.Log(said)
}
