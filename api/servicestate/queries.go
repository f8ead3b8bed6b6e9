package servicestate

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/waybill-dev/waybill/api/rest"
)

// CreateQuery implements rest.Queries.
func (s *Store) CreateQuery(ctx context.Context, q rest.NamedQuery) error {
	return s.change(ctx, func(tx *sql.Tx) error {
		if err := s.room(ctx, tx, `SELECT COUNT(*) FROM service_queries WHERE org = ?`, s.cfg.MaxQueries); err != nil {
			return err
		}
		n, err := s.exec(ctx, tx, `INSERT INTO service_queries (org, name, definition) VALUES (?, ?, ?) ON CONFLICT (org, name) DO NOTHING`,
			s.cfg.Organisation, q.Name, []byte(q.Definition))
		if err == nil && n == 0 {
			return fmt.Errorf("%w: there is a query of that name; delete it first to change it", rest.ErrConflict)
		}
		return err
	})
}

// room refuses what would be more than is kept.
func (s *Store) room(ctx context.Context, tx *sql.Tx, count string, most int) error {
	var n int
	if err := s.row(ctx, tx, count, s.cfg.Organisation).Scan(&n); err != nil {
		return s.failed(err)
	}
	if n >= most {
		return fmt.Errorf("%w: there are %d of them already, delete some", rest.ErrBusy, n)
	}
	return nil
}

// Query implements rest.Queries.
func (s *Store) Query(ctx context.Context, name string) (q rest.NamedQuery, err error) {
	return s.query(ctx, s.db, name)
}

func (s *Store) query(ctx context.Context, on runner, name string) (rest.NamedQuery, error) {
	var definition []byte
	err := s.row(ctx, on, `SELECT definition FROM service_queries WHERE org = ? AND name = ?`, s.cfg.Organisation, name).Scan(&definition)
	if errors.Is(err, sql.ErrNoRows) {
		return rest.NamedQuery{}, rest.ErrNotFound
	}
	return rest.NamedQuery{Name: name, Definition: definition}, s.failed(err)
}

// listQueries ends a list of queries after the one whose definition exceeds it in sum.
const listQueries = 16 << 20

// Queries implements rest.Queries.
func (s *Store) Queries(ctx context.Context, after string, limit int) (list []rest.NamedQuery, err error) {
	bytes := 0
	err = s.each(ctx, s.db, func(rows *sql.Rows) error {
		if bytes > listQueries {
			return errEnough
		}
		var q rest.NamedQuery
		var definition []byte
		failed := rows.Scan(&q.Name, &definition)
		q.Definition = definition
		list = append(list, q)
		bytes += len(definition)
		return failed
	}, `SELECT name, definition FROM service_queries WHERE org = ? AND name > ? ORDER BY name LIMIT ?`, s.cfg.Organisation, after, limit)
	if errors.Is(err, errEnough) {
		err = nil
	}
	return list, err
}

// DeleteQuery implements rest.Queries.
func (s *Store) DeleteQuery(ctx context.Context, name string) error {
	return s.change(ctx, func(tx *sql.Tx) error {
		n, err := s.exec(ctx, tx, `DELETE FROM service_queries WHERE org = ? AND name = ?`, s.cfg.Organisation, name)
		if err != nil {
			return err
		}
		if n == 0 {
			return rest.ErrNotFound
		}
		_, err = s.exec(ctx, tx, `DELETE FROM service_subscriptions WHERE org = ? AND query = ?`, s.cfg.Organisation, name)
		return err
	})
}

// seal encrypts a secret for one subscription.
func (s *Store) seal(id, secret string) []byte {
	if secret == "" {
		return []byte{}
	}
	nonce := make([]byte, s.aead.NonceSize())
	_, _ = rand.Read(nonce) // never fails, says its documentation
	return s.aead.Seal(nonce, nonce, []byte(secret), []byte(s.cfg.Organisation+"\x00"+id))
}

