// Package bits shows that the scoring engine gives the same bits on every machine. It draws windows of
// shipments from a seed, judges each, and names what came out by digests, chunk by chunk, so that two machines
// compare a few lines and a difference is found where it is. Package internal/bits/vectors is the program that does
// so for the machine it was built for; internal/bits/compare builds it for several and compares.
//
// What is drawn comes of integers alone, so that no generator's arithmetic is in it. The package may import
// chaincode/ledger, chaincode/wire and what analytics/score imports; analytics/train and analytics/simulate too,
// for the artefact that training makes. Nothing imports it but its programs.
package bits

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/waybill-dev/waybill/analytics/score"
	"github.com/waybill-dev/waybill/analytics/simulate"
	"github.com/waybill-dev/waybill/analytics/train"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// ErrConfig says that a run cannot be made as asked.
var ErrConfig = errors.New("WB_BITS_CONFIG")

// Bounds of a run.
const (
	MaxVectors = 1_000_000_000
	maxChunks  = 1_000_000
	maxWorkers = 1_024
)

// Config says what to judge.
type Config struct {
	Seed uint64
	// Vectors is how many windows are judged, Chunk how many of them one digest covers.
	Vectors, Chunk int
	// Workers is how many chunks are judged at a time. It changes nothing of the result.
	Workers int
	// Contract is a chunk into whose digest goes, beside each verdict, a sum of a product that the compiler may
	// round once or twice, as the machine has it: what the engine must never hold. Negative: none.
	Contract int
	// Done hears of each chunk as it is judged, in no order and one at a time. It may be nil.
	Done func(Chunk) error
}

func (c Config) check() error {
	if c.Vectors < 1 || c.Vectors > MaxVectors || c.Chunk < 1 || c.Workers < 1 || c.Workers > maxWorkers || (c.Vectors-1)/c.Chunk >= maxChunks {
		return fmt.Errorf("%w: %d vectors in chunks of %d by %d workers", ErrConfig, c.Vectors, c.Chunk, c.Workers)
	}
	return nil
}

// Chunk is what came of consecutive vectors: SHA-256 over the trace digest and the digest of each verdict.
type Chunk struct {
	First  int           `json:"first"`
	Count  int           `json:"count"`
	Digest ledger.Digest `json:"digest"`
	// Tally says what was met, so that a reader sees that the vectors are not all alike.
	Tally Tally `json:"tally"`
}

// Line is one line of what the program tells. One of its fields is set.
type Line struct {
	Model    *Named `json:"model,omitempty"`
	Chunk    *Chunk `json:"chunk,omitempty"`
	Artefact *Named `json:"artefact,omitempty"`
}

// Named is a model and its artefact's digest.
type Named struct {
	Name   string        `json:"name"`
	Digest ledger.Digest `json:"digest"`
}

// Tally counts vectors.
type Tally struct {
	Clear      int `json:"clear"`
	Inspect    int `json:"inspect"`
	Quarantine int `json:"quarantine"`
	Final      int `json:"final"`      // verdicts on an ended journey
	Calibrated int `json:"calibrated"` // verdicts that a stratum gave a p-value
	Restored   int `json:"restored"`   // judged by an engine that was saved and read back
	Refused    int `json:"refused"`    // inputs that no ledger could have recorded
	Readings   int `json:"readings"`
}

// Add adds what another chunk met.
func (t *Tally) Add(o Tally) {
	t.Clear += o.Clear
	t.Inspect += o.Inspect
	t.Quarantine += o.Quarantine
	t.Final += o.Final
	t.Calibrated += o.Calibrated
	t.Restored += o.Restored
	t.Refused += o.Refused
	t.Readings += o.Readings
}

// Models are what shipments are judged by, the same of the same seed.
func Models(seed uint64) ([]*score.Model, error) { return models(seed) }

// Run judges the vectors and gives their chunks in order. The errors are ErrConfig, the engine's and the context's.
func Run(ctx context.Context, cfg Config) ([]Chunk, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	all, err := models(cfg.Seed)
	if err != nil {
		return nil, err
	}
	chunks := make([]Chunk, (cfg.Vectors+cfg.Chunk-1)/cfg.Chunk)
	var telling sync.Mutex
	group, working := errgroup.WithContext(ctx)
	group.SetLimit(cfg.Workers)
	for i := range chunks {
		if working.Err() != nil {
			break
		}
		group.Go(func() error {
			first := i * cfg.Chunk
			var err error
			chunks[i], err = judge(working, all, cfg, i, min(cfg.Chunk, cfg.Vectors-first))
			chunks[i].First = first
			if err != nil || cfg.Done == nil {
				return err
			}
			telling.Lock()
			defer telling.Unlock()
			return cfg.Done(chunks[i])
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return chunks, ctx.Err()
}

// judge draws shipments until a chunk's vectors are judged.
func judge(ctx context.Context, all []*score.Model, cfg Config, chunk, vectors int) (Chunk, error) {
	out := Chunk{Count: vectors}
	sum := sha256.New()
	r := random(cfg.Seed, uint64(chunk)) //nolint:gosec // not negative
	take := func(v ledger.Verdict) error {
		digest, err := wire.VerdictDigest(v)
		if err != nil {
			return fmt.Errorf("bits: a verdict of chunk %d: %w", chunk, err)
		}
		sum.Write(v.Trace[:])
		sum.Write(digest[:])
		if chunk == cfg.Contract {
			var b [8]byte
			binary.BigEndian.PutUint64(b[:], math.Float64bits(contracted(fraction(r), fraction(r), fraction(r))))
			sum.Write(b[:])
		}
		return nil
	}
	for left := vectors; left > 0; {
		if err := ctx.Err(); err != nil {
			return out, context.Cause(ctx)
		}
		n, err := shipment(r, all[r.IntN(len(all))], left, &out.Tally, take)
		if err != nil {
			return out, err
		}
		left -= n
	}
	sum.Sum(out.Digest[:0])
	return out, nil
}

// contracted is what the engine may not compute: without a conversion around the product the compiler may contract it
// with the sum into one rounding, which it does on arm64 and with GOAMD64=v3.
//
//go:noinline
func contracted(x, y, z float64) float64 { return x*y + z }

// fraction is a number from 0 to 1 with a whole mantissa.
func fraction(r *rand.Rand) float64 { return float64(r.Uint64()>>11) / (1 << 53) }

func random(seed, stream uint64) *rand.Rand {
	return rand.New(rand.NewPCG(seed, stream)) //nolint:gosec // vectors want repeatable randomness
}

// Artefact is what training gives on so many simulated shipments of one lane, as `waybill train --simulated` does for all.
func Artefact(ctx context.Context, seed uint64, shipments, workers int) (*score.Model, error) {
	cfg := simulate.Config{
		Now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Shipments: shipments, Items: 1, Faults: []simulate.Fault{},
		Lanes: []string{simulate.Lanes()[0].Name}, Products: []string{simulate.Products()[0].Name},
	}
	histories, err := train.Simulated(cfg, seed)
	if err != nil {
		return nil, err
	}
	return train.Fit(ctx, train.Config{ID: "bits", Seed: seed, Source: "simulated clean journeys, not field data", Workers: workers}, histories)
}
