package founding

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/gateway/fabric"
	"github.com/waybill-dev/waybill/gateway/submit"
)

// client is what an organisation's part needs of the gateway; *fabric.Client is one.
type client interface {
	submit.Ledger
	Evaluate(ctx context.Context, function string, arguments ...[]byte) ([]byte, error)
	Close() error
}

// seat is an organisation that takes part.
type seat struct {
	organisation, mspID string
	peers               bool // it has some
	client              client
	submit              *submit.Submitter
	account             ledger.Digest
	note                *ledger.NoteID // to be bonded, nil: the stake suffices
	written             atomic.Int64
}

// step names the organisation whose step failed, unless that is known.
func (s *seat) step(step string, err error) error {
	if _, named := errors.AsType[*StepError](err); err == nil || named {
		return err
	}
	return &StepError{s.organisation, step, err}
}

// took counts what was written and fails with the first refusal.
func (s *seat) took(outcomes []submit.Outcome, err error) error {
	if err != nil {
		return err
	}
	for _, o := range outcomes {
		switch o.Status {
		case ledger.StatusRefused:
			return refusal{o.Code, o.Message}
		case ledger.StatusRecorded:
			s.written.Add(1)
		case ledger.StatusDuplicate:
		}
	}
	return nil
}

// refusal is what the ledger says of an operation that it does not take.
type refusal struct{ code, text string }

func (r refusal) Error() string { return r.code + ": " + r.text }

// Is compares by the stable code, so that a refusal is the rule's error that it came from.
func (r refusal) Is(target error) bool { return ledger.Code(target) == r.code }

// seen waits until the peer that the organisation asks has the transaction.
func (s *seat) seen(ctx context.Context, txID string) error {
	status, err := s.client.Commit(ctx, txID)
	if err != nil {
		return err
	}
	return status.Err()
}

// read asks a peer, and gives nil for what is not there.
func read[T any](ctx context.Context, s *seat, decode func([]byte, int) (T, error), function string, arguments ...string) (*T, error) {
	raw := make([][]byte, len(arguments))
	for i, a := range arguments {
		raw[i] = []byte(a)
	}
	answer, err := s.client.Evaluate(ctx, function, raw...)
	if err != nil {
		if e, ok := errors.AsType[*fabric.Error](err); ok && e.Code == ledger.CodeNotFound {
			return nil, nil //nolint:nilnil // what is not there is no error
		}
		return nil, fmt.Errorf("%s: %w", function, err)
	}
	value, err := decode(answer, wire.MaxStoredBytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", function, err)
	}
	return &value, nil
}

func (s *seat) rules(ctx context.Context) (*ledger.MasterDatum, error) {
	const kind = string(ledger.MasterRules)
	return read(ctx, s, wire.Decode[ledger.MasterDatum], wire.FnGetMaster, kind, kind, "")
}

func (s *seat) creditPolicy(ctx context.Context) (*ledger.CreditPolicy, error) {
	return read(ctx, s, wire.Decode[ledger.CreditPolicy], wire.FnGetCreditPolicy, "")
}

func (s *seat) scoringPolicy(ctx context.Context) (*ledger.ScoringPolicy, error) {
	return read(ctx, s, wire.Decode[ledger.ScoringPolicy], wire.FnGetScoringPolicy, "")
}

func (s *seat) bonded(ctx context.Context) (ledger.Credits, error) {
	stake, err := read(ctx, s, wire.Decode[ledger.Stake], wire.FnGetStake, s.account.String())
	if err != nil || stake == nil {
		return 0, err
	}
	return stake.Bonded, nil
}

func (s *seat) receipt(ctx context.Context, operation ledger.Digest) (*ledger.Receipt, error) {
	return read(ctx, s, wire.Decode[ledger.Receipt], wire.FnGetReceipt, operation.String())
}

func (s *seat) unspent(ctx context.Context, id ledger.NoteID) (bool, error) {
	note, err := read(ctx, s, wire.Decode[ledger.Note], wire.FnGetNote, id.String())
	return note != nil, err
}

// scores says whether the organisation's account is a scorer.
func (s *seat) scores(ctx context.Context) (bool, error) {
	all, err := read(ctx, s, wire.Decode[wire.Scorers], wire.FnGetScorers)
	if err != nil || all == nil {
		return false, err
	}
	for _, scorer := range all.Scorers {
		if scorer.Account == s.account {
			return scorer.Active, nil
		}
	}
	return false, nil
}
