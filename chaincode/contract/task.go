package contract

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-contract-api-go/v2/contractapi"

	"github.com/waybill-dev/waybill/analytics/score"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/referee"
	"github.com/waybill-dev/waybill/chaincode/state"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/epcis"
)

// scoringRound is a transaction in which tasks are done.
type scoringRound struct {
	*transaction

	models  *referee.Models
	shipped func() (*score.Model, error)
	named   map[string]*score.Model // models that were read in this transaction, by name
	rulings int                     // tasks re-executed so far
	ruled   bool                    // the present operation has had its task re-executed
	reads   int                     // keys that the references of tasks opened so far name
	looks   int                     // inspections read back so far
}

// Score does a wire.TaskBatch and answers each operation for itself: scorers register, open tasks, commit, close,
// reveal and settle; whoever has a stake challenges, and whoever has an account shows silence and double talk. It needs
// the role scorer; what an operation risks or earns is the account's that the submitter's key is bound to.
func (c *Scoring) Score(ctx contractapi.TransactionContextInterface, batch []byte) ([]byte, error) {
	t, err := begin(ctx, c.clock, ledger.RoleScorer)
	if err != nil {
		return nil, coded(err)
	}
	in, err := wire.DecodeTaskBatch(batch)
	if err != nil {
		return nil, coded(err)
	}
	key := ledger.CreditBinding(t.Actor.MSPID, t.Actor.Key)
	if err = t.repository.Prefetch([]string{wire.CreditKeyKey(key), wire.CreditAccountKey(key), wire.ScoringPolicyKey(), wire.CreditPolicyKey()}); err != nil {
		return nil, coded(err)
	}
	round := &scoringRound{transaction: t, models: &c.models, shipped: c.shipped, named: map[string]*score.Model{}}
	return inputs(t, in.Operations, wire.OperationDigest, ledger.CheckTaskOperation, round.do)
}

// do decides on an operation, writes what changed and answers it.
func (t *scoringRound) do(op ledger.TaskOperation, digest ledger.Digest) error {
	t.ruled = false
	decision, err := t.decide(op, digest)
	if err != nil {
		return err
	}
	if decision.Scorer != nil {
		digest = decision.Scorer.Account
	}
	if decision.Status == ledger.StatusDuplicate {
		t.answer(wire.Answer{Status: decision.Status, Digest: digest, RecordedIn: decision.In})
		return nil
	}
	changed, err := t.apply(decision)
	if err != nil {
		return fault(err)
	}
	answer := wire.Answer{Status: ledger.StatusRecorded, Digest: digest}
	if !changed.wrote && changed.before == "" {
		return fmt.Errorf("%w: whoever is at fault has nothing at stake any more", ledger.ErrStake)
	}
	if !changed.wrote {
		answer.Status, answer.RecordedIn = ledger.StatusDuplicate, changed.before
	}
	if s := decision.Settlement; s != nil {
		answer.Message = s.By.String()
	}
	t.answer(answer)
	return nil
}

// fault keeps an error that comes after something was written from being taken for a refusal of one input.
func fault(err error) error {
	if refusal(err) {
		return fmt.Errorf("a decision cannot be carried out: %s", err.Error())
	}
	return err
}

