package contract

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-contract-api-go/v2/contractapi"
	"github.com/hyperledger/fabric-contract-api-go/v2/metadata"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/state"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// Token holds credits: notes, accounts, stakes and who may mint.
type Token struct {
	contractapi.Contract

	clock func() time.Time
}

func newToken(clock func() time.Time) *Token {
	c := &Token{clock: clock}
	c.Name = "token"
	c.Info = metadata.InfoMetadata{
		Title: "Token", Version: "1",
		Description: "Credits as unspent notes, accounts bound to certificates, stakes, and who may mint. Arguments and results are of package chaincode/wire.",
	}
	return c
}

// GetEvaluateTransactions names the functions that only read.
func (*Token) GetEvaluateTransactions() []string {
	return []string{"GetAccount", "GetNote", "GetPolicy", "GetReceipt", "GetStake", "GetSums"}
}

// Transact does a wire.CreditBatch and answers each operation for itself. It needs the role holder; what
// an operation moves is the account's that the submitter's key is bound to. An answer's digest names the
// operation's receipt, or the account that was opened or changed.
func (c *Token) Transact(ctx contractapi.TransactionContextInterface, batch []byte) ([]byte, error) {
	t, err := begin(ctx, c.clock, ledger.RoleHolder)
	if err != nil {
		return nil, coded(err)
	}
	in, err := wire.DecodeCreditBatch(batch)
	if err != nil {
		return nil, coded(err)
	}
	refused := make([]error, len(in.Operations))
	digests := make([]ledger.Digest, len(in.Operations))
	key := ledger.CreditBinding(t.Actor.MSPID, t.Actor.Key)
	// Most accounts have their first key's name.
	keys := []string{wire.CreditKeyKey(key), wire.CreditAccountKey(key)}
	for i, op := range in.Operations {
		if digests[i], err = wire.CreditDigest(op); err != nil {
			return nil, coded(err)
		}
		var own []string
		if refused[i] = ledger.CheckCredit(op); refused[i] == nil {
			own, refused[i] = creditKeys(op, digests[i])
		}
		if refused[i] == nil {
			keys = append(keys, own...)
		}
	}
	if err = t.repository.Prefetch(keys); err != nil {
		return nil, coded(err)
	}
	if err = t.onOwnTime(in.Operations); err != nil {
		return nil, coded(err)
	}
	for i, op := range in.Operations {
		if refused[i] != nil {
			t.refuse(refused[i], digests[i])
			continue
		}
		if err = t.transact(op, digests[i]); err != nil {
			return nil, coded(err)
		}
	}
	answers, err := t.end()
	return answers, coded(err)
}

