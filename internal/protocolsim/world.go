// Package protocolsim plays rounds of scoring by several organisations in memory: the chaincode's own contracts over a
// world state that keeps Fabric's rules, the scoring engine itself, and scorers that follow a strategy. It measures
// what strategies earn and whether a wrong verdict ever became final. It keeps the proof log as every reader of blocks does.
// It may import the chaincode's packages and api/proof; it is no part of what runs on a peer.
package protocolsim

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/waybill-dev/waybill/analytics/score"
	"github.com/waybill-dev/waybill/chaincode/contract"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/referee"
	"github.com/waybill-dev/waybill/chaincode/state"
	"github.com/waybill-dev/waybill/chaincode/state/statetest"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// ErrRefused says that the ledger refused a set-up that it should take.
var ErrRefused = errors.New("refused")

// begin is the time of the simulated ledger.
func begin() time.Time { return time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC) }

// World is a channel with scorers that have stakes, and shipments whose windows are to be judged.
type World struct {
	state *statetest.World
	code  shim.Chaincode
	clock *time.Time // of peers and submitters
	ids   map[string]*identity
	txs   int
	sent  map[string]int // transactions, by who sent them
	told  func(wire.Transaction)

	history   history
	anchoring []string // keepers who anchor the log as it is
	moves     map[Move]int

	Model  *score.Model
	Policy ledger.ScoringPolicy
	Tasks  []Task
}

// identity is who submits.
type identity struct {
	creator []byte
	key     *ecdsa.PrivateKey
	public  []byte
	account ledger.Digest
}

// Task is a window to be judged, with the engine's ruling.
type Task struct {
	Statement ledger.TaskStatement
	Truth     ledger.Ruling
	// Decoys can be claimed to be left out and are not.
	Decoys []Decoy

	schemes []scheme // lists that are not the window; nil: those that liars make of any task
}

// Decoy is an event or a segment that, as far as times of recording tell, may belong into a task's list and would change what is
// judged there. The ledger's order shows that it does not.
type Decoy struct {
	Kind  DecoyKind
	Event ledger.Reference
	At    uint32 // before this reference
	Since bool   // it is said to have come after the journey before
	Late  bool   // and to be of that
	// Code is with which the ledger refuses the claim; empty: it takes it, and the log refutes it.
	Code string
}

// DecoyKind is where a decoy is in truth.
type DecoyKind string

// The kinds.
const (
	DecoyBefore DecoyKind = "before" // recorded shortly before the journey began
	DecoyHeld   DecoyKind = "held"   // of an early time, and ordered after the window closed
	DecoyWithin DecoyKind = "within" // of the journey, and at its true place it changes nothing
	DecoyFormer DecoyKind = "former" // what opened the container's journey before
	DecoyAmid   DecoyKind = "amid"   // between two journeys, and of neither
	DecoyLate   DecoyKind = "late"   // of the journey before, and ordered when this one was under way
	DecoyTail   DecoyKind = "tail"   // the next segment of a logger
)

// Member is a scorer to be set up: its name, its organisation and its stake.
type Member struct {
	Name, MSPID string
	Stake       ledger.Credits
}

// NewWorld makes a channel: rules, policies, scorers with their stakes, and so many shipments with two windows each.
func NewWorld(policy ledger.ScoringPolicy, members []Member, shipments int) (*World, error) {
	return NewWorldTold(policy, members, shipments, func(wire.Transaction) {})
}

// NewWorldTold is NewWorld that tells what each transaction recorded, from the first on, as a reader of blocks sees it.
func NewWorldTold(policy ledger.ScoringPolicy, members []Member, shipments int, told func(wire.Transaction)) (*World, error) {
	return newWorld(policy, members, told, func(w *World) error { return w.each(shipments, w.shipment) })
}

