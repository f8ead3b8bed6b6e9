package readmodel

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

type migration struct {
	version int
	name    string
	sql     string
}

// migrations lists the steps from an empty database to the present schema, in order.
func migrations() ([]migration, error) {
	names, err := fs.Glob(migrationFiles, "migrations/*.sql")
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	steps := make([]migration, 0, len(names))
	for i, name := range names {
		number, _, _ := strings.Cut(path.Base(name), "_")
		version, err := strconv.Atoi(number)
		if err != nil || version != i+1 {
			return nil, fmt.Errorf("migration %s is not number %d", name, i+1)
		}
		text, err := fs.ReadFile(migrationFiles, name)
		if err != nil {
			return nil, err
		}
		steps = append(steps, migration{version: version, name: path.Base(name), sql: string(text)})
	}
	return steps, nil
}

// migrate brings the schema to the present version, each step with its version in one transaction.
// A schema newer than this program is ErrNewer.
func migrate(ctx context.Context, db *sql.DB, d dialect) (int, error) {
	steps, err := migrations()
	if err != nil {
		return 0, err
	}
	if _, err := db.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS schema_version (one SMALLINT PRIMARY KEY CHECK (one = 1), version BIGINT NOT NULL)`); err != nil {
		return 0, err
	}
	if _, err := db.ExecContext(ctx, `INSERT INTO schema_version (one, version) VALUES (1, 0) ON CONFLICT (one) DO NOTHING`); err != nil {
		return 0, err
	}
	for {
		version, err := step(ctx, db, d, steps)
		if err != nil || version == len(steps) {
			return version, err
		}
	}
}

// migrated gives the version of a schema that is not to be changed: ErrOlder or ErrNewer where it is not the present one.
func migrated(ctx context.Context, db *sql.DB, d dialect) (version int, err error) {
	steps, err := migrations()
	if err != nil {
		return 0, err
	}
	var tables int
	if err := db.QueryRowContext(ctx, d.versioned).Scan(&tables); err != nil {
		return 0, err
	}
	if tables > 0 {
		if err := db.QueryRowContext(ctx, `SELECT version FROM schema_version`).Scan(&version); err != nil && !errors.Is(err, sql.ErrNoRows) {
			return 0, err
		}
	}
	switch {
	case version < len(steps):
		return version, fmt.Errorf("%w: its schema has version %d, this program reads %d", ErrOlder, version, len(steps))
	case version > len(steps):
		return version, fmt.Errorf("%w: its schema has version %d, this program knows %d", ErrNewer, version, len(steps))
	}
	return version, nil
}

// Unchanged reports whether the store's schema is still that of this program: ErrOlder or ErrNewer says that the process that
// keeps it has changed it.
func (s *Store) Unchanged(ctx context.Context) error {
	_, err := migrated(ctx, s.read, s.dialect)
	return s.failed(err)
}

// step goes one version further in one transaction and gives the version reached. It locks the
// version, since several processes may open a store at once.
func step(ctx context.Context, db *sql.DB, d dialect, steps []migration) (version int, err error) {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return 0, err
	}
	defer tx.Rollback() //nolint:errcheck // after Commit there is nothing to roll back
	if err := tx.QueryRowContext(ctx, `SELECT version FROM schema_version`+d.lock).Scan(&version); err != nil {
		return 0, err
	}
	switch {
	case version < 0 || version > len(steps):
		return 0, fmt.Errorf("%w: its schema has version %d, this program knows %d", ErrNewer, version, len(steps))
	case version == len(steps):
		return version, nil
	}
	next := steps[version]
	if _, err := tx.ExecContext(ctx, d.rewrite(next.sql)); err != nil {
		return 0, fmt.Errorf("migration %s: %w", next.name, err)
	}
	if _, err := tx.ExecContext(ctx, d.bind(`UPDATE schema_version SET version = ?`), next.version); err != nil {
		return 0, err
	}
	return next.version, tx.Commit()
}
