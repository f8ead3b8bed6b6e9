package readmodel

import (
	"context"
	"database/sql"

	"github.com/waybill-dev/waybill/api/query"
)

// Resource is a kind of value that events have, of which the different ones can be listed.
type Resource uint8

// The resources.
const (
	EventTypes Resource = iota + 1
	BizSteps
	BizLocations
	ReadPoints
	Dispositions
	EPCs
)

// Values gives up to limit different values of a resource, canonical and in bytewise order, that
// come after one.
func (s *Store) Values(ctx context.Context, of Resource, after string, limit int) (values []string, err error) {
	err = s.snapshot(ctx, func(tx querier) error {
		if of != EPCs {
			return each(ctx, tx, func(rows *sql.Rows) error {
				var v string
				defer func() { values = append(values, v) }()
				return rows.Scan(&v)
			}, `SELECT value FROM vocabulary WHERE resource = ? AND value > ? ORDER BY value LIMIT ?`, int(of), after, limit)
		}
		for range limit {
			// One step for each value: an object may be in any number of events.
			var v sql.NullString
			if failed := tx.QueryRowContext(ctx, `SELECT MIN(epc) FROM event_epcs WHERE epc > ?`, after).Scan(&v); failed != nil || !v.Valid {
				return failed
			}
			values = append(values, v.String)
			after = v.String
		}
		return nil
	})
	return values, err
}

// HasValue tells whether an event has the value, in any spelling of it.
func (s *Store) HasValue(ctx context.Context, of Resource, value string) (bool, error) {
	question, args := `SELECT COUNT(*) FROM vocabulary WHERE resource = ? AND value = ?`, []any{int(of)}
	switch of {
	case EPCs:
		question, args = `SELECT COUNT(*) FROM (SELECT 1 FROM event_epcs WHERE epc = ? LIMIT 1) found`, nil
		value = query.CanonicalID(value)
	case BizLocations, ReadPoints:
		value = query.CanonicalID(value)
	case EventTypes, BizSteps, Dispositions:
	}
	var n int
	err := s.asking().QueryRowContext(ctx, question, append(args, storable(bounded(value)))...).Scan(&n)
	return n > 0, s.failed(err)
}