// creditKeys names what an operation bears on.
func creditKeys(op ledger.CreditOperation, operation ledger.Digest) ([]string, error) {
	keys := []string{wire.ReceiptKey(operation)}
	for _, id := range op.Inputs() {
		key, err := wire.NoteKey(id)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	switch {
	case op.Transfer != nil:
		for _, p := range op.Transfer.Outputs {
			keys = append(keys, wire.CreditAccountKey(p.To))
		}
	case op.Lock != nil:
		for _, id := range []*ledger.Digest{op.Lock.Lock.Payee, op.Lock.Lock.Arbiter} {
			if id != nil {
				keys = append(keys, wire.CreditAccountKey(*id))
			}
		}
	case op.Bond != nil || op.Unbond != nil:
		keys = append(keys, wire.CreditPolicyKey(), wire.ScoringPolicyKey())
	}
	return keys, nil
}

// onOwnTime refuses a transaction that moves a stake or offers a key at a time further from the peer's clock than the scoring
// policy allows: with the skew that other operations have, many moves would be within the time that lies between two.
func (t *transaction) onOwnTime(operations []ledger.CreditOperation) error {
	own := false
	for _, op := range operations {
		own = own || op.Bond != nil || op.Unbond != nil || op.Rotate != nil
		if own || op.Release == nil || ledger.CheckCredit(op) != nil {
			continue
		}
		note, err := t.repository.Note(op.Release.Note)
		if err != nil {
			return err
		}
		own = note != nil && note.Lock != nil && note.Lock.Purpose == ledger.LockUnbonding
	}
	if !own {
		return nil
	}
	allowed, err := ledger.TaskSkew(ledger.TaskView{}, t.repository)
	if err != nil {
		return err
	}
	return ledger.CheckSkewWithin(t.Time, t.clock, allowed)
}

func (t *transaction) transact(op ledger.CreditOperation, operation ledger.Digest) error {
	receipt, err := t.repository.Receipt(operation)
	if err != nil {
		return err
	}
	if receipt != nil {
		t.answer(wire.Answer{Status: ledger.StatusDuplicate, Digest: operation, RecordedIn: receipt.TxID})
		return nil
	}
	decision, err := ledger.DecideCredit(op, operation, t.repository, t.notes, t.Tx)
	switch {
	case refusal(err):
		t.refuse(err, operation)
		return nil
	case err != nil:
		return err
	case decision.Receipt != nil:
		t.answer(wire.Answer{Status: decision.Status, Digest: operation})
	case decision.Status == ledger.StatusDuplicate:
		t.answer(wire.Answer{Status: decision.Status, Digest: decision.Account.ID, RecordedIn: decision.Account.TxID})
		return nil
	default:
		t.answer(wire.Answer{Status: decision.Status, Digest: decision.Account.ID})
	}
	return t.credit(decision)
}

// credit writes what a decision on credits changed and tells it.
func (t *transaction) credit(d ledger.CreditDecision) error {
	told := t.credits()
	if d.Account != nil {
		told.Accounts = append(told.Accounts, d.Account.ID)
	}
	if d.Receipt != nil {
		told.Receipts = append(told.Receipts, d.Receipt.Operation)
		t.notes += uint32(len(d.Receipt.Created)) //nolint:gosec // a batch makes far fewer
	}
	return t.repository.ApplyCredit(d)
}

// credits is where the summary tells of credits.
func (t *transaction) credits() *wire.CreditSummary {
	if t.summary.Credits == nil {
		t.summary.Credits = &wire.CreditSummary{}
	}
	return t.summary.Credits
}

// vote records the submitter's vote, if it has not voted before.
func (t *transaction) vote(v *ledger.Vote) error {
	if v == nil {
		return nil
	}
	t.summary.Votes = append(t.summary.Votes, wire.VoteRef{Subject: v.Subject, MSPID: v.MSPID})
	return t.repository.CreateVote(*v)
}

// Govern puts a wire.MotionBatch and answers each motion for itself. It needs the role steward.
// ledger.DecideMotion says what it takes; a motion that waits for more votes is recorded, and its answer
// says whose it has.
func (c *Token) Govern(ctx contractapi.TransactionContextInterface, batch []byte) ([]byte, error) {
	t, err := begin(ctx, c.clock, ledger.RoleSteward)
	if err != nil {
		return nil, coded(err)
	}
	in, err := wire.DecodeMotionBatch(batch)
	if err != nil {
		return nil, coded(err)
	}
	if err = t.repository.Prefetch([]string{wire.RulebookKey(), wire.CreditPolicyKey()}); err != nil {
		return nil, coded(err)
	}
	for _, m := range in.Motions {
		var subject ledger.Digest
		if subject, err = wire.MotionDigest(m); err != nil {
			return nil, coded(err)
		}
		if err = ledger.CheckMotion(m); err != nil {
			t.refuse(err, subject)
			continue
		}
		if err = t.govern(m, subject); err != nil {
			return nil, coded(err)
		}
	}
	answers, err := t.end()
	return answers, coded(err)
}

func (t *transaction) govern(m ledger.CreditMotion, subject ledger.Digest) error {
	decision, err := ledger.DecideMotion(m, subject, t.repository, t.notes, t.Tx)
	switch {
	case refusal(err):
		t.refuse(err, subject)
		return nil
	case err != nil:
		return err
	case decision.Status == ledger.StatusDuplicate:
		in, err := t.motionIn(decision, subject)
		if err != nil {
			return err
		}
		t.answer(wire.Answer{Status: decision.Status, Digest: subject, RecordedIn: in, Message: waits(decision.Tally)})
		return nil
	}
	t.answer(wire.Answer{Status: decision.Status, Digest: subject, Message: waits(decision.Tally)})
	if decision.Tally != nil {
		if err := t.vote(decision.Tally.Vote); err != nil {
			return err
		}
	}
	switch {
	case decision.Policy != nil:
		told := t.credits()
		told.Policies = append(told.Policies, decision.Policy.Version)
		return t.repository.PutCreditPolicy(*decision.Policy)
	case decision.Account != nil:
		return t.credit(ledger.CreditDecision{Account: decision.Account})
	case decision.Credit != nil:
		return t.credit(*decision.Credit)
	}
	return nil
}

// motionIn finds the transaction in which what a repeated motion asks for became so, or was voted for.
func (t *transaction) motionIn(d ledger.MotionDecision, subject ledger.Digest) (string, error) {
	if d.In != "" {
		return d.In, nil
	}
	receipt, err := t.repository.Receipt(subject)
	if err != nil {
		return "", err
	}
	if receipt != nil {
		return receipt.TxID, nil
	}
	vote, err := t.repository.Vote(subject, t.Actor.MSPID)
	if err != nil {
		return "", err
	}
	if vote == nil {
		return "", fmt.Errorf("motion %s was repeated and is not recorded", subject)
	}
	return vote.TxID, nil
}

// waits says whose votes a motion has, while they do not suffice.
func waits(t *ledger.Tally) string {
	if t == nil || t.Carried {
		return ""
	}
	return fmt.Sprintf("waits for more keepers to ask for the same: %s of %s did", strings.Join(t.For, ", "), strings.Join(t.Keepers, ", "))
}

// slash takes from a stake for a fault that the calling contract has proven, once a fault.
func (t *transaction) slash(s ledger.Slash) error {
	if err := ledger.CheckSlash(s); err != nil {
		return err
	}
	operation, err := wire.SlashDigest(s)
	if err != nil {
		return err
	}
	return t.once(operation, func() (ledger.CreditDecision, error) {
		return ledger.DecideSlash(s, operation, t.repository, t.notes, t.Tx)
	})
}

// once does what a contract decides on credits, unless it was done.
func (t *transaction) once(operation ledger.Digest, decide func() (ledger.CreditDecision, error)) error {
	receipt, err := t.repository.Receipt(operation)
	if err != nil || receipt != nil {
		return err
	}
	decision, err := decide()
	if err != nil {
		return err
	}
	return t.credit(decision)
}

// reward mints for a task that the calling contract has ended, once a task.
func (t *transaction) reward(r ledger.Reward) error {
	if err := ledger.CheckReward(r); err != nil {
		return err
	}
	operation, err := wire.RewardDigest(r)
	if err != nil {
		return err
	}
	return t.once(operation, func() (ledger.CreditDecision, error) {
		return ledger.DecideReward(r, operation, t.repository, t.notes, t.Tx)
	})
}

// GetNote gives the ledger.Note that is named "transaction/index", if it is unspent.
func (*Token) GetNote(ctx contractapi.TransactionContextInterface, id string) ([]byte, error) {
	note, err := ledger.ParseNoteID(id)
	if err != nil {
		return nil, coded(err)
	}
	found, err := state.New(ctx.GetStub()).Note(note)
	return one(found, err, "note %.200s is not there; it was spent, or never was", id)
}

// GetAccount gives the ledger.CreditAccount of an id in hexadecimal; with "" that which the caller's key
// moves.
func (*Token) GetAccount(ctx contractapi.TransactionContextInterface, id string) ([]byte, error) {
	repository := state.New(ctx.GetStub())
	account, err := accountNamed(ctx, repository, id)
	if err != nil {
		return nil, coded(err)
	}
	found, err := repository.CreditAccount(account)
	return one(found, err, "credit account %s", account)
}

func accountNamed(ctx contractapi.TransactionContextInterface, r *state.Repository, id string) (ledger.Digest, error) {
	if id != "" {
		return ledger.ParseDigest(id)
	}
	actor, err := actorOf(ctx.GetClientIdentity())
	if err != nil {
		return ledger.Digest{}, err
	}
	binding, err := r.KeyBinding(ledger.CreditBinding(actor.MSPID, actor.Key))
	if err == nil && (binding == nil || binding.Retired) {
		err = fmt.Errorf("%w: the key of %s of %s is bound to none", ledger.ErrNoAccount, actor.Subject, actor.MSPID)
	}
	if err != nil {
		return ledger.Digest{}, err
	}
	return binding.Account, nil
}

// GetStake gives the ledger.Stake of an account, by its id in hexadecimal.
func (*Token) GetStake(ctx contractapi.TransactionContextInterface, account string) ([]byte, error) {
	id, err := ledger.ParseDigest(account)
	if err != nil {
		return nil, coded(err)
	}
	found, err := state.New(ctx.GetStub()).Stake(id)
	return one(found, err, "a stake of account %s", id)
}

// GetPolicy gives a version of the ledger.CreditPolicy, in decimal; with "" the one in force.
func (*Token) GetPolicy(ctx contractapi.TransactionContextInterface, version string) ([]byte, error) {
	repository := state.New(ctx.GetStub())
	if version == "" {
		found, err := repository.CreditPolicy()
		return one(found, err, "a credit policy in force")
	}
	n, err := strconv.ParseUint(version, 10, 32)
	if err != nil {
		return nil, coded(fmt.Errorf("%w: version %.40q", ledger.ErrMalformed, version))
	}
	found, err := repository.CreditPolicyVersion(uint32(n))
	return one(found, err, "version %d of the credit policy", n)
}

// GetReceipt gives the ledger.Receipt of an operation, by its digest in hexadecimal.
func (*Token) GetReceipt(ctx contractapi.TransactionContextInterface, operation string) ([]byte, error) {
	digest, err := ledger.ParseDigest(operation)
	if err != nil {
		return nil, coded(err)
	}
	found, err := state.New(ctx.GetStub()).Receipt(digest)
	return one(found, err, "a receipt of operation %s", digest)
}

// readable is what the functions that read a single value give.
type readable interface {
	ledger.Note | ledger.CreditAccount | ledger.Stake | ledger.CreditPolicy | ledger.Receipt |
		ledger.DatasetSnapshot | ledger.Evaluation | ledger.Alias | ledger.ModelPolicy | ledger.FinalVerdict | ledger.ScoringPolicy
}

// one encodes what was found.
func one[T readable](found *T, err error, format string, args ...any) ([]byte, error) {
	if err == nil && found == nil {
		err = fmt.Errorf("%w: %s", ledger.ErrUnknown, fmt.Sprintf(format, args...))
	}
	if err != nil {
		return nil, coded(err)
	}
	out, err := wire.Encode(*found)
	return out, coded(err)
}

// sumPage is how many facts one message brings.
const sumPage = 1_000

// GetSums gives the ledger.CreditSums of at most ledger.MaxSumFacts notes, mints and burns, from where the
// sums before say that it goes on; "" begins. What one call sums is of one height. Sums of several calls
// are of one height only if nothing moved in between; the read model gives them for every ledger.
func (*Token) GetSums(ctx contractapi.TransactionContextInterface, from string) ([]byte, error) {
	sums, err := creditSums(ctx.GetStub(), from)
	if err != nil {
		return nil, coded(err)
	}
	out, err := wire.Encode(sums)
	return out, coded(err)
}

func creditSums(stub shim.ChaincodeStubInterface, from string) (ledger.CreditSums, error) {
	kinds := [...]wire.Kind{wire.KindMint, wire.KindBurn, wire.KindNote}
	at, bookmark := 0, from
	if from != "" {
		kind, _, err := wire.ParseKey(from)
		for err == nil && at < len(kinds) && kinds[at] != kind {
			at++
		}
		if err != nil || at == len(kinds) {
			return ledger.CreditSums{}, fmt.Errorf("%w: sums do not go on at %.200q", ledger.ErrMalformed, from)
		}
	}
	var sums ledger.CreditSums
	for at < len(kinds) {
		if sums.Facts >= ledger.MaxSumFacts {
			sums.Next = bookmark
			if bookmark == "" {
				sums.Next = "\x00" + string(kinds[at]) + "\x00"
			}
			return sums, nil
		}
		next, err := sumPageOf(stub, kinds[at], bookmark, &sums)
		if err != nil {
			return ledger.CreditSums{}, err
		}
		if bookmark = next; next == "" {
			at++
		}
	}
	return sums, nil
}

// sumPageOf adds a page of facts of a kind and gives where the next begins, empty if there is none.
func sumPageOf(stub shim.ChaincodeStubInterface, kind wire.Kind, bookmark string, sums *ledger.CreditSums) (next string, err error) {
	rows, more, err := stub.GetStateByPartialCompositeKeyWithPagination(string(kind), []string{}, sumPage, bookmark)
	if err != nil {
		return "", fmt.Errorf("read %s: %w", kind, err)
	}
	defer func() {
		if failed := rows.Close(); err == nil && failed != nil {
			err = fmt.Errorf("read %s: %w", kind, failed)
		}
	}()
	for rows.HasNext() {
		row, err := rows.Next()
		if err != nil {
			return "", fmt.Errorf("read %s: %w", kind, err)
		}
		part, err := creditFact(kind, row.GetValue())
		if err != nil {
			return "", fmt.Errorf("stored value of %q: %w", row.GetKey(), err)
		}
		if *sums, err = sums.Plus(part); err != nil {
			return "", err
		}
	}
	if more.GetFetchedRecordsCount() < sumPage {
		return "", nil
	}
	return more.GetBookmark(), nil
}

func creditFact(kind wire.Kind, value []byte) (ledger.CreditSums, error) {
	if kind == wire.KindNote {
		note, err := wire.Decode[ledger.Note](value, wire.MaxStoredBytes)
		if note.Lock != nil {
			return ledger.CreditSums{Locked: note.Amount, Facts: 1}, err
		}
		return ledger.CreditSums{Unspent: note.Amount, Facts: 1}, err
	}
	supply, err := wire.Decode[ledger.Supply](value, wire.MaxStoredBytes)
	if kind == wire.KindMint {
		return ledger.CreditSums{Minted: supply.Amount, Facts: 1}, err
	}
	return ledger.CreditSums{Burned: supply.Amount, Facts: 1}, err
}
