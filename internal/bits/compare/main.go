// Command compare shows that verdicts and artefacts have the same bits on several machines: amd64 of two levels,
// amd64 without fused arithmetic at run time, and arm64, each of which runs here or under QEMU's user-mode emulation.
// It first looks for fused arithmetic in what the compiler makes of the deterministic packages, and last shows that a
// sum of a product that may be fused would have been caught. The exit code is 1 if anything differs.
package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/waybill-dev/waybill/internal/bits"
)

var errDiffers = errors.New("WB_BITS_DIFFER")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	a := ask{contract: -1}
	flag.Uint64Var(&a.seed, "seed", 1, "what vectors and models are drawn from")
	flag.IntVar(&a.vectors, "vectors", 1_000_000, "windows to judge on each machine")
	flag.IntVar(&a.chunk, "chunk", 10_000, "windows that one digest covers")
	flag.IntVar(&a.workers, "workers", runtime.GOMAXPROCS(0), "chunks at a time")
	flag.IntVar(&a.shipments, "train", 340, "also train on so many simulated shipments; 0: not")
	flag.Parse()
	err := compare(ctx, a, os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func compare(ctx context.Context, a ask, out, progress io.Writer) error {
	began := time.Now()
	packages, err := deterministic(ctx)
	if err != nil {
		return err
	}
	lines, err := fused(ctx, packages...)
	if err != nil {
		return err
	}
	if len(lines) > 0 {
		return fmt.Errorf("%w: on arm64 the compiler fuses a product with a sum; write float64(x*y) + z at %s", errDiffers, strings.Join(lines, ", "))
	}
	fmt.Fprintf(out, "fused      no instruction on arm64 in the %d packages that verdicts come of\n", len(packages))
	dir, err := os.MkdirTemp("", "waybill-bits-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // programs that can be built again
	l, err := build(ctx, dir, out)
	if err != nil {
		return err
	}
	wrong, err := l.hold(ctx, a, out, progress)
	if err != nil {
		return err
	}
	if err := l.control(ctx, a, out); err != nil {
		return err
	}
	fmt.Fprintf(out, "took       %.0f s\n", time.Since(began).Seconds())
	if wrong > 0 {
		return fmt.Errorf("%w: %d digests", errDiffers, wrong)
	}
	return nil
}

// lot are machines and what was built for each.
type lot struct {
	machines []machine
	programs []string
}

// build builds for every machine that can be had here.
func build(ctx context.Context, dir string, out io.Writer) (*lot, error) {
	l := &lot{}
	for _, m := range machines() {
		program, err := m.built(ctx, dir)
		if err != nil {
			return nil, err
		}
		_, err = m.tells(ctx, program, ask{seed: 1, vectors: 1, chunk: 1, workers: 1, contract: -1}, func(int) {})
		if errors.Is(err, errUnable) && len(l.machines) > 0 {
			fmt.Fprintf(out, "left out   %s: %v\n", m.name, err)
			continue
		}
		if err != nil {
			return nil, err
		}
		l.machines, l.programs = append(l.machines, m), append(l.programs, program)
	}
	return l, nil
}

// hold runs the vectors on every machine, says what came out, and counts the digests that differ from the first's.
func (l *lot) hold(ctx context.Context, a ask, out, progress io.Writer) (wrong int, err error) {
	var first *told
	for i, m := range l.machines {
		tenths := 0
		t, err := m.tells(ctx, l.programs[i], a, func(n int) {
			if now := n * 10 / a.vectors; now > tenths && a.vectors >= 100_000 {
				tenths = now
				fmt.Fprintf(progress, "%s: %d of %d vectors\n", m.name, n, a.vectors)
			}
		})
		if err != nil {
			return 0, err
		}
		if first == nil {
			first = t
			say(out, t)
		}
		all := sha256.New()
		for _, c := range t.chunks {
			all.Write(c.Digest[:])
		}
		artefact := ""
		for _, n := range t.artefacts {
			artefact = ", artefact " + n.Digest.String()
		}
		fmt.Fprintf(out, "%-18s %x over %d vectors in %.1f s%s\n", m.name, all.Sum(nil), a.vectors, t.took.Seconds(), artefact)
		differs := differences(first, t)
		for _, d := range differs {
			fmt.Fprintf(out, "DIFFERS    %s: %s on %s, %s on %s\n", d.what, d.one, l.machines[0].name, d.that, m.name)
		}
		wrong += len(differs)
	}
	return wrong, nil
}

// say says what the first machine met, and its chunks.
func say(out io.Writer, t *told) {
	var all bits.Tally
	for _, c := range t.chunks {
		fmt.Fprintf(out, "chunk      %7d to %7d  %s\n", c.First, c.First+c.Count-1, c.Digest)
		all.Add(c.Tally)
	}
	fmt.Fprintf(out, "met        %d clear, %d inspect, %d quarantine; %d final, %d with a p-value, %d by engines read back; %d readings, %d inputs refused; %d models\n",
		all.Clear, all.Inspect, all.Quarantine, all.Final, all.Calibrated, all.Restored, all.Readings, all.Refused, len(t.models))
}

// control puts a product that may be fused into one chunk of three and wants that one, and no other, to differ
// between the first machine and each that fuses.
func (l *lot) control(ctx context.Context, a ask, out io.Writer) error {
	small := ask{seed: a.seed, vectors: 60, chunk: 20, workers: a.workers, contract: 1}
	var first *told
	for i, m := range l.machines {
		t, err := m.tells(ctx, l.programs[i], small, func(int) {})
		if err != nil {
			return err
		}
		if first == nil {
			first = t
			continue
		}
		if len(m.run) > 0 {
			continue // it is the first machine's program, which was not compiled to fuse
		}
		differs := differences(first, t)
		if len(differs) != 1 || differs[0].what != "vectors 20 to 39" {
			return fmt.Errorf("%w: x*y+z in vectors 20 to 39 of 60 is not what the comparison of %s finds: %v", errDiffers, m.name, differs)
		}
		fmt.Fprintf(out, "control    x*y+z put into vectors 20 to 39 of 60 is found there, and nowhere else, on %s\n", m.name)
	}
	return nil
}
