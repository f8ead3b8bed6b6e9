package readmodel

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"math"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/waybill-dev/waybill/api/query"
	"github.com/waybill-dev/waybill/api/report"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/epcis"
)

const (
	// reportRows is how many events of a report are read at a time, reportKeys how many are put in order
	// at a time: 16 bytes each.
	reportRows = 2_000
	reportKeys = 2_000_000
	// reportChunk is how many rows one question names.
	reportChunk = 500
	// reportBytes bounds the bodies of an answer that is given as a whole.
	reportBytes = 256 << 20
	// reportFindings bounds the findings given of one item.
	reportFindings = 500
)

// Reports answers what reports ask.
type Reports struct{ store *Store }

// Reports gives the store as a source of reports.
func (s *Store) Reports() *Reports { return &Reports{store: s} }

var (
	_ report.Source     = (*Reports)(nil)
	_ report.MasterData = (*Reports)(nil)
)

// AsOf implements report.Source.
func (r *Reports) AsOf(ctx context.Context) (report.AsOf, error) {
	p, err := r.store.Progress(ctx)
	return report.AsOf{Height: p.Height, Hash: p.Hash}, err
}

// last is the greatest position that a report looks at.
func last(asOf report.AsOf) int64 {
	end, ok := EndOf(asOf.Height)
	if !ok {
		return -1
	}
	return end.key()
}

// reportKey is an event's place in the order of a report.
type reportKey struct{ at, pos int64 }

func (k reportKey) compare(o reportKey) int {
	if k.at != o.at {
		if k.at < o.at {
			return -1
		}
		return 1
	}
	return int(min(max(k.pos-o.pos, -1), 1))
}

// Events implements report.Source. The order comes from the store's columns, a bounded part of it at a
// time; events are read in that order.
func (r *Reports) Events(ctx context.Context, sel report.Selection) iter.Seq2[[]report.Record, error] {
	return func(yield func([]report.Record, error) bool) {
		from, until := int64(math.MinInt64), int64(math.MaxInt64)
		if !sel.From.IsZero() {
			from = sel.From.UnixMilli()
		}
		if !sel.Until.IsZero() {
			until = sel.Until.UnixMilli()
		}
		contexts := map[string][]byte{}
		after := reportKey{math.MinInt64, math.MinInt64}
		for {
			keys, err := r.keys(ctx, from, until, last(sel.AsOf), after)
			if err != nil {
				yield(nil, r.store.failed(err))
				return
			}
			for part := range slices.Chunk(keys, reportRows) {
				records, err := r.records(ctx, part, contexts)
				if !yield(records, r.store.failed(err)) || err != nil {
					return
				}
			}
			if len(keys) < reportKeys {
				return
			}
			after = keys[len(keys)-1]
		}
	}
}

// keys gives the first reportKeys events of a time that come after one, in order.
func (r *Reports) keys(ctx context.Context, from, until, end int64, after reportKey) ([]reportKey, error) {
	var keys []reportKey
	trim := func(to int) {
		slices.SortFunc(keys, reportKey.compare)
		keys = keys[:min(to, len(keys))]
	}
	bound := reportKey{math.MaxInt64, math.MaxInt64}
	err := each(ctx, r.store.asking(), func(rows *sql.Rows) error {
		var k reportKey
		if err := rows.Scan(&k.pos, &k.at); err != nil {
			return err
		}
		if k.compare(after) <= 0 || k.compare(bound) >= 0 {
			return nil
		}
		if keys = append(keys, k); len(keys) == 2*reportKeys {
			trim(reportKeys)
			bound = keys[len(keys)-1]
		}
		return nil
	}, `SELECT pos, event_time FROM events WHERE event_time >= ? AND event_time < ? AND pos <= ?`, max(from, after.at), until, end)
	trim(reportKeys)
	return keys, err
}

const recordColumns = `e.pos, e.hash, e.event_time, e.declared_in_error, e.msp_id, e.recorded_at, e.tx_id, b.context, b.body`

