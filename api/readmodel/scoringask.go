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

// Standing is whose word a verdict is.
type Standing uint8

// The standings.
const (
	StandsAlone       Standing = 1 // one organisation's word
	StandsDisputed    Standing = 2 // likewise; a task's quorum found something else, which is not final yet
	StandsProvisional Standing = 3 // a task's quorum found it
	StandsFinal       Standing = 4
)

// Task is a task as it stands, with the places of its opening and of what was done to it last.
type Task struct {
	ledger.TaskView

	Opened, Changed Position
	Inspection      *ledger.Inspection
}

// TaskFilter selects tasks; each field that is set must hold. Shipment is canonical.
type TaskFilter struct {
	Shipment string
	Window   *uint32
	Phase    ledger.TaskPhase
	Scorer   *ledger.Digest // on the panel
	Claimed  bool           // somebody claims that it leaves something out, which nobody has refuted
}

// Tasks gives a page of tasks in the order in which they opened.
func (s *Store) Tasks(ctx context.Context, f TaskFilter, page Page) (Rows[Task], error) {
	return s.tasks(ctx, f, "pos", page)
}

// ChangedTasks gives a page of tasks in the order of what was done to them last: Page.After is the place of such a
// change. A task that changes again comes again.
func (s *Store) ChangedTasks(ctx context.Context, f TaskFilter, page Page) (Rows[Task], error) {
	return s.tasks(ctx, f, "changed", page)
}

func (s *Store) tasks(ctx context.Context, f TaskFilter, order string, page Page) (Rows[Task], error) {
	var found Rows[Task]
	err := s.snapshot(ctx, func(tx querier) error {
		var err error
		if found.At, err = readPosition(ctx, tx, ""); err != nil {
			return err
		}
		var w where
		from, column := "tasks k", "k."+order
		if f.Scorer != nil {
			from = "task_seats x JOIN tasks k ON k.pos = x.pos"
			w.add("x.account = ?", f.Scorer.String())
			if order == "pos" {
				column = "x.pos"
			}
		}
		if f.Shipment != "" {
			w.add("k.shipment = ?", f.Shipment)
		}
		if f.Window != nil {
			w.add("k.window_no = ?", int64(*f.Window))
		}
		if f.Phase != 0 {
			w.add("k.phase = ?", int(f.Phase))
		}
		if f.Claimed {
			w.add("EXISTS (SELECT 1 FROM task_claims c WHERE c.task = k.id AND c.refuted = 0)")
		}
		rest := w.page(column, page)
		found.Rows, found.More, err = selectTasks(ctx, tx, page, from+w.String()+rest, append(w.args, page.Limit+1)...)
		return err
	})
	return found, err
}

// Task gives a task with all that was done to it; ErrNotFound.
func (s *Store) Task(ctx context.Context, id ledger.Digest) (Task, error) {
	var found []Task
	err := s.snapshot(ctx, func(tx querier) error {
		var err error
		found, _, err = selectTasks(ctx, tx, Page{Limit: 1}, "tasks k WHERE k.id = ?", id.String())
		return err
	})
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("%w: task %s", ErrNotFound, id)
	}
	if err != nil {
		return Task{}, err
	}
	return found[0], nil
}

func selectTasks(ctx context.Context, q querier, page Page, from string, args ...any) ([]Task, bool, error) {
	var found []Task
	bytes, more := 0, false
	err := each(ctx, q, func(rows *sql.Rows) error {
		if page.full(len(found), bytes) {
			more = true
			return errEnough
		}
		var pos, changed int64
		var value []byte
		if err := rows.Scan(&pos, &changed, &value); err != nil {
			return err
		}
		t := Task{Opened: positionOf(pos), Changed: positionOf(changed)}
		var err error
		if t.Task, err = wire.Decode[ledger.ScoringTask](value, wire.MaxStoredBytes); err != nil {
			return fmt.Errorf("%w: task: %w", ErrCorrupt, err)
		}
		found = append(found, t)
		bytes += len(value)
		return nil
	}, `SELECT k.pos, k.changed, k.task FROM `+from, args...)
	if err != nil {
		return nil, false, err
	}
	const together = 64
	for some := range slices.Chunk(found, together) {
		if err := addParts(ctx, q, some); err != nil {
			return nil, false, err
		}
	}
	return found, more, nil
}

