package readmodel

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// taskPart is a kind of row of task_parts.
type taskPart int

const (
	partCommitment taskPart = iota + 1
	partClosing
	partReveal
	partProvisional
	partSettlement
	partInspection
)

// EntryKind is what an entry of the ledgers of stakes, rewards and reputation is.
type EntryKind uint8

// The kinds of entries: of stakes, of rewards, of reputation.
const (
	EntryBonded    EntryKind = 1
	EntryUnbonded  EntryKind = 2
	EntryReleased  EntryKind = 3
	EntrySlashed   EntryKind = 4
	EntryRewarded  EntryKind = 5
	EntryFound     EntryKind = 6 // credits for proving another's fault
	EntryRight     EntryKind = 7
	EntryWrong     EntryKind = 8
	EntryOther     EntryKind = 9
	EntrySilent    EntryKind = 10
	EntryInspected EntryKind = 11
)

// firstWord is the index at which the places begin of changes of whose word a verdict is: behind all facts that a
// block can hold.
const firstWord = 1 << (indexBits - 1)

// taskChange is what became of a task in the blocks of a projection.
type taskChange struct {
	opened         []any // its first columns, nil if it was opened before
	task           []byte
	phase, changed int64
}

// overruling is a final verdict where another is recorded.
type overruling struct {
	pos     int64
	verdict ledger.Verdict
}

// wordChange is that a task's answer became provisional, or a task ended: whose word the verdict of its window is may be
// another then.
type wordChange struct {
	pos  int64
	task string
}

// scoring is what blocks add to tasks, folded.
type scoring struct {
	tasks      map[ledger.Digest]*taskChange
	order      []ledger.Digest
	touched    []ledger.Digest // settled, or revealed to
	sums       map[string]*scoringSums
	sumOrder   []string
	overruling []overruling
	words      []wordChange
	claims     map[claimKey][]any // rows
	claimOrder []claimKey
}

// claimKey names a claim that a task leaves something out.
type claimKey struct{ task, account ledger.Digest }

// scoringSums are sums of entries; outcomes are by EntryKind from EntryRight.
type scoringSums struct {
	rewarded, found, slashed, truths, brier, tasks int64
	outcomes                                       [4]int64
}

func newScoring() scoring {
	return scoring{tasks: map[ledger.Digest]*taskChange{}, sums: map[string]*scoringSums{}, claims: map[claimKey][]any{}}
}

func (s *scoring) sumsOf(account string) *scoringSums {
	sums, ok := s.sums[account]
	if !ok {
		sums = &scoringSums{}
		s.sums[account] = sums
		s.sumOrder = append(s.sumOrder, account)
	}
	return sums
}

// touch notes that something was done to a task.
func (s *scoring) touch(task ledger.Digest, phase ledger.TaskPhase, pos int64) *taskChange {
	c, ok := s.tasks[task]
	if !ok {
		c = &taskChange{}
		s.tasks[task] = c
		s.order = append(s.order, task)
	}
	c.phase, c.changed = max(c.phase, int64(phase)), pos
	return c
}

// scoringPart adds a part of a task.
func scoringPart[T wire.TaskFact](p *projection, pos int64, task ledger.Digest, kind taskPart, account string, phase ledger.TaskPhase, v T) error {
	value, err := wire.Encode(v)
	if err != nil {
		return fmt.Errorf("task %s: %w", task, err)
	}
	p.add(tTaskParts, task.String(), int(kind), account, pos, value)
	p.scoring.touch(task, phase, pos)
	if kind == partReveal || kind == partSettlement {
		p.scoring.touched = append(p.scoring.touched, task)
	}
	return nil
}