func (t *scoringRound) decide(op ledger.TaskOperation, digest ledger.Digest) (ledger.TaskDecision, error) {
	kind := op.TaskKind()
	if kind == "register" {
		if err := t.onTime(ledger.TaskView{}); err != nil {
			return ledger.TaskDecision{}, err
		}
		all, err := t.scorers()
		if err != nil {
			return ledger.TaskDecision{}, err
		}
		s, status, err := ledger.DecideScorer(!op.Register.Leave, all, t.repository, t.Tx)
		return ledger.TaskDecision{Status: status, Scorer: &s, In: s.TxID}, err
	}
	if kind == "commit" || kind == "reveal" {
		return t.part(op, digest)
	}
	if kind == "refute" {
		return t.refute(*op.Refute)
	}
	view, err := t.repository.Task(digest)
	if err == nil {
		err = t.onTime(view)
	}
	if err != nil {
		return ledger.TaskDecision{}, err
	}
	switch kind {
	case "open":
		return t.open(*op.Open, digest, view)
	case "close":
		return ledger.CloseTask(view, t.repository, t.Tx)
	case "settle":
		var verdict ledger.Digest
		if op.Settle.Verdict != nil {
			if verdict, err = wire.VerdictDigest(*op.Settle.Verdict); err != nil {
				return ledger.TaskDecision{}, err
			}
		}
		return ledger.SettleTaskOf(*op.Settle, verdict, view, t.rule, t.repository, t.Tx)
	case "challenge":
		return ledger.ChallengeTaskOf(*op.Challenge, view, t.rule, logOrder, t.repository, t.Tx)
	case "expire":
		return ledger.ExpireTask(view, t.repository, t.Tx)
	case "expose":
		statement, err := wire.CommitmentMessage(op.Expose.Task, op.Expose.Account, op.Expose.Commitment)
		if err != nil {
			return ledger.TaskDecision{}, err
		}
		return ledger.ExposeScorer(*op.Expose, statement, view, t.repository, t.Tx)
	default:
		return t.inspect(*op.Inspect, view)
	}
}

// onTime refuses a transaction whose time is further from the peer's clock than a task that it touches allows.
func (t *scoringRound) onTime(v ledger.TaskView) error {
	allowed, err := ledger.TaskSkew(v, t.repository)
	if err != nil {
		return err
	}
	if err = ledger.CheckSkewWithin(t.Time, t.clock, allowed); err != nil {
		return unpunctual{err}
	}
	return nil
}

func (t *scoringRound) open(s ledger.TaskStatement, id ledger.Digest, view ledger.TaskView) (ledger.TaskDecision, error) {
	all, err := t.scorers()
	if err != nil {
		return ledger.TaskDecision{}, err
	}
	decision, err := ledger.OpenTask(s, id, view, all, &listed{Repository: t.repository, round: t, statement: s}, t.Tx)
	if err == nil && decision.Task != nil && s.Model != "" {
		// A task whose model nobody can run could never be settled.
		_, err = t.model(s.Model)
	}
	return decision, err
}

// listed is the ledger of who opens a task: what the list names is read at once when the rules first ask for any of it, which
// they do when nothing else refuses the task.
type listed struct {
	*state.Repository

	round     *scoringRound
	statement ledger.TaskStatement
	fetched   bool
}

func (l *listed) fetch() error {
	if l.fetched {
		return nil
	}
	l.fetched = true
	n := l.statement.Reads()
	if l.round.reads+n > ledger.MaxBatchTaskReads {
		return fmt.Errorf("%w: the tasks that a transaction opens name at most %d records; send the others by themselves", ledger.ErrTooLarge, ledger.MaxBatchTaskReads)
	}
	l.round.reads += n
	keys, err := wire.ReferenceKeys(l.statement.References)
	if err != nil {
		return err
	}
	return l.Prefetch(keys)
}

// Event gives the record of an event, nil if it is not recorded.
func (l *listed) Event(hash ledger.Digest) (*ledger.EventRecord, error) {
	if err := l.fetch(); err != nil {
		return nil, err
	}
	return l.Repository.Event(hash)
}

// SegmentOf gives a segment's record, nil if there is none.
func (l *listed) SegmentOf(device string, seq uint64) (*ledger.SegmentRecord, error) {
	if err := l.fetch(); err != nil {
		return nil, err
	}
	return l.Repository.SegmentOf(device, seq)
}

// HasPolicy reports whether the version of a policy is set.
func (l *listed) HasPolicy(id string, version uint32) (bool, error) {
	if err := l.fetch(); err != nil {
		return false, err
	}
	return l.Repository.HasPolicy(id, version)
}

