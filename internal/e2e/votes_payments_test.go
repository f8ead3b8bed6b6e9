package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/gateway/fabric"
	"github.com/waybill-dev/waybill/gateway/profile"
)

// TestAThousandPaymentsToOneAccountDoNotConflict has a thousand transactions pay one account, 64 at a time, each signed by
// a holder of its own organisation's and none of them through a server that would batch them.
func TestAThousandPaymentsToOneAccountDoNotConflict(t *testing.T) {
	ctx, l := endToEndOn(t, convened, 5*time.Minute)
	const payments, atOnce = 1_000, 64
	client := func(org, identity string) *fabric.Client {
		c, err := fabric.Dial(l.profile(t, org), identity, fabric.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	var mu sync.Mutex
	conflicts := 0
	send := func(ctx context.Context, c *fabric.Client, function string, batch []byte, err error) ([]wire.Answer, string, error) {
		if err != nil {
			return nil, "", err
		}
		tx, err := c.Endorse(ctx, function, batch)
		if err != nil {
			return nil, "", err
		}
		if err = c.Submit(ctx, tx); err != nil {
			return nil, "", err
		}
		status, err := c.Commit(ctx, tx.ID)
		if err == nil {
			err = status.Err()
		}
		if errors.Is(err, fabric.ErrConflict) {
			mu.Lock()
			conflicts++
			mu.Unlock()
		}
		if err != nil {
			return nil, "", err
		}
		answers, err := wire.DecodeAnswers(tx.Result)
		for _, a := range answers.Answers {
			if a.Code != "" {
				err = fmt.Errorf("%s: %s", a.Code, a.Message)
			}
		}
		return answers.Answers, tx.ID, err
	}
	transact := func(ctx context.Context, c *fabric.Client, ops ...ledger.CreditOperation) ([]wire.Answer, string, error) {
		batch, err := wire.Encode(wire.CreditBatch{Operations: ops})
		return send(ctx, c, wire.FnTransact, batch, err)
	}
	opened := func(c *fabric.Client) ledger.Digest {
		answers, _, err := transact(ctx, c, ledger.CreditOperation{Open: &ledger.OpenAccount{}})
		if err != nil {
			t.Fatal(err)
		}
		return answers[0].Digest
	}
	l.serve(ctx, t, "producer", "--role", "api", "--role", "readmodel")
	l.must(ctx, t, "masterdata", "register", "--org", "producer", writeFile(t, "rules.yaml", []byte("rules: {keepers: [CarrierMSP, ProducerMSP, RetailerMSP]}\n")))
	l.level(ctx, t) // the clients below endorse at their own organisations' peers, and try nothing again
	payer, shop := client("producer", profile.IdentityHolder), client("carrier", profile.IdentityHolder)
	from, to := opened(payer), opened(shop)

	var notes []ledger.NoteID
	var mint []ledger.Payment
	for range ledger.MaxNotesOut {
		mint = append(mint, ledger.Payment{To: from, Amount: 1})
	}
	for n := 0; len(notes) < payments; n++ {
		batch, err := wire.Encode(wire.MotionBatch{Motions: []ledger.CreditMotion{{Mint: &ledger.Mint{Serial: fmt.Sprintf("payments-%d", n), Payments: mint}}}})
		if _, _, err = send(ctx, client("producer", profile.IdentitySteward), wire.FnGovernCredits, batch, err); err != nil {
			t.Fatal(err)
		}
		l.level(ctx, t)
		_, id, err := send(ctx, client("carrier", profile.IdentitySteward), wire.FnGovernCredits, batch, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := range uint32(len(mint)) {
			notes = append(notes, ledger.NoteID{TxID: id, Index: i})
		}
	}
	l.level(ctx, t)
	began := time.Now()
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(atOnce)
	for _, note := range notes[:payments] {
		work.Go(func() error {
			_, _, err := transact(ctx, payer, ledger.CreditOperation{Transfer: &ledger.Transfer{Inputs: []ledger.NoteID{note}, Outputs: []ledger.Payment{{To: to, Amount: 1}}}})
			return err
		})
	}
	err := work.Wait()
	took := time.Since(began)
	t.Logf("%d payments to one account, %d at once: %d conflicts, %.0f a second", payments, atOnce, conflicts, payments/took.Seconds())
	if err != nil || conflicts > 0 {
		t.Errorf("%d conflicts; %v", conflicts, err)
	}
}