// newWorld makes a channel whose shipments are recorded last.
func newWorld(policy ledger.ScoringPolicy, members []Member, told func(wire.Transaction), shipments func(*World) error) (*World, error) {
	now := begin().Add(48 * time.Hour)
	w := &World{
		state: statetest.NewWorld(), clock: &now, ids: map[string]*identity{}, sent: map[string]int{}, moves: map[Move]int{}, Policy: policy, told: told, anchoring: Keepers(),
	}
	var err error
	if w.Model, err = score.Default(); err != nil {
		return nil, err
	}
	if w.code, err = contract.New(func() time.Time { return *w.clock }, slog.New(slog.DiscardHandler)); err != nil {
		return nil, err
	}
	for _, msp := range Keepers() {
		if err = w.Identity("root"+msp, msp, "registrar,steward,recorder,gateway,holder,anchor"); err != nil {
			return nil, err
		}
	}
	if err = w.rules(); err != nil {
		return nil, err
	}
	for _, m := range members {
		if err = w.member(m); err != nil {
			return nil, fmt.Errorf("scorer %s: %w", m.Name, err)
		}
	}
	if err = w.goods(); err == nil {
		err = shipments(w)
	}
	return w, err
}

// Clone gives a world with the same state, which goes its own way from here. The clock is set back for both, so that
// one world at a time is played on.
func (w *World) Clone() *World {
	c := *w
	c.state, c.history = w.state.Clone(), w.history.clone()
	c.sent, c.moves = map[string]int{}, map[Move]int{}
	*c.clock = begin().Add(72 * time.Hour)
	return &c
}

// Identity makes who submits, with roles.
func (w *World) Identity(name, mspID, roles string) error {
	// The draw reads accounts, which are named by keys: equal worlds have equal keys.
	secret := sha256.Sum256([]byte("waybill protocolsim " + mspID + " " + name))
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), secret[:])
	if err != nil {
		return err
	}
	creator, err := statetest.CreatorOf(key, mspID, name, map[string]string{contract.RoleAttribute: roles})
	if err != nil {
		return err
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return err
	}
	w.ids[name] = &identity{creator: creator, key: key, public: public, account: ledger.CreditBinding(mspID, sha256.Sum256(public))}
	return nil
}

// Account is the credit account of an identity.
func (w *World) Account(who string) ledger.Digest { return w.ids[who].account }

// Now is the time of the simulated ledger.
func (w *World) Now() ledger.Millis { return ledger.MillisOf(*w.clock) }

// Advance lets time pass.
func (w *World) Advance(by ledger.Millis) {
	*w.clock = w.clock.Add(time.Duration(by) * time.Millisecond)
}

// Invoke simulates a function at a time that the submitter says, skew from the peers' clock, without committing it.
func (w *World) Invoke(who, function string, argument []byte, skew time.Duration) (*statetest.Stub, []wire.Answer, error) {
	w.txs++
	stub := w.state.Simulate(statetest.Proposal{
		TxID: fmt.Sprintf("tx%d", w.txs), Args: [][]byte{[]byte(function), argument}, Creator: w.ids[who].creator, Time: timestamppb.New(w.clock.Add(skew)),
	})
	response := w.code.Invoke(stub)
	if response.GetStatus() != shim.OK {
		code, rest := ledger.ParseCode(response.GetMessage())
		return stub, nil, fmt.Errorf("%w: %s: %s: %s", ErrRefused, function, code, rest)
	}
	answers, err := wire.DecodeAnswers(response.GetPayload())
	return stub, answers.Answers, err
}

// submit runs a function and commits it.
func (w *World) submit(who, function string, argument []byte, skew time.Duration) ([]wire.Answer, error) {
	stub, answers, err := w.Invoke(who, function, argument, skew)
	if err != nil {
		return nil, err
	}
	w.sent[who]++
	codes, err := w.Commit(stub)
	for _, code := range codes {
		if code != 0 {
			return nil, fmt.Errorf("%w: %s: %s", ErrRefused, function, code)
		}
	}
	return answers, err
}