// Finding gives a finding, nil if it was not raised.
func (l *listed) Finding(n ledger.Naming) (*ledger.Finding, error) {
	if err := l.fetch(); err != nil {
		return nil, err
	}
	return l.Repository.Finding(n)
}

// part decides on a commitment or a reveal, which reads nothing that another scorer writes.
func (t *scoringRound) part(op ledger.TaskOperation, task ledger.Digest) (ledger.TaskDecision, error) {
	binding, err := t.repository.KeyBinding(ledger.CreditBinding(t.Actor.MSPID, t.Actor.Key))
	if err != nil {
		return ledger.TaskDecision{}, err
	}
	var account ledger.Digest
	if binding != nil {
		account = binding.Account
	}
	view, err := t.repository.TaskPart(task, account)
	if err == nil {
		err = t.onTime(view)
	}
	if err != nil {
		return ledger.TaskDecision{}, err
	}
	if op.Commit != nil {
		return ledger.CommitToTask(*op.Commit, view, t.repository, t.Tx)
	}
	opened, err := wire.CommitmentOf(task, account, op.Reveal.Answer, op.Reveal.Nonce)
	if err != nil {
		return ledger.TaskDecision{}, err
	}
	decision, err := ledger.RevealAnswerOf(*op.Reveal, opened, view, t.repository, t.Tx)
	if err == nil && decision.Reveal != nil && view.Task.Statement.Model == "" {
		err = t.known(op.Reveal.Answer.Model)
	}
	return decision, err
}

// known holds that an answer of a scorer's own model is of one that everybody can run: one that is registered, whose
// standing has been looked at, or the shipped one.
func (t *scoringRound) known(name string) error {
	if _, digest, ok := ledger.ArtefactOf(name); ok {
		if admission, err := t.repository.Admission(digest); err != nil || admission != nil {
			return err
		}
	}
	_, err := t.model(name)
	return err
}

func (t *scoringRound) inspect(op ledger.InspectTask, view ledger.TaskView) (ledger.TaskDecision, error) {
	done, err := t.repository.Inspection(op.Task)
	if err != nil {
		return ledger.TaskDecision{}, err
	}
	return ledger.InspectBlend(op, func() (bool, error) { return t.outcome(op.Event, view.Task.Statement.Shipment) }, done, view, t.repository, t.Tx)
}

// outcome reads back what an inspection of a shipment found.
func (t *scoringRound) outcome(hash ledger.Digest, shipment string) (spoiled bool, err error) {
	if t.looks == ledger.MaxBatchInspections {
		return false, fmt.Errorf("%w: a transaction reads back at most %d inspections; send the others by themselves", ledger.ErrTooLarge, ledger.MaxBatchInspections)
	}
	t.looks++
	packs, err := state.NewPacks(t.repository, []ledger.Reference{{Kind: ledger.RefEvent, Digest: hash}}, ledger.MaxTaskPackBytes)
	if err != nil {
		return false, err
	}
	recorded, err := packs.RecordedEvent(hash)
	if err != nil {
		return false, err
	}
	event, err := epcis.ParseEvent(recorded.Context, recorded.Body)
	if err != nil {
		return false, fmt.Errorf("%w: event %s", ledger.ErrSchema, hash)
	}
	spoiled, ok := ledger.InspectionOf(event, shipment)
	if !ok {
		return false, fmt.Errorf("%w: event %s is no inspection of the shipment", ledger.ErrCommitment, hash)
	}
	return spoiled, nil
}

