package readmodel

import (
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/waybill-dev/waybill/api/proof"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/epcis"
)

// Apply takes blocks in, in one database transaction with the position. Blocks that were taken in
// before are skipped; a block that leaves a gap is ErrGap, one that does not continue the chain that
// the store was built from is ErrForeign. Nothing has changed if it fails.
func (s *Store) Apply(ctx context.Context, blocks ...Block) error {
	var b batch
	for _, block := range blocks {
		b.add(parse(block))
	}
	return s.apply(ctx, b)
}

// batch is blocks in order, with their rows if these were made beforehand.
type batch struct {
	blocks     []parsedBlock
	facts      int
	projection *projection
}

func (b *batch) add(block parsedBlock) {
	b.blocks = append(b.blocks, block)
	b.facts += block.facts()
	if b.projection != nil && b.projection.block(block) != nil {
		b.projection = nil // it is tried again where the error is told
	}
}

func (s *Store) apply(ctx context.Context, b batch) error {
	// A database may give another transaction the preference; the same work succeeds soon after.
	const attempts = 5
	for attempt := 1; ; attempt++ {
		err := s.applyOnce(ctx, b)
		b.projection = nil // it is used up
		if err == nil || attempt == attempts || !preferred(err) || ctx.Err() != nil {
			return s.failed(err)
		}
	}
}