// Commit commits simulated transactions as one block and gives what became of each.
func (w *World) Commit(stubs ...*statetest.Stub) ([]peer.TxValidationCode, error) {
	codes := w.state.Commit(stubs...)
	var valid []*statetest.Stub
	var all []wire.Transaction
	for i, stub := range stubs {
		if codes[i] != peer.TxValidationCode_VALID {
			continue
		}
		tx, err := recordedBy(stub)
		if err != nil {
			return codes, err
		}
		valid, all = append(valid, stub), append(all, tx)
		w.told(tx)
	}
	return codes, w.history.block(valid, all)
}

// recordedBy is what a consumer of the block stream reads that a transaction recorded.
func recordedBy(stub *statetest.Stub) (wire.Transaction, error) {
	set := stub.ReadWriteSet()
	return wire.ReadTransaction(set.Event.GetPayload(), func(yield func(string, []byte) bool) {
		for _, write := range set.Writes {
			if !yield(write.Key, write.Value) {
				return
			}
		}
	})
}

// Score submits operations on tasks and gives the answers.
func (w *World) Score(who string, operations ...ledger.TaskOperation) ([]wire.Answer, error) {
	return w.ScoreAt(who, 0, operations...)
}

// ScoreAt submits operations at a time that the submitter says, skew from the peers' clock.
func (w *World) ScoreAt(who string, skew time.Duration, operations ...ledger.TaskOperation) ([]wire.Answer, error) {
	argument, err := wire.Encode(wire.TaskBatch{Operations: operations})
	if err != nil {
		return nil, err
	}
	return w.submit(who, wire.FnScore, argument, skew)
}

// Block submits operations of several in one block, each of them simulated before any is committed, and gives what became of
// each transaction.
func (w *World) Block(who []string, operations ...ledger.TaskOperation) ([]peer.TxValidationCode, error) {
	var stubs []*statetest.Stub
	for i, op := range operations {
		argument, err := wire.Encode(wire.TaskBatch{Operations: []ledger.TaskOperation{op}})
		if err != nil {
			return nil, err
		}
		stub, answers, err := w.Invoke(who[i], wire.FnScore, argument, 0)
		if _, err = recorded(answers, err); err != nil {
			return nil, err
		}
		stubs = append(stubs, stub)
	}
	return w.Commit(stubs...)
}

// Record records events as an organisation and gives their hashes.
func (w *World) Record(who string, entries ...wire.EventEntry) ([]ledger.Digest, error) {
	argument, err := wire.EncodeEventBatch(entries)
	if err != nil {
		return nil, err
	}
	return hashes(recorded(w.submit(who, wire.FnRecordEvents, argument, 0)))
}

// Transact submits operations on credits and gives the answers.
func (w *World) Transact(who string, operations ...ledger.CreditOperation) ([]wire.Answer, error) {
	argument, err := wire.Encode(wire.CreditBatch{Operations: operations})
	if err != nil {
		return nil, err
	}
	return w.submit(who, wire.FnTransact, argument, 0)
}

// repository reads the committed state.
func (w *World) repository() *state.Repository {
	return state.New(w.state.Simulate(statetest.Proposal{TxID: "read"}))
}

// View gives a task as it stands.
func (w *World) View(id ledger.Digest) (ledger.TaskView, error) { return w.repository().Task(id) }

// Final gives what stands for a window, nil if nothing does.
func (w *World) Final(s ledger.TaskStatement) (*ledger.FinalVerdict, error) {
	return w.repository().FinalVerdict(s.Shipment, s.Window, s.Model)
}

// Stake gives an account's stake, nil if it never bonded.
func (w *World) Stake(who string) (*ledger.Stake, error) {
	return w.repository().Stake(w.Account(who))
}

// Judge has the engine rule on a statement.
func (w *World) Judge(s ledger.TaskStatement) (ledger.Ruling, error) {
	packs, err := state.NewPacks(w.repository(), s.References, ledger.MaxTaskPackBytes)
	if err != nil {
		return ledger.Ruling{}, err
	}
	return referee.Judge(w.Model, s, packs)
}

