package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/internal/bits"
)

// machine is what a program is built for and runs on.
type machine struct {
	name  string
	arch  string
	build []string // of the environment
	run   []string
}

// machines are those that are compared; the first is what the others are held against.
func machines() []machine {
	return []machine{
		{name: "amd64 v1", arch: "amd64", build: []string{"GOAMD64=v1"}},
		{name: "amd64 v3", arch: "amd64", build: []string{"GOAMD64=v3"}},
		{name: "amd64 v1, fma off", arch: "amd64", build: []string{"GOAMD64=v1"}, run: []string{"GODEBUG=cpu.fma=off"}},
		{name: "arm64", arch: "arm64"},
	}
}

var (
	// errUnable says that this machine cannot be had here.
	errUnable = errors.New("WB_BITS_UNABLE")
	// errNoEmulator says that an emulator is not installed.
	errNoEmulator = errors.New("WB_BITS_EMULATOR")
)

// emulator gives what a program of the architecture runs under, empty for this one's own.
func (m machine) emulator() ([]string, error) {
	if m.arch == runtime.GOARCH {
		return nil, nil
	}
	name := map[string]string{"arm64": "qemu-aarch64", "amd64": "qemu-x86_64"}[m.arch]
	path, err := exec.LookPath(name)
	if err != nil {
		return nil, fmt.Errorf("%w: %s runs under %s: make qemu (Debian's qemu-user)", errNoEmulator, m.name, name)
	}
	if m.arch == "amd64" {
		return []string{path, "-cpu", "max"}, nil
	}
	return []string{path}, nil
}

// built builds the program of vectors for the machine, in a folder.
func (m machine) built(ctx context.Context, dir string) (string, error) {
	path := filepath.Join(dir, strings.NewReplacer(" ", "-", ",", "").Replace(m.name))
	cmd := exec.CommandContext(ctx, "go", "build", "-o", path, "github.com/waybill-dev/waybill/internal/bits/vectors") //nolint:gosec // our own program
	cmd.Env = append(os.Environ(), append([]string{"CGO_ENABLED=0", "GOARCH=" + m.arch}, m.build...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building for %s: %w\n%s", m.name, err, out)
	}
	return path, nil
}

// told is what a program told.
type told struct {
	models    []bits.Named
	artefacts []bits.Named
	chunks    []bits.Chunk
	took      time.Duration
}

func (t *told) take(line bits.Line) {
	switch {
	case line.Model != nil:
		t.models = append(t.models, *line.Model)
	case line.Artefact != nil:
		t.artefacts = append(t.artefacts, *line.Artefact)
	case line.Chunk != nil:
		t.chunks = append(t.chunks, *line.Chunk)
	}
}

// ask is what is asked of a program.
type ask struct {
	seed                              uint64
	vectors, chunk, workers, contract int
	shipments                         int
}

func (a ask) flags() []string {
	return []string{
		"-seed", strconv.FormatUint(a.seed, 10), "-vectors", strconv.Itoa(a.vectors), "-chunk", strconv.Itoa(a.chunk), "-workers", strconv.Itoa(a.workers),
		"-contract", strconv.Itoa(a.contract), "-train", strconv.Itoa(a.shipments),
	}
}

// tells runs a program on the machine. The error is errUnable where the processor lacks what the program was built for.
func (m machine) tells(ctx context.Context, program string, a ask, progress func(vectors int)) (*told, error) {
	under, err := m.emulator()
	if err != nil {
		return nil, err
	}
	words := slices.Concat(under, []string{program}, a.flags())
	cmd := exec.CommandContext(ctx, words[0], words[1:]...) //nolint:gosec // our own program
	cmd.Env = append(os.Environ(), m.run...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	if err = cmd.Start(); err != nil {
		return nil, err
	}
	var out told
	var broken error
	done := 0
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		var line bits.Line
		if broken = json.Unmarshal(lines.Bytes(), &line); broken != nil {
			break
		}
		out.take(line)
		if line.Chunk != nil {
			done += line.Chunk.Count
			progress(done)
		}
	}
	if broken != nil {
		_ = cmd.Process.Kill() // what it goes on to say is of no use
	}
	err = cmd.Wait()
	switch {
	case broken != nil:
		return nil, fmt.Errorf("%s told what is no line of ours: %w", m.name, broken)
	case err != nil && strings.Contains(stderr.String(), "microarchitecture support"):
		return nil, fmt.Errorf("%w: this processor is not %s", errUnable, m.name)
	case err != nil:
		return nil, fmt.Errorf("%s: %w\n%s", m.name, err, stderr.String())
	}
	slices.SortFunc(out.chunks, func(x, y bits.Chunk) int { return x.First - y.First })
	out.took = time.Since(began)
	return &out, nil
}

// difference is where two machines differ.
type difference struct {
	what      string
	one, that ledger.Digest
}

// differences are where another machine's digests are not the first's.
func differences(one, that *told) []difference {
	var all []difference
	named := func(what string, x, y []bits.Named) {
		for i := range max(len(x), len(y)) {
			var a, b bits.Named
			if i < len(x) {
				a = x[i]
			}
			if i < len(y) {
				b = y[i]
			}
			if a != b {
				all = append(all, difference{what + " " + a.Name, a.Digest, b.Digest})
			}
		}
	}
	named("model", one.models, that.models)
	for i := range max(len(one.chunks), len(that.chunks)) {
		var a, b bits.Chunk
		if i < len(one.chunks) {
			a = one.chunks[i]
		}
		if i < len(that.chunks) {
			b = that.chunks[i]
		}
		if a != b {
			all = append(all, difference{fmt.Sprintf("vectors %d to %d", a.First, a.First+a.Count-1), a.Digest, b.Digest})
		}
	}
	named("artefact", one.artefacts, that.artefacts)
	return all
}