// scanRecord reads the record columns, with more columns before them.
func scanRecord(rows *sql.Rows, before ...any) (rec report.Record, contextDigest []byte, err error) {
	var pos, at, recorded int64
	var hash []byte
	var declared int
	if err := rows.Scan(append(before, &pos, &hash, &at, &declared, &rec.RecordedBy, &recorded, &rec.TxID, &contextDigest, &rec.Body)...); err != nil {
		return rec, nil, err
	}
	p := positionOf(pos)
	rec.Block, rec.Index, rec.EventTime, rec.InError, rec.RecordedAt = p.Block, p.Index, time.UnixMilli(at).UTC(), declared != 0, time.UnixMilli(recorded).UTC()
	copy(rec.Hash[:], hash)
	return rec, contextDigest, nil
}

// records reads the events of keys, in the order of the keys.
func (r *Reports) records(ctx context.Context, keys []reportKey, contexts map[string][]byte) ([]report.Record, error) {
	order := make(map[int64]int, len(keys))
	for i, k := range keys {
		order[k.pos] = i
	}
	records := make([]report.Record, len(keys))
	digests := make([][]byte, len(keys))
	found := 0
	err := r.store.snapshot(ctx, func(tx querier) error {
		for part := range slices.Chunk(keys, reportChunk) {
			places, args := inList(part, func(k reportKey) any { return k.pos })
			err := each(ctx, tx, func(rows *sql.Rows) error {
				rec, digest, err := scanRecord(rows)
				if err != nil {
					return err
				}
				i := order[Position{Block: rec.Block, Index: rec.Index}.key()]
				records[i], digests[i] = rec, digest
				found++
				return nil
			}, `SELECT `+recordColumns+` FROM events e JOIN bodies b ON b.pos = e.pos WHERE e.pos IN (`+places+`)`, args...)
			if err != nil {
				return err
			}
		}
		if err := addContexts(ctx, tx, records, digests, contexts); err != nil {
			return err
		}
		if err := addLeaves(ctx, tx, records); err != nil {
			return err
		}
		return addCodes(ctx, tx, records)
	})
	if err == nil && found != len(keys) {
		err = fmt.Errorf("%w: %d of %d events of a report are gone", ErrCorrupt, len(keys)-found, len(keys))
	}
	return records, err
}

// inList gives the parameters of an IN list. Lists come in few lengths, so that few statements are
// planned; one more of the same changes nothing.
func inList[T any](values []T, arg func(T) any) (places string, args []any) {
	n := 1
	for n < len(values) {
		n *= 4
	}
	args = make([]any, n)
	for i := range args {
		args[i] = arg(values[min(i, len(values)-1)])
	}
	return "?" + strings.Repeat(", ?", n-1), args
}

// maxReportContexts bounds the JSON-LD contexts kept.
const maxReportContexts = 1_000

// addContexts gives records the JSON-LD contexts that their digests name.
func addContexts(ctx context.Context, tx querier, records []report.Record, digests [][]byte, contexts map[string][]byte) error {
	for i, digest := range digests {
		if digest == nil {
			continue
		}
		text, ok := contexts[string(digest)]
		if !ok {
			err := tx.QueryRowContext(ctx, `SELECT context FROM contexts WHERE digest = ?`, digest).Scan(&text)
			if errors.Is(err, sql.ErrNoRows) {
				return fmt.Errorf("%w: the context %x of an event is not there", ErrCorrupt, digest)
			}
			if err != nil {
				return err
			}
			if len(contexts) >= maxReportContexts {
				clear(contexts)
			}
			contexts[string(digest)] = text
		}
		records[i].Context = text
	}
	return nil
}

// addLeaves gives records their places in the proof log.
func addLeaves(ctx context.Context, tx querier, records []report.Record) error {
	first := map[uint64]uint64{}
	var blocks []uint64
	for i := range records {
		if _, ok := first[records[i].Block]; !ok {
			first[records[i].Block] = 0
			blocks = append(blocks, records[i].Block)
		}
	}
	for part := range slices.Chunk(blocks, reportChunk) {
		places, args := inList(part, func(n uint64) any { return int64(n) }) //nolint:gosec // bounded by maxBlock
		err := each(ctx, tx, func(rows *sql.Rows) error {
			var block, leaf int64
			err := rows.Scan(&block, &leaf)
			first[uint64(block)] = uint64(leaf) + 1 //nolint:gosec // never negative
			return err
		}, `SELECT block, first FROM log_blocks WHERE block IN (`+places+`)`, args...)
		if err != nil {
			return err
		}
	}
	for i := range records {
		if at := first[records[i].Block]; at > 0 {
			leaf := at - 1 + uint64(records[i].Index)
			records[i].Leaf = &leaf
		}
	}
	return nil
}

