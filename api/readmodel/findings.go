package readmodel

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// changes gives the findings that a transaction raised, then those that it amended or closed.
func (t Recorded) changes() []ledger.Finding { return slices.Concat(t.Findings, t.Changes) }

// findingChange is what became of a finding, with the place that raised it first within the batch.
type findingChange struct {
	pos, changed int64
	tx           string
	finding      ledger.Finding
	text         string
}

func (p *projection) finding(pos int64, t Recorded, f ledger.Finding) error {
	text, err := json.Marshal(f)
	if err != nil {
		return err
	}
	p.add(tFindingChanges, pos, f.Event[:], string(f.Code), f.Item, string(text))
	if f.Open() && f.Change != ledger.FindingAmended {
		p.totals["findings"]++
	}
	name := f.Naming()
	c, ok := p.findings[name]
	if !ok {
		c = &findingChange{pos: pos, tx: t.TxID}
		p.findings[name] = c
		p.findingOrder = append(p.findingOrder, name)
	}
	c.changed, c.finding, c.text = pos, f, string(text)
	return nil
}

func (p *projection) foldFindings() {
	for _, name := range p.findingOrder {
		c := p.findings[name]
		f := c.finding
		severity := f.Severity
		if severity == 0 {
			severity = f.Code.Severity()
		}
		p.add(tFindings, c.pos, string(f.Code), f.Item, f.Event[:], digestOrNull(f.Other), f.Detail, c.tx, int(severity), flag(f.Open()), c.changed, c.text)
	}
	for _, key := range p.masterOrder {
		c := p.master[key]
		p.add(tMasterData, string(key.kind), key.id, int64(key.version), key.waiting, c.owner, c.window, c.tx, c.text)
	}
}

type masterKey struct {
	kind    ledger.MasterKind
	id      string
	version uint32
	waiting string // digest in hexadecimal of rules that wait for approvals; else empty
}

type masterChange struct {
	owner, tx, text string
	window          int64 // ms, of lanes and rules
}

// MasterID spells the id of a master datum as one text: the two places of a lane are parted by a space.
func MasterID(m ledger.MasterDatum) string { return strings.Join(m.ID(), " ") }

func (p *projection) masterData(t Recorded) error {
	for _, m := range t.Master {
		text, err := json.Marshal(m)
		if err != nil {
			return fmt.Errorf("%s %s: %w", m.Kind(), MasterID(m), err)
		}
		key := masterKey{kind: m.Kind(), id: storable(MasterID(m)), version: m.Version}
		if m.Pending {
			digest, err := wire.MasterDigest(m)
			if err != nil {
				return err
			}
			key.waiting = digest.String()
		}
		c := masterChange{owner: m.Owner, tx: t.TxID, text: string(text)}
		switch {
		case m.Lane != nil:
			c.window = int64(m.Lane.Window)
		case m.Rules != nil:
			c.window = int64(m.Rules.Window)
		}
		if _, ok := p.master[key]; !ok {
			p.masterOrder = append(p.masterOrder, key)
		}
		p.master[key] = c
	}
	return nil
}

// awaited ends the row of an item with the shipping whose receipt is still to come.
func (p *projection) awaited(i ledger.ItemState) {
	if step, ok := i.Awaited(); ok {
		p.add(tItems, int64(step.At), step.Place, step.To)
		return
	}
	p.add(tItems, nil, "", "")
}

func selectFindings(ctx context.Context, q querier, rest string, args ...any) ([]Finding, error) {
	var found []Finding
	err := each(ctx, q, func(rows *sql.Rows) error {
		var f Finding
		var pos int64
		var text string
		if err := rows.Scan(&pos, &f.TxID, &text); err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(text), &f.Finding); err != nil {
			return fmt.Errorf("%w: finding: %w", ErrCorrupt, err)
		}
		f.Position = positionOf(pos)
		found = append(found, f)
		return nil
	}, `SELECT pos, tx_id, finding FROM findings `+rest, args...)
	return found, err
}