// eachPart adds parts of tasks, each with its place.
func eachPart[T wire.TaskFact](next func() (int64, error), all []T, add func(pos int64, v T) error) error {
	for _, v := range all {
		pos, err := next()
		if err == nil {
			err = add(pos, v)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// scored takes in what a transaction did with tasks, but for final verdicts, which are facts. next gives the places of what is
// done with tasks, word those of changes of whose word a verdict is.
func (p *projection) scored(t Recorded, next, word func() (int64, error)) error {
	s := t.Scoring
	err := eachPart(next, s.Tasks, func(pos int64, v ledger.ScoringTask) error { return p.task(pos, v) })
	if err == nil {
		err = eachPart(next, s.Commitments, func(pos int64, v ledger.Commitment) error {
			return scoringPart(p, pos, v.Task, partCommitment, v.Account.String(), ledger.TaskOpen, v)
		})
	}
	if err == nil {
		err = eachPart(next, s.Closings, func(pos int64, v ledger.Closing) error {
			return scoringPart(p, pos, v.Task, partClosing, "", ledger.TaskClosed, v)
		})
	}
	if err == nil {
		err = eachPart(next, s.Reveals, func(pos int64, v ledger.Reveal) error {
			return scoringPart(p, pos, v.Task, partReveal, v.Account.String(), ledger.TaskClosed, v)
		})
	}
	if err == nil {
		err = eachPart(next, s.Provisionals, func(pos int64, v ledger.Provisional) error {
			return scoringPart(p, pos, v.Task, partProvisional, "", ledger.TaskProvisional, v)
		})
	}
	if err == nil {
		err = eachPart(next, s.Settlements, func(pos int64, v ledger.Settlement) error {
			phase := ledger.TaskFinal
			if v.Answer == nil {
				phase = ledger.TaskVoid
			}
			return scoringPart(p, pos, v.Task, partSettlement, "", phase, v)
		})
	}
	if err == nil {
		err = eachPart(next, s.Claims, p.claim)
	}
	if err == nil {
		err = eachPart(next, s.Inspections, func(pos int64, v ledger.Inspection) error { return p.inspection(pos, v) })
	}
	changed := func(task ledger.Digest) error {
		pos, failed := word()
		p.scoring.words = append(p.scoring.words, wordChange{pos + firstWord, task.String()})
		return failed
	}
	for i := 0; i < len(s.Provisionals) && err == nil; i++ {
		err = changed(s.Provisionals[i].Task)
	}
	for i := 0; i < len(s.Settlements) && err == nil; i++ {
		err = changed(s.Settlements[i].Task)
	}
	return err
}

// claim takes in a claim that was made or refuted.
func (p *projection) claim(pos int64, v ledger.Claim) error {
	value, err := wire.Encode(v)
	if err != nil {
		return fmt.Errorf("claim on task %s: %w", v.Task, err)
	}
	key := claimKey{v.Task, v.Account}
	if p.scoring.claims[key] == nil {
		p.scoring.claimOrder = append(p.scoring.claimOrder, key)
	}
	p.scoring.claims[key] = []any{v.Task.String(), v.Account.String(), pos, flag(!v.Open()), value}
	p.scoring.touch(v.Task, ledger.TaskClosed, pos)
	return nil
}

func (p *projection) task(pos int64, v ledger.ScoringTask) error {
	value, err := wire.Encode(v)
	if err != nil {
		return fmt.Errorf("task %s: %w", v.ID, err)
	}
	s := v.Statement
	c := p.scoring.touch(v.ID, ledger.TaskOpen, pos)
	c.opened, c.task = []any{v.ID.String(), pos, s.Shipment, int64(s.Window), s.Model}, value
	for _, seat := range v.Panel {
		p.add(tTaskSeats, seat.Account.String(), pos)
		p.scoring.sumsOf(seat.Account.String()).tasks++
	}
	return nil
}

func (p *projection) finalVerdict(pos int64, t Recorded, v ledger.FinalVerdict) error {
	value, err := wire.Encode(v)
	if err != nil {
		return fmt.Errorf("final verdict on %s/%d: %w", v.Shipment, v.Window, err)
	}
	p.add(tFinals, v.Shipment, int64(v.Window), v.Model, pos, t.MSPID, value)
	if v.Verdict == nil {
		return nil
	}
	stands := *v.Verdict
	stands.Scorer, stands.At, stands.TxID = t.MSPID, v.At, v.TxID
	p.scoring.overruling = append(p.scoring.overruling, overruling{pos: pos, verdict: stands})
	return nil
}

func (p *projection) inspection(pos int64, v ledger.Inspection) error {
	if err := scoringPart(p, pos, v.Task, partInspection, "", ledger.TaskFinal, v); err != nil {
		return err
	}
	for _, loss := range v.Losses {
		account := loss.Account.String()
		p.add(tScoringEntries, account, pos, int(EntryInspected), v.Task.String(), "", int64(0), int64(0), loss.Brier, int64(v.At), v.TxID)
		sums := p.scoring.sumsOf(account)
		sums.truths++
		sums.brier += loss.Brier
	}
	return nil
}

// staked takes in what a receipt says of stakes and of rewards.
func (p *projection) staked(pos int64, t Recorded, r ledger.Receipt) {
	cause, task, _ := strings.Cut(r.Cause, "/")
	var bonded int64
	if r.Stake != nil {
		bonded = int64(r.Stake.Bonded) //nolint:gosec // at most MaxCredits
	}
	entry := func(kind EntryKind, account ledger.Digest, amount int64) {
		after := bonded
		if r.Stake == nil || r.Stake.Account != account {
			after = 0
		}
		p.add(tScoringEntries, account.String(), pos, int(kind), task, cause, amount, after, int64(0), int64(r.At), t.TxID)
	}
	locked := func(purposes ...ledger.LockPurpose) (sum int64) {
		held := func(n ledger.NamedNote) int64 {
			if n.Note.Lock == nil || !slices.Contains(purposes, n.Note.Lock.Purpose) {
				return 0
			}
			return int64(n.Note.Amount) //nolint:gosec // at most MaxCredits
		}
		for _, n := range r.Created {
			sum += held(n)
		}
		for _, n := range r.Spent {
			sum -= held(n)
		}
		return sum
	}
	switch r.Kind {
	case ledger.CreditBond:
		if r.Stake != nil {
			entry(EntryBonded, r.Stake.Account, locked(ledger.LockStake))
		}
	case ledger.CreditUnbond:
		if r.Stake != nil {
			entry(EntryUnbonded, r.Stake.Account, locked(ledger.LockUnbonding))
		}
	case ledger.CreditRelease:
		if r.Stake != nil {
			entry(EntryReleased, r.Stake.Account, -locked(ledger.LockUnbonding))
		}
	case ledger.CreditSlash:
		if r.Stake == nil {
			return
		}
		lost := -locked(ledger.LockStake, ledger.LockUnbonding)
		entry(EntrySlashed, r.Stake.Account, lost)
		p.scoring.sumsOf(r.Stake.Account.String()).slashed += lost
		for _, n := range r.Created {
			if n.Note.Lock == nil {
				entry(EntryFound, n.Note.Owner, int64(n.Note.Amount))                 //nolint:gosec // at most MaxCredits
				p.scoring.sumsOf(n.Note.Owner.String()).found += int64(n.Note.Amount) //nolint:gosec // at most MaxCredits
			}
		}
	case ledger.CreditReward:
		// A task's own reward is named by its id alone, or with the account that revealed late.
		if _, err := ledger.ParseDigest(cause); err == nil {
			cause, task = "", cause
		}
		paid := map[ledger.Digest]int64{}
		var order []ledger.Digest
		for _, n := range r.Created {
			if _, known := paid[n.Note.Owner]; !known {
				order = append(order, n.Note.Owner)
			}
			paid[n.Note.Owner] += int64(n.Note.Amount) //nolint:gosec // at most MaxCredits
		}
		for _, account := range order {
			entry(EntryRewarded, account, paid[account])
			p.scoring.sumsOf(account.String()).rewarded += paid[account]
		}
	default:
	}
}

// foldTasks adds the tasks that are new and gives the changes of the others.
func (p *projection) foldTasks() (updates [][]any) {
	for _, key := range p.scoring.claimOrder {
		p.add(tTaskClaims, p.scoring.claims[key]...)
	}
	for _, id := range p.scoring.order {
		c := p.scoring.tasks[id]
		if c.opened != nil {
			p.add(tTasks, append(c.opened, c.phase, c.changed, c.task)...)
			continue
		}
		updates = append(updates, []any{c.phase, c.phase, c.changed, id.String()})
	}
	return updates
}

// placedView is a task with the places of what ended it.
type placedView struct {
	ledger.TaskView

	settled  int64
	revealed map[ledger.Digest]int64
}

// readView reads a task's parts; without its statement and panel.
func readView(w writer, task ledger.Digest) (v placedView, err error) {
	v.revealed = map[ledger.Digest]int64{}
	err = each(w.ctx, asker{w.store.dialect, w.tx}, func(rows *sql.Rows) error {
		var kind taskPart
		var pos int64
		var value []byte
		failed := rows.Scan(&kind, &pos, &value)
		if failed != nil {
			return failed
		}
		if failed = takePart(&v.TaskView, kind, value); failed != nil {
			return fmt.Errorf("%w: task %s: %w", ErrCorrupt, task, failed)
		}
		if kind == partSettlement {
			v.settled = pos
		}
		if kind == partReveal {
			v.revealed[v.Reveals[len(v.Reveals)-1].Account] = pos
		}
		return nil
	}, `SELECT kind, pos, value FROM task_parts WHERE task = ? ORDER BY kind, account`, task.String())
	return v, err
}

// takePart takes in a part as it is encoded.
func takePart(v *ledger.TaskView, kind taskPart, value []byte) (err error) {
	switch kind {
	case partCommitment:
		v.Commitments, err = decodedAfter(v.Commitments, value)
	case partClosing:
		v.Closing, err = decoded[ledger.Closing](value)
	case partReveal:
		v.Reveals, err = decodedAfter(v.Reveals, value)
	case partProvisional:
		v.Provisional, err = decoded[ledger.Provisional](value)
	case partSettlement:
		v.Settlement, err = decoded[ledger.Settlement](value)
	case partInspection: // no part of a view
	}
	return err
}

func decoded[T wire.TaskFact](value []byte) (*T, error) {
	v, err := wire.Decode[T](value, wire.MaxStoredBytes)
	return &v, err
}

func decodedAfter[T wire.TaskFact](all []T, value []byte) ([]T, error) {
	v, err := wire.Decode[T](value, wire.MaxStoredBytes)
	return append(all, v), err
}

// outcomeOf is how a task ended for an account, 0 if it says nothing.
func outcomeOf(v ledger.TaskView, account ledger.Digest) EntryKind {
	switch r := (ledger.Reputation{Account: account}).Settle(v); {
	case r.Right > 0:
		return EntryRight
	case r.Wrong > 0:
		return EntryWrong
	case r.Other > 0:
		return EntryOther
	case r.Silent > 0:
		return EntrySilent
	}
	return 0
}

// foldOutcomes writes how tasks ended for their panels, and the sums of all entries. Tasks and their parts are written.
func (p *projection) foldOutcomes(w writer) error {
	done := map[ledger.Digest]bool{}
	for _, task := range p.scoring.touched {
		if done[task] {
			continue
		}
		done[task] = true
		v, err := readView(w, task)
		if err != nil {
			return err
		}
		if v.Settlement == nil || v.Closing == nil {
			continue
		}
		if err = p.outcomes(w, task, v); err != nil {
			return err
		}
	}
	var rows []any
	for _, account := range p.scoring.sumOrder {
		s := p.scoring.sums[account]
		rows = append(rows, account, s.rewarded, s.found, s.slashed, s.outcomes[0], s.outcomes[1], s.outcomes[2], s.outcomes[3], s.truths, s.brier, s.tasks)
	}
	return w.insert(p.store.tables[tScoringSums], rows)
}

func (p *projection) outcomes(w writer, task ledger.Digest, v placedView) error {
	before := map[string]EntryKind{}
	err := each(w.ctx, asker{w.store.dialect, w.tx}, func(rows *sql.Rows) error {
		var account string
		var kind EntryKind
		err := rows.Scan(&account, &kind)
		before[account] = kind
		return err
	}, `SELECT account, kind FROM scoring_entries WHERE task = ? AND kind BETWEEN ? AND ?`, task.String(), int(EntryRight), int(EntrySilent))
	if err != nil {
		return err
	}
	models := map[string]bool{}
	for _, r := range v.Reveals {
		if v.Settlement.By != ledger.SettledBlend || v.revealed[r.Account] > v.settled || models[r.Answer.Model] {
			continue
		}
		models[r.Answer.Model] = true
		if err = w.exec(`INSERT INTO blended (model, pos, shipment, window_no) SELECT CAST(? AS TEXT), CAST(? AS BIGINT), shipment, window_no FROM tasks WHERE id = ?
			ON CONFLICT (model, pos) DO NOTHING`, storable(r.Answer.Model), v.settled, task.String()); err != nil {
			return err
		}
	}
	for _, a := range v.Closing.Committed {
		account, kind := a.String(), outcomeOf(v.TaskView, a)
		if kind == before[account] {
			continue
		}
		sums := p.scoring.sumsOf(account)
		if was := before[account]; was != 0 {
			sums.outcomes[was-EntryRight]--
			if err = w.exec(`DELETE FROM scoring_entries WHERE account = ? AND task = ? AND kind = ?`, account, task.String(), int(was)); err != nil {
				return err
			}
		}
		if kind == 0 {
			continue
		}
		sums.outcomes[kind-EntryRight]++
		pos, at, tx := v.settled, v.Settlement.At, v.Settlement.TxID
		if late := v.revealed[a]; late > pos {
			i := slices.IndexFunc(v.Reveals, func(r ledger.Reveal) bool { return r.Account == a })
			pos, at, tx = late, v.Reveals[i].At, v.Reveals[i].TxID
		}
		if err = w.insert(p.store.tables[tScoringEntries], []any{
			account, pos, int(kind), task.String(), v.Settlement.By.String(), int64(0), int64(0), int64(0), int64(at), storable(tx),
		}); err != nil {
			return err
		}
	}
	return nil
}

// overrule puts final verdicts where others are recorded, which are kept aside.
func (p *projection) overrule(w writer) error {
	for _, o := range p.scoring.overruling {
		v := o.verdict
		text, err := json.Marshal(v)
		if err != nil {
			return err
		}
		shipment, model := storable(v.Shipment), storable(v.Model)
		key := []any{shipment, int64(v.Window), model}
		if err = w.exec(`INSERT INTO overruled (pos, shipment, window_no, model, final, level, verdict)
			SELECT pos, shipment, window_no, model, final, level, verdict FROM verdicts WHERE shipment = ? AND window_no = ? AND model = ?`, key...); err != nil {
			return err
		}
		if err = w.exec(`UPDATE verdicts SET pos = ?, final = ?, level = ?, score = ?, verdict = ? WHERE shipment = ? AND window_no = ? AND model = ?`,
			append([]any{o.pos, flag(v.Final), int(v.Level), v.Score, storable(string(text))}, key...)...); err != nil {
			return err
		}
		if err = w.reviewShipment(shipment); err != nil {
			return err
		}
	}
	return nil
}

// changeWords notes of verdicts when whose word they are changed last. What is final stays so, whatever becomes of other
// tasks of the window.
func (p *projection) changeWords(w writer) error {
	for _, c := range p.scoring.words {
		block := c.pos >> indexBits << indexBits
		if err := w.exec(`UPDATE verdicts SET changed = ? WHERE changed < ? AND (shipment, window_no, model) = (SELECT k.shipment, k.window_no, k.model FROM tasks k WHERE k.id = ?)
			AND NOT EXISTS (SELECT 1 FROM finals f WHERE f.shipment = verdicts.shipment AND f.window_no = verdicts.window_no AND f.model = verdicts.model AND f.pos < ?)`,
			c.pos, c.pos, c.task, block); err != nil {
			return err
		}
	}
	return nil
}

// reviewShipment finds anew what a shipment's verdicts come to.
func (w writer) reviewShipment(shipment string) error {
	q := asker{w.store.dialect, w.tx}
	var ended any
	var text string
	err := q.QueryRowContext(w.ctx, `SELECT verdict FROM verdicts WHERE shipment = ? AND final = 1 ORDER BY pos LIMIT 1`, shipment).Scan(&text)
	switch {
	case err == nil:
		var v ledger.Verdict
		if err = json.Unmarshal([]byte(text), &v); err != nil {
			return fmt.Errorf("%w: verdict: %w", ErrCorrupt, err)
		}
		ended = int64(v.At)
	case !errors.Is(err, sql.ErrNoRows):
		return err
	}
	return w.exec(`UPDATE shipments SET ended_at = ?, worst = (SELECT MAX(level) FROM verdicts WHERE shipment = ?),
		latest = (SELECT pos FROM verdicts WHERE shipment = ? ORDER BY window_no DESC, pos DESC LIMIT 1),
		level = (SELECT level FROM verdicts WHERE shipment = ? ORDER BY window_no DESC, pos DESC LIMIT 1),
		latest_window = (SELECT MAX(window_no) FROM verdicts WHERE shipment = ?) WHERE id = ?`, ended, shipment, shipment, shipment, shipment, shipment)
}