func (s *Store) applyOnce(ctx context.Context, all batch) error {
	start := time.Now()
	conn, err := s.write.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // goes back to the pool
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after Commit there is nothing to roll back
	at, err := readPosition(ctx, asker{s.dialect, tx}, s.dialect.lock)
	if err != nil {
		return err
	}
	p, taken, facts := all.projection, 0, 0
	if p == nil || len(all.blocks) > 0 && all.blocks[0].Number != at.Height {
		p, all.projection = newProjection(s), nil
	}
	for _, b := range all.blocks {
		fresh, err := follows(at, b.Block)
		if err != nil {
			return err
		}
		if !fresh {
			continue
		}
		if all.projection == nil {
			if err := p.block(b); err != nil {
				return fmt.Errorf("block %d: %w", b.Number, err)
			}
		}
		at.Height, at.Hash = b.Number+1, b.Hash
		if b.Number == 0 {
			at.Genesis = b.Hash
		}
		taken++
		facts += b.facts()
	}
	if taken == 0 {
		s.advance(at.Height)
		return nil
	}
	w := writer{ctx: ctx, store: s, conn: conn, tx: tx, stmts: map[string]*sql.Stmt{}}
	if err := p.write(w, at); err != nil {
		return fmt.Errorf("blocks up to %d: %w", at.Height-1, err)
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	s.metrics.blocks.Add(float64(taken))
	s.metrics.facts.Add(float64(facts))
	s.metrics.commits.Observe(time.Since(start).Seconds())
	s.advance(at.Height)
	s.look(ctx, conn, facts)
	if s.cfg.Watch != nil {
		s.cfg.Watch(at.Height, facts)
	}
	return nil
}

// follows reports whether b comes next; it is false for a block that was taken in before.
func follows(at Progress, b Block) (bool, error) {
	switch {
	case b.Number > maxBlock:
		return false, fmt.Errorf("%w: block %d is beyond what a position can hold", ErrGap, b.Number)
	case b.Number > at.Height:
		return false, fmt.Errorf("%w: block %d was given where %d comes next", ErrGap, b.Number, at.Height)
	case b.Number == at.Height && at.Height > 0 && b.Previous != at.Hash:
		return false, fmt.Errorf("%w: block %d follows %x, the store ends with %x", ErrForeign, b.Number, b.Previous, at.Hash)
	case b.Number+1 == at.Height && b.Hash != at.Hash:
		return false, fmt.Errorf("%w: the ledger's block %d is %x, the store has %x", ErrForeign, b.Number, b.Hash, at.Hash)
	}
	return b.Number == at.Height, nil
}

// parsedBlock is a block with the details of its events, which are found before its turn to be written.
type parsedBlock struct {
	Block
	events, restatements [][]details // of each transaction
}

func parse(b Block) parsedBlock {
	p := parsedBlock{Block: b, events: make([][]details, len(b.Transactions)), restatements: make([][]details, len(b.Transactions))}
	for i, t := range b.Transactions {
		for _, e := range t.Events {
			p.events[i] = append(p.events[i], detailsOf(e))
		}
		for _, e := range t.Restatements {
			p.restatements[i] = append(p.restatements[i], detailsOf(e))
		}
	}
	return p
}

// projection is what blocks add to the store. Facts are rows to insert; what changes, such as the
// state of an item, is folded first and written once.
type projection struct {
	store     *Store
	rows      [tableCount][]any // values of the columns, row after row
	objects   []objectRow
	waiting   []waitingBlock // the blocks with entries
	totals    map[string]int64
	lots      lotRows
	contexts  map[ledger.Digest]bool
	words     map[word]bool
	errors    []declaration
	log       []logBlock
	leaves    []proof.Leaf // room, used again for each block
	anchors   []anchored
	items     map[string]ledger.ItemState
	devices   map[string]*deviceChange
	shipments map[string]*shipmentChange
	findings  map[ledger.Naming]*findingChange
	master    map[masterKey]masterChange
	inForce   map[elementKey]elementForce
	// order keeps what the maps hold in the order in which it came.
	itemOrder, deviceOrder, shipmentOrder []string
	findingOrder                          []ledger.Naming
	masterOrder                           []masterKey
	inForceOrder                          []elementKey
	governance                            governance
	scoring                               scoring
}

// declaration says that an organisation has declared its event in error.
type declaration struct {
	event ledger.Digest
	mspID string
}

type deviceChange struct {
	registered []any // its first columns, nil if it was registered before
	nextSeq    int64 // 0 if it has no segment here
	digest     []byte
	reading    int64
}

type shipmentChange struct {
	startedAt    ledger.Millis
	endedAt      any
	verdicts     int64
	latest       any
	window       any // of the latest
	level, worst int
}

func newProjection(s *Store) *projection {
	return &projection{
		store: s, totals: map[string]int64{}, contexts: map[ledger.Digest]bool{}, words: map[word]bool{},
		items: map[string]ledger.ItemState{}, devices: map[string]*deviceChange{}, shipments: map[string]*shipmentChange{},
		findings: map[ledger.Naming]*findingChange{}, master: map[masterKey]masterChange{}, inForce: map[elementKey]elementForce{},
		governance: newGovernance(), scoring: newScoring(),
	}
}

// add adds a row: one value a column.
func (p *projection) add(table int, values ...any) {
	for i, v := range values {
		if s, ok := v.(string); ok {
			values[i] = storable(s)
		}
	}
	p.rows[table] = append(p.rows[table], values...)
}

func (p *projection) block(b parsedBlock) error {
	var index, finding, receipt, task, word uint32
	next := func(counter *uint32) (int64, error) {
		if *counter > maxIndex {
			return 0, fmt.Errorf("%w: more facts in a block than a position can hold", ErrCorrupt)
		}
		key := Position{Block: b.Number, Index: *counter}.key()
		*counter++
		return key, nil
	}
	for i, t := range b.Transactions {
		for j, e := range t.Events {
			pos, err := next(&index)
			if err != nil {
				return err
			}
			p.event(pos, t, e, b.events[i][j])
		}
		for j, e := range t.Restatements {
			pos, err := next(&index)
			if err != nil {
				return err
			}
			p.restatement(pos, t, e, b.restatements[i][j])
		}
		for _, seg := range t.Segments {
			pos, err := next(&index)
			if err != nil {
				return err
			}
			if err := p.segment(pos, t, seg); err != nil {
				return fmt.Errorf("segment %s/%d: %w", seg.Segment.Device, seg.Segment.Seq, err)
			}
		}
		for _, v := range t.Verdicts {
			pos, err := next(&index)
			if err != nil {
				return err
			}
			if err := p.verdict(pos, t, v); err != nil {
				return fmt.Errorf("verdict %s/%d: %w", v.Shipment, v.Window, err)
			}
		}
		for _, f := range t.Scoring.Finals {
			pos, err := next(&index)
			if err != nil {
				return err
			}
			if err := p.finalVerdict(pos, t, f); err != nil {
				return err
			}
		}
		for _, f := range t.changes() {
			pos, err := next(&finding)
			if err != nil {
				return err
			}
			if err := p.finding(pos, t, f); err != nil {
				return fmt.Errorf("finding %s of %s: %w", f.Code, f.Event, err)
			}
		}
		if err := p.stateOf(t); err != nil {
			return err
		}
		if err := p.governed(t, func() (int64, error) { return next(&receipt) }); err != nil {
			return err
		}
		if err := p.scored(t, func() (int64, error) { return next(&task) }, func() (int64, error) { return next(&word) }); err != nil {
			return err
		}
	}
	return p.logLeaves(b.Block)
}

// stateOf takes in what has no place of its own: items, devices and policies.
func (p *projection) stateOf(t Recorded) error {
	for _, i := range t.Items {
		i.EPC = storable(i.EPC)
		if _, ok := p.items[i.EPC]; !ok {
			p.itemOrder = append(p.itemOrder, i.EPC)
		}
		p.items[i.EPC] = i
	}
	for _, d := range t.Devices {
		p.totals["devices"]++
		p.deviceOf(d.ID).registered = []any{d.ID, string(d.Algorithm), d.PublicKey, d.Owner, int64(d.RegisteredAt), t.TxID}
	}
	for _, pol := range t.Policies {
		text, err := json.Marshal(pol)
		if err != nil {
			return fmt.Errorf("policy %s/%d: %w", pol.ID, pol.Version, err)
		}
		p.totals["policies"]++
		p.add(tPolicies, pol.ID, int64(pol.Version), string(text), t.TxID)
	}
	p.statements(t)
	return p.masterData(t)
}

func (p *projection) event(pos int64, t Recorded, e wire.RecordedEvent, d details) {
	if d.err != nil {
		// The chaincode accepted it, so it stays; only the questions that need its fields miss it.
		p.store.log.Error("a recorded event cannot be parsed", "event", e.Hash.String(), "error", d.err)
	}
	p.add(tEvents, pos, e.Hash[:], d.eventType, int64(d.eventTime), d.bizStep, d.disposition, d.action, d.eventID, d.readPoint, d.bizLocation,
		flag(d.declaresError), t.MSPID, int64(t.At), t.TxID)
	p.body(pos, e)
	p.entry(pos, t, d, 0)
	for _, a := range d.associations {
		p.add(tAssociations, a.device, int64(d.eventTime), e.Hash[:], a.container, flag(a.binds))
	}
	for _, id := range d.shipments {
		p.shipmentStarts(id, d.eventTime)
	}
	p.traced(pos, d.traced)
	p.totals["events"]++
}

// entry makes an event, or a declaration of error, one that queries answer with.
func (p *projection) entry(pos int64, t Recorded, d details, mark int) {
	if d.err != nil {
		return
	}
	for _, x := range d.epcs {
		p.objects = append(p.objects, objectRow{x.epc, pos, x.roles | mark})
	}
	block := pos >> indexBits
	if n := len(p.waiting); n == 0 || p.waiting[n-1].block != block {
		p.waiting = append(p.waiting, waitingBlock{block: block})
	}
	p.waiting[len(p.waiting)-1].add(entry{pos: pos, eventTime: d.instant, recordedAt: int64(t.At), terms: d.index.terms, numbers: d.index.numbers})
	for _, w := range d.index.words {
		if w.value = storable(w.value); !p.words[w] {
			p.words[w] = true
			p.add(tVocabulary, int(w.resource), w.value)
		}
	}
}

func (p *projection) body(pos int64, e wire.RecordedEvent) {
	var contextDigest []byte
	if len(e.Context) > 0 {
		digest := ledger.Digest(sha256.Sum256(e.Context))
		contextDigest = digest[:]
		if !p.contexts[digest] {
			p.contexts[digest] = true
			p.add(tContexts, contextDigest, e.Context)
		}
	}
	p.add(tBodies, pos, contextDigest, e.Body)
}

func (p *projection) restatement(pos int64, t Recorded, e wire.RecordedEvent, d details) {
	digest := ledger.BodyDigest(e.Context, e.Body)
	p.add(tRestatements, pos, e.Hash[:], digest[:], d.eventID, flag(d.declaresError), t.MSPID, int64(t.At), t.TxID)
	p.body(pos, e)
	if d.declaresError {
		// Only who recorded an event may declare it in error; another's declaration is kept as its word.
		p.entry(pos, t, d, declarationRole)
		p.errors = append(p.errors, declaration{event: e.Hash, mspID: storable(t.MSPID)})
	}
	p.totals["restatements"]++
}

func (p *projection) deviceOf(id string) *deviceChange {
	id = storable(id)
	d, ok := p.devices[id]
	if !ok {
		d = &deviceChange{}
		p.devices[id] = d
		p.deviceOrder = append(p.deviceOrder, id)
	}
	return d
}

func (p *projection) segment(pos int64, t Recorded, r wire.RecordedSegment) error {
	seg := r.Segment
	if len(seg.Times) == 0 {
		return fmt.Errorf("%w: a segment without readings", ErrCorrupt)
	}
	from, to := seg.Times[0], seg.Times[len(seg.Times)-1]
	p.add(tSegments, pos, seg.Device, int64(seg.Seq), r.Digest[:], int64(from), int64(to), len(seg.Times), r.Payload, r.Signature, t.MSPID, int64(t.At), t.TxID) //nolint:gosec // the ledger counts segments from 0 without gaps
	p.totals["segments"]++
	p.totals["readings"] += int64(len(seg.Times)) * int64(len(seg.Channels))
	d := p.deviceOf(seg.Device)
	d.nextSeq, d.digest, d.reading = int64(seg.Seq)+1, r.Digest[:], int64(to) //nolint:gosec // as above
	return nil
}

func (p *projection) verdict(pos int64, t Recorded, v ledger.Verdict) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	p.add(tVerdicts, pos, v.Shipment, int64(v.Window), v.Model, flag(v.Final), int(v.Level), v.Score, pos, string(text))
	p.totals["verdicts"]++
	sh := p.shipmentStarts(v.Shipment, v.From)
	sh.verdicts++
	sh.worst = max(sh.worst, int(v.Level))
	if before, judged := sh.window.(int64); !judged || int64(v.Window) >= before {
		sh.latest, sh.window, sh.level = pos, int64(v.Window), int(v.Level)
	}
	if v.Final && sh.endedAt == nil {
		sh.endedAt = int64(t.At)
	}
	return nil
}

