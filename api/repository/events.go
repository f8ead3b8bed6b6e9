package repository

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/waybill-dev/waybill/api/query"
	"github.com/waybill-dev/waybill/api/readmodel"
	"github.com/waybill-dev/waybill/api/rest"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/epcis"
)

// pageTime is how long a page may be filled: the read model looks at a bounded number of events at a
// time and may give fewer than there is room for.
const pageTime = 5 * time.Second

func failed(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, readmodel.ErrTooComplex):
		return fmt.Errorf("%w: %w", rest.ErrTooComplex, err)
	case errors.Is(err, readmodel.ErrCursor):
		return fmt.Errorf("%w: %w", rest.ErrInvalid, err)
	case errors.Is(err, readmodel.ErrUnavailable):
		return fmt.Errorf("%w: %w", rest.ErrUnavailable, err)
	case errors.Is(err, readmodel.ErrNotFound):
		return fmt.Errorf("%w: %w", rest.ErrNotFound, err)
	}
	return err
}

func entryRecord(e readmodel.Entry) rest.Record {
	return rest.Record{Event: e.Event, Hash: epcis.Hash(e.Hash), RecordTime: e.RecordedAt.Time()}
}

// Select implements rest.Events.
func (r *Repository) Select(ctx context.Context, q *query.Query, cursor string, limit int) (records []rest.Record, next string, err error) {
	for began := time.Now(); ; {
		found, err := r.cfg.Reader.Select(ctx, q, nil, cursor, limit-len(records))
		if err != nil {
			return nil, "", failed(err)
		}
		for _, e := range found.Entries {
			records = append(records, entryRecord(e))
		}
		cursor = found.Next
		if cursor == "" || found.Full || len(records) >= limit || time.Since(began) > pageTime {
			return records, cursor, nil
		}
	}
}

// maxSameID bounds the events given for one id.
const maxSameID = 1_000

// Event implements rest.Events.
func (r *Repository) Event(ctx context.Context, id string) ([]rest.Record, error) {
	type placed struct {
		readmodel.Position
		rest.Record
	}
	var list []placed
	q := &query.Query{Predicates: []query.Predicate{query.IDIn{Field: query.EventID, IDs: []string{id}}}}
	for cursor := ""; len(list) < maxSameID; {
		found, err := r.cfg.Reader.Select(ctx, q, nil, cursor, maxSameID-len(list))
		if err != nil {
			return nil, failed(err)
		}
		for _, e := range found.Entries {
			list = append(list, placed{e.Position, entryRecord(e)})
		}
		if cursor = found.Next; cursor == "" {
			break
		}
	}
	if hash, err := epcis.ParseHash(id); err == nil {
		e, err := r.cfg.Reader.Event(ctx, ledger.Digest(hash))
		switch {
		case err == nil:
			// A restatement may bear the hash as its eventID, as the first text need not.
			if !slices.ContainsFunc(list, func(p placed) bool { return p.Hash == hash && !p.Event.IsErrorDeclaration() }) {
				list = append(list, placed{e.Position, recordOf(e, rest.Record{Hash: hash})})
			}
			for _, s := range e.Restatements {
				if !s.DeclaresError {
					continue
				}
				event, malformed := epcis.ParseEvent(s.Context, s.Body)
				if malformed != nil {
					return nil, fmt.Errorf("%w: %w", readmodel.ErrCorrupt, malformed)
				}
				list = append(list, placed{s.Position, rest.Record{Event: event, Hash: hash, RecordTime: s.RecordedAt.Time()}})
			}
		case !errors.Is(err, readmodel.ErrNotFound):
			return nil, failed(err)
		}
	}
	if len(list) == 0 {
		return nil, rest.ErrNotFound
	}
	slices.SortStableFunc(list, func(a, b placed) int {
		switch {
		case a.Before(b.Position):
			return -1
		case b.Before(a.Position):
			return 1
		}
		return 0
	})
	var records []rest.Record
	for i, p := range list {
		if (i == 0 || p.Position != list[i-1].Position) && p.Event != nil {
			records = append(records, p.Record)
		}
	}
	return records, nil
}

func resourceOf(of rest.Resource) readmodel.Resource {
	switch of {
	case rest.EventTypes:
		return readmodel.EventTypes
	case rest.EPCs:
		return readmodel.EPCs
	case rest.BizSteps:
		return readmodel.BizSteps
	case rest.BizLocations:
		return readmodel.BizLocations
	case rest.ReadPoints:
		return readmodel.ReadPoints
	case rest.Dispositions:
		return readmodel.Dispositions
	}
	return 0
}

// Values implements rest.Events.
func (r *Repository) Values(ctx context.Context, of rest.Resource, after string, limit int) ([]string, error) {
	values, err := r.cfg.Reader.Values(ctx, resourceOf(of), after, limit)
	return values, failed(err)
}

// HasValue implements rest.Events.
func (r *Repository) HasValue(ctx context.Context, of rest.Resource, value string) (bool, error) {
	ok, err := r.cfg.Reader.HasValue(ctx, resourceOf(of), plainValue(of, value))
	return ok, failed(err)
}

// plainValue spells a word of the CBV as events are stored with it; other values are left alone.
func plainValue(of rest.Resource, value string) string {
	parameter := map[rest.Resource]string{rest.BizSteps: "EQ_bizStep", rest.Dispositions: "EQ_disposition"}[of]
	if parameter == "" {
		return value
	}
	q, err := query.ParseValues(url.Values{parameter: {value}}, nil)
	if err != nil || len(q.Predicates) != 1 {
		return value
	}
	if p, ok := q.Predicates[0].(query.WordIn); ok && len(p.Words) == 1 {
		return p.Words[0]
	}
	return value
}

func position(text string) (*readmodel.Position, error) {
	if text == "" {
		return nil, nil //nolint:nilnil // the beginning is no position
	}
	p, err := readmodel.ParsePosition(text)
	return &p, failed(err)
}

// After implements rest.Events.
func (r *Repository) After(ctx context.Context, from string, limit int) (records []rest.Record, next string, err error) {
	at, err := position(from)
	if err != nil {
		return nil, "", err
	}
	entries, err := r.cfg.Reader.EntriesAfter(ctx, at, limit)
	if err != nil || len(entries) == 0 {
		return nil, from, failed(err)
	}
	for _, e := range entries {
		records = append(records, entryRecord(e))
	}
	return records, entries[len(entries)-1].String(), nil
}

// PositionAt implements rest.Events.
func (r *Repository) PositionAt(ctx context.Context, at time.Time) (string, error) {
	p, ok, err := r.cfg.Reader.PositionBefore(ctx, ledger.MillisOf(at))
	if err != nil || !ok {
		return "", failed(err)
	}
	return p.String(), nil
}

// Wait implements rest.Events.
func (r *Repository) Wait(ctx context.Context, from string) error {
	at, err := position(from)
	if err != nil {
		return err
	}
	for {
		height, more := r.cfg.Reader.Changed()
		last, ok, err := r.lastAt(ctx, height)
		if err != nil {
			return failed(err)
		}
		if ok && (at == nil || at.Before(last)) {
			return nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// lastAt gives the position of the last entry, asked once a height for all who wait.
func (r *Repository) lastAt(ctx context.Context, height uint64) (readmodel.Position, bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if height > r.height {
		last, ok, err := r.cfg.Reader.LastEntry(ctx)
		if err != nil {
			return last, false, err
		}
		r.height, r.last, r.any = height, last, ok
	}
	return r.last, r.any, nil
}
