package readmodel

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
)

// kind is a database that the same tests run on.
type kind struct {
	name string
	// fresh names a store that is not there yet.
	fresh func(tb testing.TB) Config
}

func onSQLite(tb testing.TB) Config {
	tb.Helper()
	return Config{Path: filepath.Join(tb.TempDir(), "store.db")}
}

// onPostgres gives a schema of its own in the database that WAYBILL_TEST_POSTGRES names.
func onPostgres(tb testing.TB) Config {
	tb.Helper()
	suffix := make([]byte, 8)
	rand.Read(suffix)
	schema := "test_" + hex.EncodeToString(suffix)
	cfg, db := inSchema(tb, schema)
	tb.Cleanup(func() {
		for _, name := range []string{schema, schema + rebuildSuffix} {
			if _, err := db.ExecContext(context.WithoutCancel(tb.Context()), "DROP SCHEMA IF EXISTS "+name+" CASCADE"); err != nil {
				tb.Error(err)
			}
		}
	})
	return cfg
}

// inSchema makes a schema if it is not there.
func inSchema(tb testing.TB, schema string) (Config, *sql.DB) {
	tb.Helper()
	dsn := os.Getenv("WAYBILL_TEST_POSTGRES")
	if dsn == "" {
		tb.Skip("WAYBILL_TEST_POSTGRES names no PostgreSQL database to test on; `make postgres` starts one")
	}
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { db.Close() })
	if _, err := db.ExecContext(tb.Context(), "CREATE SCHEMA IF NOT EXISTS "+schema); err != nil {
		tb.Fatal(err)
	}
	u, err := url.Parse(dsn)
	if err != nil {
		tb.Fatal(err)
	}
	parameters := u.Query()
	parameters.Set("search_path", schema)
	u.RawQuery = parameters.Encode()
	return Config{Postgres: u.String()}, db
}

func kinds() []kind { return []kind{{"sqlite", onSQLite}, {"postgres", onPostgres}} }

// onEach runs a test on each database.
func onEach(t *testing.T, test func(t *testing.T, k kind)) {
	for _, k := range kinds() {
		t.Run(k.name, func(t *testing.T) { test(t, k) })
	}
}

func onEachB(b *testing.B, bench func(b *testing.B, k kind)) {
	for _, k := range kinds() {
		b.Run(k.name, func(b *testing.B) { bench(b, k) })
	}
}

func open(tb testing.TB, cfg Config) *Store {
	tb.Helper()
	s, err := Open(tb.Context(), cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { s.Close() })
	return s
}

// on makes a fresh store of the kind.
func (k kind) open(tb testing.TB) *Store {
	tb.Helper()
	return open(tb, k.fresh(tb))
}

// empty removes everything that the store took in.
func empty(tb interface{ Fatal(...any) }, s *Store) {
	for _, t := range s.tables {
		if _, err := s.write.ExecContext(context.Background(), "DELETE FROM "+t.name); err != nil {
			tb.Fatal(fmt.Sprint(t.name, ": ", err))
		}
	}
}
