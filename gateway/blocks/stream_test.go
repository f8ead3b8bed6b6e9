package blocks_test

import (
	"bytes"
	"context"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/gateway/blocks"
	"github.com/waybill-dev/waybill/gateway/fabric"
)

func TestBlocksComeVerifiedAndDecoded(t *testing.T) {
	for _, bft := range []bool{false, true} {
		t.Run(fmt.Sprint("bft ", bft), func(t *testing.T) {
			w := newWorld(bft).fill(4)
			got, err := take(open(t, w.trust, newPeer("p", w.blocks)).Blocks(t.Context(), 0), 5)
			if err != nil {
				t.Fatal(err)
			}
			if !got[0].Config || got[1].Config {
				t.Error("which block is a configuration?")
			}
			b := got[2]
			if b.Number != 2 || b.Previous != got[1].Hash || !bytes.Equal(b.Hash[:], hashOf(w.blocks[2])) {
				t.Errorf("block %+v", b.Position())
			}
			tx := b.Transactions[0]
			if tx.ID != "tx2a" || !tx.Valid || tx.CreatorMSP != "ProducerMSP" || tx.Chaincode != chaincode || string(tx.Event) != "summary" ||
				!tx.Time.Equal(time.UnixMilli(1_700_000_000_000)) {
				t.Errorf("transaction %+v", tx)
			}
			want := []blocks.Write{{Key: "k2a", Value: []byte("value of k2a")}, {Key: "k2b", Value: []byte("value of k2b")}}
			if !slices.EqualFunc(tx.Writes, want, func(a, b blocks.Write) bool { return a.Key == b.Key && bytes.Equal(a.Value, b.Value) }) {
				t.Errorf("writes %v", tx.Writes)
			}
			if b.Transactions[1].Event != nil {
				t.Error("an event out of nothing")
			}
			void := b.Transactions[2]
			if void.Valid || void.Code != int32(peer.TxValidationCode_MVCC_READ_CONFLICT) || void.Index != 2 || string(void.Event) != "void" {
				t.Errorf("the invalid transaction: %+v", void)
			}
		})
	}
}

// TestNoByteOfABlockCanChange flips one bit anywhere in what the orderers signed.
func TestNoByteOfABlockCanChange(t *testing.T) {
	raft, bft := newWorld(false).fill(4), newWorld(true).fill(4)
	rapid.Check(t, func(rt *rapid.T) {
		w := rapid.SampledFrom([]*world{raft, bft}).Draw(rt, "world")
		number := rapid.IntRange(0, 4).Draw(rt, "block")
		bad := proto.CloneOf(w.blocks[number])
		parts := []*[]byte{&bad.Header.DataHash, &bad.Data.Data[0], &bad.Data.Data[len(bad.Data.Data)-1]}
		if number > 0 {
			parts = append(parts, &bad.Header.PreviousHash, &bad.Metadata.Metadata[common.BlockMetadataIndex_SIGNATURES])
		}
		part := *rapid.SampledFrom(parts).Draw(rt, "part")
		at := rapid.IntRange(0, 8*len(part)-1).Draw(rt, "bit")
		part[at/8] ^= 1 << (at % 8)
		changed := slices.Clone(w.blocks)
		changed[number] = bad
		trust := w.trust
		trust.Genesis = w.blocks[0]
		got, err := take(open(t, trust, newPeer("p", changed)).Blocks(t.Context(), 0), len(changed))
		if !errors.Is(err, blocks.ErrTampered) || len(got) != number {
			rt.Fatalf("bit %d: %d blocks and %v", at, len(got), err)
		}
		var what *blocks.TamperedError
		if !errors.As(err, &what) || what.Block != uint64(number) || what.Peer != "p" || what.What == "" {
			rt.Fatalf("the error does not name it: %v", err)
		}
	})
}

