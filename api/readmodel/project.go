package readmodel

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/epcis"
)

// Apply takes blocks in, in one database transaction with the position. Blocks that were taken in
// before are skipped; a block that leaves a gap is ErrGap, one that does not continue the chain that
// the store was built from is ErrForeign. Nothing has changed if it fails.
func (s *Store) Apply(ctx context.Context, blocks ...Block) error {
	start := time.Now()
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after Commit there is nothing to roll back
	at, err := readPosition(ctx, tx)
	if err != nil {
		return err
	}
	p := &projection{ctx: ctx, store: s, tx: tx, stmts: map[string]*sql.Stmt{}, totals: map[string]int64{}, contexts: map[ledger.Digest]bool{}}
	taken, facts := 0, 0
	for _, b := range blocks {
		fresh, err := follows(at, b)
		if err != nil {
			return err
		}
		if !fresh {
			continue
		}
		if err := p.block(b); err != nil {
			return fmt.Errorf("block %d: %w", b.Number, err)
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
	if err := p.finish(at); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	s.metrics.blocks.Add(float64(taken))
	s.metrics.facts.Add(float64(facts))
	s.metrics.commits.Observe(time.Since(start).Seconds())
	s.advance(at.Height)
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

// projection is one database transaction that takes blocks in.
type projection struct {
	ctx      context.Context //nolint:containedctx // lives as long as the one call of Apply that made it
	store    *Store
	tx       *sql.Tx
	stmts    map[string]*sql.Stmt // closed with the transaction
	totals   map[string]int64
	contexts map[ledger.Digest]bool // known to be in the table
}

// exec runs a statement that changes rows; each text is prepared once.
func (p *projection) exec(query string, args ...any) error {
	st, ok := p.stmts[query]
	if !ok {
		var err error
		if st, err = p.tx.PrepareContext(p.ctx, query); err != nil {
			return err
		}
		p.stmts[query] = st
	}
	_, err := st.ExecContext(p.ctx, args...)
	return err
}

func (p *projection) block(b Block) error {
	var index, finding uint32
	next := func(counter *uint32) (int64, error) {
		if *counter > maxIndex {
			return 0, fmt.Errorf("%w: more facts in a block than a position can hold", ErrCorrupt)
		}
		key := Position{Block: b.Number, Index: *counter}.key()
		*counter++
		return key, nil
	}
	for _, t := range b.Transactions {
		for _, e := range t.Events {
			pos, err := next(&index)
			if err != nil {
				return err
			}
			if err := p.event(pos, t, e); err != nil {
				return fmt.Errorf("event %s: %w", e.Hash, err)
			}
		}
		for _, e := range t.Restatements {
			pos, err := next(&index)
			if err != nil {
				return err
			}
			if err := p.restatement(pos, t, e); err != nil {
				return fmt.Errorf("restatement of %s: %w", e.Hash, err)
			}
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
		for _, f := range t.Findings {
			pos, err := next(&finding)
			if err != nil {
				return err
			}
			if err := p.finding(pos, t, f); err != nil {
				return fmt.Errorf("finding %s: %w", f.Code, err)
			}
		}
		if err := p.stateOf(t); err != nil {
			return err
		}
	}
	return nil
}

// stateOf writes what has no place of its own: items, devices and policies.
func (p *projection) stateOf(t Recorded) error {
	for _, i := range t.Items {
		if err := p.item(i); err != nil {
			return fmt.Errorf("item %s: %w", i.EPC, err)
		}
	}
	for _, d := range t.Devices {
		if err := p.device(t, d); err != nil {
			return fmt.Errorf("device %s: %w", d.ID, err)
		}
	}
	for _, pol := range t.Policies {
		if err := p.policy(t, pol); err != nil {
			return fmt.Errorf("policy %s/%d: %w", pol.ID, pol.Version, err)
		}
	}
	return nil
}

func (p *projection) event(pos int64, t Recorded, e wire.RecordedEvent) error {
	d := detailsOf(e)
	if d.err != nil {
		// The chaincode accepted it, so it stays; only the questions that need its fields miss it.
		p.store.log.Error("a recorded event cannot be parsed", "event", e.Hash.String(), "error", d.err)
	}
	err := p.exec(`INSERT INTO events (pos, hash, event_type, event_time, biz_step, disposition, action, event_id, read_point, biz_location, declared_in_error, msp_id, recorded_at, tx_id)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		pos, e.Hash[:], d.eventType, int64(d.eventTime), d.bizStep, d.disposition, d.action, d.eventID, d.readPoint, d.bizLocation,
		flag(d.declaresError), t.MSPID, int64(t.At), t.TxID)
	if err != nil {
		return err
	}
	if err := p.body(pos, e); err != nil {
		return err
	}
	for _, x := range d.epcs {
		if err := p.exec(`INSERT INTO event_epcs (epc, pos, roles) VALUES (?, ?, ?)`, x.epc, pos, x.roles); err != nil {
			return err
		}
	}
	for _, a := range d.associations {
		err := p.exec(`INSERT INTO associations (device, container, event_time, event, binds) VALUES (?, ?, ?, ?, ?)`,
			a.device, a.container, int64(d.eventTime), e.Hash[:], flag(a.binds))
		if err != nil {
			return err
		}
	}
	for _, id := range d.shipments {
		if err := p.shipmentStarts(id, d.eventTime); err != nil {
			return err
		}
	}
	p.totals["events"]++
	return nil
}

func (p *projection) body(pos int64, e wire.RecordedEvent) error {
	var contextDigest []byte
	if len(e.Context) > 0 {
		digest := ledger.Digest(sha256.Sum256(e.Context))
		contextDigest = digest[:]
		if !p.contexts[digest] {
			if err := p.exec(`INSERT INTO contexts (digest, context) VALUES (?, ?) ON CONFLICT (digest) DO NOTHING`, contextDigest, e.Context); err != nil {
				return err
			}
			p.contexts[digest] = true
		}
	}
	return p.exec(`INSERT INTO bodies (pos, context, body) VALUES (?, ?, ?)`, pos, contextDigest, e.Body)
}

func (p *projection) restatement(pos int64, t Recorded, e wire.RecordedEvent) error {
	d := detailsOf(e)
	digest := ledger.BodyDigest(e.Context, e.Body)
	err := p.exec(`INSERT INTO restatements (pos, hash, body_digest, event_id, declares_error, msp_id, recorded_at, tx_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		pos, e.Hash[:], digest[:], d.eventID, flag(d.declaresError), t.MSPID, int64(t.At), t.TxID)
	if err != nil {
		return err
	}
	if err := p.body(pos, e); err != nil {
		return err
	}
	if d.declaresError {
		// Only who recorded an event may declare it in error; another's declaration is kept as its word.
		if err := p.exec(`UPDATE events SET declared_in_error = 1 WHERE hash = ? AND msp_id = ?`, e.Hash[:], t.MSPID); err != nil {
			return err
		}
	}
	p.totals["restatements"]++
	return nil
}

func (p *projection) item(i ledger.ItemState) error {
	return p.exec(`INSERT INTO items (epc, status, custodian, container, place, disposition, biz_step, last_event, last_at, commissioned_at, commissioned_by, ended_at, ended_by)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (epc) DO UPDATE SET status = excluded.status, custodian = excluded.custodian, container = excluded.container, place = excluded.place,
		disposition = excluded.disposition, biz_step = excluded.biz_step, last_event = excluded.last_event, last_at = excluded.last_at,
		commissioned_at = excluded.commissioned_at, commissioned_by = excluded.commissioned_by, ended_at = excluded.ended_at, ended_by = excluded.ended_by`,
		i.EPC, int(i.Status), i.Custodian, i.Container, i.Place, i.Disposition, i.BizStep, i.LastEvent[:], int64(i.LastAt),
		int64(i.CommissionedAt), i.CommissionedBy[:], int64(i.EndedAt), i.EndedBy[:])
}

func (p *projection) finding(pos int64, t Recorded, f ledger.Finding) error {
	p.totals["findings"]++
	return p.exec(`INSERT INTO findings (pos, code, item, event, other, detail, tx_id) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		pos, string(f.Code), f.Item, f.Event[:], digestOrNull(f.Other), f.Detail, t.TxID)
}

func (p *projection) device(t Recorded, d ledger.Device) error {
	p.totals["devices"]++
	return p.exec(`INSERT INTO devices (id, algorithm, public_key, owner, registered_at, tx_id, next_seq) VALUES (?, ?, ?, ?, ?, ?, 0)`,
		d.ID, string(d.Algorithm), d.PublicKey, d.Owner, int64(d.RegisteredAt), t.TxID)
}

func (p *projection) segment(pos int64, t Recorded, r wire.RecordedSegment) error {
	seg := r.Segment
	if len(seg.Times) == 0 {
		return fmt.Errorf("%w: a segment without readings", ErrCorrupt)
	}
	from, to := seg.Times[0], seg.Times[len(seg.Times)-1]
	err := p.exec(`INSERT INTO segments (pos, device, seq, digest, from_time, to_time, times, payload, signature, msp_id, recorded_at, tx_id)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		pos, seg.Device, int64(seg.Seq), r.Digest[:], int64(from), int64(to), len(seg.Times), r.Payload, r.Signature, t.MSPID, int64(t.At), t.TxID) //nolint:gosec // the ledger counts segments from 0 without gaps
	if err != nil {
		return err
	}
	p.totals["segments"]++
	p.totals["readings"] += int64(len(seg.Times)) * int64(len(seg.Channels))
	return p.exec(`UPDATE devices SET next_seq = ?, last_digest = ?, last_reading = ? WHERE id = ?`,
		int64(seg.Seq)+1, r.Digest[:], int64(to), seg.Device) //nolint:gosec // as above
}

func (p *projection) policy(t Recorded, pol ledger.Policy) error {
	text, err := json.Marshal(pol)
	if err != nil {
		return err
	}
	p.totals["policies"]++
	return p.exec(`INSERT INTO policies (id, version, policy, tx_id) VALUES (?, ?, ?, ?)`, pol.ID, int64(pol.Version), string(text), t.TxID)
}

func (p *projection) verdict(pos int64, t Recorded, v ledger.Verdict) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	err = p.exec(`INSERT INTO verdicts (pos, shipment, window_no, model, final, level, score, verdict) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		pos, v.Shipment, int64(v.Window), v.Model, flag(v.Final), int(v.Level), v.Score, string(text))
	if err != nil {
		return err
	}
	p.totals["verdicts"]++
	if err := p.shipmentStarts(v.Shipment, v.From); err != nil {
		return err
	}
	if err := p.exec(`UPDATE shipments SET verdicts = verdicts + 1, latest = ?, level = ?,
		worst = CASE WHEN worst < ? THEN ? ELSE worst END WHERE id = ?`, pos, int(v.Level), int(v.Level), int(v.Level), v.Shipment); err != nil {
		return err
	}
	if !v.Final {
		return nil
	}
	return p.exec(`UPDATE shipments SET ended_at = ? WHERE id = ? AND ended_at IS NULL`, int64(t.At), v.Shipment)
}

func (p *projection) shipmentStarts(id string, at ledger.Millis) error {
	return p.exec(`INSERT INTO shipments (id, started_at, verdicts, level, worst) VALUES (?, ?, 0, 0, 0)
		ON CONFLICT (id) DO UPDATE SET started_at = CASE WHEN excluded.started_at < shipments.started_at THEN excluded.started_at ELSE shipments.started_at END`,
		id, int64(at))
}

func (p *projection) finish(at Progress) error {
	err := p.exec(`INSERT INTO position (one, block, hash, genesis) VALUES (1, ?, ?, ?) ON CONFLICT (one) DO UPDATE SET block = excluded.block, hash = excluded.hash`,
		int64(at.Height-1), at.Hash[:], at.Genesis[:]) //nolint:gosec // bounded by maxBlock
	if err != nil {
		return err
	}
	for name, n := range p.totals {
		err := p.exec(`INSERT INTO totals (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = totals.value + excluded.value`, name, n)
		if err != nil {
			return err
		}
	}
	return nil
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
	declaresError bool
	epcs          []epcRoles
	associations  []association
	shipments     []string
	err           error
}

type epcRoles struct {
	epc   string
	roles int // bit set of 1 << epcis.Role
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
		eventID: ev.EventID, eventTime: ledger.MillisOf(ev.EventTime.Instant), declaresError: ev.IsErrorDeclaration(),
	}
	if ev.ReadPoint != nil {
		d.readPoint = ev.ReadPoint.ID
	}
	if ev.BizLocation != nil {
		d.bizLocation = ev.BizLocation.ID
	}
	seen := map[string]int{}
	for _, i := range ev.Items() {
		at, ok := seen[i.Canonical]
		if !ok {
			at = len(d.epcs)
			seen[i.Canonical] = at
			d.epcs = append(d.epcs, epcRoles{epc: i.Canonical})
		}
		d.epcs[at].roles |= 1 << i.Role
	}
	d.associations, d.shipments = shipmentsOf(ev)
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
