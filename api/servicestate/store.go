package servicestate

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite" // the driver

	"github.com/waybill-dev/waybill/api/rest"
)

var (
	// ErrKey says that the key is not the one that the store's secrets were encrypted with.
	// Servers that share a database need the same key file.
	ErrKey = errors.New("WB_STATE_KEY")
	// ErrNewer says that a newer version of the program has written the store. Use that version.
	ErrNewer = errors.New("WB_STATE_NEWER")
	// ErrOpen says that the store cannot be opened.
	ErrOpen = errors.New("WB_STATE_STORE")
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// KeyBytes is the length of the key.
const KeyBytes = 32

// Config says where the store is.
type Config struct {
	// Organisation whose servers' state it is.
	Organisation string
	// Path is the file of the store, on SQLite. No other process may serve with it.
	Path string
	// Postgres is the connection URL of the PostgreSQL database that holds the store instead. Servers
	// of one organisation that share it need the same Key.
	Postgres string
	// Key encrypts the secrets of subscriptions and signs page tokens: KeyBytes bytes.
	Key []byte
	// MaxJobs bounds the jobs that run, default 1,000, and MaxJobBytes their documents, default 1 GiB.
	MaxJobs     int
	MaxJobBytes int64
	// KeepJobs bounds the jobs that have ended and are still known, default 10,000; the oldest go.
	KeepJobs int
	// MaxQueries bounds the named queries, default 10,000, and MaxSubscriptions the subscriptions,
	// default 10,000.
	MaxQueries, MaxSubscriptions int
	// MaxTokens bounds the page tokens that are remembered as ended, default 100,000.
	MaxTokens int
	// Lease is how long a process that says nothing more keeps its work, default 30 s.
	Lease time.Duration
}

// Store is the service state of one organisation. Its methods are safe for concurrent use.
type Store struct {
	cfg      Config
	db       *sql.DB
	numbered bool
	blob     string
	text     string
	owner    string
	aead     cipher.AEAD
	fresh    bool   // Open made it
	lock     string // ends a question whose rows are about to be changed
}

var (
	_ rest.Queries       = (*Store)(nil)
	_ rest.Subscriptions = (*Store)(nil)
	_ rest.Tokens        = (*Store)(nil)
)

func orElse[T int | int64 | time.Duration](v *T, d T) {
	if *v <= 0 {
		*v = d
	}
}

// Open opens the store, making and migrating it as needed. It fails with ErrOpen, ErrNewer or ErrKey.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	orElse(&cfg.MaxJobs, 1_000)
	orElse(&cfg.MaxJobBytes, 1<<30)
	orElse(&cfg.KeepJobs, 10_000)
	orElse(&cfg.MaxQueries, 10_000)
	orElse(&cfg.MaxSubscriptions, 10_000)
	orElse(&cfg.MaxTokens, 100_000)
	orElse(&cfg.Lease, 30*time.Second)
	s := &Store{cfg: cfg, owner: rand.Text(), blob: "BLOB", text: "TEXT"}
	if len(cfg.Key) != KeyBytes {
		return nil, fmt.Errorf("%w: the key has %d bytes, not %d", ErrKey, len(cfg.Key), KeyBytes)
	}
	block, err := aes.NewCipher(s.derive("secrets"))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	if s.aead, err = cipher.NewGCM(block); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	if err := s.open(ctx); err != nil {
		if s.db != nil {
			_ = s.db.Close() // the error that counts is the one above
		}
		if errors.Is(err, ErrKey) || errors.Is(err, ErrNewer) || errors.Is(err, rest.ErrUnavailable) {
			return nil, err
		}
		return nil, fmt.Errorf("%w: %w", ErrOpen, err)
	}
	return s, nil
}

// Fresh tells that Open made the organisation's state: there was none in this database.
func (s *Store) Fresh() bool { return s.fresh }

// derive makes a key for one purpose.
func (s *Store) derive(purpose string) []byte {
	m := hmac.New(sha256.New, s.cfg.Key)
	m.Write([]byte("waybill service state: " + purpose))
	return m.Sum(nil)
}

// TokenKey signs page tokens: the same in every process that has the key.
func (s *Store) TokenKey() []byte { return s.derive("page tokens") }

