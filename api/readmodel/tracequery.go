package readmodel

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/api/query"
	"github.com/waybill-dev/waybill/api/trace"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/epcis"
)

// What one question of genealogy reads at most.
const (
	maxNaming    = 20_000 // events of one identifier
	maxInstances = 50_000 // of one lot
	maxParties   = 5_000  // events whose parties are read
	traceAtOnce  = 256    // keys of one statement
	traceArray   = 4_096  // keys of one array
	maxAround    = 16     // containers around a thing whose findings count for it
)

// TruncatedParties says that not all parties were read.
const TruncatedParties trace.Truncation = "parties"

// Trace gives the genealogy of an identifier in canonical form. It fails with ErrNotFound if no event
// names such a thing.
func (s *Store) Trace(ctx context.Context, q trace.Question) (g trace.Graph, err error) {
	at, err := s.traced(ctx, q.ID, func(src *traceSource) error {
		g, err = trace.Trace(ctx, src, q)
		return err
	})
	g.AsOf = at
	return g, err
}

// Recall gives all that may contain an identifier or has touched it, with who holds it. Errors are
// those of Trace.
func (s *Store) Recall(ctx context.Context, q trace.Question) (g trace.Graph, err error) {
	at, err := s.traced(ctx, q.ID, func(src *traceSource) error {
		if g, err = trace.Recall(ctx, src, q); err != nil {
			return err
		}
		for _, n := range g.Nodes {
			src.want(n.Custody)
		}
		parties, cut, failed := src.parties(ctx)
		for _, n := range g.Nodes {
			parties.tell(n.Custody)
		}
		if cut {
			g.Truncated = append(g.Truncated, TruncatedParties)
		}
		if failed != nil {
			return failed
		}
		return src.disputed(ctx, &g)
	})
	g.AsOf = at
	return g, err
}

// Locate gives the container and the custodian of a thing as of the question's time. Errors are those
// of Trace.
func (s *Store) Locate(ctx context.Context, q trace.Question) (found trace.Where, err error) {
	at, err := s.traced(ctx, q.ID, func(src *traceSource) error {
		if found, err = trace.Locate(ctx, src, q); err != nil {
			return err
		}
		src.want(&found.Custody)
		parties, _, failed := src.parties(ctx)
		parties.tell(&found.Custody)
		if failed != nil {
			return failed
		}
		return src.disputedAt(ctx, &found)
	})
	found.AsOf = at
	return found, err
}

// traced asks one unchanging state of the store about an identifier that it knows.
func (s *Store) traced(ctx context.Context, id string, ask func(src *traceSource) error) (at trace.AsOf, err error) {
	err = s.snapshot(ctx, func(tx querier) error {
		p, failed := readPosition(ctx, tx, "")
		if failed != nil {
			return failed
		}
		at = trace.AsOf{Height: p.Height, Hash: p.Hash}
		k := storable(bounded(id))
		for _, where := range []string{"event_epcs WHERE epc = ?", "lots WHERE lot = ?", fmt.Sprintf("link_keys WHERE kind = %d AND key = ?", keyLot)} {
			var known int
			if failed = tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM (SELECT 1 FROM "+where+" LIMIT 1) found", k).Scan(&known); failed != nil {
				return failed
			}
			if known > 0 {
				return ask(newTraceSource(tx, s.dialect))
			}
		}
		return fmt.Errorf("%w: no event names %s", ErrNotFound, id)
	})
	return at, err
}

// traceSource reads events for one question.
type traceSource struct {
	tx     querier
	arrays bool                   // the database takes an array as one argument
	events map[int64]*trace.Event // nil for one that was declared in error
	at     map[ledger.Digest]int64
	told   map[int64][]trace.Binding // the lots that events tell, once read
	lots   map[string][]int64        // the events that tell lots of identifiers whose mentions were read
	wanted []int64                   // events whose parties are asked for
}

func newTraceSource(tx querier, d dialect) *traceSource {
	return &traceSource{tx: tx, arrays: d.numbered, events: map[int64]*trace.Event{}, at: map[ledger.Digest]int64{}, told: map[int64][]trace.Binding{}, lots: map[string][]int64{}}
}

