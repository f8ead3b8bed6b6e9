package founding

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/waybill-dev/waybill/chaincode/contract"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/state"
	"github.com/waybill-dev/waybill/chaincode/state/statetest"
	"github.com/waybill-dev/waybill/gateway/fabric"
	"github.com/waybill-dev/waybill/gateway/fabric/fabrictest"
	"github.com/waybill-dev/waybill/gateway/profile"
)

// channel is the contracts over a world state, one transaction a block.
type channel struct {
	mu     sync.Mutex
	world  *statetest.World
	code   shim.Chaincode
	txs    int
	status map[string]fabric.Status
	stubs  map[string]*statetest.Stub
	// end is called when a transaction was ordered, with how many were.
	end func(ordered int)
}

func newChannel(t *testing.T) *channel {
	t.Helper()
	code, err := contract.New(time.Now, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return &channel{world: statetest.NewWorld(), code: code, status: map[string]fabric.Status{}, stubs: map[string]*statetest.Stub{}}
}

// member is one organisation's client of the channel.
type member struct {
	*channel
	creator []byte
}

func (m *member) invoke(function string, arguments [][]byte) (*statetest.Stub, []byte, error) {
	m.txs++
	stub := m.world.Simulate(statetest.Proposal{
		TxID: fmt.Sprintf("tx%d", m.txs), Args: append([][]byte{[]byte(function)}, arguments...), Creator: m.creator, Time: timestamppb.Now(),
	})
	response := m.code.Invoke(stub)
	if response.GetStatus() != shim.OK {
		code, text := ledger.ParseCode(response.GetMessage())
		return nil, nil, fabrictest.Refuse(code, text)
	}
	return stub, response.GetPayload(), nil
}

func (m *member) Evaluate(ctx context.Context, function string, arguments ...[]byte) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, result, err := m.invoke(function, arguments)
	return result, errors.Join(err, ctx.Err())
}

func (m *member) Endorse(ctx context.Context, function string, arguments ...[]byte) (*fabric.Endorsed, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	stub, result, err := m.invoke(function, arguments)
	if err = errors.Join(err, ctx.Err()); err != nil {
		return nil, err
	}
	m.stubs[stub.TxID] = stub
	return &fabric.Endorsed{ID: stub.TxID, Result: result}, nil
}

func (m *member) Submit(ctx context.Context, tx *fabric.Endorsed) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	codes := m.world.Commit(m.stubs[tx.ID])
	m.status[tx.ID] = fabric.Status{TxID: tx.ID, Block: uint64(len(m.status) + 1), Code: codes[0]}
	if m.end != nil {
		m.end(len(m.status))
	}
	return nil
}

func (m *member) Commit(ctx context.Context, txID string) (fabric.Status, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	status, ok := m.status[txID]
	if !ok {
		return status, fabric.ErrUnknownOutcome
	}
	return status, ctx.Err()
}

func (m *member) Resolve(ctx context.Context, txID string) (fabric.Status, error) {
	return m.Commit(ctx, txID)
}

func (m *member) Close() error { return nil }

// network is a channel with the identities of its organisations.
type network struct {
	*channel
	creators map[string][]byte
}

// organisations of the network: all but the last have peers.
func organisations() []string { return []string{"producer", "carrier", "retailer", "assessor"} }

func newNetwork(t *testing.T) *network {
	t.Helper()
	n := &network{channel: newChannel(t), creators: map[string][]byte{}}
	for _, org := range organisations() {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		roles := "scorer,holder,steward"
		if org != "assessor" {
			roles += ",registrar"
		}
		if n.creators[org], err = statetest.CreatorOf(key, org+"MSP", org, map[string]string{contract.RoleAttribute: roles}); err != nil {
			t.Fatal(err)
		}
	}
	return n
}

func (n *network) seats(orgs ...string) (seats []*seat) {
	for _, org := range orgs {
		seats = append(seats, &seat{organisation: org, mspID: org + "MSP", peers: org != "assessor", client: &member{n.channel, n.creators[org]}})
	}
	return seats
}

func policy() ledger.ScoringPolicy {
	return ledger.ScoringPolicy{
		MinStake: 1_000, CommitFor: 3_000, RevealFor: 8_000, ChallengeFor: 8_000, Skew: 2_000, Reward: 48, Jackpot: 400, Canary: 20_000,
		Wrong: 200_000, Silent: 20_000, Bond: 500, Finder: 500_000, Blend: ledger.BlendPolicy{Cap: 334_000, Truth: 48}, AtOnce: true,
	}
}

func options() Options {
	return Options{Profiles: make([]*profile.Profile, 4), Policy: policy(), Stake: 10_000}
}