// addParts reads what was done to tasks.
func addParts(ctx context.Context, q querier, tasks []Task) error {
	places := make(map[string]*Task, len(tasks))
	args := make([]any, len(tasks))
	for i := range tasks {
		id := tasks[i].Task.ID.String()
		places[id], args[i] = &tasks[i], id
	}
	among := ` WHERE task IN (?` + strings.Repeat(", ?", len(tasks)-1) + `) ORDER BY task, `
	err := each(ctx, q, func(rows *sql.Rows) error {
		var id string
		var kind taskPart
		var value []byte
		if err := rows.Scan(&id, &kind, &value); err != nil {
			return err
		}
		t := places[id]
		err := takePart(&t.TaskView, kind, value)
		if kind == partInspection {
			t.Inspection, err = decoded[ledger.Inspection](value)
		}
		if err != nil {
			return fmt.Errorf("%w: task %s: %w", ErrCorrupt, id, err)
		}
		return nil
	}, `SELECT task, kind, value FROM task_parts`+among+`kind, account`, args...)
	if err != nil {
		return err
	}
	return each(ctx, q, func(rows *sql.Rows) error {
		var id string
		var value []byte
		err := rows.Scan(&id, &value)
		if err == nil {
			places[id].Claims, err = decodedAfter(places[id].Claims, value)
		}
		if err != nil {
			return fmt.Errorf("%w: a claim on task %s: %w", ErrCorrupt, id, err)
		}
		return nil
	}, `SELECT task, value FROM task_claims`+among+`account`, args...)
}

// Final is what stands for a window, with the block that made it final.
type Final struct {
	ledger.FinalVerdict

	Block uint64
	// Whole is the whole verdict; nil where answers of different models came to it, which Blend then is.
	Whole *Verdict
	Blend *ledger.Blend
}

// FinalKey is the place of a final verdict among all.
type FinalKey struct {
	Shipment string
	Window   uint32
	Model    string
}

// Finals lists at most limit final verdicts of a shipment (empty: of all) by shipment, window and model, after a key (nil: from
// the first); those of one window, if it is given. The shipment is canonical.
func (s *Store) Finals(ctx context.Context, shipment string, window *uint32, after *FinalKey, limit int) ([]Final, error) {
	var w where
	if shipment != "" {
		w.add("f.shipment = ?", shipment)
	}
	if window != nil {
		w.add("f.window_no = ?", int64(*window))
	}
	if after != nil {
		w.add("(f.shipment, f.window_no, f.model) > (?, ?, ?)", after.Shipment, int64(after.Window), after.Model)
	}
	var found []Final
	err := s.snapshot(ctx, func(tx querier) error {
		var err error
		found, err = selectFinals(ctx, tx, w.String()+" ORDER BY f.shipment, f.window_no, f.model LIMIT ?", append(w.args, limit)...)
		return err
	})
	return found, err
}

// Final gives what stands for a window of a shipment under a model, which is empty for answers of different models; ErrNotFound.
func (s *Store) Final(ctx context.Context, shipment string, window uint32, model string) (Final, error) {
	var found []Final
	err := s.snapshot(ctx, func(tx querier) error {
		var err error
		found, err = selectFinals(ctx, tx, " WHERE f.shipment = ? AND f.window_no = ? AND f.model = ?", shipment, int64(window), model)
		return err
	})
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("%w: a final verdict of %q on window %d of shipment %s", ErrNotFound, model, window, shipment)
	}
	if err != nil {
		return Final{}, err
	}
	return found[0], nil
}

func selectFinals(ctx context.Context, q querier, rest string, args ...any) ([]Final, error) {
	var found []Final
	err := each(ctx, q, func(rows *sql.Rows) error {
		var pos int64
		var value []byte
		if err := rows.Scan(&pos, &value); err != nil {
			return err
		}
		v, err := decoded[ledger.FinalVerdict](value)
		if err != nil {
			return fmt.Errorf("%w: final verdict: %w", ErrCorrupt, err)
		}
		found = append(found, Final{FinalVerdict: *v, Block: positionOf(pos).Block})
		return nil
	}, `SELECT f.pos, f.value FROM finals f`+rest, args...)
	if err != nil {
		return nil, err
	}
	for i := range found {
		f := &found[i]
		if f.Model == "" {
			if f.Blend, err = blendOf(ctx, q, f.Task); err != nil {
				return nil, err
			}
			continue
		}
		whole, _, err := selectVerdicts(ctx, q, Page{Limit: 1}, " WHERE v.shipment = ? AND v.window_no = ? AND v.model = ?", f.Shipment, int64(f.Window), f.Model)
		if err != nil {
			return nil, err
		}
		if len(whole) == 1 {
			f.Whole = &whole[0]
		}
	}
	return found, nil
}