// amongKeys gives the condition that a column is one of the values, and its arguments: one array where
// the database takes arrays. Elsewhere the last value stands as often as it takes to have few statements.
func amongKeys[T any](t *traceSource, column string, values []T) (condition string, args []any) {
	if t.arrays {
		return column + " = ANY(?)", []any{values}
	}
	n := 1
	for n < len(values) {
		n *= 4
	}
	n = max(len(values), min(n, traceAtOnce))
	args = make([]any, n)
	for i := range args {
		args[i] = values[min(i, len(values)-1)]
	}
	return column + " IN (?" + strings.Repeat(", ?", n-1) + ")", args
}

// atOnce is how many keys one statement asks for.
func (t *traceSource) atOnce() int {
	if t.arrays {
		return traceArray
	}
	return traceAtOnce
}

// keyed gives the keys of identifiers in the store, in order, and what each stands for.
func keyed(ids []string) (keys []string, of map[string]string) {
	of = make(map[string]string, len(ids))
	for _, id := range ids {
		k := storable(bounded(id))
		if _, twice := of[k]; !twice {
			keys = append(keys, k)
		}
		of[k] = id
	}
	slices.Sort(keys)
	return keys, of
}

type naming struct {
	id    string
	pos   int64
	roles int
}

// Mentions implements trace.Source.
func (t *traceSource) Mentions(ctx context.Context, ids []string) (map[string][]trace.Mention, []string, error) {
	keys, of := keyed(ids)
	var found []naming
	var cut, lots []string
	for len(keys) > 0 {
		some := keys[:min(len(keys), t.atOnce())]
		more, full, err := t.naming(ctx, some, of, &found)
		if err != nil {
			return nil, nil, err
		}
		if full != "" {
			cut = append(cut, of[full])
			at, _ := slices.BinarySearch(some, full)
			more = at + 1
		}
		keys = keys[more:]
	}
	for _, id := range ids {
		t.lots[id] = nil
		if epcis.KindOf(id) == epcis.KindLGTIN {
			lots = append(lots, id)
		}
	}
	aliases, err := t.byKey(ctx, keyLot, lots)
	if err != nil {
		return nil, nil, err
	}
	for id, positions := range aliases {
		for _, pos := range positions {
			found = append(found, naming{id: id, pos: pos, roles: 1 << epcis.RoleEPC})
		}
	}
	positions := make([]int64, len(found))
	for i, n := range found {
		positions[i] = n.pos
	}
	if err := t.load(ctx, positions); err != nil {
		return nil, nil, err
	}
	mentions := make(map[string][]trace.Mention, len(ids))
	for _, n := range found {
		e := t.events[n.pos]
		if e == nil {
			continue
		}
		if n.roles&lotRole != 0 {
			t.lots[n.id] = append(t.lots[n.id], n.pos)
		}
		roles := trace.Roles(n.roles|n.roles>>quantityShift) & (1<<(epcis.RoleOutput+1) - 1) //nolint:gosec // masked
		if trace.Linked(e.Type) {
			// The link has the last word: it knows a class by its lot.
			roles = e.RolesOf(n.id)
		}
		if roles != 0 {
			mentions[n.id] = append(mentions[n.id], trace.Mention{Event: e, Roles: roles})
		}
	}
	return mentions, cut, nil
}

// naming reads which events name keys. It stops at a key with too many events and gives it; else it
// gives how many keys it has done.
func (t *traceSource) naming(ctx context.Context, keys []string, of map[string]string, found *[]naming) (done int, full string, err error) {
	condition, args := amongKeys(t, "epc", keys)
	last, n := "", 0
	err = each(ctx, t.tx, func(rows *sql.Rows) error {
		var x naming
		var key string
		if failed := rows.Scan(&key, &x.pos, &x.roles); failed != nil {
			return failed
		}
		if key != last {
			last, n = key, 0
		}
		if n++; n > maxNaming {
			full = key
			return errEnough
		}
		if x.roles < declarationRole {
			x.id = of[key]
			*found = append(*found, x)
		}
		return nil
	}, `SELECT epc, pos, roles FROM event_epcs WHERE `+condition+` ORDER BY epc, pos`, args...)
	return len(keys), full, err
}