// rule re-executes a task on what is recorded.
func (t *scoringRound) rule(s ledger.TaskStatement, packBytes int) (ledger.Ruling, error) {
	if !t.ruled && t.rulings == ledger.MaxBatchRulings {
		return ledger.Ruling{}, fmt.Errorf("%w: a transaction re-executes at most %d tasks; send the others by themselves", ledger.ErrTooLarge, ledger.MaxBatchRulings)
	}
	if !t.ruled {
		t.ruled = true
		t.rulings++
	}
	m, err := t.model(s.Model)
	if err != nil {
		return ledger.Ruling{}, err
	}
	packs, err := state.NewPacks(t.repository, s.References, packBytes)
	if err != nil {
		return ledger.Ruling{}, err
	}
	return referee.Judge(m, s, packs)
}

// model gives the model of a name: one that is registered, or the one that ships with the product. Which keys are read depends
// on what is recorded alone, and not on what this process has run before: endorsements would differ.
func (t *scoringRound) model(name string) (*score.Model, error) {
	if m := t.named[name]; m != nil {
		return m, nil
	}
	id, digest, ok := ledger.ArtefactOf(name)
	if !ok {
		return nil, fmt.Errorf("%w: %.200s names no artefact by its digest", ledger.ErrModelBlocked, name)
	}
	admission, err := t.repository.Admission(digest)
	if err != nil {
		return nil, err
	}
	var m *score.Model
	if admission == nil {
		if m, err = t.shipped(); err == nil && m.Digest() != digest {
			err = fmt.Errorf("%w: %.200s is neither approved nor the model that ships", ledger.ErrArtefact, name)
		}
	} else {
		var artefact []byte
		if artefact, err = t.registered(admission.Model); err == nil {
			m, err = t.models.Get(digest, artefact)
		}
	}
	if err == nil && m.Parameters().ID != id {
		err = fmt.Errorf("%w: artefact %s is that of %s", ledger.ErrArtefact, digest, m.Parameters().ID)
	}
	if err != nil {
		return nil, err
	}
	t.named[name] = m
	return m, nil
}

// registered is the artefact of a version that is registered.
func (t *scoringRound) registered(ref ledger.ModelRef) ([]byte, error) {
	version, err := t.repository.Model(ref)
	if err == nil && version == nil {
		err = fmt.Errorf("model %s is approved and no version", ref)
	}
	if err != nil {
		return nil, err
	}
	return t.repository.Artefact(*version)
}

// scorers lists those that are registered, by account.
func (t *scoringRound) scorers() (all []ledger.Scorer, err error) { return scorersOf(t.stub) }

// ranger is what listing needs of the stub.
type ranger interface {
	GetStateByPartialCompositeKey(objectType string, keys []string) (shim.StateQueryIteratorInterface, error)
}

func scorersOf(stub ranger) (all []ledger.Scorer, err error) {
	rows, err := stub.GetStateByPartialCompositeKey(string(wire.KindScorer), []string{})
	if err != nil {
		return nil, fmt.Errorf("read scorers: %w", err)
	}
	defer func() {
		if failed := rows.Close(); err == nil && failed != nil {
			err = fmt.Errorf("read scorers: %w", failed)
		}
	}()
	for rows.HasNext() {
		row, err := rows.Next()
		if err != nil {
			return nil, fmt.Errorf("read scorers: %w", err)
		}
		s, err := wire.Decode[ledger.Scorer](row.GetValue(), wire.MaxStoredBytes)
		if err != nil {
			return nil, fmt.Errorf("stored value of %q: %s", row.GetKey(), ledger.ErrorText(err))
		}
		if all = append(all, s); len(all) > ledger.MaxScorers {
			return nil, errors.New("more scorers are registered than may be")
		}
	}
	return all, nil
}

// change tells whether a decision wrote anything, and else in which transaction it was done before.
type change struct {
	wrote  bool
	before string
}