// holds checks that everything is in force as options say, once.
func (n *network) holds(t *testing.T, r Result) {
	t.Helper()
	repository := state.New(n.world.Simulate(statetest.Proposal{TxID: "read"}))
	if !slices.Equal(r.Keepers, []string{"carrierMSP", "producerMSP", "retailerMSP"}) || len(r.Accounts) != 4 {
		t.Errorf("%+v", r)
	}
	scoring, err := repository.ScoringPolicy()
	if err != nil || scoring == nil || scoring.Version != 1 || len(scoring.Votes) < 2 {
		t.Errorf("%+v, %v", scoring, err)
	}
	for org, account := range r.Accounts {
		stake, err := repository.Stake(account)
		if err != nil || stake == nil || stake.Bonded != 10_000 {
			t.Errorf("%s: %+v, %v", org, stake, err)
		}
		if on, err := n.seatOf(org, account).scores(t.Context()); err != nil || !on {
			t.Errorf("%s is no scorer: %v", org, err)
		}
	}
	sums, err := n.seats("producer")[0].sums(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if sums.Minted != 40_000 || sums.Locked != 40_000 {
		t.Errorf("%+v", sums)
	}
}

func (n *network) seatOf(org string, account ledger.Digest) *seat {
	s := n.seats(org)[0]
	s.account = account
	return s
}

func TestFoundingTwiceDoesNothingTheSecondTime(t *testing.T) {
	n := newNetwork(t)
	var said []string
	o := options()
	o.Say = func(line string) { said = append(said, line) }
	first, err := found(t.Context(), o, n.seats(organisations()...))
	if err != nil {
		t.Fatal(err)
	}
	n.holds(t, first)
	if first.Written == 0 || !strings.Contains(strings.Join(said, "\n"), "clocks within 2s") {
		t.Errorf("%d written, said %q", first.Written, said)
	}
	ordered := len(n.status)
	again, err := found(t.Context(), options(), n.seats(organisations()...))
	if err != nil || again.Written != 0 || len(n.status) != ordered {
		t.Errorf("%+v, %v: %d transactions, then %d", again, err, ordered, len(n.status))
	}
	n.holds(t, again)
}

func TestAFoundingThatWasKilledGoesOn(t *testing.T) {
	for after := 1; ; after++ {
		n := newNetwork(t)
		ctx, kill := context.WithCancel(t.Context())
		n.end = func(ordered int) {
			if ordered >= after {
				kill()
			}
		}
		if _, err := found(ctx, options(), n.seats(organisations()...)); err == nil {
			if after < 12 { // how many there are in all, conflicts decide
				t.Errorf("killed after %d transactions, and done", after)
			}
			return
		}
		n.end = nil
		r, err := found(t.Context(), options(), n.seats(organisations()...))
		if err != nil {
			t.Fatalf("after %d transactions: %v", after, err)
		}
		n.holds(t, r)
	}
}

func TestAScorerThatLostItsStakeIsGivenAnother(t *testing.T) {
	n := newNetwork(t)
	r, err := found(t.Context(), options(), n.seats(organisations()...))
	if err != nil {
		t.Fatal(err)
	}
	s := n.seats("assessor")
	stake, err := state.New(n.world.Simulate(statetest.Proposal{TxID: "read"})).Stake(r.Accounts["assessor"])
	if err != nil {
		t.Fatal(err)
	}
	s[0].leave(t, *stake.Note, 10_000)
	again, err := found(t.Context(), options(), n.seats(organisations()...))
	if err != nil {
		t.Fatal(err)
	}
	if bonded, err := n.seatOf("assessor", again.Accounts["assessor"]).bonded(t.Context()); err != nil || bonded != 10_000 {
		t.Errorf("%d bonded, %v", bonded, err)
	}
}

func TestANewPolicyIsItsNextVersion(t *testing.T) {
	n := newNetwork(t)
	if _, err := found(t.Context(), options(), n.seats(organisations()...)); err != nil {
		t.Fatal(err)
	}
	o := options()
	o.Policy.Reward, o.Policy.Skew, o.Policy.RevealFor, o.Policy.ChallengeFor = 100, 0, ledger.MinPhase, ledger.MinPhase
	r, err := found(t.Context(), o, n.seats(organisations()...))
	if err != nil || r.Policy.Version != 2 || r.Credit.Version != 2 || r.Credit.UnbondDelay != o.Policy.UnbondDelay() || r.Credit.TaskMint != 500 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestTheOrganisationWhoseStepFailsIsNamed(t *testing.T) {
	t.Run("a steward that is none", func(t *testing.T) {
		n := newNetwork(t)
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if n.creators["carrier"], err = statetest.CreatorOf(key, "carrierMSP", "carrier", map[string]string{contract.RoleAttribute: "scorer,holder"}); err != nil {
			t.Fatal(err)
		}
		_, err = found(t.Context(), options(), n.seats(organisations()...))
		if step, ok := errors.AsType[*StepError](err); !ok || step.Organisation != "carrier" || !errors.Is(err, ErrFounding) || !errors.Is(err, ledger.ErrUnauthorised) {
			t.Errorf("%v", err)
		}
	})
	t.Run("too few keepers", func(t *testing.T) {
		n := newNetwork(t)
		if _, err := found(t.Context(), options(), n.seats(organisations()...)); err != nil {
			t.Fatal(err)
		}
		if _, err := found(t.Context(), options(), n.seats("producer", "assessor")); !errors.Is(err, ErrFounding) || !strings.Contains(err.Error(), "carrierMSP, producerMSP, retailerMSP") {
			t.Errorf("%v", err)
		}
	})
	t.Run("a policy that is none", func(t *testing.T) {
		o := options()
		o.Policy.Bond = 0
		if _, err := found(t.Context(), o, nil); !errors.Is(err, ErrFounding) || !errors.Is(err, ledger.ErrSchema) {
			t.Errorf("%v", err)
		}
		o = options()
		o.Stake = 10
		if _, err := found(t.Context(), o, nil); !errors.Is(err, ErrFounding) {
			t.Errorf("%v", err)
		}
	})
}
