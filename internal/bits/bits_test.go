package bits

import (
	"context"
	"errors"
	"slices"
	"testing"
)

func ran(t *testing.T, cfg Config) []Chunk {
	t.Helper()
	chunks, err := Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return chunks
}

func TestTheVectorsAreThoseOfTheSeedHoweverTheyAreJudged(t *testing.T) {
	cfg := Config{Seed: 1, Vectors: 700, Chunk: 200, Workers: 1, Contract: -1}
	one := ran(t, cfg)
	cfg.Workers = 3
	heard := 0
	cfg.Done = func(c Chunk) error { heard += c.Count; return nil }
	if many := ran(t, cfg); !slices.Equal(one, many) || heard != 700 {
		t.Errorf("the number of workers changes the digests; %d vectors were told of", heard)
	}
	if len(one) != 4 || one[3].First != 600 || one[3].Count != 100 {
		t.Errorf("%+v", one)
	}
	cfg.Vectors = 400
	if fewer := ran(t, cfg); !slices.Equal(one[:2], fewer) {
		t.Error("a chunk depends on how many there are")
	}
	cfg.Seed = 2
	if other := ran(t, cfg); other[0].Digest == one[0].Digest {
		t.Error("another seed gives the same vectors")
	}
	var all Tally
	for _, c := range one {
		all.Add(c.Tally)
	}
	if all.Clear == 0 || all.Inspect == 0 || all.Quarantine == 0 || all.Final == 0 || all.Calibrated == 0 || all.Restored == 0 || all.Refused == 0 || all.Clear+all.Inspect+all.Quarantine != 700 {
		t.Errorf("the vectors are all alike: %+v", all)
	}
}

func TestAContractedProductGoesIntoItsChunkAlone(t *testing.T) {
	cfg := Config{Seed: 1, Vectors: 60, Chunk: 20, Workers: 1, Contract: -1}
	clean := ran(t, cfg)
	cfg.Contract = 1
	with := ran(t, cfg)
	if clean[0] != with[0] || clean[1] == with[1] || clean[2] != with[2] {
		t.Errorf("%v\n%v", clean, with)
	}
}

func TestImpossibleRunsAreRefused(t *testing.T) {
	for _, cfg := range []Config{{}, {Vectors: 1, Chunk: 1}, {Vectors: MaxVectors + 1, Chunk: 10_000, Workers: 1}, {Vectors: MaxVectors, Chunk: 1, Workers: 1}} {
		if _, err := Run(t.Context(), cfg); !errors.Is(err, ErrConfig) {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(ended, Config{Seed: 1, Vectors: 10, Chunk: 10, Workers: 1}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	stop := errors.New("stop")
	if _, err := Run(t.Context(), Config{Seed: 1, Vectors: 10, Chunk: 10, Workers: 1, Done: func(Chunk) error { return stop }}); !errors.Is(err, stop) {
		t.Error(err)
	}
}