// apply writes what a decision changed and tells it.
func (t *scoringRound) apply(d ledger.TaskDecision) (change, error) {
	c := change{wrote: d.Scorer != nil || d.Task != nil || d.Commitment != nil || d.Closing != nil || d.Reveal != nil ||
		d.Provisional != nil || d.Settlement != nil || d.Inspection != nil || d.Claim != nil}
	for _, s := range d.Slashes {
		took, before, err := t.punish(s)
		if err != nil {
			return c, err
		}
		c.wrote = c.wrote || took
		if before != "" {
			c.before = before
		}
	}
	if !c.wrote {
		return c, nil
	}
	if d.Reward != nil {
		if err := t.reward(*d.Reward); err != nil {
			return c, err
		}
	}
	if d.Verdict != nil {
		if err := t.stands(&d); err != nil {
			return c, err
		}
	}
	t.tell(d)
	return c, t.repository.ApplyTask(d)
}

// punish slashes, once a fault, and tells whether it took anything, or in which transaction that was done before. A stake
// that holds nothing any more loses nothing.
func (t *scoringRound) punish(s ledger.Slash) (took bool, before string, err error) {
	operation, err := wire.SlashDigest(s)
	if err != nil {
		return false, "", err
	}
	receipt, err := t.repository.Receipt(operation)
	switch {
	case err != nil:
		return false, "", err
	case receipt != nil:
		return false, receipt.TxID, nil
	}
	if err = t.slash(s); errors.Is(err, ledger.ErrStake) {
		return false, "", nil
	}
	return err == nil, "", err
}

// stands records the final verdict under its key. Where another is recorded there, the final one says what stands.
func (t *scoringRound) stands(d *ledger.TaskDecision) error {
	v := d.Verdict.Stated()
	recorded, err := t.repository.Verdict(v.Shipment, v.Window, v.Model)
	if err != nil {
		return err
	}
	verdict, status, err := ledger.DecideVerdict(v, recorded, t.Tx)
	switch {
	case errors.Is(err, ledger.ErrConflict):
		d.Final.Verdict = &v
		return nil
	case err != nil || status == ledger.StatusDuplicate:
		return err
	}
	t.summary.Verdicts = append(t.summary.Verdicts, wire.VerdictRef{Shipment: v.Shipment, Window: v.Window, Model: v.Model})
	return t.repository.CreateVerdict(verdict)
}

// tell names in the summary what a decision wrote.
func (t *scoringRound) tell(d ledger.TaskDecision) {
	if t.summary.Scoring == nil {
		t.summary.Scoring = &wire.ScoringSummary{}
	}
	told := t.summary.Scoring
	if d.Scorer != nil {
		told.Scorers = append(told.Scorers, d.Scorer.Account)
	}
	if d.Task != nil {
		told.Tasks = append(told.Tasks, d.Task.ID)
	}
	if d.Commitment != nil {
		told.Commitments = append(told.Commitments, wire.TaskPartRef{Task: d.Commitment.Task, Account: d.Commitment.Account})
	}
	if d.Closing != nil {
		told.Closings = append(told.Closings, d.Closing.Task)
	}
	if d.Reveal != nil {
		told.Reveals = append(told.Reveals, wire.TaskPartRef{Task: d.Reveal.Task, Account: d.Reveal.Account})
	}
	if d.Provisional != nil {
		told.Provisionals = append(told.Provisionals, d.Provisional.Task)
	}
	if d.Settlement != nil {
		told.Settlements = append(told.Settlements, d.Settlement.Task)
	}
	if d.Final != nil {
		told.Finals = append(told.Finals, wire.VerdictRef{Shipment: d.Final.Shipment, Window: d.Final.Window, Model: d.Final.Model})
	}
	if d.Inspection != nil {
		told.Inspections = append(told.Inspections, d.Inspection.Task)
	}
	if d.Claim != nil {
		told.Claims = append(told.Claims, wire.TaskPartRef{Task: d.Claim.Task, Account: d.Claim.Account})
	}
}