// addCodes gives records the codes of their findings.
func addCodes(ctx context.Context, tx querier, records []report.Record) error {
	at := make(map[epcis.Hash][]int, len(records))
	for i := range records {
		at[records[i].Hash] = append(at[records[i].Hash], i)
	}
	for part := range slices.Chunk(records, reportChunk) {
		places, args := inList(part, func(rec report.Record) any { return rec.Hash[:] })
		err := each(ctx, tx, func(rows *sql.Rows) error {
			var event []byte
			var code string
			var open int
			if err := rows.Scan(&event, &code, &open); err != nil {
				return err
			}
			if open == 0 {
				code += " (closed)"
			}
			var h epcis.Hash
			copy(h[:], event)
			for _, i := range at[h] {
				if !slices.Contains(records[i].Findings, code) {
					records[i].Findings = append(records[i].Findings, code)
				}
			}
			return nil
		}, `SELECT event, code, open FROM findings WHERE event IN (`+places+`) ORDER BY event, pos`, args...)
		if err != nil {
			return err
		}
	}
	return nil
}

// Naming implements report.Source.
func (r *Reports) Naming(ctx context.Context, objects []string, asked report.Asked) (found map[string][]report.Record, more []string, err error) {
	found = make(map[string][]report.Record, len(objects))
	if len(objects) == 0 {
		return found, nil, nil
	}
	condition := ""
	var conditions []any
	if asked.Roles != report.InAnyRole {
		condition, conditions = ` AND (x.roles & ?) <> 0`, []any{int64(asked.Roles) | int64(asked.Roles)<<quantityShift}
	}
	if asked.Beginnings {
		condition += ` AND (e.action = 'ADD' OR e.event_type = 'TransformationEvent')`
	}
	names := make(map[string]string, len(objects)) // by key
	keys := make([]string, 0, len(objects))
	for _, o := range objects {
		key := storable(bounded(o))
		names[key] = o
		keys = append(keys, key)
	}
	bytes := 0
	contexts := map[string][]byte{}
	err = r.store.snapshot(ctx, func(tx querier) error {
		for part := range slices.Chunk(keys, reportChunk) {
			places, args := inList(part, func(s string) any { return s })
			var named []string
			var records []report.Record
			var digests [][]byte
			counts := map[string]int{}
			asking := each(ctx, tx, func(rows *sql.Rows) error {
				var object string
				rec, digest, failed := scanRecord(rows, &object)
				if failed != nil {
					return failed
				}
				if counts[object]++; counts[object] > asked.Limit {
					if counts[object] == asked.Limit+1 {
						more = append(more, names[object])
					}
					return nil
				}
				if bytes += len(rec.Body); bytes > reportBytes {
					return fmt.Errorf("%w: the events of %d objects have more than %d MiB", report.ErrTooLarge, len(objects), reportBytes>>20)
				}
				named, records, digests = append(named, names[object]), append(records, rec), append(digests, digest)
				return nil
			}, `SELECT x.epc, `+recordColumns+` FROM event_epcs x JOIN events e ON e.pos = x.pos JOIN bodies b ON b.pos = e.pos
				WHERE x.epc IN (`+places+`) AND x.pos <= ?`+condition+` ORDER BY x.epc, x.pos`, append(append(args, last(asked.AsOf)), conditions...)...)
			if asking != nil {
				return asking
			}
			if asking = addContexts(ctx, tx, records, digests, contexts); asking != nil {
				return asking
			}
			if asking = addLeaves(ctx, tx, records); asking != nil {
				return asking
			}
			if asking = addCodes(ctx, tx, records); asking != nil {
				return asking
			}
			for i, name := range named {
				found[name] = append(found[name], records[i])
			}
		}
		return nil
	})
	return found, more, r.store.failed(err)
}