func (p *projection) shipmentStarts(id string, at ledger.Millis) *shipmentChange {
	id = storable(id)
	sh, ok := p.shipments[id]
	if !ok {
		sh = &shipmentChange{startedAt: at}
		p.shipments[id] = sh
		p.shipmentOrder = append(p.shipmentOrder, id)
	}
	sh.startedAt = min(sh.startedAt, at)
	return sh
}

// write puts everything into the store, the position last.
func (p *projection) write(w writer, at Progress) error {
	if err := p.foldItems(w); err != nil {
		return err
	}
	if err := p.foldShipments(w); err != nil {
		return err
	}
	updates := p.foldDevices()
	for name, n := range p.totals {
		if n != 0 {
			p.add(tTotals, name, n)
		}
	}
	if err := p.foldLog(w, at); err != nil {
		return fmt.Errorf("proof log: %w", err)
	}
	p.add(tPosition, 1, int64(at.Height-1), at.Hash[:], at.Genesis[:]) //nolint:gosec // bounded by maxBlock
	p.sortObjects()
	if err := p.foldIndex(w); err != nil {
		return fmt.Errorf("index: %w", err)
	}
	p.foldLots()
	p.foldFindings()
	p.foldElements()
	if err := p.foldGoverned(); err != nil {
		return err
	}
	changed := p.foldTasks()
	for id, t := range p.store.tables {
		if err := w.insert(t, p.rows[id]); err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
	}
	for _, args := range updates {
		if err := w.exec(`UPDATE devices SET next_seq = ?, last_digest = ?, last_reading = ? WHERE id = ?`, args...); err != nil {
			return fmt.Errorf("devices: %w", err)
		}
	}
	for _, args := range changed {
		if err := w.exec(`UPDATE tasks SET phase = CASE WHEN phase > ? THEN phase ELSE ? END, changed = ? WHERE id = ?`, args...); err != nil {
			return fmt.Errorf("tasks: %w", err)
		}
	}
	if err := p.foldOutcomes(w); err != nil {
		return fmt.Errorf("outcomes of tasks: %w", err)
	}
	if err := p.overrule(w); err != nil {
		return fmt.Errorf("overruled verdicts: %w", err)
	}
	if err := p.changeWords(w); err != nil {
		return fmt.Errorf("whose word verdicts are: %w", err)
	}
	for _, d := range p.errors {
		if err := w.exec(`UPDATE events SET declared_in_error = 1 WHERE hash = ? AND msp_id = ?`, d.event[:], d.mspID); err != nil {
			return fmt.Errorf("declarations of error: %w", err)
		}
	}
	return nil
}

