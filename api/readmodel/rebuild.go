package readmodel

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"

	"github.com/jackc/pgx/v5"
)

// CatchUp takes blocks in until the store holds height blocks, and returns. It holds to what Run
// says of broken streams.
func (s *Store) CatchUp(ctx context.Context, src Source, height uint64) error {
	if height == 0 {
		return nil
	}
	running, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- s.Run(running, upTo{src, height}) }()
	for {
		at, more := s.Changed()
		if at >= height {
			stop()
			return <-ended
		}
		select {
		case <-more:
		case err := <-ended:
			if err == nil {
				err = ctx.Err()
			}
			return err
		}
	}
}

// upTo is a source of the blocks below a height; it waits at its end, as a ledger does.
type upTo struct {
	Source
	height uint64
}

func (b upTo) Blocks(ctx context.Context, from uint64) iter.Seq2[Block, error] {
	return func(yield func(Block, error) bool) {
		if from < b.height {
			for block, err := range b.Source.Blocks(ctx, from) {
				if !yield(block, err) || err != nil {
					return
				}
				if block.Number+1 >= b.height {
					break
				}
			}
		}
		<-ctx.Done()
		yield(Block{}, ctx.Err())
	}
}

// Checked is the outcome of Check.
type Checked struct {
	Progress // of the store
	Comparison
}

// Check builds a second store from the ledger in the folder scratch, up to where the store is, and
// gives every difference between the two. Blocks may be taken into the store meanwhile: what is
// compared is its state at the beginning. begin is told the height to build up to; watch the rows compared. It
// fails with ErrForeign if the store is of another ledger.
func (s *Store) Check(ctx context.Context, src Source, scratch string, begin func(height uint64) Watch, found func(Difference) error, watch func(rows int64)) (c Checked, err error) {
	dir, err := os.MkdirTemp(scratch, "check")
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	err = s.snapshot(ctx, func(tx querier) error {
		if c.Progress, err = readPosition(ctx, tx, ""); err != nil {
			return err
		}
		if c.Height > 0 {
			if err = sameLedger(ctx, src, c.Progress); err != nil {
				return err
			}
		}
		cfg := Config{Path: filepath.Join(dir, "check.db"), Logger: s.log, BatchBlocks: s.cfg.BatchBlocks, BatchFacts: s.cfg.BatchFacts, Retry: s.cfg.Retry, partEntries: s.cfg.partEntries}
		if begin != nil {
			cfg.Watch = begin(c.Height)
		}
		var fresh *Store
		if fresh, err = Open(ctx, cfg); err != nil {
			return err
		}
		defer fresh.Close() //nolint:errcheck // it goes with its folder
		if err = fresh.rebuildTo(ctx, src, c.Height); err != nil {
			return err
		}
		return fresh.snapshot(ctx, func(want querier) error {
			c.Comparison, err = compare(ctx, tx, want, found, watch)
			return err
		})
	})
	return c, err
}

// Watch is told how far a store has taken in the ledger: the blocks altogether, and the facts since
// it was told last.
type Watch func(height uint64, facts int)

// sameLedger compares the ledger's first block with the one that a store was built from.
func sameLedger(ctx context.Context, src Source, at Progress) error {
	for first, err := range src.Blocks(ctx, 0) {
		if err != nil {
			return err
		}
		if first.Hash != at.Genesis {
			return fmt.Errorf("%w: the ledger begins with %x, the store with %x", ErrForeign, first.Hash, at.Genesis)
		}
		break
	}
	return nil
}

// Rebuilt is the outcome of Rebuild.
type Rebuilt struct {
	Height uint64 // of the ledger that was taken in
	From   uint64 // blocks that an earlier rebuild, which was ended, had taken in
	// Compared says that the store that was there could be compared with the new one; Why not, if not.
	Compared bool
	Why      string
	Comparison
}

// rebuildSuffix is what the new store's name ends in until it takes its place.
const rebuildSuffix = "_rebuild"

// Rebuild builds the store anew from block 0, beside the one that is there, and puts it in its place.
// The old store answers questions meanwhile; on SQLite no other process may have it open, since the
// file is exchanged. A rebuild that was ended goes on where it was. What was there is
// compared with what is built, and each difference is given to found. height is the ledger's.
func Rebuild(ctx context.Context, cfg Config, src Source, height uint64, found func(Difference) error, watch func(rows int64)) (r Rebuilt, err error) {
	cfg = cfg.withDefaults()
	oldCfg, newCfg := cfg, cfg
	oldCfg.Watch = nil
	newCfg.Metrics = nil
	old, err := Open(ctx, oldCfg)
	if err != nil && !errors.Is(err, ErrCorrupt) {
		return r, err
	}
	if err != nil {
		r.Why = err.Error()
	}
	defer func() {
		if old != nil {
			err = errors.Join(err, old.Close())
		}
	}()
	fresh, err := openBeside(ctx, newCfg, old)
	if err != nil {
		return r, err
	}
	defer func() {
		if fresh != nil {
			err = errors.Join(err, fresh.Close())
		}
	}()
	r.From, _ = fresh.Changed()
	if err = fresh.rebuildTo(ctx, src, height); err != nil {
		if !errors.Is(err, ErrForeign) {
			return r, err
		}
		// It was begun on another ledger.
		if fresh, err = fresh.beginAnew(ctx, newCfg, old); err != nil {
			return r, err
		}
		r.From = 0
		if err = fresh.rebuildTo(ctx, src, height); err != nil {
			return r, err
		}
	}
	if old != nil {
		if r.Comparison, err = compareStores(ctx, old, fresh, src, found, watch); errors.Is(err, ErrForeign) {
			r.Why = err.Error()
		} else if err != nil {
			return r, err
		}
		r.Compared = err == nil
	}
	r.Height, _ = fresh.Changed()
	if cfg.Postgres != "" {
		return r, fresh.takePlace(ctx, src, old.schemaName, r.Compared)
	}
	path := fresh.cfg.Path
	err = fresh.Close()
	fresh = nil
	if old != nil {
		err = errors.Join(err, old.Close())
		old = nil
	}
	if err != nil {
		return r, err
	}
	if err := removeSQLite(cfg.Path); err != nil {
		return r, err
	}
	return r, os.Rename(path, cfg.Path)
}

