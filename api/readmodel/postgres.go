package readmodel

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

func postgresDialect(cockroach bool) dialect {
	d := dialect{
		name: "PostgreSQL", place: "BIGINT", blob: "BYTEA", text: `TEXT COLLATE "C"`, numbered: true, lock: " FOR UPDATE",
		versioned: `SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = current_schema() AND table_name = 'schema_version'`,
		reading:   sql.TxOptions{ReadOnly: true, Isolation: sql.LevelRepeatableRead},
		rows:      []int{512, 64, 8, 1}, parameters: 10_000, copies: true,
		loads: loadsWithoutKey, waiting: `SELECT 1 - COUNT(*) FROM information_schema.table_constraints
			WHERE table_schema = current_schema() AND constraint_type = 'PRIMARY KEY' AND table_name = ?`,
		beforeSort: []string{`SET maintenance_work_mem = '256MB'`}, afterSort: []string{`RESET maintenance_work_mem`},
	}
	if cockroach {
		// Its text compares byte by byte as it is, and its collated text is another type.
		d.name, d.text = "CockroachDB", "TEXT"
		d.loads = loadsByKey // its tables are stored by their keys, and its transactions are to be small
	}
	return d
}

const (
	connectTimeout = 10 * time.Second
	// Connections are made anew now and then, so that they follow a database that has moved.
	connectionLife = 30 * time.Minute
	connectionIdle = 5 * time.Minute
	// firstLook is how many facts make it worth looking at the tables.
	firstLook = 2_000
)

// IsPostgres reports whether a store's location is the connection URL of a PostgreSQL database.
func IsPostgres(location string) bool {
	return strings.HasPrefix(location, "postgres://") || strings.HasPrefix(location, "postgresql://")
}

// parsePostgres reads a connection URL. Its errors hold no password.
func parsePostgres(location string) (*pgx.ConnConfig, error) {
	u, err := url.Parse(location)
	if err != nil {
		return nil, fmt.Errorf("%w: it is not a well-formed URL (special characters in a password are written %%XX)", ErrLocation)
	}
	cfg, err := pgx.ParseConfig(location)
	if err != nil {
		return nil, fmt.Errorf("%w: %s", ErrLocation, hidden(err.Error(), u))
	}
	if cfg.ConnectTimeout == 0 {
		cfg.ConnectTimeout = connectTimeout
	}
	if cfg.RuntimeParams["application_name"] == "" {
		cfg.RuntimeParams["application_name"] = "waybill"
	}
	return cfg, nil
}

// hidden takes the password of a URL out of a text, in each spelling that it could have there.
func hidden(text string, u *url.URL) string {
	secrets := []string{u.Query().Get("password"), u.Query().Get("sslpassword")}
	if password, ok := u.User.Password(); ok {
		_, written, _ := strings.Cut(u.User.String(), ":")
		secrets = append(secrets, password, written)
	}
	for _, secret := range secrets {
		if secret != "" {
			for _, spelling := range []string{secret, url.QueryEscape(secret), url.PathEscape(secret)} {
				text = strings.ReplaceAll(text, spelling, "xxxxx")
			}
		}
	}
	return text
}

// Location says where a store is, for people: a file, or a database without its password.
func (c Config) Location() string {
	if c.Postgres == "" {
		return c.Path
	}
	u, err := url.Parse(c.Postgres)
	if err != nil {
		return "a PostgreSQL database"
	}
	shown := url.URL{Scheme: "postgres", Host: u.Host, Path: u.Path}
	if u.User != nil {
		shown.User = url.User(u.User.Username())
	}
	return shown.String()
}