func TestATamperedChainEndsTheStream(t *testing.T) {
	intruder := newOrg("OrdererMSP") // by name only
	for name, c := range map[string]struct {
		change func(w *world, b *common.Block) // of block 4 of 6
		what   string
	}{
		"a transaction dropped": {func(_ *world, b *common.Block) { b.Data.Data = b.Data.Data[:2] }, "data hash"},
		"transactions swapped":  {func(_ *world, b *common.Block) { d := b.Data.Data; d[0], d[1] = d[1], d[0] }, "data hash"},
		"transactions divided otherwise": {func(_ *world, b *common.Block) {
			d := b.Data.Data
			b.Data.Data = [][]byte{append(slices.Clone(d[0]), d[1]...), d[2][:0], d[2]}
		}, "transaction 0"},
		"a flag missing":         {func(_ *world, b *common.Block) { b.Metadata.Metadata[2] = []byte{0, 0} }, "validity flag"},
		"not validated":          {func(_ *world, b *common.Block) { b.Metadata.Metadata[2][1] = 254 }, "not validated"},
		"no metadata":            {func(_ *world, b *common.Block) { b.Metadata = nil }, "no signatures"},
		"no header":              {func(_ *world, b *common.Block) { b.Header = nil }, "no header"},
		"no data":                {func(_ *world, b *common.Block) { b.Data = nil }, "no transactions"},
		"another number":         {func(_ *world, b *common.Block) { b.Header.Number = 5 }, "number 5"},
		"no signature":           {func(w *world, b *common.Block) { w.signers = nil; w.sign(b) }, "0 valid"},
		"signed by an intruder":  {func(w *world, b *common.Block) { w.signers = []*node{intruder.node("orderer", 1, false)}; w.sign(b) }, "0 valid"},
		"signed by a peer":       {func(w *world, b *common.Block) { w.signers = []*node{w.peers.node("peer", 0, false)}; w.sign(b) }, "1 valid"},
		"signed by a client":     {func(w *world, b *common.Block) { w.signers = []*node{w.orderers.node("client", 0, false)}; w.sign(b) }, "1 valid"},
		"signed by no role":      {func(w *world, b *common.Block) { w.signers = []*node{w.orderers.node("cook", 0, false)}; w.sign(b) }, "0 valid"},
		"names another config":   {func(w *world, b *common.Block) { w.lastConfig = 3; w.sign(b) }, "last configuration"},
		"replaced and well made": {func(w *world, b *common.Block) { b.Data.Data[0] = transaction("other", ""); w.reseal(b) }, "block 5"},
		"a valid one is unreadable": {func(w *world, b *common.Block) {
			b.Data.Data[0] = envelope(common.HeaderType_ENDORSER_TRANSACTION, "x", []byte("\xff\xff"))
			w.reseal(b)
		}, "cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(false).fill(6)
			c.change(w, w.blocks[4])
			got, err := take(open(t, w.trust, newPeer("p", w.blocks)).Blocks(t.Context(), 0), 7)
			if !errors.Is(err, blocks.ErrTampered) || !strings.Contains(err.Error(), c.what) || len(got) > 5 {
				t.Errorf("%d blocks and %v, want %q", len(got), err, c.what)
			}
		})
	}
}

// reseal gives changed data a right hash and a right signature.
func (w *world) reseal(b *common.Block) {
	fresh := (&chain{blocks: w.blocks[:b.Header.Number], signers: w.signers, lastConfig: w.lastConfig}).add(false, b.Metadata.Metadata[2], b.Data.Data...)
	b.Header, b.Metadata = fresh.Header, fresh.Metadata
}

func TestAPeerThatTampersIsLeftForOneThatDoesNot(t *testing.T) {
	for name, c := range map[string]struct {
		tamper func(b *common.Block)
		number int
	}{
		"a forged block":   {func(b *common.Block) { b.Data.Data = b.Data.Data[:2] }, 4},
		"a forged genesis": {func(b *common.Block) { b.Data.Data[0][7] ^= 1 }, 0},
	} {
		for _, from := range []uint64{0, 3} {
			t.Run(fmt.Sprintf("%s, from %d", name, from), func(t *testing.T) {
				w := newWorld(false).fill(6)
				forged := newPeer("forger", slices.Clone(w.blocks))
				forged.chain[c.number] = proto.CloneOf(w.blocks[c.number])
				c.tamper(forged.chain[c.number])
				var causes []error
				s, err := blocks.New(w.trust, []blocks.Source{forged, newPeer("honest", w.blocks)}, blocks.Options{
					BackoffMin: time.Millisecond, OnRetry: func(_ string, cause error) { causes = append(causes, cause) },
				})
				if err != nil {
					t.Fatal(err)
				}
				got, err := take(s.Blocks(t.Context(), from), 7-int(from))
				if err != nil || len(got) != 7-int(from) || got[len(got)-1].Number != 6 {
					t.Errorf("%d blocks, %v", len(got), err)
				}
				if len(causes) != 1 || !errors.Is(causes[0], blocks.ErrTampered) {
					t.Errorf("what was told: %v", causes)
				}
				both := open(t, w.trust, forged, forged)
				if _, err := take(both.Blocks(t.Context(), from), 7-int(from)); !errors.Is(err, blocks.ErrTampered) {
					t.Errorf("where every peer tampers: %v", err)
				}
			})
		}
	}
}