// FindingFilter selects findings; each field that is set must hold. Item is canonical.
type FindingFilter struct {
	Code    ledger.FindingCode
	Item    string
	Event   ledger.Digest
	AtLeast ledger.Severity
	Open    bool // only those that are open
	Closed  bool // only those that are closed
}

// Findings gives a page of findings in the order in which they were raised first.
func (s *Store) Findings(ctx context.Context, f FindingFilter, page Page) (Rows[Finding], error) {
	var found Rows[Finding]
	err := s.snapshot(ctx, func(tx querier) error {
		var err error
		if found.At, err = readPosition(ctx, tx, ""); err != nil {
			return err
		}
		var w where
		if f.Code != "" {
			w.add("code = ?", string(f.Code))
		}
		if f.Item != "" {
			w.add("item = ?", storable(f.Item))
		}
		if !f.Event.IsZero() {
			w.add("event = ?", f.Event[:])
		}
		if f.AtLeast > 0 {
			w.add("severity >= ?", int(f.AtLeast))
		}
		if f.Open {
			w.add("open = 1")
		}
		if f.Closed {
			w.add("open = 0")
		}
		order := w.page("pos", page)
		found.Rows, err = selectFindings(ctx, tx, w.String()+order, append(w.args, page.Limit+1)...)
		if len(found.Rows) > page.Limit {
			found.Rows, found.More = found.Rows[:page.Limit], true
		}
		return err
	})
	return found, s.failed(err)
}

// FindingHistory gives every change of the findings on an item or event, at most limit, oldest first.
func (s *Store) FindingHistory(ctx context.Context, name ledger.Naming, limit int) ([]Finding, error) {
	var found []Finding
	err := each(ctx, s.asking(), func(rows *sql.Rows) error {
		var f Finding
		var pos int64
		var text string
		if err := rows.Scan(&pos, &text); err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(text), &f.Finding); err != nil {
			return fmt.Errorf("%w: finding: %w", ErrCorrupt, err)
		}
		f.Position = positionOf(pos)
		if f.TxID = f.RaisedIn; !f.Open() {
			f.TxID = f.ClosedIn
		}
		found = append(found, f)
		return nil
	}, `SELECT pos, finding FROM finding_changes WHERE event = ? AND code = ? AND item = ? ORDER BY pos LIMIT ?`, name.Event[:], string(name.Code), storable(name.Item), limit)
	return found, s.failed(err)
}

// Overdue gives at most limit items whose shipping was to be received before now and on which that is no
// open finding yet, the longest overdue first.
func (s *Store) Overdue(ctx context.Context, now ledger.Millis, limit int) ([]string, error) {
	var found []string
	err := s.snapshot(ctx, func(tx querier) error {
		const latest = `waiting = '' AND version = (SELECT MAX(n.version) FROM master_data n WHERE n.kind = m.kind AND n.id = m.id AND n.waiting = '')`
		var window, shortest int64
		err := tx.QueryRowContext(ctx, `SELECT window_ms FROM master_data m WHERE kind = 'rules' AND `+latest).Scan(&window)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		err = tx.QueryRowContext(ctx, `SELECT COALESCE(MIN(window_ms), 0) FROM master_data m WHERE kind = 'lane' AND window_ms > 0 AND `+latest).Scan(&shortest)
		if err != nil {
			return err
		}
		if window > 0 && (shortest == 0 || window < shortest) {
			shortest = window
		}
		if shortest == 0 {
			return nil
		}
		return each(ctx, tx, func(rows *sql.Rows) error {
			var epc string
			err := rows.Scan(&epc)
			found = append(found, epc)
			return err
		}, `SELECT i.epc FROM items i
			LEFT JOIN master_data m ON m.kind = 'lane' AND m.id = i.shipped_from || ' ' || i.shipped_to AND m.`+latest+`
			WHERE i.shipped_at < ? AND i.shipped_at + COALESCE(NULLIF(m.window_ms, 0), ?) < ? AND COALESCE(NULLIF(m.window_ms, 0), ?) > 0
			AND NOT EXISTS (SELECT 1 FROM findings f WHERE f.item = i.epc AND f.code = ? AND f.open = 1)
			ORDER BY i.shipped_at, i.epc LIMIT ?`,
			int64(now)-shortest, window, int64(now), window, string(ledger.FindingNotReceived), limit)
	})
	return found, s.failed(err)
}

