package readmodel

import (
	"context"
	"database/sql"
	"fmt"

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
		if err := rows.Scan(&pos, &at, &hash, &within, &body); err != nil {
			return err
		}
		event, err := epcis.ParseEvent(within, body)
		if err != nil {
			return fmt.Errorf("%w: the event at %d cannot be parsed: %w", ErrCorrupt, pos, err)
		}
		entry := Entry{Position: positionOf(pos), RecordedAt: ledger.Millis(at), Event: event}
		copy(entry.Hash[:], hash)
		entries = append(entries, entry)
		if bytes += len(within) + len(body); bytes > entryBytes {
			return errEnough
		}
		return nil
	}, `SELECT e.pos, e.recorded_at, COALESCE(v.hash, r.hash), c.context, b.body FROM entries e JOIN bodies b ON b.pos = e.pos
		LEFT JOIN events v ON v.pos = e.pos LEFT JOIN restatements r ON r.pos = e.pos LEFT JOIN contexts c ON c.digest = b.context
		WHERE e.pos > ? ORDER BY e.pos LIMIT ?`, from, limit)
	return entries, s.failed(err)
}

// PositionBefore gives the position before the first entry recorded at or after a time: that of the
// last entry if there is none. ok is false if that is before every entry.
func (s *Store) PositionBefore(ctx context.Context, at ledger.Millis) (p Position, ok bool, err error) {
	var pos sql.NullInt64
	if err = s.asking().QueryRowContext(ctx, `SELECT MIN(pos) FROM entries WHERE recorded_at >= ?`, int64(at)).Scan(&pos); err != nil {
		return p, false, s.failed(err)
	}
	if !pos.Valid {
		return s.LastEntry(ctx)
	}
	return positionOf(max(pos.Int64-1, 0)), pos.Int64 > 0, nil
}

// LastEntry gives the position of the last entry; ok is false if there is none.
func (s *Store) LastEntry(ctx context.Context) (p Position, ok bool, err error) {
	var pos sql.NullInt64
	err = s.asking().QueryRowContext(ctx, `SELECT MAX(pos) FROM entries`).Scan(&pos)
	return positionOf(pos.Int64), pos.Valid, s.failed(err)
}