func TestResumingIsNotEndedByAPeerOfAnotherChain(t *testing.T) {
	w, other := newWorld(false).fill(6), newWorld(false).fill(6)
	all, err := take(open(t, w.trust, newPeer("p", w.blocks)).Blocks(t.Context(), 0), 7)
	if err != nil {
		t.Fatal(err)
	}
	got, err := take(open(t, w.trust, newPeer("stranger", other.blocks), newPeer("p", w.blocks)).Resume(t.Context(), all[3].Position()), 3)
	if err != nil || got[2].Hash != all[6].Hash {
		t.Errorf("%d blocks, %v", len(got), err)
	}
}

func TestAPeerThatOnlyClaimsToHaveMoreIsNotFollowed(t *testing.T) {
	w := newWorld(false).fill(9)
	synctest.Test(t, func(t *testing.T) {
		own, boaster := newPeer("own", w.blocks), newPeer("boaster", slices.Clone(w.blocks))
		own.height = 5
		for i := 5; i < 10; i++ {
			b := proto.CloneOf(w.blocks[i])
			b.Metadata.Metadata[common.BlockMetadataIndex_SIGNATURES] = nil
			boaster.chain[i] = b
		}
		time.AfterFunc(10*time.Minute, func() { own.grow(10) })
		began := time.Now()
		got, err := take(open(t, w.trust, own, boaster).Blocks(t.Context(), 0), 10)
		if err != nil || len(got) != 10 || time.Since(began) != 10*time.Minute || boaster.opened != 0 {
			t.Errorf("%d blocks after %v, %v; the boaster was opened %d times", len(got), time.Since(began), err, boaster.opened)
		}
	})
}

func TestABFTBlockNeedsAQuorumOfDifferentConsenters(t *testing.T) {
	for name, signers := range map[string]func(w *world) []*node{
		"two of four":        func(w *world) []*node { return w.nodes[:2] },
		"one three times":    func(w *world) []*node { return []*node{w.nodes[0], w.nodes[0], w.nodes[0]} },
		"two and a stranger": func(w *world) []*node { return append(slices.Clone(w.nodes[:2]), w.orderers.node("orderer", 9, false)) },
		"two and a forger": func(w *world) []*node {
			return append(slices.Clone(w.nodes[:2]), w.orderers.node("orderer", w.nodes[2].id, false))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(true).fill(1)
			w.signers = signers(w)
			w.fill(1)
			if _, err := take(open(t, w.trust, newPeer("p", w.blocks)).Blocks(t.Context(), 0), 3); !errors.Is(err, blocks.ErrTampered) {
				t.Errorf("%v", err)
			}
		})
	}
	w := newWorld(true).fill(1)
	w.signers = w.nodes // all four are fine too
	w.fill(1)
	if _, err := take(open(t, w.trust, newPeer("p", w.blocks)).Blocks(t.Context(), 0), 3); err != nil {
		t.Error(err)
	}
}