// blendOf reads what the answers to a task came to.
func blendOf(ctx context.Context, q querier, task ledger.Digest) (*ledger.Blend, error) {
	var value []byte
	err := q.QueryRowContext(ctx, `SELECT value FROM task_parts WHERE task = ? AND kind = ? AND account = ''`, task.String(), int(partSettlement)).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("%w: a final verdict of task %s, which has not ended", ErrCorrupt, task)
	}
	if err != nil {
		return nil, err
	}
	s, err := decoded[ledger.Settlement](value)
	if err != nil {
		return nil, fmt.Errorf("%w: task %s: %w", ErrCorrupt, task, err)
	}
	return s.Blend, nil
}

// stand says whose word a verdict is, by what is final or provisional under its key.
func (v *Verdict) stand(final, provisional []byte, overruled sql.NullString) error {
	v.Standing = StandsAlone
	switch {
	case final != nil:
		f, err := decoded[ledger.FinalVerdict](final)
		if err != nil {
			return err
		}
		v.Standing, v.By, v.Task = StandsFinal, f.By, f.Task
	case provisional != nil:
		p, err := decoded[ledger.Provisional](provisional)
		if err != nil {
			return err
		}
		digest, err := wire.VerdictDigest(v.Verdict)
		if err != nil {
			return err
		}
		v.Standing, v.By, v.Task = StandsDisputed, p.By, p.Task
		if p.Answer.Verdict == digest {
			v.Standing = StandsProvisional
		}
	}
	if overruled.Valid {
		v.Overruled = &ledger.Verdict{}
		return json.Unmarshal([]byte(overruled.String), v.Overruled)
	}
	return nil
}

// RestingVerdict is a verdict that rests on a model: its own, or what its answer and those of others came to.
type RestingVerdict struct {
	Key     RestingKey
	Verdict *Verdict
	Blend   *Final
}

// RestingKey is the place of a verdict among those that rest on a model.
type RestingKey struct {
	Pos   int64
	Blend bool
}

// Resting lists at most limit verdicts that rest on a model, id@digest, in ledger order after a key (nil: from the first).
func (s *Store) Resting(ctx context.Context, model string, after *RestingKey, limit int) ([]RestingVerdict, error) {
	var found []RestingVerdict
	own, blends := int64(-1), int64(-1)
	if after != nil {
		own, blends = after.Pos, after.Pos
		if !after.Blend {
			blends--
		}
	}
	err := s.snapshot(ctx, func(tx querier) error {
		type place struct {
			key      RestingKey
			shipment string
			window   int64
		}
		var places []place
		err := each(ctx, tx, func(rows *sql.Rows) error {
			var p place
			var kind int
			err := rows.Scan(&p.key.Pos, &kind, &p.shipment, &p.window)
			p.key.Blend = kind == 1
			places = append(places, p)
			return err
		}, `SELECT pos, 0 AS kind, shipment, window_no FROM verdicts WHERE model = ? AND pos > ?
			UNION ALL SELECT pos, 1 AS kind, shipment, window_no FROM blended WHERE model = ? AND pos > ? ORDER BY 1, 2 LIMIT ?`,
			storable(model), own, storable(model), blends, limit)
		if err != nil {
			return err
		}
		for _, p := range places {
			r := RestingVerdict{Key: p.key}
			if p.key.Blend {
				finals, err := selectFinals(ctx, tx, " WHERE f.shipment = ? AND f.window_no = ? AND f.model = ''", p.shipment, p.window)
				if err != nil {
					return err
				}
				if len(finals) == 0 {
					return fmt.Errorf("%w: a settled task of %s/%d without a final verdict", ErrCorrupt, p.shipment, p.window)
				}
				r.Blend = &finals[0]
			} else {
				verdicts, _, err := selectVerdicts(ctx, tx, Page{Limit: 1}, " WHERE v.pos = ?", p.key.Pos)
				if err != nil {
					return err
				}
				if len(verdicts) == 0 {
					return fmt.Errorf("%w: no verdict where its model's index says", ErrCorrupt)
				}
				r.Verdict = &verdicts[0]
			}
			found = append(found, r)
		}
		return nil
	})
	return found, err
}