func (p *projection) foldItems(w writer) error {
	for _, epc := range p.itemOrder {
		i := p.items[epc]
		p.add(tItems, i.EPC, int(i.Status), i.Custodian, i.Container, i.Place, i.Disposition, i.BizStep, i.LastEvent[:], int64(i.LastAt),
			int64(i.CommissionedAt), i.CommissionedBy[:], int64(i.EndedAt), i.EndedBy[:])
		p.awaited(i)
	}
	return p.insertNew(w, tItems, "items")
}

func (p *projection) foldShipments(w writer) error {
	for _, id := range p.shipmentOrder {
		sh := p.shipments[id]
		p.add(tShipments, id, int64(sh.startedAt), sh.endedAt, sh.verdicts, sh.latest, sh.level, sh.worst, sh.window)
	}
	return p.insertNew(w, tShipments, "shipments")
}

// objectRow is a row of event_epcs.
type objectRow struct {
	epc   string
	pos   int64
	roles int
}

// sortObjects makes rows in the order of their key: where they are spread over a large index,
// neighbours then share its pages.
func (p *projection) sortObjects() {
	slices.SortFunc(p.objects, func(a, b objectRow) int { return cmp.Or(cmp.Compare(a.epc, b.epc), cmp.Compare(a.pos, b.pos)) })
	p.rows[tEPCs] = make([]any, 0, 3*len(p.objects))
	for _, r := range p.objects {
		p.rows[tEPCs] = append(p.rows[tEPCs], r.epc, r.pos, r.roles)
	}
}