func TestASignerCountsOnceHoweverOftenItSigns(t *testing.T) {
	two := &common.SignaturePolicyEnvelope{Rule: nOf(2, 2)}
	for range 2 {
		two.Identities = append(two.Identities, member("OrdererMSP", msp.MSPRole_ORDERER).Identities[0])
	}
	for name, c := range map[string]struct {
		signers func(a, b *node) []*node
		ok      bool
	}{
		"two":       {func(a, b *node) []*node { return []*node{a, b} }, true},
		"one twice": {func(a, _ *node) []*node { return []*node{a, a} }, false},
	} {
		w := newWorld(false)
		config := channelConfig([]*org{w.orderers}, nil, nil, 0)
		w.chain = &chain{}
		w.add(true, nil, withPolicy(config, signaturePolicy(two)))
		w.signers = c.signers(w.nodes[0], w.orderers.node("orderer", 0, false))
		w.fill(1)
		if _, err := take(open(t, w.trust, newPeer("p", w.blocks)).Blocks(t.Context(), 0), 2); errors.Is(err, blocks.ErrTampered) == c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestASignatureHasOneForm(t *testing.T) {
	w := newWorld(false).fill(1)
	var meta common.Metadata
	if err := proto.Unmarshal(w.blocks[1].Metadata.Metadata[0], &meta); err != nil {
		t.Fatal(err)
	}
	var rs struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(meta.Signatures[0].Signature, &rs); err != nil {
		t.Fatal(err)
	}
	rs.S.Sub(w.nodes[0].key.Params().N, rs.S) // as valid to ECDSA, and not canonical
	meta.Signatures[0].Signature = must(asn1.Marshal(rs))
	w.blocks[1].Metadata.Metadata[0] = marshal(&meta)
	if _, err := take(open(t, w.trust, newPeer("p", w.blocks)).Blocks(t.Context(), 0), 2); !errors.Is(err, blocks.ErrTampered) {
		t.Errorf("%v", err)
	}
}

func TestWithoutAGenesisBlockTheTrustRootsDecideWhoSigns(t *testing.T) {
	w := newWorld(false)
	config := channelConfig([]*org{w.orderers}, []*org{w.peers}, nil, 0)
	w.chain = &chain{signers: []*node{w.peers.node("peer", 0, false)}}
	w.add(true, nil, withPolicy(config, signaturePolicy(member("ProducerMSP", msp.MSPRole_PEER)))) // a peer's own channel
	w.fill(1)
	if got, err := take(open(t, w.trust, newPeer("p", w.blocks)).Blocks(t.Context(), 0), 2); !errors.Is(err, blocks.ErrTampered) || len(got) != 1 {
		t.Errorf("%d blocks, %v", len(got), err)
	}
	w.trust.Genesis = w.blocks[0] // the operator knows the channel and accepts its rules
	if _, err := take(open(t, w.trust, newPeer("p", w.blocks)).Blocks(t.Context(), 0), 2); err != nil {
		t.Error(err)
	}
}

func TestOldBlocksOfAnExpiredOrdererStayValidAndARevokedOnesDoNot(t *testing.T) {
	w := newWorld(false).fill(1)
	w.signers = []*node{w.orderers.node("orderer", 0, true)}
	w.fill(1)
	if _, err := take(open(t, w.trust, newPeer("p", w.blocks)).Blocks(t.Context(), 0), 3); err != nil {
		t.Errorf("expired: %v", err)
	}
	w = newWorld(false).fill(1)
	w.orderers.revoke = []*big.Int{w.signers[0].cert.SerialNumber}
	w.add(true, nil, channelConfig([]*org{w.orderers}, nil, nil, 1))
	w.fill(1)
	if got, err := take(open(t, w.trust, newPeer("p", w.blocks)).Blocks(t.Context(), 0), 4); !errors.Is(err, blocks.ErrTampered) || len(got) != 3 {
		t.Errorf("revoked: %d blocks, %v", len(got), err)
	}
}

// moved is a channel whose orderers hand over to another organisation in block 3.
func moved() (w *world, next *org) {
	w, next = newWorld(false).fill(2), newOrg("SecondMSP")
	w.add(true, nil, channelConfig([]*org{next}, []*org{w.peers}, nil, 1))
	w.signers = []*node{next.node("orderer", 0, false)}
	return w.fill(3), next
}

func TestAConfigBlockSignedByTheOrderersChangesWhoSigns(t *testing.T) {
	w, _ := moved()
	known := w.trust
	known.Genesis = w.blocks[0]
	for from := range uint64(7) {
		got, err := take(open(t, known, newPeer("p", w.blocks)).Blocks(t.Context(), from), 7-int(from))
		if err != nil || len(got) != 7-int(from) {
			t.Errorf("from %d: %d blocks, %v", from, len(got), err)
		}
	}
	if got, err := take(open(t, w.trust, newPeer("p", w.blocks)).Blocks(t.Context(), 0), 7); !errors.Is(err, blocks.ErrTampered) || len(got) != 4 {
		t.Errorf("without the genesis block the trust roots hold: %d blocks, %v", len(got), err)
	}
	back := newWorld(false)
	*back, _ = func() (world, *org) { w, o := moved(); return *w, o }()
	back.signers = back.nodes
	back.fill(1)
	known.Genesis, known.Roots = back.blocks[0], back.trust.Roots
	if got, err := take(open(t, known, newPeer("p", back.blocks)).Blocks(t.Context(), 0), 8); !errors.Is(err, blocks.ErrTampered) || len(got) != 7 {
		t.Errorf("the orderers of before sign no more: %d blocks, %v", len(got), err)
	}
}

func TestAConfigBlockOfOthersChangesNothing(t *testing.T) {
	intruder := newOrg("IntruderMSP")
	for name, config := range map[string]func(w *world){
		"signed by the new orderers": func(w *world) {
			w.signers = []*node{intruder.node("orderer", 0, false)}
			w.add(true, nil, channelConfig([]*org{intruder}, nil, nil, 1))
		},
		"of an old sequence": func(w *world) { w.add(true, nil, channelConfig([]*org{w.orderers}, nil, nil, 0)) },
	} {
		w := newWorld(false).fill(1)
		config(w)
		w.trust.Genesis = w.blocks[0]
		if got, err := take(open(t, w.trust, newPeer("p", w.blocks)).Blocks(t.Context(), 0), 3); !errors.Is(err, blocks.ErrTampered) || len(got) != 2 {
			t.Errorf("%s: %d blocks, %v", name, len(got), err)
		}
	}
}

func TestTheFirstBlockMustBeTheOperators(t *testing.T) {
	w, other := newWorld(false).fill(1), newWorld(false).fill(1)
	trust := w.trust
	trust.Genesis = w.blocks[0]
	if _, err := take(open(t, trust, newPeer("p", other.blocks)).Blocks(t.Context(), 0), 1); !errors.Is(err, blocks.ErrTampered) {
		t.Errorf("another genesis block: %v", err)
	}
	if _, err := take(open(t, w.trust, newPeer("p", other.blocks)).Blocks(t.Context(), 0), 1); !errors.Is(err, blocks.ErrTrust) {
		t.Errorf("other roots: %v", err)
	}
	if _, err := take(open(t, w.trust, newPeer("p", other.blocks)).Blocks(t.Context(), 1), 1); !errors.Is(err, blocks.ErrTrust) {
		t.Errorf("other roots, from block 1: %v", err)
	}
}

func TestResumingDemandsTheSameChain(t *testing.T) {
	w := newWorld(false).fill(6)
	s := open(t, w.trust, newPeer("p", w.blocks))
	all, err := take(s.Resume(t.Context(), blocks.Position{}), 7)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 6 {
		got, err := take(s.Resume(t.Context(), all[i].Position()), 6-i)
		if err != nil || got[0].Number != uint64(i+1) || got[len(got)-1].Hash != all[6].Hash {
			t.Errorf("after block %d: %v", i, err)
		}
	}
	wrong := all[3].Position()
	wrong.Hash[0] ^= 1
	if _, err := take(s.Resume(t.Context(), wrong), 1); !errors.Is(err, blocks.ErrPosition) {
		t.Errorf("another hash: %v", err)
	}
	ahead := all[3].Position()
	ahead.Number = 99
	if _, err := take(s.Resume(t.Context(), ahead), 1); !errors.Is(err, blocks.ErrPosition) {
		t.Errorf("a block that no peer has: %v", err)
	}
}

// TestTheStreamGoesOnWithoutGapOrDouble lets peers fail at random while they fall behind one another.
func TestTheStreamGoesOnWithoutGapOrDouble(t *testing.T) {
	w := newWorld(false).fill(25)
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 3).Draw(rt, "peers")
		failures := rapid.SliceOfN(rapid.IntRange(0, 3), 120, 120).Draw(rt, "failures")
		heights := rapid.SliceOfN(rapid.IntRange(1, 26), n, n).Draw(rt, "heights")
		from := rapid.Uint64Range(0, 25).Draw(rt, "from")
		var got []blocks.Block
		var err error
		synctest.Test(t, func(t *testing.T) {
			var peers []*peerOf
			var calls atomic.Int64
			for i := range n {
				p := newPeer(fmt.Sprint("p", i), w.blocks)
				p.height = heights[i]
				p.fail = func(uint64) error {
					if n := int(calls.Add(1)); n < len(failures) && failures[n] == 0 {
						return fabric.ErrUnavailable
					}
					return nil
				}
				peers = append(peers, p)
			}
			for i, p := range peers {
				time.AfterFunc(time.Duration(i+1)*time.Minute, func() { p.grow(26) })
			}
			got, err = take(open(t, w.trust, peers...).Blocks(t.Context(), from), 26-int(from))
		})
		if err != nil || len(got) != 26-int(from) {
			rt.Fatalf("%d blocks, %v", len(got), err)
		}
		for i, b := range got {
			if b.Number != from+uint64(i) {
				rt.Fatalf("block %d in place %d", b.Number, i)
			}
		}
	})
}