// byKey reads the positions of the events that are found by keys of a kind.
func (t *traceSource) byKey(ctx context.Context, kind int, ids []string) (map[string][]int64, error) {
	keys, of := keyed(ids)
	found := map[string][]int64{}
	for some := range slices.Chunk(keys, t.atOnce()) {
		condition, args := amongKeys(t, "key", some)
		err := each(ctx, t.tx, func(rows *sql.Rows) error {
			var key string
			var pos int64
			if err := rows.Scan(&key, &pos); err != nil {
				return err
			}
			found[of[key]] = append(found[of[key]], pos)
			return nil
		}, `SELECT key, pos FROM link_keys WHERE kind = ? AND `+condition+` ORDER BY key, pos LIMIT ?`, append(append([]any{kind}, args...), maxInstances)...)
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// load reads the events at positions.
func (t *traceSource) load(ctx context.Context, positions []int64) error {
	slices.Sort(positions)
	positions = slices.DeleteFunc(slices.Compact(positions), func(pos int64) bool { _, known := t.events[pos]; return known })
	var links []int64
	for some := range slices.Chunk(positions, t.atOnce()) {
		condition, args := amongKeys(t, "pos", some)
		err := each(ctx, t.tx, func(rows *sql.Rows) error {
			var e trace.Event
			var pos, at int64
			var hash []byte
			var kind, action, step, disposition, readPoint, bizLocation string
			var declared int
			if err := rows.Scan(&pos, &hash, &kind, &at, &action, &step, &disposition, &readPoint, &bizLocation, &e.MSPID, &declared); err != nil {
				return err
			}
			if declared != 0 {
				return nil
			}
			copy(e.Hash[:], hash)
			e.At, e.Type, e.Action = ledger.Millis(at), epcis.EventType(kind), epcis.Action(action)
			e.Step, e.Disposition, e.Place = epcis.BizStep(step), epcis.Disposition(disposition), trace.Place(readPoint, bizLocation)
			t.events[pos], t.at[e.Hash] = &e, pos
			if trace.Linked(e.Type) {
				links = append(links, pos)
			}
			return nil
		}, `SELECT pos, hash, event_type, event_time, action, biz_step, disposition, read_point, biz_location, msp_id, declared_in_error
			FROM events WHERE `+condition, args...)
		if err != nil {
			return err
		}
	}
	for _, pos := range positions {
		if _, ok := t.events[pos]; !ok {
			t.events[pos] = nil
		}
	}
	for some := range slices.Chunk(links, t.atOnce()) {
		condition, args := amongKeys(t, "pos", some)
		err := each(ctx, t.tx, func(rows *sql.Rows) error {
			var pos int64
			var link sql.RawBytes
			if err := rows.Scan(&pos, &link); err != nil {
				return err
			}
			return decodeLink(link, t.events[pos])
		}, `SELECT pos, link FROM links WHERE `+condition, args...)
		if err != nil {
			return err
		}
	}
	return nil
}

// standing gives the events that stand of the positions of each key.
func (t *traceSource) standing(ctx context.Context, of map[string][]int64) (map[string][]*trace.Event, error) {
	var all []int64
	for _, positions := range of {
		all = append(all, positions...)
	}
	if err := t.load(ctx, all); err != nil {
		return nil, err
	}
	found := make(map[string][]*trace.Event, len(of))
	for key, positions := range of {
		for _, pos := range positions {
			if e := t.events[pos]; e != nil {
				found[key] = append(found[key], e)
			}
		}
	}
	return found, nil
}

// Clears implements trace.Source.
func (t *traceSource) Clears(ctx context.Context, containers []string) (map[string][]*trace.Event, []string, error) {
	return t.found(ctx, keyClears, containers)
}

// Runs implements trace.Source.
func (t *traceSource) Runs(ctx context.Context, runs []string) (map[string][]*trace.Event, []string, error) {
	return t.found(ctx, keyRun, runs)
}

func (t *traceSource) found(ctx context.Context, kind int, keys []string) (map[string][]*trace.Event, []string, error) {
	of, err := t.byKey(ctx, kind, keys)
	if err != nil {
		return nil, nil, err
	}
	events, err := t.standing(ctx, of)
	return events, nil, err
}

// Instances implements trace.Source.
func (t *traceSource) Instances(ctx context.Context, lots []string) (map[string][]trace.LotMention, []string, error) {
	type telling struct {
		trace.Binding
		pos int64
	}
	var found []telling
	var cut []string
	for _, lot := range lots {
		n := 0
		err := each(ctx, t.tx, func(rows *sql.Rows) error {
			var block int64
			var members sql.RawBytes
			if err := rows.Scan(&block, &members); err != nil {
				return err
			}
			r := textReader{b: members}
			for len(r.b) > 0 {
				pos := block<<indexBits | int64(r.number()&maxIndex)
				for range min(r.number(), uint64(len(members))) {
					found = append(found, telling{trace.Binding{Item: serialsOf(lot) + r.text(), Lot: lot}, pos})
					n++
				}
			}
			if r.broken {
				return fmt.Errorf("%w: the instances of %s cannot be read", ErrCorrupt, lot)
			}
			if n > maxInstances {
				cut = append(cut, lot)
				return errEnough
			}
			return nil
		}, `SELECT block, members FROM lots WHERE lot = ? ORDER BY block`, storable(bounded(lot)))
		if err != nil {
			return nil, nil, err
		}
	}
	positions := make([]int64, len(found))
	for i, f := range found {
		positions[i] = f.pos
	}
	if err := t.load(ctx, positions); err != nil {
		return nil, nil, err
	}
	mentions := map[string][]trace.LotMention{}
	for _, f := range found {
		if e := t.events[f.pos]; e != nil {
			mentions[f.Lot] = append(mentions[f.Lot], trace.LotMention{Binding: f.Binding, Event: e})
		}
	}
	return mentions, cut, nil
}

// LotsOf implements trace.Source.
func (t *traceSource) LotsOf(ctx context.Context, items []string) (map[string][]trace.LotMention, []string, error) {
	unread := slices.DeleteFunc(slices.Clone(items), func(id string) bool { _, known := t.lots[id]; return known })
	var cut []string
	if len(unread) > 0 {
		var err error
		if _, cut, err = t.Mentions(ctx, unread); err != nil {
			return nil, nil, err
		}
	}
	var positions []int64
	for _, id := range items {
		positions = append(positions, t.lots[id]...)
	}
	positions = slices.DeleteFunc(positions, func(pos int64) bool { _, known := t.told[pos]; return known })
	err := t.bodies(ctx, positions, func(pos int64, ev *epcis.Event) {
		_, t.told[pos] = trace.Read(ev, ledger.Digest{}, "")
	})
	if err != nil {
		return nil, nil, err
	}
	mentions := make(map[string][]trace.LotMention, len(items))
	for _, id := range items {
		for _, pos := range t.lots[id] {
			for _, b := range t.told[pos] {
				if b.Item == id {
					mentions[id] = append(mentions[id], trace.LotMention{Binding: b, Event: t.events[pos]})
				}
			}
		}
	}
	return mentions, cut, nil
}

// bodies reads and parses events.
func (t *traceSource) bodies(ctx context.Context, positions []int64, yield func(pos int64, ev *epcis.Event)) error {
	slices.Sort(positions)
	positions = slices.Compact(positions)
	const atOnce = 64
	for some := range slices.Chunk(positions, atOnce) {
		condition, args := amongKeys(t, "b.pos", some)
		err := each(ctx, t.tx, func(rows *sql.Rows) error {
			var pos int64
			var within, body []byte
			if err := rows.Scan(&pos, &within, &body); err != nil {
				return err
			}
			ev, err := epcis.ParseEvent(within, body)
			if err != nil {
				return fmt.Errorf("%w: the event at %d cannot be parsed: %w", ErrCorrupt, pos, err)
			}
			yield(pos, ev)
			return nil
		}, `SELECT b.pos, c.context, b.body FROM bodies b LEFT JOIN contexts c ON c.digest = b.context WHERE `+condition, args...)
		if err != nil {
			return err
		}
	}
	return nil
}

// want asks for the party of the event that gave a status.
func (t *traceSource) want(c *trace.Custody) {
	if c == nil || c.Since == nil || c.Status != trace.StatusHeld && c.Status != trace.StatusShipped {
		return // whom a consumer's purchase names is nobody's business
	}
	if pos, ok := t.at[c.Since.Hash]; ok {
		t.wanted = append(t.wanted, pos)
	}
}

// disputes are the open findings on events that tell who holds things: what is said of which item or, with
// an item of none, of the event as a whole.
type disputes map[ledger.Digest][]ledger.Naming

// disputes reads those of events.
func (t *traceSource) disputes(ctx context.Context, events map[ledger.Digest]bool) (disputes, error) {
	keys := make([][]byte, 0, len(events))
	for hash := range events {
		keys = append(keys, hash[:])
	}
	slices.SortFunc(keys, bytes.Compare)
	found := disputes{}
	for some := range slices.Chunk(keys, t.atOnce()) {
		condition, args := amongKeys(t, "event", some)
		err := each(ctx, t.tx, func(rows *sql.Rows) error {
			var event []byte
			var n ledger.Naming
			if err := rows.Scan(&event, &n.Code, &n.Item); err != nil {
				return err
			}
			if !fill(n.Event[:], event) {
				return fmt.Errorf("%w: a finding's event of %d bytes", ErrCorrupt, len(event))
			}
			if slices.Contains(trace.Disputes(), n.Code) {
				found[n.Event] = append(found[n.Event], n)
			}
			return nil
		}, `SELECT event, code, item FROM findings WHERE open <> 0 AND `+condition, args...)
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// tell sets what speaks against the custody of a thing that is in those containers.
func (d disputes) tell(c *trace.Custody, id string, containers []string) {
	if c == nil {
		return
	}
	for _, e := range []*trace.Evidence{c.Held, c.Since} {
		if e == nil {
			continue
		}
		for _, n := range d[e.Hash] {
			// A place is not the item: its finding is on the event, and on all that the event names.
			if n.Code == ledger.FindingUnregisteredOrganisation || n.Item == id || slices.Contains(containers, n.Item) {
				c.Disputed = append(c.Disputed, n.Code)
			}
		}
	}
	slices.Sort(c.Disputed)
	c.Disputed = slices.Compact(c.Disputed)
}

// evidenceOf adds the events that a custody rests on.
func evidenceOf(c *trace.Custody, to map[ledger.Digest]bool) {
	if c == nil {
		return
	}
	for _, e := range []*trace.Evidence{c.Held, c.Since} {
		if e != nil {
			to[e.Hash] = true
		}
	}
}

// disputed marks the custody of the things of a recall that open findings speak against.
func (t *traceSource) disputed(ctx context.Context, g *trace.Graph) error {
	events, in := map[ledger.Digest]bool{}, map[string]string{}
	for _, n := range g.Nodes {
		evidenceOf(n.Custody, events)
		in[n.ID] = n.Container
	}
	found, err := t.disputes(ctx, events)
	if err != nil || len(found) == 0 {
		return err
	}
	for _, n := range g.Nodes {
		var around []string
		for id := n.Container; id != "" && !slices.Contains(around, id) && len(around) < maxAround; id = in[id] {
			around = append(around, id)
		}
		found.tell(n.Custody, n.ID, around)
	}
	return nil
}

// disputedAt does so for one thing.
func (t *traceSource) disputedAt(ctx context.Context, w *trace.Where) error {
	events := map[ledger.Digest]bool{}
	evidenceOf(&w.Custody, events)
	found, err := t.disputes(ctx, events)
	found.tell(&w.Custody, w.ID, w.Containers)
	return err
}

// parties are whom events name as the one that has a thing after them.
type parties map[ledger.Digest]string

func (p parties) tell(c *trace.Custody) {
	if c != nil && c.Since != nil {
		c.Party = p[c.Since.Hash]
	}
}

// parties reads the parties that are wanted: of each event its possessor, else its owner.
func (t *traceSource) parties(ctx context.Context) (of parties, cut bool, err error) {
	slices.Sort(t.wanted)
	wanted := slices.Compact(t.wanted)
	if cut = len(wanted) > maxParties; cut {
		wanted = wanted[:maxParties]
	}
	of = parties{}
	err = t.bodies(ctx, wanted, func(pos int64, ev *epcis.Event) {
		if d := recipient(ev); d != "" {
			of[t.events[pos].Hash] = query.CanonicalID(d)
		}
	})
	return of, cut, err
}

func recipient(ev *epcis.Event) string {
	for _, kind := range []string{"possessing_party", "owning_party"} {
		for _, d := range ev.Destinations {
			if d.Type == kind {
				return d.ID
			}
		}
	}
	return ""
}
