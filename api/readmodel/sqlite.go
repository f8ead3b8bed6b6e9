package readmodel

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	sqlite "modernc.org/sqlite"
)

func sqliteDialect() dialect {
	return dialect{
		name: "SQLite", clustered: "WITHOUT ROWID", place: "INTEGER", blob: "BLOB", text: "TEXT",
		versioned: `SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = 'schema_version'`,
		reading:   sql.TxOptions{ReadOnly: true}, rows: []int{512, 64, 8, 1}, parameters: 2_000,
		loads: loadsAside, waiting: `SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = 'loading_' || ?`,
		// What is sorted is larger than what may be in memory.
		beforeSort: []string{`PRAGMA temp_store = FILE`, `PRAGMA cache_size = -128000`}, afterSort: []string{`PRAGMA temp_store = MEMORY`, `PRAGMA cache_size = -32000`},
	}
}

func (s *Store) openSQLite(ctx context.Context) error {
	if s.readOnly {
		return s.openSQLiteReadOnly(ctx)
	}
	if err := os.MkdirAll(filepath.Dir(s.cfg.Path), 0o750); err != nil {
		return err
	}
	s.dialect = sqliteDialect()
	var err error
	if s.write, err = sql.Open("sqlite", sqliteDSN(s.cfg.Path, "_txlock=immediate")); err != nil {
		return err
	}
	s.write.SetMaxOpenConns(1)
	if s.schema, err = migrate(ctx, s.write, s.dialect); err != nil {
		return notADatabase(err)
	}
	if s.read, err = sql.Open("sqlite", sqliteDSN(s.cfg.Path, "_pragma=query_only(1)")); err != nil {
		return err
	}
	return nil
}

// openSQLiteReadOnly has what would write fail at the database.
func (s *Store) openSQLiteReadOnly(ctx context.Context) error {
	s.dialect = sqliteDialect()
	if _, err := os.Stat(s.cfg.Path); err != nil {
		return err
	}
	dsn := sqliteReadOnlyDSN(s.cfg.Path)
	var err error
	if s.write, err = sql.Open("sqlite", dsn); err != nil {
		return err
	}
	if s.schema, err = migrated(ctx, s.write, s.dialect); err != nil {
		return notADatabase(err)
	}
	s.read, err = sql.Open("sqlite", dsn)
	return err
}

// sqliteReadOnlyDSN sets no journal mode, which would write where the file has another.
func sqliteReadOnlyDSN(file string) string {
	return "file:" + (&url.URL{Path: file}).EscapedPath() +
		"?mode=ro&_pragma=busy_timeout(10000)&_pragma=cache_size(-32000)&_pragma=temp_store(MEMORY)&_pragma=query_only(1)"
}

// sqliteDSN: in WAL mode with synchronous NORMAL a power cut may take the last commits, rows and
// position together; they come again from the ledger. No commit waits for the disk that way.
func sqliteDSN(file, more string) string {
	return "file:" + (&url.URL{Path: file}).EscapedPath() +
		"?_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)&_pragma=busy_timeout(10000)" +
		"&_pragma=cache_size(-32000)&_pragma=temp_store(MEMORY)&_pragma=journal_size_limit(67108864)&" + more
}

func notADatabase(err error) error {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		const corrupt, notADB = 11, 26 // SQLITE_CORRUPT, SQLITE_NOTADB
		if code := e.Code() & 0xff; code == corrupt || code == notADB {
			return fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
	}
	return err
}

// removeSQLite removes a store's files. The log goes first: SQLite would play it into the next file
// of that name.
func removeSQLite(file string) error {
	for _, suffix := range []string{"-wal", "-shm", ""} {
		if err := os.Remove(file + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}
