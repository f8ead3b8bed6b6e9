package audit

import (
	"bytes"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/waybill-dev/waybill/analytics/scorer"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// Task is the task behind a final verdict, as it is recorded.
type Task struct {
	ledger.TaskView

	Final ledger.FinalVerdict
	Block uint64 // that made it final
	// Rebuilt says that the ledger alone gives the task's list and so its id.
	Rebuilt bool
}

// The subjects of checks on tasks. An overruled verdict stands no more: what it says wrongly is told and no fault.
const (
	subjectTask      = "task"
	subjectFinal     = "final verdict"
	subjectOverruled = "overruled verdict"
)

// decision is what ended a phase of a task, with the task as it was before.
type decision[T any] struct {
	record[T]

	before ledger.TaskView
	models standings // as they were then
}

// tasked is what the ledger holds of a task, each part with its transaction.
type tasked struct {
	task        record[ledger.ScoringTask]
	panels      [2][]ledger.Seat // by the scorers and stakes before and after the transaction that opened it
	policy      *ledger.ScoringPolicy
	commitments []record[ledger.Commitment]
	closing     *decision[ledger.Closing]
	reveals     []record[ledger.Reveal]
	provisional *decision[ledger.Provisional]
	settlement  *decision[ledger.Settlement]
	claims      []record[ledger.Claim] // as they were made
	refuted     []record[ledger.Claim] // as they are since they were refuted
}

// court is what tasks of a window are judged by, as the ledger has it while it is read.
type court struct {
	tasks    map[ledger.Digest]*tasked
	finals   []record[ledger.FinalVerdict] // of the window
	policies map[uint32]ledger.ScoringPolicy
	latest   uint32
	scorers  map[ledger.Digest]ledger.Scorer
	stakes   map[ledger.Digest]ledger.Credits // bonded
	accounts map[ledger.Digest]ledger.CreditAccount
	heights  map[uint64]bool // at which roots are anchored
	models   standings
}

func newCourt() court {
	return court{
		tasks: map[ledger.Digest]*tasked{}, policies: map[uint32]ledger.ScoringPolicy{}, scorers: map[ledger.Digest]ledger.Scorer{},
		stakes: map[ledger.Digest]ledger.Credits{}, accounts: map[ledger.Digest]ledger.CreditAccount{}, heights: map[uint64]bool{}, models: newStandings(),
	}
}

func byAccount[T any](all []record[T], account func(T) ledger.Digest) []T {
	var out []T
	for _, r := range all {
		out = append(out, r.value)
	}
	slices.SortFunc(out, func(a, b T) int { x, y := account(a), account(b); return bytes.Compare(x[:], y[:]) })
	return out
}

// view is the task as far as it was read.
func (t *tasked) view() ledger.TaskView {
	v := ledger.TaskView{
		Task:        t.task.value,
		Commitments: byAccount(t.commitments, func(c ledger.Commitment) ledger.Digest { return c.Account }),
		Reveals:     byAccount(t.reveals, func(r ledger.Reveal) ledger.Digest { return r.Account }),
	}
	if t.closing != nil {
		v.Closing = &t.closing.value
	}
	if t.provisional != nil {
		v.Provisional = &t.provisional.value
	}
	if t.settlement != nil {
		v.Settlement = &t.settlement.value
	}
	claims := slices.Clone(t.claims)
	for _, r := range t.refuted {
		claims = slices.DeleteFunc(claims, func(c record[ledger.Claim]) bool { return c.value.Account == r.value.Account })
		claims = append(claims, r)
	}
	v.Claims = byAccount(claims, func(c ledger.Claim) ledger.Digest { return c.Account })
	return v
}

// take takes in what a transaction did with the tasks of a window.
func (c *court) take(block uint64, tx Transaction, name Name) {
	s := tx.Scoring
	opened := []*tasked{}
	for _, v := range s.Tasks {
		if v.Statement.Shipment == name.Shipment && v.Statement.Window == name.Window {
			t := &tasked{task: record[ledger.ScoringTask]{v, tx, block}}
			if p, ok := c.policies[c.latest]; ok {
				t.policy, t.panels[0] = &p, c.panel(p)
			}
			c.tasks[v.ID] = t
			opened = append(opened, t)
		}
	}
	for _, p := range s.Policies {
		c.policies[p.Version], c.latest = p, max(c.latest, p.Version)
	}
	for _, v := range s.Scorers {
		c.scorers[v.Account] = v
	}
	for _, v := range tx.Credits.Accounts {
		c.accounts[v.ID] = v
	}
	for _, r := range tx.Credits.Receipts {
		if r.Stake != nil {
			c.stakes[r.Stake.Account] = r.Stake.Bonded
		}
	}
	c.models.take(tx.Models)
	for _, v := range tx.Anchors {
		c.heights[v.Root.Height] = true
	}
	for _, t := range opened {
		if t.policy != nil {
			t.panels[1] = c.panel(*t.policy)
		}
	}
	c.parts(block, tx)
	for _, v := range s.Finals {
		if v.Shipment == name.Shipment && v.Window == name.Window {
			c.finals = append(c.finals, record[ledger.FinalVerdict]{v, tx, block})
		}
	}
}

func (c *court) parts(block uint64, tx Transaction) {
	s := tx.Scoring
	for _, v := range s.Commitments {
		if t := c.tasks[v.Task]; t != nil {
			t.commitments = append(t.commitments, record[ledger.Commitment]{v, tx, block})
		}
	}
	for _, v := range s.Closings {
		if t := c.tasks[v.Task]; t != nil {
			t.closing = &decision[ledger.Closing]{record[ledger.Closing]{v, tx, block}, t.view(), c.models.clone()}
		}
	}
	for _, v := range s.Reveals {
		if t := c.tasks[v.Task]; t != nil {
			t.reveals = append(t.reveals, record[ledger.Reveal]{v, tx, block})
		}
	}
	for _, v := range s.Claims {
		switch t := c.tasks[v.Task]; {
		case t == nil:
		case v.Open():
			t.claims = append(t.claims, record[ledger.Claim]{v, tx, block})
		default:
			t.refuted = append(t.refuted, record[ledger.Claim]{v, tx, block})
		}
	}
	for _, v := range s.Provisionals {
		if t := c.tasks[v.Task]; t != nil {
			t.provisional = &decision[ledger.Provisional]{record[ledger.Provisional]{v, tx, block}, t.view(), c.models.clone()}
		}
	}
	for _, v := range s.Settlements {
		if t := c.tasks[v.Task]; t != nil {
			t.settlement = &decision[ledger.Settlement]{record[ledger.Settlement]{v, tx, block}, t.view(), c.models.clone()}
		}
	}
}

// panel is whom a task seats that opens now.
func (c *court) panel(p ledger.ScoringPolicy) (panel []ledger.Seat) {
	for account, s := range c.scorers {
		if s.Active && c.stakes[account] >= p.MinStake {
			panel = append(panel, ledger.Seat{Account: account, MSPID: s.MSPID, Weight: c.stakes[account]})
		}
	}
	slices.SortFunc(panel, func(a, b ledger.Seat) int { return bytes.Compare(a.Account[:], b.Account[:]) })
	return panel
}

// final finds what stands for the window of a verdict: under its model, else what answers of several models came to.
func (c *court) final(model string) *record[ledger.FinalVerdict] {
	for _, name := range []string{model, ""} {
		if i := slices.IndexFunc(c.finals, func(f record[ledger.FinalVerdict]) bool { return f.value.Model == name }); i >= 0 {
			return &c.finals[i]
		}
	}
	return nil
}

// times counts those of segments that the task behind a final verdict lists.
func (c *court) times(final *record[ledger.FinalVerdict], segments []wire.RecordedSegment) (n uint32) {
	if final == nil || c.tasks[final.value.Task] == nil {
		return 0
	}
	for _, r := range c.tasks[final.value.Task].task.value.Statement.References {
		if r.Kind != ledger.RefSegments {
			continue
		}
		for _, s := range segments {
			if s.Segment.Device == r.ID && s.Segment.Seq >= r.First && s.Segment.Seq <= r.Last {
				n += uint32(len(s.Segment.Times)) //nolint:gosec // of one segment
			}
		}
	}
	return n
}

// ended finds a task of a model that came to an answer, of which nothing is final.
func (c *court) ended(model string) *record[ledger.Settlement] {
	for _, t := range c.tasks {
		if m := t.task.value.Statement.Model; t.settlement != nil && t.settlement.value.Answer != nil && (m == model || m == "") {
			return &t.settlement.record
		}
	}
	return nil
}

// bench answers what decisions on a task ask of the ledger: the policy, how models stood, and that whoever decided had an
// account then, or the transaction would not be valid.
type bench struct {
	ledger.ScoringLedger

	models  standings
	policy  *ledger.ScoringPolicy
	account ledger.CreditAccount
}

func (b bench) KeyBinding(ledger.Digest) (*ledger.KeyBinding, error) {
	return &ledger.KeyBinding{Account: b.account.ID}, nil
}

func (b bench) CreditAccount(ledger.Digest) (*ledger.CreditAccount, error) { return &b.account, nil }

func (b bench) Stake(ledger.Digest) (*ledger.Stake, error) {
	return &ledger.Stake{Account: b.account.ID, Bonded: ledger.MaxCredits}, nil
}

func (b bench) ScoringPolicy() (*ledger.ScoringPolicy, error) { return b.policy, nil }

func (b bench) ScoringPolicyVersion(uint32) (*ledger.ScoringPolicy, error) { return b.policy, nil }

func (bench) CreditPolicy() (*ledger.CreditPolicy, error) { return nil, nil } //nolint:nilnil // none bounds what is paid, which is not compared

func (b bench) ModelPolicy() (*ledger.ModelPolicy, error) { return b.models.ModelPolicy() }

func (b bench) Admission(artefact ledger.Digest) (*ledger.Admission, error) {
	return b.models.Admission(artefact)
}

func (b bench) Revocation(artefact ledger.Digest) (*ledger.Revocation, error) {
	return b.models.Revocation(artefact)
}

func (bench) FinalVerdict(string, uint32, string) (*ledger.FinalVerdict, error) { return nil, nil } //nolint:nilnil // the first of the window

// again decides once more what a transaction decided on a task, by the contract's own rules and the verdict that was
// made again, and gives what is least unlike what matches counts differences of. It fails where nothing is decided so.
func (c *court) again(policy *ledger.ScoringPolicy, models standings, before ledger.TaskView, tx Transaction, judged *ledger.Verdict, unlike func(ledger.TaskDecision) int) (*ledger.TaskDecision, error) {
	ruling := ledger.Ruling{}
	settle := ledger.SettleTask{Task: before.Task.ID}
	if judged != nil {
		digest, err := wire.VerdictDigest(*judged)
		if err != nil {
			return nil, err
		}
		ruling = ledger.Ruling{Answer: ledger.AnswerOf(*judged, digest), Inputs: judged.Inputs, Verdict: *judged}
		stated := *judged // its evidence is in the verdict that was made again
		stated.Events, stated.Segments, stated.Policy = nil, nil, ""
		settle.Verdict = &stated
	}
	referee := func(ledger.TaskStatement, int) (ledger.Ruling, error) { return ruling, nil } //nolint:unparam // as the contract's, which reads the ledger
	var best *ledger.TaskDecision
	least := 0
	why := fmt.Errorf("no account of %s", tx.MSPID)
	for _, id := range slices.SortedFunc(maps.Keys(c.accounts), func(a, b ledger.Digest) int { return bytes.Compare(a[:], b[:]) }) {
		if c.accounts[id].MSPID != tx.MSPID {
			continue
		}
		at := ledger.Tx{ID: tx.ID, Time: tx.At, Actor: ledger.Actor{MSPID: tx.MSPID}}
		l := bench{policy: policy, account: ledger.CreditAccount{ID: id, MSPID: tx.MSPID, Binding: ledger.CreditBinding(tx.MSPID, ledger.Digest{})}, models: models}
		tried := []func() (ledger.TaskDecision, error){
			func() (ledger.TaskDecision, error) {
				return ledger.SettleTaskOf(settle, ruling.Answer.Verdict, before, referee, l, at)
			},
			func() (ledger.TaskDecision, error) { return ledger.CloseTask(before, l, at) },
		}
		if judged != nil && before.Task.Statement.Model != "" {
			tried = append(tried, func() (ledger.TaskDecision, error) {
				return ledger.ChallengeTaskOf(ledger.ChallengeTask{Task: before.Task.ID}, before, referee, nil, l, at)
			})
		}
		for _, try := range tried {
			d, err := try()
			if err != nil {
				why = err
				continue
			}
			if n := unlike(d); n >= 0 && (best == nil || n < least) {
				best, least = &d, n
			}
		}
	}
	if best == nil {
		return nil, fmt.Errorf("the ledger's rules do not give it: %w", why)
	}
	return best, nil
}

// unlike counts the places in which two records differ.
func unlike(a, b any) (n int) {
	each("", reflect.ValueOf(a), reflect.ValueOf(b), func(string, reflect.Value, reflect.Value) { n++ })
	return n
}

// behind compares the task behind a final verdict, and that verdict, with what the ledger gives. due is the verdict made
// again with its task's list, alone a verdict that was recorded before it under the same name.
func (a *auditor) behind(final record[ledger.FinalVerdict], due *scorer.Due, readings uint32, alone *ledger.Verdict) error {
	f := final.value
	t := a.court.tasks[f.Task]
	if t == nil {
		a.differs(subjectFinal, "task", Recomputed, f.Task.String(), "no such task of this window is on the ledger")
		return nil
	}
	a.report.Task = &Task{TaskView: t.view(), Final: f, Block: final.block}
	var judged *ledger.Verdict
	if due != nil {
		judged = &due.Verdict
	}
	if err := a.listed(t, due, readings); err != nil {
		return err
	}
	if err := a.committed(t); err != nil {
		return err
	}
	if p := t.provisional; p != nil {
		d, err := a.court.again(t.policy, p.models, p.before, p.tx, judged, func(d ledger.TaskDecision) int {
			if d.Provisional == nil {
				return -1
			}
			return unlike(p.value, *d.Provisional)
		})
		a.decided("provisional answer", p.value, err, func() any { return *d.Provisional })
	}
	if t.settlement == nil {
		a.differs(subjectFinal, "settlement", Recomputed, f.By.String(), "the task has not ended")
		return nil
	}
	s := t.settlement
	d, err := a.court.again(t.policy, s.models, s.before, s.tx, judged, func(d ledger.TaskDecision) int {
		if d.Settlement == nil || d.Final == nil {
			return -1
		}
		return unlike(s.value, *d.Settlement)
	})
	a.decided("settlement", s.value, err, func() any { return *d.Settlement })
	made := f
	list := t.task.value.Statement
	made.Shipment, made.Window, made.Model, made.Task, made.At, made.TxID = list.Shipment, list.Window, list.Model, t.task.value.ID, final.tx.At, final.tx.ID
	made.By = s.value.By
	if err == nil {
		made.Answer = d.Final.Answer
	}
	made.Verdict, made.Ended = nil, false
	if judged != nil && list.Model != "" {
		made.Ended = judged.Final
		digest, err := wire.VerdictDigest(*judged)
		if err != nil {
			return err
		}
		made.Answer = ledger.AnswerOf(*judged, digest)
		if alone != nil {
			recorded, err := wire.VerdictDigest(*alone)
			if err != nil {
				return err
			}
			if recorded != digest {
				stated := judged.Stated()
				made.Verdict = &stated
			}
		}
	}
	a.compare(subjectFinal, Recomputed, f, made)
	return a.claimed(t)
}

// decided compares a record with what was decided again.
func (a *auditor) decided(subject string, recorded any, err error, made func() any) {
	if err != nil {
		a.differs(subject, "all", Recomputed, text(reflect.ValueOf(recorded)), err.Error())
		return
	}
	a.compare(subject, Recomputed, recorded, made())
}

// listed compares what a task lists, who is on its panel and by what policy.
func (a *auditor) listed(t *tasked, due *scorer.Due, readings uint32) error {
	recorded, tx := t.task.value, t.task.tx
	made := recorded
	switch {
	case due == nil || due.Statement == nil:
		why := "no judgement of the window was due"
		if due != nil {
			why = due.Why
		}
		a.differs(subjectTask, "statement", Recomputed, fmt.Sprintf("%d references", len(recorded.Statement.References)), why)
	default:
		made.Statement = *due.Statement
		if recorded.Statement.Model == "" { // each scorer's own: the list is the same
			made.Statement.Model, made.Statement.Inputs = "", ledger.Digest{}
		}
	}
	var err error
	if made.ID, err = wire.TaskDigest(made.Statement); err != nil {
		return err
	}
	a.report.Task.Rebuilt = due != nil && due.Statement != nil && made.ID == recorded.ID
	made.Policy, made.Panel = 0, nil
	if p := t.policy; p != nil {
		made.Policy, made.CommitBy, made.Panel = p.Version, tx.At+p.CommitFor, t.panels[0]
		if unlike(recorded.Panel, t.panels[1]) == 0 {
			made.Panel = t.panels[1]
		}
	}
	made.Weight = 0
	for _, s := range made.Panel {
		made.Weight += s.Weight
	}
	made.Readings, made.At, made.TxID = readings, tx.At, tx.ID
	made.By = a.seated(made.Panel, recorded.By, tx)
	a.compare(subjectTask, Recomputed, recorded, made)
	asked, err := a.asked(tx)
	if err != nil || asked == nil {
		return err
	}
	var statements []ledger.TaskStatement
	for _, op := range asked {
		if op.Open != nil {
			statements = append(statements, *op.Open)
		}
	}
	closest(a, subjectTask, recorded.Statement, statements, func(s ledger.TaskStatement) ledger.TaskStatement { return s })
	return nil
}

// seated gives an account of the panel that belongs to a transaction's organisation, else none.
func (a *auditor) seated(panel []ledger.Seat, account ledger.Digest, tx Transaction) ledger.Digest {
	if slices.ContainsFunc(panel, func(s ledger.Seat) bool { return s.Account == account && s.MSPID == tx.MSPID }) {
		return account
	}
	return ledger.Digest{}
}

// asked reads the operations on tasks that a submitter signed; nil where the source does not have them.
func (a *auditor) asked(tx Transaction) ([]ledger.TaskOperation, error) {
	if tx.Submitted == nil {
		return nil, nil
	}
	s, err := tx.Submitted()
	if err != nil || s.Function != wire.FnScore || len(s.Arguments) == 0 {
		return []ledger.TaskOperation{}, err
	}
	b, err := wire.DecodeTaskBatch(s.Arguments[0])
	return b.Operations, err
}

// committed compares commitments, their end and what was revealed.
func (a *auditor) committed(t *tasked) error {
	id, panel := t.task.value.ID, t.task.value.Panel
	for _, c := range t.commitments {
		made := c.value
		made.Task, made.At, made.TxID, made.Account = id, c.tx.At, c.tx.ID, a.seated(panel, c.value.Account, c.tx)
		if i := slices.IndexFunc(t.reveals, func(r record[ledger.Reveal]) bool { return r.value.Account == c.value.Account }); i >= 0 {
			r := t.reveals[i].value
			var err error
			if made.Commitment, err = wire.CommitmentOf(id, r.Account, r.Answer, r.Nonce); err != nil {
				return err
			}
		}
		subject := "commitment of " + c.value.Account.String()[:8]
		a.compare(subject, Recomputed, c.value, made)
		asked, err := a.asked(c.tx)
		if err != nil {
			return err
		}
		if asked != nil && !slices.ContainsFunc(asked, func(op ledger.TaskOperation) bool {
			return op.Commit != nil && op.Commit.Task == id && op.Commit.Commitment == c.value.Commitment
		}) {
			a.differs(subject, "commitment", Signed, c.value.Commitment.String(), "nothing like it")
		}
	}
	for _, r := range t.reveals {
		made := r.value
		made.Task, made.At, made.TxID, made.Account = id, r.tx.At, r.tx.ID, a.seated(panel, r.value.Account, r.tx)
		subject := "reveal of " + r.value.Account.String()[:8]
		a.compare(subject, Recomputed, r.value, made)
		if !slices.ContainsFunc(t.commitments, func(c record[ledger.Commitment]) bool { return c.value.Account == r.value.Account }) {
			a.differs(subject, "commitment", Recomputed, r.value.Account.String(), "it did not commit")
		}
	}
	if t.closing == nil {
		a.differs(subjectTask, "closing", Recomputed, "", "the task takes commitments")
		return nil
	}
	c := t.closing
	d, err := a.court.again(t.policy, c.models, c.before, c.tx, nil, func(d ledger.TaskDecision) int {
		if d.Closing == nil {
			return -1
		}
		return unlike(c.value, *d.Closing)
	})
	a.decided("closing", c.value, err, func() any { return *d.Closing })
	return nil
}

// claimed compares what was said to be left out, and by what that was refuted.
func (a *auditor) claimed(t *tasked) error {
	for _, c := range t.claims {
		made := c.value
		made.Task, made.At, made.TxID, made.Account = t.task.value.ID, c.tx.At, c.tx.ID, a.seated(t.task.value.Panel, c.value.Account, c.tx)
		if t.policy != nil {
			made.RefuteBy = c.tx.At + t.policy.ChallengeFor
		}
		subject := "claim of " + c.value.Account.String()[:8]
		a.compare(subject, Recomputed, c.value, made)
		asked, err := a.asked(c.tx)
		if err != nil {
			return err
		}
		if asked != nil && !slices.ContainsFunc(asked, func(op ledger.TaskOperation) bool {
			q := op.Challenge
			return q != nil && q.Task == c.value.Task && q.Omitted != nil && q.At == c.value.Before && q.Segment == c.value.Segment && reflect.DeepEqual(*q.Omitted, c.value.Omitted)
		}) {
			a.differs(subject, "all", Signed, text(reflect.ValueOf(c.value)), "nothing like it")
		}
	}
	for _, r := range t.refuted {
		subject := "refutation of the claim of " + r.value.Account.String()[:8]
		i := slices.IndexFunc(t.claims, func(c record[ledger.Claim]) bool { return c.value.Account == r.value.Account })
		if i < 0 {
			a.differs(subject, "account", Recomputed, r.value.Account.String(), "it claimed nothing of the task")
			continue
		}
		made := t.claims[i].value
		shown := *r.value.Refuted
		shown.At, shown.TxID = r.tx.At, r.tx.ID
		if a.court.accounts[shown.Account].MSPID != r.tx.MSPID {
			shown.Account = ledger.Digest{}
		}
		if !a.court.heights[shown.Height] {
			shown.Height = 0
		}
		made.Refuted = &shown
		a.compare(subject, Recomputed, r.value, made)
		asked, err := a.asked(r.tx)
		if err != nil {
			return err
		}
		if asked != nil && !slices.ContainsFunc(asked, func(op ledger.TaskOperation) bool {
			q := op.Refute
			return q != nil && q.Task == r.value.Task && q.Account == r.value.Account && q.Reference == shown.Reference && q.Segment == shown.Segment
		}) {
			a.differs(subject, "all", Signed, text(reflect.ValueOf(shown)), "nothing like it")
		}
	}
	return nil
}