// Govern puts a wire.ScoringPolicyBatch and answers each policy for itself. It needs the role steward; a majority of
// the keepers of the network's rules puts a policy in force, and one that waits for more votes says whose it has.
func (c *Scoring) Govern(ctx contractapi.TransactionContextInterface, batch []byte) ([]byte, error) {
	t, err := begin(ctx, c.clock, ledger.RoleSteward)
	if err != nil {
		return nil, coded(err)
	}
	in, err := wire.DecodeScoringPolicyBatch(batch)
	if err != nil {
		return nil, coded(err)
	}
	return inputs(t, in.Policies, wire.ScoringPolicyDigest, ledger.CheckScoringPolicy, t.governScoring)
}

func (t *transaction) governScoring(p ledger.ScoringPolicy, subject ledger.Digest) error {
	decision, err := ledger.DecideScoringPolicy(p, subject, t.repository, t.Tx)
	if err != nil {
		return err
	}
	answer := wire.Answer{Status: decision.Status, Digest: subject, Message: waits(decision.Tally)}
	if decision.Status == ledger.StatusDuplicate {
		answer.RecordedIn, err = t.motionIn(ledger.MotionDecision{In: decision.In}, subject)
		if err == nil {
			t.answer(answer)
		}
		return err
	}
	t.answer(answer)
	if decision.Tally != nil {
		if err = t.vote(decision.Tally.Vote); err != nil {
			return err
		}
	}
	if decision.Policy == nil {
		return nil
	}
	if t.summary.Scoring == nil {
		t.summary.Scoring = &wire.ScoringSummary{}
	}
	t.summary.Scoring.Policies = append(t.summary.Scoring.Policies, decision.Policy.Version)
	return t.repository.PutScoringPolicy(*decision.Policy)
}

// GetTask gives the ledger.TaskView of a task's id in hexadecimal.
func (*Scoring) GetTask(ctx contractapi.TransactionContextInterface, id string) ([]byte, error) {
	task, err := ledger.ParseDigest(id)
	if err != nil {
		return nil, coded(err)
	}
	view, err := state.New(ctx.GetStub()).Task(task)
	if err == nil && view.Phase() == ledger.TaskAbsent {
		err = fmt.Errorf("%w: task %s", ledger.ErrUnknown, task)
	}
	if err != nil {
		return nil, coded(err)
	}
	out, err := wire.Encode(view)
	return out, coded(err)
}

// GetScorers gives the wire.Scorers that are registered.
func (*Scoring) GetScorers(ctx contractapi.TransactionContextInterface) ([]byte, error) {
	all, err := scorersOf(ctx.GetStub())
	if err != nil {
		return nil, coded(err)
	}
	out, err := wire.Encode(wire.Scorers{Scorers: all})
	return out, coded(err)
}

// GetFinal gives the ledger.FinalVerdict of a shipment, a window in decimal and a model, which is empty for answers of
// different models.
func (*Scoring) GetFinal(ctx contractapi.TransactionContextInterface, shipment, window, model string) ([]byte, error) {
	n, err := strconv.ParseUint(window, 10, 32)
	if err != nil {
		return nil, coded(fmt.Errorf("%w: window %.40q", ledger.ErrMalformed, window))
	}
	final, err := state.New(ctx.GetStub()).FinalVerdict(shipment, uint32(n), model)
	return one(final, err, "a final verdict of %.100s on window %d of %.200s", model, n, shipment)
}

// GetScoringPolicy gives the ledger.ScoringPolicy of a version in decimal, or with "" the one in force.
func (*Scoring) GetScoringPolicy(ctx contractapi.TransactionContextInterface, version string) ([]byte, error) {
	repository := state.New(ctx.GetStub())
	if version == "" {
		p, err := repository.ScoringPolicy()
		return one(p, err, "a scoring policy in force")
	}
	n, err := strconv.ParseUint(version, 10, 32)
	if err != nil {
		return nil, coded(fmt.Errorf("%w: version %.40q", ledger.ErrMalformed, version))
	}
	p, err := repository.ScoringPolicyVersion(uint32(n))
	return one(p, err, "version %d of the scoring policy", n)
}