// Holdings sums the notes of each account, locked ones with them, and holds that credits balance.
func (w *World) Holdings() (map[ledger.Digest]ledger.Credits, ledger.CreditSums, error) {
	holdings, sums := map[ledger.Digest]ledger.Credits{}, ledger.CreditSums{}
	for key, value := range w.state.State() {
		kind, _, err := wire.ParseKey(key)
		if err != nil {
			return nil, sums, err
		}
		switch kind {
		case wire.KindNote:
			note, err := wire.Decode[ledger.Note](value, wire.MaxStoredBytes)
			if err != nil {
				return nil, sums, err
			}
			holdings[note.Owner] += note.Amount
			if note.Lock != nil {
				sums.Locked += note.Amount
			} else {
				sums.Unspent += note.Amount
			}
		case wire.KindMint, wire.KindBurn:
			supply, err := wire.Decode[ledger.Supply](value, wire.MaxStoredBytes)
			if err != nil {
				return nil, sums, err
			}
			if kind == wire.KindMint {
				sums.Minted += supply.Amount
			} else {
				sums.Burned += supply.Amount
			}
		default:
		}
	}
	return holdings, sums, sums.Check()
}

// recorded holds that every answer says so.
func recorded(answers []wire.Answer, err error) ([]wire.Answer, error) {
	for _, a := range answers {
		if err == nil && a.Status == ledger.StatusRefused {
			err = fmt.Errorf("%w: %s: %s", ErrRefused, a.Code, a.Message)
		}
	}
	return answers, err
}

// all submits the same argument as every keeper.
func (w *World) all(function string, argument []byte, err error) error {
	for _, msp := range Keepers()[:2] {
		if err == nil {
			_, err = recorded(w.submit("root"+msp, function, argument, 0))
		}
	}
	return err
}

func (w *World) rules() error {
	argument, err := wire.Encode(wire.MasterBatch{Data: []ledger.MasterDatum{{Version: 1, Rules: &ledger.Rules{Keepers: Keepers()}}}})
	if err == nil {
		_, err = recorded(w.submit("rootA", wire.FnRegisterMaster, argument, 0))
	}
	if err != nil {
		return err
	}
	argument, err = wire.Encode(wire.MotionBatch{Motions: []ledger.CreditMotion{{Policy: &ledger.CreditPolicy{
		Version: 1, TaskMint: max(w.Policy.Reward+w.Policy.Jackpot, w.Policy.Blend.Truth), MinStake: 1,
		UnbondDelay: w.Policy.UnbondDelay(),
	}}}})
	if err = w.all(wire.FnGovernCredits, argument, err); err != nil {
		return err
	}
	argument, err = wire.Encode(wire.ScoringPolicyBatch{Policies: []ledger.ScoringPolicy{w.Policy}})
	return w.all(wire.FnGovernScoring, argument, err)
}

// member opens an account, mints and bonds a stake, and registers a scorer.
func (w *World) member(m Member) error {
	if err := w.Identity(m.Name, m.MSPID, "scorer,holder"); err != nil {
		return err
	}
	if _, err := recorded(w.Transact(m.Name, ledger.CreditOperation{Open: &ledger.OpenAccount{}})); err != nil || m.Stake == 0 {
		return err
	}
	argument, err := wire.Encode(wire.MotionBatch{Motions: []ledger.CreditMotion{{Mint: &ledger.Mint{
		Serial: "stake-" + m.Name, Payments: []ledger.Payment{{To: w.Account(m.Name), Amount: m.Stake}},
	}}}})
	if err = w.all(wire.FnGovernCredits, argument, err); err != nil {
		return err
	}
	note := ledger.NoteID{TxID: fmt.Sprintf("tx%d", w.txs)}
	if _, err = recorded(w.Transact(m.Name, ledger.CreditOperation{Bond: &ledger.BondStake{Inputs: []ledger.NoteID{note}, Amount: m.Stake}})); err != nil {
		return err
	}
	if m.Stake < w.Policy.MinStake {
		return nil
	}
	_, err = recorded(w.Score(m.Name, ledger.TaskOperation{Register: &ledger.RegisterScorer{}}))
	return err
}