func (s *Store) open(ctx context.Context) error {
	if s.cfg.Postgres != "" {
		if err := s.openPostgres(ctx); err != nil {
			return err
		}
	} else if err := s.openSQLite(); err != nil {
		return err
	}
	const attempts = 5 // processes that start at once may both make the tables; who loses looks again
	for attempt := 1; ; attempt++ {
		err := s.migrate(ctx)
		if err == nil {
			break
		}
		if attempt == attempts || !raced(err) {
			return s.failed(err)
		}
	}
	if err := s.checkKey(ctx); err != nil {
		return err
	}
	if s.cfg.Postgres == "" { // whoever worked with this file does not any more
		if _, err := s.exec(ctx, s.db, `UPDATE service_jobs SET owner = '', lease = 0 WHERE org = ? AND running = 1`, s.cfg.Organisation); err != nil {
			return err
		}
		if _, err := s.exec(ctx, s.db, `DELETE FROM service_leases WHERE org = ?`, s.cfg.Organisation); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) openSQLite() error {
	if err := os.MkdirAll(filepath.Dir(s.cfg.Path), 0o700); err != nil {
		return err
	}
	// Made before SQLite makes it, for the sake of who may read it; its log gets the same mode.
	f, err := os.OpenFile(s.cfg.Path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	if err = errors.Join(f.Chmod(0o600), f.Close()); err != nil {
		return err
	}
	// FULL: what was answered with 202 is on the disk.
	s.db, err = sql.Open("sqlite", "file:"+(&url.URL{Path: s.cfg.Path}).EscapedPath()+
		"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=busy_timeout(10000)&_pragma=journal_size_limit(67108864)&_txlock=immediate")
	if err != nil {
		return err
	}
	s.db.SetMaxOpenConns(1)
	return nil
}

func (s *Store) openPostgres(ctx context.Context) error {
	cfg, err := pgx.ParseConfig(s.cfg.Postgres)
	if err != nil {
		return errors.New("the connection URL of the database is wrong") // and may hold a password
	}
	if cfg.ConnectTimeout == 0 {
		cfg.ConnectTimeout = 10 * time.Second
	}
	cfg.RuntimeParams["application_name"] = "waybill"
	s.db = stdlib.OpenDB(*cfg)
	const connections = 8
	s.db.SetMaxOpenConns(connections)
	s.db.SetMaxIdleConns(2)
	s.db.SetConnMaxLifetime(30 * time.Minute)
	s.db.SetConnMaxIdleTime(5 * time.Minute)
	var about string
	if err := s.db.QueryRowContext(ctx, `SELECT version()`).Scan(&about); err != nil {
		return s.failed(err)
	}
	s.numbered, s.blob, s.text, s.lock = true, "BYTEA", `TEXT COLLATE "C"`, " FOR UPDATE"
	if strings.Contains(about, "CockroachDB") { // its text compares byte by byte as it is
		s.text = "TEXT"
	}
	return nil
}

// Close gives the store up. Nothing may be under way.
func (s *Store) Close() error { return s.db.Close() }

func (s *Store) migrate(ctx context.Context) error {
	names, err := fs.Glob(migrationFiles, "migrations/*.sql")
	if err != nil {
		return err
	}
	slices.Sort(names)
	if _, err = s.db.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS service_schema (one SMALLINT PRIMARY KEY, version BIGINT NOT NULL)`); err != nil {
		return err
	}
	for {
		var version int
		err := s.db.QueryRowContext(ctx, `SELECT version FROM service_schema`).Scan(&version)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if version > len(names) {
			return fmt.Errorf("%w: its schema has version %d, this program knows %d", ErrNewer, version, len(names))
		}
		if version == len(names) {
			return nil
		}
		text, err := fs.ReadFile(migrationFiles, names[version])
		if err != nil {
			return err
		}
		err = s.change(ctx, func(tx *sql.Tx) error {
			statements := strings.NewReplacer(" BLOB", " "+s.blob, " TEXT", " "+s.text).Replace(string(text))
			if _, failed := tx.ExecContext(ctx, statements); failed != nil {
				return failed
			}
			_, failed := s.exec(ctx, tx, `INSERT INTO service_schema (one, version) VALUES (1, ?) ON CONFLICT (one) DO UPDATE SET version = excluded.version`, version+1)
			return failed
		})
		if err != nil {
			return fmt.Errorf("migration %s: %w", path.Base(names[version]), err)
		}
	}
}

// checkKey makes sure that every process has the key that the first one had.
func (s *Store) checkKey(ctx context.Context) error {
	want := s.derive("check")
	made, err := s.exec(ctx, s.db, `INSERT INTO service_settings (org, name, value) VALUES (?, 'key', ?) ON CONFLICT (org, name) DO NOTHING`, s.cfg.Organisation, want)
	if err != nil {
		return s.failed(err)
	}
	s.fresh = made > 0
	var have []byte
	if err := s.row(ctx, s.db, `SELECT value FROM service_settings WHERE org = ? AND name = 'key'`, s.cfg.Organisation).Scan(&have); err != nil {
		return s.failed(err)
	}
	if !hmac.Equal(have, want) {
		return fmt.Errorf("%w: it is not the one that the service state of %s was made with; copy the key file of the server that made it", ErrKey, s.cfg.Organisation)
	}
	return nil
}

// runner is a database or a transaction of it.
type runner interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// bind turns question marks into the database's parameters; no statement here has one of another meaning.
func (s *Store) bind(statement string) string {
	if !s.numbered {
		return statement
	}
	var b strings.Builder
	for n := 1; ; n++ {
		before, after, found := strings.Cut(statement, "?")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		b.WriteString("$" + strconv.Itoa(n))
		statement = after
	}
}

func (s *Store) exec(ctx context.Context, on runner, statement string, args ...any) (int64, error) {
	r, err := on.ExecContext(ctx, s.bind(statement), args...)
	if err != nil {
		return 0, s.failed(err)
	}
	return r.RowsAffected()
}

func (s *Store) row(ctx context.Context, on runner, question string, args ...any) *sql.Row {
	return on.QueryRowContext(ctx, s.bind(question), args...)
}

// each asks a question and scans its rows.
func (s *Store) each(ctx context.Context, on runner, scan func(*sql.Rows) error, question string, args ...any) error {
	rows, err := on.QueryContext(ctx, s.bind(question), args...)
	if err != nil {
		return s.failed(err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err is what tells
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return s.failed(rows.Err())
}

// change does work in one transaction, again where the database gave another one the preference.
func (s *Store) change(ctx context.Context, work func(tx *sql.Tx) error) error {
	const attempts = 10
	for attempt := 1; ; attempt++ {
		err := s.once(ctx, work)
		if err == nil || attempt == attempts || !preferred(err) {
			return err
		}
	}
}

func (s *Store) once(ctx context.Context, work func(tx *sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return s.failed(err)
	}
	defer tx.Rollback() //nolint:errcheck // after Commit there is nothing to roll back
	if err := work(tx); err != nil {
		return err
	}
	return s.failed(tx.Commit())
}

// The conditions of PostgreSQL that matter here, by SQLSTATE.
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

func preferred(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (e.Code == stateSerialization || e.Code == stateDeadlock)
}

// failed marks an error of a database that may answer later.
func (s *Store) failed(err error) error {
	if err == nil || s.cfg.Postgres == "" || errors.Is(err, context.Canceled) {
		return err
	}
	transient := preferred(err) || pgconn.SafeToRetry(err) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, sql.ErrConnDone)
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch e.Code[:min(2, len(e.Code))] {
		case "08", "53", "57": // connection exception, insufficient resources, operator intervention
			transient = true
		}
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		transient = true
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		transient = true
	}
	if transient {
		return fmt.Errorf("%w: %w", rest.ErrUnavailable, err)
	}
	return err
}

// millis and timeOf are how times are kept; 0 is no time.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func timeOf(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

// newID makes an id that sorts by the time of its making.
func newID(at time.Time) string {
	random := make([]byte, 10)
	_, _ = rand.Read(random) // never fails, says its documentation
	return fmt.Sprintf("%012x", at.UnixMilli()) + hex.EncodeToString(random)
}

// Lease takes a work of that name over, or keeps it, for as long as Config.Lease says, and reports whether
// this process has it. Ask again before then.
func (s *Store) Lease(ctx context.Context, name string) (bool, error) {
	now := time.Now()
	n, err := s.exec(ctx, s.db, `INSERT INTO service_leases (org, name, owner, until) VALUES (?, ?, ?, ?)
		ON CONFLICT (org, name) DO UPDATE SET owner = excluded.owner, until = excluded.until
		WHERE service_leases.owner = excluded.owner OR service_leases.until < ?`,
		s.cfg.Organisation, name, s.owner, now.Add(s.cfg.Lease).UnixMilli(), now.UnixMilli())
	return n > 0, err
}

// Release gives a work back.
func (s *Store) Release(ctx context.Context, name string) error {
	_, err := s.exec(ctx, s.db, `DELETE FROM service_leases WHERE org = ? AND name = ? AND owner = ?`, s.cfg.Organisation, name, s.owner)
	return err
}

// LeaseTime is how long a lease lasts.
func (s *Store) LeaseTime() time.Duration { return s.cfg.Lease }