// ScoringEntry is a change of a stake, a reward, or a part of a reputation.
type ScoringEntry struct {
	EntryKey

	MSPID  string         // of the account, empty if it is not known
	Cause  string         // of a slash the fault, of an outcome how the task ended, of a reward "truth" where an inspection paid
	Amount ledger.Credits // of a stake or reward
	Bonded ledger.Credits // of a stake: what it is afterwards
	Brier  int64          // of an inspection, millionths
	At     ledger.Millis
	TxID   string
	Block  uint64
}

// EntryKey is the place of an entry among all; Task is hexadecimal, or empty.
type EntryKey struct {
	Pos     int64
	Kind    EntryKind
	Account string
	Task    string
}

// EntryFilter selects entries; each field that is set must hold.
type EntryFilter struct {
	Account *ledger.Digest
	Kinds   []EntryKind // any of them
	Task    *ledger.Digest
}

// ScoringEntries lists at most limit entries in ledger order after a key (nil: from the first), or the newest first.
func (s *Store) ScoringEntries(ctx context.Context, f EntryFilter, after *EntryKey, newest bool, limit int) ([]ScoringEntry, error) {
	var w where
	if f.Account != nil {
		w.add("e.account = ?", f.Account.String())
	}
	if f.Task != nil {
		w.add("e.task = ?", f.Task.String())
	}
	if len(f.Kinds) > 0 {
		kinds := make([]any, len(f.Kinds))
		for i, k := range f.Kinds {
			kinds[i] = int(k)
		}
		w.add("e.kind IN (?"+strings.Repeat(", ?", len(kinds)-1)+")", kinds...)
	}
	comparison, direction := ">", " ASC"
	if newest {
		comparison, direction = "<", " DESC"
	}
	if after != nil {
		w.add("(e.pos, e.kind, e.account, e.task) "+comparison+" (?, ?, ?, ?)", after.Pos, int(after.Kind), after.Account, after.Task)
	}
	order := " ORDER BY e.pos" + direction + ", e.kind" + direction + ", e.account" + direction + ", e.task" + direction + " LIMIT ?"
	var found []ScoringEntry
	err := each(ctx, s.asking(), func(rows *sql.Rows) error {
		var e ScoringEntry
		var amount, bonded, at int64
		err := rows.Scan(&e.Account, &e.Pos, &e.Kind, &e.Task, &e.Cause, &amount, &bonded, &e.Brier, &at, &e.TxID, &e.MSPID)
		e.Amount, e.Bonded, e.At = ledger.Credits(amount), ledger.Credits(bonded), ledger.Millis(at) //nolint:gosec // were amounts
		e.Block = positionOf(e.Pos).Block
		found = append(found, e)
		return err
	}, `SELECT e.account, e.pos, e.kind, e.task, e.cause, e.amount, e.bonded, e.brier, e.at, e.tx_id,
		COALESCE((SELECT g.owner FROM governed g WHERE g.kind = '`+string(wire.KindCreditAccount)+`' AND g.id = e.account AND g.sub = ''), '')
		FROM scoring_entries e`+w.String()+order, append(w.args, limit)...)
	return found, s.failed(err)
}

// ScoringSums is what the entries of an account come to.
type ScoringSums struct {
	Rewarded, Found, Slashed ledger.Credits
	Tasks                    uint64 // in whose panel it is or was
	Reputation               ledger.Reputation
}

// ScoringSums sums the entries of an account.
func (s *Store) ScoringSums(ctx context.Context, account ledger.Digest) (ScoringSums, error) {
	sums := ScoringSums{Reputation: ledger.Reputation{Account: account}}
	r := &sums.Reputation
	err := s.asking().QueryRowContext(ctx, `SELECT rewarded, found, slashed, tasks, right_n, wrong_n, other_n, silent_n, truths, brier FROM scoring_sums WHERE account = ?`,
		account.String()).Scan(&sums.Rewarded, &sums.Found, &sums.Slashed, &sums.Tasks, &r.Right, &r.Wrong, &r.Other, &r.Silent, &r.Truths, &r.Brier)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return sums, s.failed(err)
}
