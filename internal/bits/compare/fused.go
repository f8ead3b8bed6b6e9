package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
)

// Deterministic are the packages that verdicts come of, roots first: with all that they import of the module.
func deterministic(ctx context.Context) ([]string, error) {
	const module = "github.com/waybill-dev/waybill"
	out, err := exec.CommandContext(ctx, "go", "list", "-deps", module+"/chaincode/referee", module+"/analytics/fleet", module+"/analytics/table").Output()
	if err != nil {
		return nil, fmt.Errorf("listing the deterministic packages: %w", err)
	}
	return slices.DeleteFunc(strings.Fields(string(out)), func(p string) bool { return !strings.HasPrefix(p, module+"/") }), nil
}

var fusedInstruction = regexp.MustCompile(`\(([^()]*\.go:[0-9]+)\)\s+FN?M(?:ADD|SUB)[SD]\s`)

// fused lists the lines of packages where the compiler rounds a product and a sum once on arm64, and twice elsewhere.
func fused(ctx context.Context, packages ...string) ([]string, error) {
	args := append([]string{"build", "-gcflags=-S", "-o", os.DevNull}, packages...)
	cmd := exec.CommandContext(ctx, "go", args...) //nolint:gosec // packages of this module
	cmd.Env = append(os.Environ(), "GOARCH=arm64", "CGO_ENABLED=0")
	var listing bytes.Buffer
	cmd.Stderr = &listing
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("compiling for arm64: %w\n%.2000s", err, listing.String())
	}
	if !bytes.Contains(listing.Bytes(), []byte("STEXT")) {
		return nil, fmt.Errorf("the compiler listed no code of %s", strings.Join(packages, " "))
	}
	var lines []string
	for _, m := range fusedInstruction.FindAllSubmatch(listing.Bytes(), -1) {
		if line := string(m[1]); !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	slices.Sort(lines)
	return lines, nil
}