func (s *Store) unseal(id string, sealed []byte) (string, error) {
	if len(sealed) == 0 {
		return "", nil
	}
	size := s.aead.NonceSize()
	if len(sealed) < size {
		return "", fmt.Errorf("%w: the secret of subscription %s is cut short", ErrKey, id)
	}
	secret, err := s.aead.Open(nil, sealed[:size], sealed[size:], []byte(s.cfg.Organisation+"\x00"+id))
	if err != nil {
		return "", fmt.Errorf("%w: the secret of subscription %s: %w", ErrKey, id, err)
	}
	return string(secret), nil
}

// CreateSubscription implements rest.Subscriptions.
func (s *Store) CreateSubscription(ctx context.Context, sub rest.Subscription, p rest.Progress) error {
	schedule := []byte{}
	if sub.Schedule != nil {
		var err error
		if schedule, err = json.Marshal(sub.Schedule); err != nil {
			return fmt.Errorf("%w: %w", ErrOpen, err)
		}
	}
	return s.change(ctx, func(tx *sql.Tx) error {
		if _, err := s.query(ctx, tx, sub.Query); err != nil {
			return err
		}
		if err := s.room(ctx, tx, `SELECT COUNT(*) FROM service_subscriptions WHERE org = ?`, s.cfg.MaxSubscriptions); err != nil {
			return err
		}
		_, err := s.exec(ctx, tx, `INSERT INTO service_subscriptions (org, id, query, dest, secret, created, initial, schedule, report_if_empty, epc_format, position, last_notified, last_run)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, s.cfg.Organisation, sub.ID, sub.Query, sub.Dest, s.seal(sub.ID, sub.SignatureToken),
			millis(sub.Created), millis(sub.InitialRecordTime), schedule, flag(sub.ReportIfEmpty), sub.EPCFormat, p.Position, millis(p.LastNotified), millis(p.LastRun))
		return err
	})
}

const subscriptionColumns = `id, query, dest, secret, created, initial, schedule, report_if_empty, epc_format, position, last_notified, last_run`

func (s *Store) scanSubscription(scan func(...any) error) (sub rest.Subscription, p rest.Progress, err error) {
	var secret, schedule []byte
	var created, initial, notified, run int64
	var empty int
	if err = scan(&sub.ID, &sub.Query, &sub.Dest, &secret, &created, &initial, &schedule, &empty, &sub.EPCFormat, &p.Position, &notified, &run); err != nil {
		return sub, p, err
	}
	sub.Created, sub.InitialRecordTime, sub.ReportIfEmpty = timeOf(created), timeOf(initial), empty != 0
	p.LastNotified, p.LastRun = timeOf(notified), timeOf(run)
	if len(schedule) > 0 {
		sub.Schedule = new(rest.Schedule)
		if err = json.Unmarshal(schedule, sub.Schedule); err != nil {
			return sub, p, fmt.Errorf("%w: the schedule of subscription %s: %w", ErrOpen, sub.ID, err)
		}
	}
	sub.SignatureToken, err = s.unseal(sub.ID, secret)
	return sub, p, err
}

// Subscription implements rest.Subscriptions.
func (s *Store) Subscription(ctx context.Context, queryName, id string) (rest.Subscription, rest.Progress, error) {
	sub, p, err := s.scanSubscription(s.row(ctx, s.db, `SELECT `+subscriptionColumns+` FROM service_subscriptions WHERE org = ? AND id = ? AND query = ?`,
		s.cfg.Organisation, id, queryName).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return rest.Subscription{}, rest.Progress{}, rest.ErrNotFound
	}
	return sub, p, s.failed(err)
}

// Subscriptions implements rest.Subscriptions.
func (s *Store) Subscriptions(ctx context.Context, queryName, after string, limit int) (list []rest.Subscription, err error) {
	where, args := `org = ? AND id > ?`, []any{s.cfg.Organisation, after}
	if queryName != "" {
		where, args = where+` AND query = ?`, append(args, queryName)
	}
	err = s.each(ctx, s.db, func(rows *sql.Rows) error {
		sub, _, failed := s.scanSubscription(rows.Scan)
		list = append(list, sub)
		return failed
	}, `SELECT `+subscriptionColumns+` FROM service_subscriptions WHERE `+where+` ORDER BY id LIMIT ?`, append(args, limit)...)
	return list, err
}

// DeleteSubscription implements rest.Subscriptions.
func (s *Store) DeleteSubscription(ctx context.Context, queryName, id string) error {
	return there(s.exec(ctx, s.db, `DELETE FROM service_subscriptions WHERE org = ? AND id = ? AND query = ?`, s.cfg.Organisation, id, queryName))
}

// SaveProgress implements rest.Subscriptions.
func (s *Store) SaveProgress(ctx context.Context, queryName, id string, p rest.Progress) error {
	return there(s.exec(ctx, s.db, `UPDATE service_subscriptions SET position = ?, last_notified = ?, last_run = ? WHERE org = ? AND id = ? AND query = ?`,
		p.Position, millis(p.LastNotified), millis(p.LastRun), s.cfg.Organisation, id, queryName))
}

func there(n int64, err error) error {
	if err == nil && n == 0 {
		return rest.ErrNotFound
	}
	return err
}

// EndToken implements rest.Tokens. Tokens whose time is over are forgotten.
func (s *Store) EndToken(ctx context.Context, digest []byte, expires time.Time) error {
	return s.change(ctx, func(tx *sql.Tx) error {
		if _, err := s.exec(ctx, tx, `DELETE FROM service_ended_tokens WHERE org = ? AND expires < ?`, s.cfg.Organisation, time.Now().UnixMilli()); err != nil {
			return err
		}
		if err := s.room(ctx, tx, `SELECT COUNT(*) FROM service_ended_tokens WHERE org = ?`, s.cfg.MaxTokens); err != nil {
			return err
		}
		_, err := s.exec(ctx, tx, `INSERT INTO service_ended_tokens (org, digest, expires) VALUES (?, ?, ?) ON CONFLICT (org, digest) DO NOTHING`,
			s.cfg.Organisation, digest, millis(expires))
		return err
	})
}

// TokenEnded implements rest.Tokens.
func (s *Store) TokenEnded(ctx context.Context, digest []byte) (bool, error) {
	var n int
	err := s.row(ctx, s.db, `SELECT COUNT(*) FROM service_ended_tokens WHERE org = ? AND digest = ?`, s.cfg.Organisation, digest).Scan(&n)
	return n > 0, s.failed(err)
}

const prefixPosition = "prefixes"

// Prefixes gives the GS1 company prefixes that were learned, and the position up to which events were
// read for them.
func (s *Store) Prefixes(ctx context.Context) (prefixes []string, position string, err error) {
	err = s.each(ctx, s.db, func(rows *sql.Rows) error {
		var p string
		defer func() { prefixes = append(prefixes, p) }()
		return rows.Scan(&p)
	}, `SELECT prefix FROM service_prefixes WHERE org = ? ORDER BY prefix`, s.cfg.Organisation)
	if err != nil {
		return nil, "", err
	}
	var at []byte
	err = s.row(ctx, s.db, `SELECT value FROM service_settings WHERE org = ? AND name = ?`, s.cfg.Organisation, prefixPosition).Scan(&at)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return prefixes, string(at), s.failed(err)
}

// SavePrefixes adds prefixes, and says up to which position events were read.
func (s *Store) SavePrefixes(ctx context.Context, prefixes []string, position string) error {
	return s.change(ctx, func(tx *sql.Tx) error {
		for _, p := range prefixes {
			if _, err := s.exec(ctx, tx, `INSERT INTO service_prefixes (org, prefix) VALUES (?, ?) ON CONFLICT (org, prefix) DO NOTHING`, s.cfg.Organisation, p); err != nil {
				return err
			}
		}
		_, err := s.exec(ctx, tx, `INSERT INTO service_settings (org, name, value) VALUES (?, ?, ?) ON CONFLICT (org, name) DO UPDATE SET value = excluded.value`,
			s.cfg.Organisation, prefixPosition, []byte(position))
		return err
	})
}
