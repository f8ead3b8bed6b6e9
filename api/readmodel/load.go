package readmodel

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// A store that is built anew takes the rows whose keys are spread over a large index without their keys,
// and sorts them once at the end: one by one they would touch a page each.

// aside is the table that rows wait in until they are sorted.
func (t table) aside() table {
	t.name = "loading_" + t.name
	return t
}

// before gives the statements that make a table wait for its order; waiting rows of an earlier schema go.
func (l loads) before(t table) []string {
	if l == loadsWithoutKey {
		return []string{fmt.Sprintf("ALTER TABLE %s DROP CONSTRAINT IF EXISTS %s_pkey", t.name, t.name)}
	}
	return []string{
		"DROP TABLE IF EXISTS " + t.aside().name,
		fmt.Sprintf("CREATE TABLE %s AS SELECT %s FROM %s WHERE 1 = 0", t.aside().name, strings.Join(t.columns, ", "), t.name),
	}
}

// after gives those that bring its rows in order.
func (l loads) after(t table) []string {
	key := strings.Join(t.columns[:t.key], ", ")
	if l == loadsWithoutKey {
		return []string{fmt.Sprintf("ALTER TABLE %s ADD PRIMARY KEY (%s)", t.name, key)}
	}
	columns := strings.Join(t.columns, ", ")
	return []string{
		fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM %s ORDER BY %s", t.name, columns, columns, t.aside().name, key),
		"DROP TABLE " + t.aside().name,
	}
}

// load makes the store take in rows to be sorted later, if it is empty or was already so. What was taken in is
// there for questions once settle has returned.
func (s *Store) load(ctx context.Context) error {
	if s.dialect.loads == loadsByKey {
		return nil
	}
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return s.failed(err)
	}
	defer tx.Rollback() //nolint:errcheck // after Commit there is nothing to roll back
	at, err := readPosition(ctx, asker{s.dialect, tx}, s.dialect.lock)
	if err != nil {
		return s.failed(err)
	}
	if at.Height > 0 {
		var tables int
		if err = (asker{s.dialect, tx}).QueryRowContext(ctx, s.dialect.waiting, s.tables[tEPCs].name).Scan(&tables); err == nil {
			s.loading = tables > 0
		}
		return s.failed(err)
	}
	for _, t := range s.tables {
		if !t.spread {
			continue
		}
		for _, statement := range s.dialect.loads.before(t) {
			if _, err = tx.ExecContext(ctx, statement); err != nil {
				return s.failed(err)
			}
		}
	}
	if err = tx.Commit(); err == nil {
		s.loading = true
	}
	return s.failed(err)
}

// settle sorts what waits since load, in one database transaction.
func (s *Store) settle(ctx context.Context) error {
	if !s.loading {
		return nil
	}
	began := time.Now()
	conn, err := s.write.Conn(ctx)
	if err != nil {
		return s.failed(err)
	}
	defer conn.Close() //nolint:errcheck // goes back to the pool
	for _, statement := range s.dialect.beforeSort {
		if _, err = conn.ExecContext(ctx, statement); err != nil {
			return s.failed(err)
		}
	}
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return s.failed(err)
	}
	defer tx.Rollback() //nolint:errcheck // after Commit there is nothing to roll back
	for _, t := range s.tables {
		if !t.spread {
			continue
		}
		for _, statement := range s.dialect.loads.after(t) {
			if _, err = tx.ExecContext(ctx, statement); err != nil {
				return s.failed(fmt.Errorf("%s: %w", t.name, err))
			}
		}
	}
	if err = tx.Commit(); err != nil {
		return s.failed(err)
	}
	s.loading = false
	for _, statement := range s.dialect.afterSort {
		if _, err = conn.ExecContext(ctx, statement); err != nil {
			return s.failed(err)
		}
	}
	s.analyse = 0
	s.look(ctx, conn, 0)
	s.log.Debug("the rows taken in were sorted", "took", time.Since(began))
	return nil
}

// rebuildTo takes blocks in as CatchUp does, into a store that answers no questions until then.
func (s *Store) rebuildTo(ctx context.Context, src Source, height uint64) error {
	if err := s.load(ctx); err != nil {
		return err
	}
	if err := s.CatchUp(ctx, src, height); err != nil {
		return err
	}
	return s.settle(ctx)
}