// foldIndex makes parts of what waits, with what waited before. A part ends with the block that makes
// it large enough, so parts are the same however blocks came in.
func (p *projection) foldIndex(w writer) error {
	if len(p.waiting) == 0 {
		return nil
	}
	var entries int
	const question = `SELECT COALESCE(SUM(entries), 0) FROM index_waiting`
	if err := (asker{w.store.dialect, w.tx}).QueryRowContext(w.ctx, question).Scan(&entries); err != nil {
		return err
	}
	var terms, numbers []indexRow
	begun, stored := 0, entries > 0
	for i, b := range p.waiting {
		if entries += b.entries; entries < w.store.cfg.partEntries {
			continue
		}
		part := newPartBuilder()
		if stored {
			if err := w.takeWaiting(part.add); err != nil {
				return err
			}
			stored = false
		}
		for _, b := range p.waiting[begun : i+1] {
			if err := b.each(part.add); err != nil {
				return err
			}
		}
		name, moreTerms, moreNumbers := part.rows()
		p.add(tParts, name, part.positions[0], len(part.positions), slices.Min(part.eventTimes), slices.Max(part.eventTimes),
			slices.Min(part.recorded), slices.Max(part.recorded), packed(part.positions), packed(part.recorded), packed(part.eventTimes))
		terms, numbers = append(terms, moreTerms...), append(numbers, moreNumbers...)
		entries, begun = 0, i+1
	}
	for _, b := range p.waiting[begun:] {
		p.add(tWaiting, b.block, b.entries, b.content)
	}
	slices.SortFunc(terms, compareIndexRows)
	for _, r := range terms {
		p.rows[tTerms] = append(p.rows[tTerms], r.key, r.part, r.members)
	}
	slices.SortFunc(numbers, compareIndexRows)
	for _, r := range numbers {
		p.rows[tNumbers] = append(p.rows[tNumbers], r.key, r.part, r.low, r.high, r.members)
	}
	return nil
}

// takeWaiting gives the entries that wait in the store, in order, and takes them out of it.
func (w writer) takeWaiting(yield func(entry)) error {
	err := each(w.ctx, asker{w.store.dialect, w.tx}, func(rows *sql.Rows) error {
		b, err := scanWaiting(rows)
		if err != nil {
			return err
		}
		return b.each(yield)
	}, questionWaiting+" ORDER BY block")
	if err != nil {
		return err
	}
	return w.exec(`DELETE FROM index_waiting`)
}

const questionWaiting = `SELECT block, entries, content FROM index_waiting`

func scanWaiting(rows *sql.Rows) (b waitingBlock, err error) {
	err = rows.Scan(&b.block, &b.entries, &b.content)
	return b, err
}

