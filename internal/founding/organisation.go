package founding

import (
	"context"
	"errors"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/gateway/fabric"
	"github.com/waybill-dev/waybill/gateway/profile"
	"github.com/waybill-dev/waybill/gateway/submit"
)

// Organisation is one that takes its own steps: it votes, joins or leaves the scorers, and tells of inspections. Its
// methods fail with gateway/fabric's errors; what the ledger refuses is an outcome.
type Organisation struct {
	seat *seat
	done chan error
}

// Connect reaches the network as an organisation; identity empty is its service's. Close ends it.
func Connect(ctx context.Context, p *profile.Profile, identity string) (*Organisation, error) {
	if identity == "" {
		identity = profile.IdentityService
	}
	c, err := fabric.Dial(p, identity, fabric.Options{})
	if err != nil {
		return nil, err
	}
	return connected(ctx, &seat{organisation: p.Organisation, mspID: p.MSPID, client: c}), nil
}

func connected(ctx context.Context, s *seat) *Organisation {
	o := &Organisation{seat: s, done: make(chan error, 1)}
	s.submit = submit.New(s.client, submit.Config{RetryFor: retryFor})
	go func() { o.done <- s.submit.Run(ctx) }()
	return o
}

// Close finishes what is under way and ends the connection.
func (o *Organisation) Close() error {
	o.seat.submit.Close()
	return errors.Join(<-o.done, o.seat.client.Close())
}

// Policy gives the scoring policy in force, nil if none is.
func (o *Organisation) Policy(ctx context.Context) (*ledger.ScoringPolicy, error) {
	return o.seat.scoringPolicy(ctx)
}

// Open opens the account of the organisation's key, or finds it: the outcome's digest.
func (o *Organisation) Open(ctx context.Context) (submit.Outcome, error) {
	return one(o.seat.submit.Credits(ctx, []ledger.CreditOperation{{Open: &ledger.OpenAccount{}}}))
}

// Bonded gives what an account has bonded.
func (o *Organisation) Bonded(ctx context.Context, account ledger.Digest) (ledger.Credits, error) {
	o.seat.account = account
	return o.seat.bonded(ctx)
}

// Bond adds an amount out of some notes to the stake; what they hold beyond it comes back.
func (o *Organisation) Bond(ctx context.Context, notes []ledger.NoteID, amount ledger.Credits) (submit.Outcome, error) {
	return one(o.seat.submit.Credits(ctx, []ledger.CreditOperation{{Bond: &ledger.BondStake{Inputs: notes, Amount: amount}}}))
}

// Register makes the organisation's account a scorer, or has it leave the scorers.
func (o *Organisation) Register(ctx context.Context, leave bool) (submit.Outcome, error) {
	return one(o.seat.submit.Tasks(ctx, []ledger.TaskOperation{{Register: &ledger.RegisterScorer{Leave: leave}}}))
}

// Inspect settles a task of several models by the event of an inspection.
func (o *Organisation) Inspect(ctx context.Context, task, event ledger.Digest) (submit.Outcome, error) {
	return one(o.seat.submit.Tasks(ctx, []ledger.TaskOperation{{Inspect: &ledger.InspectTask{Task: task, Event: event}}}))
}

// Vote asks for a scoring policy. The outcome's message says whose votes it waits for, if it does.
func (o *Organisation) Vote(ctx context.Context, p ledger.ScoringPolicy) (submit.Outcome, error) {
	return one(o.seat.submit.ScoringPolicies(ctx, []ledger.ScoringPolicy{p}))
}

// one gives the outcome of one operation.
func one(outcomes []submit.Outcome, err error) (submit.Outcome, error) {
	if err != nil {
		return submit.Outcome{}, err
	}
	return outcomes[0], nil
}