// Doubtful gives at most limit open findings that what is registered or recorded of other items meanwhile may
// close, those after a position in the order in which they were raised.
func (s *Store) Doubtful(ctx context.Context, after Position, limit int) ([]Finding, error) {
	codes := []ledger.FindingCode{
		ledger.FindingPackedTwice, ledger.FindingUnregisteredPlace, ledger.FindingUnregisteredOrganisation,
		ledger.FindingUnregisteredStep, ledger.FindingImpossibleJourney,
	}
	args := make([]any, 0, len(codes)+2)
	for _, c := range codes {
		args = append(args, string(c))
	}
	found, err := selectFindings(ctx, s.asking(), `WHERE open = 1 AND code IN (?`+strings.Repeat(", ?", len(codes)-1)+`) AND pos > ? ORDER BY pos LIMIT ?`,
		append(args, after.key(), limit)...)
	return found, s.failed(err)
}

// MasterFilter selects master data; each field that is set must hold.
type MasterFilter struct {
	Kind  ledger.MasterKind
	ID    string // as MasterID spells it
	Owner string
	All   bool // every version and what waits for approvals, not the latest in force only
}

// MasterKey orders master data.
type MasterKey struct {
	Kind    ledger.MasterKind
	ID      string
	Version uint32
	Waiting string
}

// Master is a version of a master datum with its key.
type Master struct {
	ledger.MasterDatum
	Key MasterKey
}

func masterOf(text string) (m ledger.MasterDatum, err error) {
	if err = json.Unmarshal([]byte(text), &m); err != nil {
		return m, fmt.Errorf("%w: master data: %w", ErrCorrupt, err)
	}
	return m, nil
}

// MasterData lists at most limit master data after a key, in the order of kind, id and version.
func (s *Store) MasterData(ctx context.Context, f MasterFilter, after MasterKey, limit int) ([]Master, error) {
	var w where
	v := int64(after.Version)
	w.add("(kind > ? OR kind = ? AND (id > ? OR id = ? AND (version > ? OR version = ? AND waiting > ?)))",
		string(after.Kind), string(after.Kind), after.ID, after.ID, v, v, after.Waiting)
	if f.Kind != "" {
		w.add("kind = ?", string(f.Kind))
	}
	if f.ID != "" {
		w.add("id = ?", storable(f.ID))
	}
	if f.Owner != "" {
		w.add("owner = ?", f.Owner)
	}
	if !f.All {
		w.add("waiting = '' AND version = (SELECT MAX(n.version) FROM master_data n WHERE n.kind = m.kind AND n.id = m.id AND n.waiting = '')")
	}
	var found []Master
	err := each(ctx, s.asking(), func(rows *sql.Rows) error {
		var m Master
		var kind, text string
		var version int64
		if err := rows.Scan(&kind, &m.Key.ID, &version, &m.Key.Waiting, &text); err != nil {
			return err
		}
		var err error
		if m.MasterDatum, err = masterOf(text); err != nil {
			return err
		}
		m.Key.Kind, m.Key.Version = ledger.MasterKind(kind), uint32(version) //nolint:gosec // written from that type
		found = append(found, m)
		return nil
	}, `SELECT kind, id, version, waiting, datum FROM master_data m`+w.String()+` ORDER BY kind, id, version, waiting LIMIT ?`, append(w.args, limit)...)
	return found, s.failed(err)
}
