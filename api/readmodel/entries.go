package readmodel

import (
	"context"
	"database/sql"
	"fmt"
	"math"

	"github.com/waybill-dev/waybill/api/query"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/epcis"
)

// ParsePosition reads what Position.String writes.
func ParsePosition(s string) (p Position, err error) {
	if _, err := fmt.Sscanf(s, "%d-%d", &p.Block, &p.Index); err != nil || p.String() != s {
		return Position{}, fmt.Errorf("%w: %q is no position", ErrCursor, s)
	}
	return p, nil
}

// String writes a position as block and index.
func (p Position) String() string { return fmt.Sprintf("%d-%d", p.Block, p.Index) }

// entryBytes ends a page of entries after the one whose body exceeds it in sum.
const entryBytes = 16 << 20

// EntriesAfter gives up to limit entries in the order of recording that come after a position; nil is the
// beginning. A page may end early after large bodies; one that is empty has nothing after it.
func (s *Store) EntriesAfter(ctx context.Context, after *Position, limit int) (entries []Entry, err error) {
	from := int64(-1)
	if after != nil {
		from = after.key()
	}
	bytes := 0
	err = each(ctx, s.asking(), func(rows *sql.Rows) error {
		var pos, at int64
		var hash, within, body []byte
		if broken := rows.Scan(&pos, &at, &hash, &within, &body); broken != nil {
			return broken
		}
		event, broken := epcis.ParseEvent(within, body)
		if broken != nil {
			return fmt.Errorf("%w: the event at %d cannot be parsed: %w", ErrCorrupt, pos, broken)
		}
		entry := Entry{Position: positionOf(pos), RecordedAt: ledger.Millis(at), Event: event}
		copy(entry.Hash[:], hash)
		entries = append(entries, entry)
		if bytes += len(within) + len(body); bytes > entryBytes {
			return errEnough
		}
		return nil
	}, `SELECT b.pos, COALESCE(v.recorded_at, r.recorded_at), COALESCE(v.hash, r.hash), c.context, b.body FROM bodies b
		LEFT JOIN events v ON v.pos = b.pos LEFT JOIN restatements r ON r.pos = b.pos LEFT JOIN contexts c ON c.digest = b.context
		WHERE b.pos > ? AND (v.event_type <> '' OR r.declares_error = 1) ORDER BY b.pos LIMIT ?`, from, limit)
	return entries, s.failed(err)
}

// PositionBefore gives the position before the first entry recorded at or after a time: that of the
// last entry if there is none. ok is false if that is before every entry.
func (s *Store) PositionBefore(ctx context.Context, at ledger.Millis) (p Position, ok bool, err error) {
	err = s.snapshot(ctx, func(tx querier) error {
		since := &query.Query{Predicates: []query.Predicate{query.TimeIs{Field: query.RecordTime, Op: query.GE, Time: at.Time()}}}
		state, failed := readPosition(ctx, tx, "")
		if failed != nil {
			return failed
		}
		sel := s.newSelection(ctx, tx, since, nil, math.MaxInt64, state)
		if failed = sel.plan(); failed != nil {
			return failed
		}
		some, _, failed := sel.candidates(place{}, 1)
		if failed != nil {
			return failed
		}
		if len(some) == 0 {
			// In the same snapshot, or one recorded meanwhile would be before its own time.
			p, ok, failed = lastEntry(ctx, tx)
			return failed
		}
		p, ok = positionOf(max(some[0].pos-1, 0)), some[0].pos > 0
		return nil
	})
	return p, ok, err
}

// LastEntry gives the position of the last entry; ok is false if there is none.
func (s *Store) LastEntry(ctx context.Context) (p Position, ok bool, err error) {
	err = s.snapshot(ctx, func(tx querier) (failed error) {
		p, ok, failed = lastEntry(ctx, tx)
		return failed
	})
	return p, ok, err
}

func lastEntry(ctx context.Context, tx querier) (p Position, ok bool, err error) {
	var last sql.NullInt64
	err = each(ctx, tx, func(rows *sql.Rows) error {
		b, broken := scanWaiting(rows)
		if broken != nil {
			return broken
		}
		return b.each(func(e entry) { last = sql.NullInt64{Int64: e.pos, Valid: true} })
	}, questionWaiting+" ORDER BY block DESC LIMIT 1")
	if err == nil && !last.Valid {
		err = tx.QueryRowContext(ctx, `SELECT MAX(part) FROM index_parts`).Scan(&last)
	}
	return positionOf(last.Int64), last.Valid, err
}
