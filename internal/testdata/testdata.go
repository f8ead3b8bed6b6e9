// Package testdata finds the reference data that tests read and the project does not ship.
// Only tests import it.
package testdata

import (
	"os"
	"path/filepath"
	"testing"
)

// Dir returns the folder of the reference data: $WAYBILL_TEST_DATA, or ../shared/data beside the
// repository. Where neither is there the test is skipped, saying so.
func Dir(tb testing.TB) string {
	tb.Helper()
	if dir := os.Getenv("WAYBILL_TEST_DATA"); dir != "" {
		return dir
	}
	root, err := os.Getwd()
	if err != nil {
		tb.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
			break
		}
		parent := filepath.Dir(root)
		if parent == root {
			tb.Fatal("no go.mod above the test's folder")
		}
		root = parent
	}
	dir := filepath.Join(root, "..", "shared", "data")
	if _, err := os.Stat(dir); err != nil {
		tb.Skipf("reference data is not at %s; set WAYBILL_TEST_DATA to its folder to run this test", dir)
	}
	return dir
}