func (s *Store) openPostgres(ctx context.Context) error {
	cfg, err := parsePostgres(s.cfg.Postgres)
	if err != nil {
		return err
	}
	if s.schemaName != "" {
		cfg.RuntimeParams["search_path"] = pgx.Identifier{s.schemaName}.Sanitize()
	}
	if s.readOnly {
		cfg.RuntimeParams["default_transaction_read_only"] = "on"
	}
	open := func(connections int) *sql.DB {
		db := stdlib.OpenDB(*cfg)
		db.SetMaxOpenConns(connections)
		db.SetMaxIdleConns(connections)
		db.SetConnMaxLifetime(connectionLife)
		db.SetConnMaxIdleTime(connectionIdle)
		return db
	}
	s.write, s.read = open(1), open(s.cfg.Readers)
	var about string
	var schema sql.NullString
	if err = s.write.QueryRowContext(ctx, `SELECT version(), current_schema()`).Scan(&about, &schema); err != nil {
		return unreachable(err)
	}
	if !schema.Valid {
		return fmt.Errorf("%w: the schema that its search_path names is not there", ErrLocation)
	}
	s.schemaName = schema.String
	s.dialect = postgresDialect(strings.Contains(about, "CockroachDB"))
	if s.readOnly {
		s.schema, err = migrated(ctx, s.write, s.dialect)
		return err
	}
	// Two processes that start at once may both make the tables; the one that loses looks again.
	const attempts = 5
	for attempt := 1; ; attempt++ {
		if s.schema, err = migrate(ctx, s.write, s.dialect); err == nil {
			return nil
		}
		if attempt == attempts || !raced(err) {
			return err
		}
	}
}

// The conditions of the SQL standard and of PostgreSQL that matter here, by SQLSTATE.
const (
	stateUnique        = "23505"
	stateTableExists   = "42P07"
	stateTypeExists    = "42710"
	stateSerialization = "40001"
	stateDeadlock      = "40P01"
)

func raced(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (e.Code == stateUnique || e.Code == stateTableExists || e.Code == stateTypeExists || e.Code == stateSerialization)
}

// transientPostgres reports whether the same work may succeed later: the database is away, overloaded
// or has given another transaction the preference.
func transientPostgres(err error) bool {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch e.Code[:min(2, len(e.Code))] {
		case "08", "53", "57": // connection exception, insufficient resources, operator intervention
			return true
		}
		return e.Code == stateSerialization || e.Code == stateDeadlock
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	return pgconn.SafeToRetry(err) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) ||
		errors.Is(err, net.ErrClosed) || errors.Is(err, sql.ErrConnDone)
}

// unreachable marks an error of a database that may answer later.
func unreachable(err error) error {
	if err == nil || !transientPostgres(err) || errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// look has the database look at its tables when they have grown several times as large: it plans by what they
// hold, and does not notice by itself that they were empty a minute ago. That it fails is no harm.
func (s *Store) look(ctx context.Context, conn *sql.Conn, facts int) {
	if s.cfg.Postgres == "" {
		return
	}
	if s.analyse -= facts; s.analyse > 0 {
		return
	}
	s.nextLook = max(4*s.nextLook, firstLook)
	s.analyse = s.nextLook
	for _, t := range s.tables {
		if _, err := conn.ExecContext(ctx, "ANALYZE "+t.name); ctx.Err() != nil {
			return
		} else if err != nil {
			s.log.Warn("the database could not look at a table", "table", t.name, "error", err)
			return
		}
	}
}

// copyRows streams rows into a table within the transaction that conn has open.
func copyRows(ctx context.Context, conn *sql.Conn, t table, rows []any) error {
	width := len(t.columns)
	return conn.Raw(func(driver any) error {
		c, ok := driver.(*stdlib.Conn)
		if !ok {
			return fmt.Errorf("the driver's connection is a %T", driver)
		}
		at := 0
		_, err := c.Conn().CopyFrom(ctx, pgx.Identifier{t.name}, t.columns, pgx.CopyFromFunc(func() ([]any, error) {
			if at == len(rows) {
				return nil, nil
			}
			at += width
			return rows[at-width : at], nil
		}))
		return err
	})
}

// preferred reports whether the database has given another transaction the preference.
func preferred(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (e.Code == stateSerialization || e.Code == stateDeadlock)
}