func TestAPeerThatStandsStillIsLeftForOneThatGoesOn(t *testing.T) {
	w := newWorld(false).fill(9)
	synctest.Test(t, func(t *testing.T) {
		still, going := newPeer("still", w.blocks), newPeer("going", w.blocks)
		still.height = 4
		began := time.Now()
		got, err := take(open(t, w.trust, still, going).Blocks(t.Context(), 0), 10)
		if err != nil || len(got) != 10 || time.Since(began) > time.Minute {
			t.Errorf("%d blocks after %v, %v", len(got), time.Since(began), err)
		}
	})
}

func TestTheStreamReturnsToThePreferredPeer(t *testing.T) {
	w := newWorld(false).fill(9)
	synctest.Test(t, func(t *testing.T) {
		own, other := newPeer("own", w.blocks), newPeer("other", w.blocks)
		own.height, other.height = 5, 5
		back := time.Now().Add(time.Minute)
		own.fail = func(uint64) error {
			if time.Now().Before(back) {
				return fabric.ErrUnavailable
			}
			return nil
		}
		time.AfterFunc(2*time.Minute, func() { own.grow(10) }) // the other peer never learns of these
		got, err := take(open(t, w.trust, own, other).Blocks(t.Context(), 0), 10)
		if err != nil || len(got) != 10 {
			t.Errorf("%d blocks, %v", len(got), err)
		}
		if own.opened != 1+1 {
			t.Errorf("the preferred peer was opened %d times", own.opened)
		}
	})
}