// lotAttributes are the fields in which an event's instance/lot master data has the batch or lot.
func lotAttributes() []string {
	return []string{"urn:epcglobal:cbv:mda#lotNumber", "https://gs1.org/voc/#hasBatchLotNumber"}
}

// LotItems implements report.Source. The question goes through the query language, whose index knows the fields.
func (r *Reports) LotItems(ctx context.Context, _, lot string, asOf report.AsOf, limit int) ([]report.Record, error) {
	var keys []reportKey
	seen := map[int64]bool{}
	for _, attribute := range lotAttributes() {
		q, err := query.ParseValues(url.Values{"EQ_ILMD_" + attribute: {lot}}, nil)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", report.ErrArgument, err)
		}
		for cursor := ""; ; {
			page, err := r.store.Select(ctx, q, nil, cursor, reportRows)
			if err != nil {
				return nil, err
			}
			for _, e := range page.Entries {
				pos := e.key()
				if e.Event.IsErrorDeclaration() || pos > last(asOf) || seen[pos] {
					continue
				}
				seen[pos] = true
				if keys = append(keys, reportKey{0, pos}); len(keys) == limit {
					break
				}
			}
			if cursor = page.Next; cursor == "" || len(keys) == limit {
				break
			}
		}
	}
	slices.SortFunc(keys, reportKey.compare)
	var records []report.Record
	contexts := map[string][]byte{}
	for part := range slices.Chunk(keys, reportRows) {
		some, err := r.records(ctx, part, contexts)
		if err != nil {
			return nil, r.store.failed(err)
		}
		records = append(records, some...)
	}
	return records, nil
}

// Item implements report.Source.
func (r *Reports) Item(ctx context.Context, object string) (report.ItemFacts, error) {
	item, err := r.store.Item(ctx, object, reportFindings)
	if errors.Is(err, ErrNotFound) {
		return report.ItemFacts{}, nil
	}
	if err != nil {
		return report.ItemFacts{}, err
	}
	facts := report.ItemFacts{
		Known: true, Status: statusWord(item.Status), Ended: item.Status == ledger.ItemDecommissioned,
		Disposition: item.Disposition, Custodian: item.Custodian, Container: item.Container,
	}
	for _, f := range item.Findings {
		facts.Findings = append(facts.Findings, report.Finding{
			Code: string(f.Code), Detail: f.Detail, Event: epcis.Hash(f.Event), Block: f.Block, TxID: f.TxID,
			Grave: max(f.Severity, f.Code.Severity()) >= ledger.SeverityWarning, Closed: !f.Open(),
		})
	}
	facts.Registrant, err = r.registrant(ctx, object)
	return facts, err
}

// registrant is who has registered a trade item, else the company prefix in its number.
func (r *Reports) registrant(ctx context.Context, object string) (string, error) {
	class, _, serialised := strings.Cut(object, "/21/")
	if !serialised {
		return "", nil
	}
	ids := []string{class}
	kinds := []ledger.MasterKind{ledger.MasterProduct}
	for _, p := range ledger.PrefixesOf(class) {
		ids, kinds = append(ids, p), append(kinds, ledger.MasterPrefix)
	}
	for i, id := range ids {
		found, err := r.store.MasterData(ctx, MasterFilter{Kind: kinds[i], ID: id}, MasterKey{}, 1)
		if err != nil || len(found) > 0 {
			return ownerOf(found), err
		}
	}
	return "", nil
}

func ownerOf(found []Master) string {
	if len(found) == 0 {
		return ""
	}
	return found[0].Owner
}

// degrees writes millionths of a degree as a decimal.
func degrees(millionths int32) string {
	sign, n := "", int64(millionths)
	if n < 0 {
		sign, n = "-", -n
	}
	return fmt.Sprintf("%s%d.%06d", sign, n/1_000_000, n%1_000_000)
}

func statusWord(s ledger.ItemStatus) string {
	switch s {
	case ledger.ItemActive:
		return "active"
	case ledger.ItemInTransit:
		return "in transit"
	case ledger.ItemDecommissioned:
		return "decommissioned"
	case ledger.ItemUnknown:
	}
	return "observed, never commissioned"
}
