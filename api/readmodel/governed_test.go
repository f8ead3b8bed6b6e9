package readmodel

import (
	"errors"
	"testing"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

func account(b byte) ledger.Digest { return ledger.Digest{b} }

func namedNote(tx string, index uint32, owner byte, amount ledger.Credits, purpose ledger.LockPurpose) ledger.NamedNote {
	n := ledger.NamedNote{ID: ledger.NoteID{TxID: tx, Index: index}, Note: ledger.Note{Owner: account(owner), Amount: amount}}
	if purpose != 0 {
		n.Note.Lock = &ledger.Lock{Purpose: purpose}
	}
	return n
}

func credits(receipts ...ledger.Receipt) wire.Transaction {
	for i, r := range receipts {
		receipts[i].Operation = ledger.Digest{byte(r.Kind), byte(r.Minted), byte(len(r.Spent)), byte(len(r.Created)), r.TxID[0]}
	}
	return wire.Transaction{Credits: wire.CreditRecords{Receipts: receipts}}
}

func TestCreditsAreFollowedFromReceiptToReceipt(t *testing.T) {
	onEach(t, func(t *testing.T, k kind) {
		s := k.open(t)
		c := newChain(1)
		c.add()
		alice, bob := account(1), account(2)
		first, half, rest := namedNote("a", 0, 1, 100, 0), namedNote("b", 0, 2, 60, 0), namedNote("b", 1, 1, 40, 0)
		stake := ledger.Stake{Account: alice, MSPID: "A", Bonded: 40}
		open := credits(ledger.Receipt{Kind: ledger.CreditMint, Minted: 100, Created: []ledger.NamedNote{first}, TxID: "a"})
		open.Credits.Accounts = []ledger.CreditAccount{{ID: alice, MSPID: "A", Binding: alice}, {ID: bob, MSPID: "B", Binding: bob}}
		c.add(tx("a", open), tx("b", credits(ledger.Receipt{Kind: ledger.CreditTransfer, Account: &alice, Spent: []ledger.NamedNote{first}, Created: []ledger.NamedNote{half, rest}, TxID: "b"})))
		bond := credits(
			ledger.Receipt{Kind: ledger.CreditBond, Account: &alice, Spent: []ledger.NamedNote{rest}, Created: []ledger.NamedNote{namedNote("c", 0, 1, 40, ledger.LockStake)}, Stake: &stake, TxID: "c"},
			ledger.Receipt{Kind: ledger.CreditBurn, Account: &bob, Spent: []ledger.NamedNote{half}, Created: []ledger.NamedNote{namedNote("c", 1, 2, 50, 0)}, Burned: 10, TxID: "d"},
		)
		turned := ledger.CreditAccount{ID: bob, MSPID: "B", Binding: account(3)}
		bond.Credits.Accounts = []ledger.CreditAccount{turned}
		c.add(tx("c", bond))
		all := c.all()
		if err := s.Apply(t.Context(), all[:2]...); err != nil {
			t.Fatal(err)
		}
		if b, err := s.Balance(t.Context(), alice); err != nil || b != (Balance{Unspent: 40, Notes: 1}) {
			t.Errorf("%+v, %v", b, err)
		}
		if err := s.Apply(t.Context(), all...); err != nil {
			t.Fatal(err)
		}
		for who, want := range map[ledger.Digest]Balance{alice: {Locked: 40, Notes: 1}, bob: {Unspent: 50, Notes: 1}, account(9): {}} {
			if b, err := s.Balance(t.Context(), who); err != nil || b != want {
				t.Errorf("%+v, %v", b, err)
			}
		}
		sums, at, err := s.CreditSums(t.Context())
		if err == nil {
			err = sums.Check()
		}
		if err != nil || at.Height != 3 || sums.Minted != 100 || sums.Burned != 10 || sums.Facts != 2 {
			t.Errorf("%+v at %d, %v", sums, at.Height, err)
		}
		notes, err := s.Notes(t.Context(), bob, ledger.NoteID{}, 10)
		if err != nil || len(notes) != 1 || notes[0].ID != (ledger.NoteID{TxID: "c", Index: 1}) || notes[0].Note.Amount != 50 {
			t.Errorf("%+v, %v", notes, err)
		}
		if notes, err = s.Notes(t.Context(), bob, notes[0].ID, 10); err != nil || len(notes) != 0 {
			t.Errorf("%+v, %v", notes, err)
		}
		mine, err := s.Receipts(t.Context(), ReceiptFilter{Account: &bob}, Page{Limit: 1})
		if err != nil || len(mine.Rows) != 1 || !mine.More || mine.Rows[0].Kind != ledger.CreditTransfer {
			t.Errorf("%+v, %v", mine, err)
		}
		mine, err = s.Receipts(t.Context(), ReceiptFilter{Account: &bob}, Page{Limit: 5, After: &mine.Rows[0].Position})
		if err != nil || len(mine.Rows) != 1 || mine.More || mine.Rows[0].Burned != 10 {
			t.Errorf("%+v, %v", mine, err)
		}
		staked, err := s.Governed(t.Context(), RecordFilter{Kind: wire.KindStake, Owner: "A"}, RecordKey{}, 5)
		if err != nil || len(staked) != 1 {
			t.Fatalf("%+v, %v", staked, err)
		}
		if got, err := wire.Decode[ledger.Stake](staked[0].Value, wire.MaxStoredBytes); err != nil || got.Bonded != 40 {
			t.Errorf("%+v, %v", got, err)
		}
		keys, err := s.Governed(t.Context(), RecordFilter{Kind: wire.KindCreditKey, ID: account(3).String()}, RecordKey{}, 5)
		if err != nil || len(keys) != 1 {
			t.Errorf("%+v, %v", keys, err)
		}
	})
}

func TestVersionsOfModelsAreListedInTheirOrder(t *testing.T) {
	onEach(t, func(t *testing.T, k kind) {
		s := k.open(t)
		c := newChain(1)
		c.add()
		var versions []ledger.ModelVersion
		for _, v := range []uint32{1, 2, 10, 9} {
			versions = append(versions, ledger.ModelVersion{ID: "m", Version: v, MSPID: "A"})
		}
		other := ledger.ModelVersion{ID: "n", Version: 1, MSPID: "B"}
		c.add(tx("a", wire.Transaction{Models: wire.ModelRecords{
			Models:   append(versions, other),
			Statuses: []ledger.ModelStatus{{Model: other.Ref(), State: ledger.ModelDraft}, {Model: other.Ref(), State: ledger.ModelEvaluated}},
			Chunks:   []wire.StoredChunk{{Bytes: []byte("chunk"), TxID: "a"}},
		}, Votes: []ledger.Vote{{Subject: account(1), MSPID: "A"}}}))
		if err := s.Apply(t.Context(), c.all()...); err != nil {
			t.Fatal(err)
		}
		var listed []uint32
		after := RecordKey{}
		for {
			page, err := s.Governed(t.Context(), RecordFilter{Kind: wire.KindModel}, after, 2)
			if err != nil {
				t.Fatal(err)
			}
			if len(page) == 0 {
				break
			}
			for _, g := range page {
				m, err := wire.Decode[ledger.ModelVersion](g.Value, wire.MaxStoredBytes)
				if err != nil {
					t.Fatal(err)
				}
				listed = append(listed, m.Version)
				after = g.Key
			}
		}
		if len(listed) != 5 || listed[2] != 9 || listed[3] != 10 {
			t.Error(listed)
		}
		latest, err := s.Governed(t.Context(), RecordFilter{Kind: wire.KindModel, Latest: true}, RecordKey{}, 9)
		if err != nil || len(latest) != 2 || latest[0].Key.Sub != Numbered(10) {
			t.Errorf("%+v, %v", latest, err)
		}
		stands, err := s.Governed(t.Context(), RecordFilter{Kind: wire.KindModelStatus, ID: "n", Sub: Numbered(1)}, RecordKey{}, 9)
		if err != nil || len(stands) != 1 {
			t.Fatalf("%+v, %v", stands, err)
		}
		if status, err := wire.Decode[ledger.ModelStatus](stands[0].Value, wire.MaxStoredBytes); err != nil || status.State != ledger.ModelEvaluated {
			t.Errorf("%+v, %v", status, err)
		}
		chunk, err := s.Governed(t.Context(), RecordFilter{Kind: wire.KindChunk, ID: wire.ChunkDigest([]byte("chunk")).String()}, RecordKey{}, 1)
		if err != nil || len(chunk) != 1 {
			t.Errorf("%+v, %v", chunk, err)
		}
	})
}

func TestSumsOfADamagedStoreDoNotBalance(t *testing.T) {
	onEach(t, func(t *testing.T, k kind) {
		s := k.open(t)
		c := newChain(1)
		c.add()
		c.add(tx("a", credits(ledger.Receipt{Kind: ledger.CreditMint, Minted: 100, Created: []ledger.NamedNote{namedNote("a", 0, 1, 99, 0)}, TxID: "a"})))
		if err := s.Apply(t.Context(), c.all()...); err != nil {
			t.Fatal(err)
		}
		sums, _, err := s.CreditSums(t.Context())
		if err != nil || !errors.Is(sums.Check(), ledger.ErrUnbalanced) {
			t.Errorf("%+v, %v", sums, err)
		}
	})
}
