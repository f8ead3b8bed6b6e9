package founding

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/gateway/submit"
)

// maxIssues bounds how often a stake is minted anew for one account.
const maxIssues = 1_000

func span(m ledger.Millis) string { return (time.Duration(m) * time.Millisecond).String() }

// accounts opens the account of each organisation, or finds it.
func (f *founding) accounts(ctx context.Context) error {
	return f.each(ctx, "open an account", func(ctx context.Context, s *seat) error {
		outcomes, err := s.submit.Credits(ctx, []ledger.CreditOperation{{Open: &ledger.OpenAccount{}}})
		if err = s.took(outcomes, err); err != nil {
			return err
		}
		s.account = outcomes[0].Digest
		return f.seen(ctx, outcomes[0].TxID)
	})
}

// issue mints what stakes lack. The serial of a mint names the account and how often that was, so that a run that was
// killed before it bonded finds the note.
func (f *founding) issue(ctx context.Context) error {
	var lacking []*seat
	var motions []ledger.CreditMotion
	for _, s := range f.seats {
		motion, err := f.lacks(ctx, s)
		if err != nil {
			return s.step("look for a stake", err)
		}
		if motion != nil {
			lacking, motions = append(lacking, s), append(motions, *motion)
		}
	}
	if len(motions) == 0 {
		return nil
	}
	if err := f.vote(ctx, "a mint", func(ctx context.Context, k *seat) ([]submit.Outcome, error) {
		return k.submit.CreditMotions(ctx, motions)
	}); err != nil {
		return err
	}
	f.Say(fmt.Sprintf("credits: %d minted for %d accounts", f.Stake*ledger.Credits(len(lacking)), len(lacking)))
	for i, s := range lacking {
		subject, err := wire.MotionDigest(motions[i])
		if err != nil {
			return err
		}
		receipt, err := s.receipt(ctx, subject)
		if err == nil && (receipt == nil || len(receipt.Created) != 1) {
			err = fmt.Errorf("mint %s has no receipt of one note", subject)
		}
		if err != nil {
			return s.step("look for its credits", err)
		}
		s.note = &receipt.Created[0].ID
	}
	return nil
}

// lacks gives the mint that an organisation lacks for its stake, nil if it has the stake, or a note for it.
func (f *founding) lacks(ctx context.Context, s *seat) (*ledger.CreditMotion, error) {
	bonded, err := s.bonded(ctx)
	if err != nil || bonded >= max(f.Policy.MinStake, f.Least) {
		return nil, err
	}
	for n := range maxIssues {
		motion := ledger.CreditMotion{Mint: &ledger.Mint{
			Serial: fmt.Sprintf("founding-%.16s-%d", s.account, n), Memo: "a scorer's stake", Payments: []ledger.Payment{{To: s.account, Amount: f.Stake}},
		}}
		subject, err := wire.MotionDigest(motion)
		if err != nil {
			return nil, err
		}
		receipt, err := s.receipt(ctx, subject)
		if err != nil {
			return nil, err
		}
		if receipt == nil {
			return &motion, nil
		}
		for _, c := range receipt.Created {
			unspent, err := s.unspent(ctx, c.ID)
			if err != nil {
				return nil, err
			}
			if unspent {
				s.note = &c.ID
				return nil, nil //nolint:nilnil // there is a note
			}
		}
	}
	return nil, fmt.Errorf("%d stakes were minted for account %s and lost", maxIssues, s.account)
}

// stake bonds what was minted.
func (f *founding) stake(ctx context.Context) error {
	return f.each(ctx, "bond a stake", func(ctx context.Context, s *seat) error {
		if s.note == nil {
			return nil
		}
		outcomes, err := rested(ctx, func() ([]submit.Outcome, error) {
			return s.submit.Credits(ctx, []ledger.CreditOperation{{Bond: &ledger.BondStake{Inputs: []ledger.NoteID{*s.note}, Amount: f.Stake}}})
		})
		if err = s.took(outcomes, err); err != nil {
			return err
		}
		return f.seen(ctx, outcomes[0].TxID)
	})
}

// restEvery is how often is asked whether an account may move again.
const restEvery = time.Second

// rested asks again while the ledger says that the account moved its stake, or left the scorers, too shortly before.
func rested(ctx context.Context, ask func() ([]submit.Outcome, error)) ([]submit.Outcome, error) {
	for {
		outcomes, err := ask()
		if err != nil || !slices.ContainsFunc(outcomes, func(o submit.Outcome) bool { return o.Code == ledger.CodeTaskTime }) {
			return outcomes, err
		}
		select {
		case <-ctx.Done():
			return outcomes, nil // what the ledger says tells more
		case <-time.After(restEvery):
		}
	}
}

// register makes each organisation a scorer, one after another, since each reads who is one.
func (f *founding) register(ctx context.Context) error {
	for _, s := range f.seats {
		scores, err := s.scores(ctx)
		if err == nil && !scores {
			var outcomes []submit.Outcome
			outcomes, err = rested(ctx, func() ([]submit.Outcome, error) {
				return s.submit.Tasks(ctx, []ledger.TaskOperation{{Register: &ledger.RegisterScorer{}}})
			})
			if err = s.took(outcomes, err); err == nil {
				err = f.seen(ctx, outcomes[0].TxID)
			}
		}
		if err != nil {
			return s.step("register as a scorer", err)
		}
		bonded, err := s.bonded(ctx)
		if err != nil {
			return s.step("read its stake", err)
		}
		f.Say(fmt.Sprintf("scorer: %s with a stake of %d", s.organisation, bonded))
	}
	return nil
}
