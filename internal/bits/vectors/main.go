// Command vectors judges the vectors of internal/bits on the machine it was built for and tells their digests, a JSON
// line each, for internal/bits/compare to hold against those of other machines.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/waybill-dev/waybill/internal/bits"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, to io.Writer) error {
	var cfg bits.Config
	flag.Uint64Var(&cfg.Seed, "seed", 1, "what vectors and models are drawn from")
	flag.IntVar(&cfg.Vectors, "vectors", 20_000, "windows to judge")
	flag.IntVar(&cfg.Chunk, "chunk", 10_000, "windows that one digest covers")
	flag.IntVar(&cfg.Workers, "workers", runtime.GOMAXPROCS(0), "chunks at a time")
	flag.IntVar(&cfg.Contract, "contract", -1, "number of the chunk that a contracted product goes into")
	shipments := flag.Int("train", 0, "also train on so many simulated shipments")
	flag.Parse()
	out := json.NewEncoder(to)
	models, err := bits.Models(cfg.Seed)
	if err != nil {
		return err
	}
	for _, m := range models {
		if err = out.Encode(bits.Line{Model: &bits.Named{Name: m.Parameters().ID, Digest: m.Digest()}}); err != nil {
			return err
		}
	}
	cfg.Done = func(c bits.Chunk) error { return out.Encode(bits.Line{Chunk: &c}) }
	if _, err = bits.Run(ctx, cfg); err != nil {
		return err
	}
	if *shipments == 0 {
		return nil
	}
	m, err := bits.Artefact(ctx, cfg.Seed, *shipments, cfg.Workers)
	if err != nil {
		return err
	}
	return out.Encode(bits.Line{Artefact: &bits.Named{Name: fmt.Sprintf("trained on %d shipments", *shipments), Digest: m.Digest()}})
}
