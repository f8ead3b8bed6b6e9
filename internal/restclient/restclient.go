// Package restclient builds a client for the REST binding of EPCIS 2.0 that nobody
// here wrote, and lets it drive a server: oapi-codegen generates it from GS1's
// OpenAPI document, and the program in the folder driver, a module of its own,
// calls it. The document is not part of the repository, and neither is what is
// generated from it: both steps happen when a test asks for them.
//
// Only tests import it.
package restclient

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/internal/testdata"
)

// Build generates the client and builds the program around it. The test is skipped
// where GS1's document is absent.
func Build(tb testing.TB) (program string) {
	tb.Helper()
	document := filepath.Join(testdata.Dir(tb), "epcis", "schema", "epcis-rest-openapi.json")
	_, here, _, _ := runtime.Caller(0)
	source := filepath.Join(filepath.Dir(here), "driver")
	// Generated beside its module, two tests would write to one place.
	module := tb.TempDir()
	files, err := filepath.Glob(filepath.Join(source, "*.go"))
	if err != nil {
		tb.Fatal(err)
	}
	for _, name := range []string{"go.mod", "go.sum", "oapi-codegen.yaml", "overlay.yaml"} {
		files = append(files, filepath.Join(source, name))
	}
	for _, file := range files {
		b, err := os.ReadFile(file) //nolint:gosec // of this repository
		if err != nil {
			tb.Fatal(err)
		}
		if err = os.WriteFile(filepath.Join(module, filepath.Base(file)), b, 0o600); err != nil { //nolint:gosec // a name from the list above
			tb.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(module, "epcisrest"), 0o700); err != nil {
		tb.Fatal(err)
	}
	program = filepath.Join(module, "driver")
	for _, args := range [][]string{
		{"tool", "oapi-codegen", "-config", "oapi-codegen.yaml", document},
		{"build", "-trimpath", "-o", program, "."},
	} {
		cmd := exec.CommandContext(tb.Context(), "go", args...) //nolint:gosec // fixed arguments and a path of this machine
		cmd.Dir = module
		if out, err := cmd.CombinedOutput(); err != nil {
			tb.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	return program
}

// Drive lets the program drive the server at an address; args go to it as they are.
// It gives what the program says of each step.
func Drive(ctx context.Context, tb testing.TB, program, url string, args ...string) string {
	tb.Helper()
	run := strings.ToLower(rand.Text()[:10])
	cmd := exec.CommandContext(ctx, program, append([]string{"-url", url, "-run", run}, args...)...) //nolint:gosec // the program that Build made
	out, err := cmd.CombinedOutput()
	if err != nil {
		tb.Errorf("the generated client at %s: %v\n%s", url, err, out)
		return ""
	}
	return fmt.Sprintf("run %s\n%s", run, out)
}