// insertNew writes the rows whose keys are not there yet, counts them, and leaves the others to be merged.
func (p *projection) insertNew(w writer, table int, total string) error {
	t := p.store.tables[table]
	fresh, err := w.insertNew(t, p.rows[table])
	if err != nil {
		return fmt.Errorf("%s: %w", t.name, err)
	}
	p.totals[total] += int64(len(fresh))
	var known []any
	for row := range slices.Chunk(p.rows[table], len(t.columns)) {
		if key, ok := row[0].(string); !ok || !fresh[key] {
			known = append(known, row...)
		}
	}
	p.rows[table] = known
	return nil
}

// foldDevices adds the devices that are new and gives the changes of the others.
func (p *projection) foldDevices() (updates [][]any) {
	for _, id := range p.deviceOrder {
		d := p.devices[id]
		var digest []byte
		var reading any
		if d.nextSeq > 0 {
			digest, reading = d.digest, d.reading
		}
		if d.registered != nil {
			p.add(tDevices, append(d.registered, d.nextSeq, digest, reading)...)
			continue
		}
		updates = append(updates, []any{d.nextSeq, digest, reading, id})
	}
	return updates
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

func digestOrNull(d ledger.Digest) []byte {
	if d.IsZero() {
		return nil
	}
	return d[:]
}

// details are the fields of an event that questions are asked by.
type details struct {
	eventType, bizStep, disposition, action, eventID, readPoint, bizLocation string

	eventTime     ledger.Millis
	instant       int64 // the event time in microseconds
	declaresError bool
	epcs          []epcRoles
	index         index
	associations  []association
	shipments     []string
	traced        traced
	err           error
}

type epcRoles struct {
	epc   string
	roles int // bits, see quantityShift
}

type association struct {
	device, container string
	binds             bool
}

func detailsOf(e wire.RecordedEvent) details {
	ev, err := epcis.ParseEvent(e.Context, e.Body)
	if err != nil {
		return details{err: err}
	}
	d := details{
		eventType: string(ev.Type), bizStep: string(ev.BizStep), disposition: string(ev.Disposition), action: string(ev.Action),
		eventID: ev.EventID, eventTime: ledger.MillisOf(ev.EventTime.Instant), instant: ev.EventTime.Instant.UnixMicro(),
		declaresError: ev.IsErrorDeclaration(),
	}
	if ev.ReadPoint != nil {
		d.readPoint = ev.ReadPoint.ID
	}
	if ev.BizLocation != nil {
		d.bizLocation = ev.BizLocation.ID
	}
	var objects []int64
	d.epcs, objects = objectsOf(ev)
	d.index = indexOf(ev, objects)
	d.associations, d.shipments = shipmentsOf(ev)
	d.traced = tracedOf(ev, d.epcs)
	return d
}

// allDevices stands for every device of a container, in an event that unties it without naming any.
const allDevices = ""

// shipmentsOf gives the devices that an event ties to a container, and the containers that it makes
// shipments: the parent of an association, and each logistic unit that is shipped.
func shipmentsOf(ev *epcis.Event) (ties []association, shipments []string) {
	switch {
	case ev.Type == epcis.AssociationEvent && ev.Action != epcis.Observe:
		var container string
		var devices []string
		named := false
		for _, i := range ev.Items() {
			switch {
			case i.Role == epcis.RoleParent:
				container = i.Canonical
			case i.Role == epcis.RoleChild && !i.Class:
				named = true
				if i.Kind == epcis.KindGIAI || i.Kind == epcis.KindOther {
					devices = append(devices, i.Canonical)
				}
			}
		}
		if !named && ev.Action == epcis.Delete {
			devices = append(devices, allDevices)
		}
		slices.Sort(devices)
		for _, device := range slices.Compact(devices) {
			ties = append(ties, association{device: device, container: container, binds: ev.Action == epcis.Add})
		}
		if len(ties) > 0 && ev.Action == epcis.Add {
			shipments = append(shipments, container)
		}
	case ev.BizStep == "shipping":
		for _, i := range ev.Items() {
			if !i.Class && (i.Role == epcis.RoleEPC || i.Role == epcis.RoleParent) && (i.Kind == epcis.KindSSCC || i.Kind == epcis.KindGRAI) {
				shipments = append(shipments, i.Canonical)
			}
		}
		slices.Sort(shipments)
		shipments = slices.Compact(shipments)
	}
	return ties, shipments
}