func TestTheStreamEndsWithItsReason(t *testing.T) {
	w := newWorld(false).fill(2)
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	reason := errors.New("closing time")
	got := 0
	for b, err := range open(t, w.trust, newPeer("p", w.blocks)).Blocks(ctx, 0) {
		if err != nil {
			if !errors.Is(err, reason) {
				t.Errorf("ended with %v", err)
			}
			got = -1
			break
		}
		if b.Number == 2 {
			cancel(reason)
		}
	}
	if got != -1 {
		t.Error("ended without a reason")
	}
	denied := newPeer("p", w.blocks)
	denied.fail = func(uint64) error { return fabric.ErrDenied }
	if _, err := take(open(t, w.trust, denied).Blocks(t.Context(), 0), 1); !errors.Is(err, fabric.ErrDenied) {
		t.Errorf("denied: %v", err)
	}
}

func TestHeightIsThatOfAPeerThatAnswers(t *testing.T) {
	w := newWorld(false).fill(2)
	down := newPeer("down", w.blocks)
	down.fail = func(uint64) error { return fabric.ErrUnavailable }
	if h, err := open(t, w.trust, down, newPeer("up", w.blocks)).Height(t.Context()); h != 3 || err != nil {
		t.Errorf("%d, %v", h, err)
	}
	if _, err := open(t, w.trust, down).Height(t.Context()); !errors.Is(err, fabric.ErrUnavailable) {
		t.Errorf("%v", err)
	}
}

func FuzzBlock(f *testing.F) {
	w := newWorld(false).fill(3)
	for _, b := range w.blocks {
		f.Add(marshal(b))
	}
	w.trust.Genesis = w.blocks[0]
	f.Fuzz(func(t *testing.T, raw []byte) {
		var b common.Block
		if proto.Unmarshal(raw, &b) != nil {
			return
		}
		for number := range 3 {
			chain := append(slices.Clone(w.blocks[:number]), &b)
			got, err := take(open(t, w.trust, newPeer("p", chain)).Blocks(t.Context(), 0), number+1)
			genuine := len(got) == number+1
			if genuine && !bytes.Equal(hashOf(&b), hashOf(w.blocks[number])) {
				t.Fatalf("a block that nobody signed passes as number %d", number)
			}
			if !genuine && !errors.Is(err, blocks.ErrTampered) && !errors.Is(err, blocks.ErrTrust) {
				t.Fatalf("%v", err)
			}
		}
	})
}
