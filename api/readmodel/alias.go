package readmodel

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/waybill-dev/waybill/api/query"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// alias is a restatement under an eventID that the event's first text does not bear. It is no entry of
// the index: an event is answered once. Only a query that names its eventID is answered with it.
type alias struct{ pos, eventTime, recordedAt int64 }

// maxAliases bounds the restatements that a query of eventIDs is answered with.
const maxAliases = 8_000

// readAliases finds the restatements that a query of eventIDs is answered with: those that meet all of
// it, the first of each event and id.
func (s *selection) readAliases() error {
	var ids []string
	for _, p := range s.q.Predicates {
		if in, ok := p.(query.IDIn); ok && in.Field == query.EventID {
			ids = in.IDs
			break
		}
	}
	var found []candidate
	for some := range slices.Chunk(ids, 512) {
		values := make([]any, len(some))
		for i, id := range some {
			values[i] = storable(id)
		}
		var w where
		among(&w, "r.event_id", values)
		w.add("r.declares_error = 0 AND e.event_id <> r.event_id AND r.pos <= ?", s.asOf)
		err := each(s.ctx, s.tx, func(rows *sql.Rows) error {
			var c candidate
			defer func() { found = append(found, c) }()
			return rows.Scan(&c.pos)
		}, "SELECT MIN(r.pos) FROM restatements r JOIN events e ON e.hash = r.hash"+w.String()+" GROUP BY r.hash, r.event_id LIMIT ?", append(w.args, maxAliases+1)...)
		if err != nil {
			return err
		}
		if len(found) > maxAliases {
			return fmt.Errorf("%w: more than %d events were stated again under these eventIDs", ErrTooComplex, maxAliases)
		}
	}
	if len(found) == 0 {
		return nil
	}
	budget := s.budget
	matching, err := s.read(found)
	s.budget = budget
	for pos, e := range matching {
		s.aliases = append(s.aliases, alias{pos: pos, eventTime: e.Event.EventTime.Instant.UnixMicro(), recordedAt: int64(e.RecordedAt)})
	}
	return err
}

// candidate is the alias as the result is ordered.
func (a alias) candidate(by orderBy) candidate {
	switch by {
	case byEventTime:
		return candidate{a.eventTime, a.pos}
	case byRecordTime:
		return candidate{a.recordedAt, a.pos}
	case byPosition, orders:
	}
	return candidate{a.pos, a.pos}
}

// next gives what comes first after a place, as candidates does, with the aliases among it. It may be
// more than most.
func (s *selection) next(at place, most int) (found []candidate, done bool, err error) {
	found, done, err = s.candidates(at, most)
	if err != nil || len(s.aliases) == 0 {
		return found, done, err
	}
	after := candidate{at.key, at.pos}
	if s.order.by == byPosition {
		after.key = at.pos
	}
	indexed := len(found)
	for _, a := range s.aliases {
		c := a.candidate(s.order.by)
		if at.begun && s.order.compare(c, after) <= 0 || !done && s.order.compare(c, found[indexed-1]) > 0 {
			continue
		}
		found = append(found, c)
	}
	slices.SortFunc(found, s.order.compare)
	return found, done, nil
}

// Named is an event that is asked for by an eventID, with the text that bears it.
type Named struct {
	Event
	// Text is the restatement that bears the eventID; nil if the event's first text does.
	Text *Restatement
}

// Named gives up to limit events that bear an eventID, in the order of recording; each organisation has
// eventIDs of its own, so there may be several. A declaration of error bears its eventID too.
func (s *Store) Named(ctx context.Context, id string, limit int) ([]Named, error) {
	var named []Named
	seen := map[ledger.Digest]bool{}
	q := &query.Query{Predicates: []query.Predicate{query.IDIn{Field: query.EventID, IDs: []string{id}}}}
	for cursor := ""; ; {
		page, err := s.Select(ctx, q, nil, cursor, limit)
		if err != nil {
			return nil, err
		}
		for _, e := range page.Entries {
			if seen[e.Hash] {
				continue
			}
			if len(named) == limit {
				return named, nil
			}
			seen[e.Hash] = true
			n := Named{}
			if n.Event, err = s.Event(ctx, e.Hash); err != nil {
				return nil, err
			}
			if n.Position != e.Position {
				if n.Text, err = s.restatement(ctx, e.Position); err != nil {
					return nil, err
				}
			}
			named = append(named, n)
		}
		if cursor = page.Next; cursor == "" {
			return named, nil
		}
	}
}

// restatement reads the restatement at a position.
func (s *Store) restatement(ctx context.Context, at Position) (*Restatement, error) {
	var found *Restatement
	err := each(ctx, s.asking(), func(rows *sql.Rows) (err error) {
		found = &Restatement{}
		*found, err = scanRestatement(rows)
		return err
	}, questionRestatements+" WHERE r.pos = ?", at.key())
	if err == nil && found == nil {
		err = fmt.Errorf("%w: no restatement at %s", ErrNotFound, at)
	}
	return found, s.failed(err)
}

const questionRestatements = `SELECT r.pos, r.event_id, r.declares_error, r.msp_id, r.recorded_at, r.tx_id, c.context, b.body FROM restatements r
	JOIN bodies b ON b.pos = r.pos LEFT JOIN contexts c ON c.digest = b.context`

func scanRestatement(rows *sql.Rows) (r Restatement, err error) {
	var pos, at int64
	var declares int
	err = rows.Scan(&pos, &r.EventID, &declares, &r.MSPID, &at, &r.TxID, &r.Context, &r.Body)
	r.Position, r.RecordedAt, r.DeclaresError = positionOf(pos), ledger.Millis(at), declares != 0
	return r, err
}
