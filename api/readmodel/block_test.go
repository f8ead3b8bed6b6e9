package readmodel

import (
	"context"
	"errors"
	"iter"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/gateway/blocks"
)

// verified is a verified block stream of given blocks.
type verified []blocks.Block

func (v verified) Blocks(_ context.Context, from uint64) iter.Seq2[blocks.Block, error] {
	return func(yield func(blocks.Block, error) bool) {
		for _, b := range v[from:] {
			if !yield(b, nil) {
				return
			}
		}
	}
}

func policyTransaction(t *testing.T, id string, version uint32) blocks.Transaction {
	t.Helper()
	summary := got(wire.Encode(wire.Summary{Policies: []wire.PolicyRef{{ID: id, Version: version}}}))(t)
	value := got(wire.Encode(ledger.Policy{ID: id, Version: version, Products: []string{"*"}}))(t)
	key := got(wire.PolicyKey(id, version))(t)
	return blocks.Transaction{
		ID: id, Valid: true, Time: noon.Time(), CreatorMSP: "ProducerMSP", Chaincode: "waybill", Event: summary,
		Writes: []blocks.Write{{Key: key, Value: value}, {Key: "gone", Delete: true}},
	}
}

func TestOnlyValidTransactionsOfTheChaincodeAreTakenIn(t *testing.T) {
	invalid, other, silent := policyTransaction(t, "invalid", 1), policyTransaction(t, "other", 1), policyTransaction(t, "silent", 1)
	invalid.Valid, other.Chaincode, silent.Event = false, "another", nil
	stream := verified{{Number: 0, Hash: [32]byte{1}, Config: true}, {
		Number: 1, Hash: [32]byte{2}, Previous: [32]byte{1}, Transactions: []blocks.Transaction{invalid, policyTransaction(t, "cold", 1), other, silent},
	}}
	var read []Block
	for b, err := range FromStream(stream, "waybill").Blocks(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		read = append(read, b)
	}
	if len(read) != 2 || len(read[0].Transactions) != 0 || len(read[1].Transactions) != 1 {
		t.Fatalf("%+v", read)
	}
	if tx := read[1].Transactions[0]; tx.TxID != "cold" || tx.MSPID != "ProducerMSP" || tx.At != noon || len(tx.Policies) != 1 || tx.Policies[0].ID != "cold" {
		t.Errorf("%+v", tx)
	}
	if read[1].Hash != stream[1].Hash || read[1].Previous != stream[1].Previous {
		t.Error("the block has lost its place in the chain")
	}
}

func TestATransactionThatCannotBeReadStopsTheProjection(t *testing.T) {
	newer := policyTransaction(t, "newer", 1)
	newer.Event = append([]byte{wire.Version + 1}, newer.Event[1:]...)
	stream := verified{{Number: 0, Hash: [32]byte{1}}, {Number: 1, Previous: [32]byte{1}, Transactions: []blocks.Transaction{newer}}}
	s := open(t, onSQLite(t))
	if err := s.Run(t.Context(), FromStream(stream, "waybill")); !errors.Is(err, ErrUnreadable) {
		t.Fatalf("got %v", err)
	}
}

func TestAFollowerNoticesWhatAnotherProcessTakesIn(t *testing.T) {
	onEach(t, func(t *testing.T, k kind) {
		cfg := k.fresh(t)
		writer, reader := open(t, cfg), open(t, cfg)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- reader.Follow(ctx, time.Millisecond) }()
		c := newChain(1)
		c.add()
		c.add()
		if err := writer.Apply(t.Context(), c.all()...); err != nil {
			t.Fatal(err)
		}
		if err := reader.WaitFor(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
	})
}