// compareStores brings the two stores to the same height and compares them.
func compareStores(ctx context.Context, old, fresh *Store, src Source, found func(Difference) error, watch func(rows int64)) (c Comparison, err error) {
	for {
		var have Progress
		if have, err = old.Progress(ctx); err != nil {
			return c, err
		}
		at, _ := fresh.Changed()
		if have.Height < at {
			if have.Height > 0 {
				if err = sameLedger(ctx, src, have); err != nil {
					return c, err
				}
			}
			if err = old.CatchUp(ctx, src, at); err != nil {
				return c, err
			}
		}
		same := false
		err = old.snapshot(ctx, func(tx querier) error {
			if have, err = readPosition(ctx, tx, ""); err != nil || have.Height != at {
				return err
			}
			same = true
			return fresh.snapshot(ctx, func(want querier) error {
				c, err = compare(ctx, tx, want, found, watch)
				return err
			})
		})
		if err != nil || same {
			return c, err
		}
		// Another process has taken blocks into the old store.
		if err := fresh.CatchUp(ctx, src, have.Height); err != nil {
			return c, err
		}
	}
}

// openBeside opens the store that is being built: a file beside the old one, or a schema of the
// same database. One that cannot be read is begun anew.
func openBeside(ctx context.Context, cfg Config, old *Store) (*Store, error) {
	if cfg.Postgres == "" {
		cfg.Path += rebuildSuffix
		fresh, err := Open(ctx, cfg)
		if errors.Is(err, ErrCorrupt) {
			if err = removeSQLite(cfg.Path); err != nil {
				return nil, err
			}
			return Open(ctx, cfg)
		}
		return fresh, err
	}
	if old == nil {
		return nil, fmt.Errorf("%w: its tables cannot be read; drop them", ErrCorrupt)
	}
	schema := old.schemaName + rebuildSuffix
	if _, err := old.write.ExecContext(ctx, "CREATE SCHEMA IF NOT EXISTS "+pgx.Identifier{schema}.Sanitize()); err != nil {
		return nil, unreachable(err)
	}
	return openIn(ctx, cfg, schema)
}

// beginAnew drops what was built and begins at block 0.
func (s *Store) beginAnew(ctx context.Context, cfg Config, old *Store) (*Store, error) {
	var err error
	if s.cfg.Postgres != "" {
		_, err = s.write.ExecContext(ctx, "DROP SCHEMA "+pgx.Identifier{s.schemaName}.Sanitize()+" CASCADE")
	}
	if err = errors.Join(err, s.Close()); err != nil {
		return nil, err
	}
	if s.cfg.Postgres == "" {
		if err := removeSQLite(s.cfg.Path); err != nil {
			return nil, err
		}
	}
	return openBeside(ctx, cfg, old)
}

// takePlace moves the store's tables to where the old ones are, in one database transaction. Should a
// process that serves have taken more into the old store meanwhile, this one catches up first.
// An old store that is not of this ledger is replaced however far it has come.
func (s *Store) takePlace(ctx context.Context, src Source, to string, related bool) error {
	for {
		behind, err := s.moveTo(ctx, to, related)
		if err != nil || behind == 0 {
			return unreachable(err)
		}
		if err := s.CatchUp(ctx, src, behind); err != nil {
			return err
		}
	}
}

func (s *Store) moveTo(ctx context.Context, to string, related bool) (behind uint64, err error) {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return 0, err
	}
	defer tx.Rollback() //nolint:errcheck // after Commit there is nothing to roll back
	place := func(schema, name string) string { return pgx.Identifier{schema, name}.Sanitize() }
	var block int64
	if err := tx.QueryRowContext(ctx, "SELECT block FROM "+place(to, "position")+s.dialect.lock).Scan(&block); err != nil {
		return 0, err
	}
	if at, _ := s.Changed(); related && block >= 0 && uint64(block)+1 > at {
		return uint64(block) + 1, nil
	}
	names := []string{"schema_version"}
	for _, t := range s.tables {
		names = append(names, t.name)
	}
	for _, name := range names {
		for _, statement := range []string{
			"DROP TABLE IF EXISTS " + place(to, name),
			"ALTER TABLE " + place(s.schemaName, name) + " SET SCHEMA " + pgx.Identifier{to}.Sanitize(),
		} {
			if _, err := tx.ExecContext(ctx, statement); err != nil {
				return 0, err
			}
		}
	}
	if _, err := tx.ExecContext(ctx, "DROP SCHEMA "+pgx.Identifier{s.schemaName}.Sanitize()+" CASCADE"); err != nil {
		return 0, err
	}
	return 0, tx.Commit()
}
