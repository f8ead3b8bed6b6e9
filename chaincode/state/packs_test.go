package state_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/state"
	"github.com/waybill-dev/waybill/chaincode/state/statetest"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// packed records so many packs of four events of nearly a megabyte each, which compress to a thousandth, and gives the hashes of
// the first of each.
func packed(t *testing.T, world *statetest.World, packs int) (listed []ledger.Reference, stored int) {
	t.Helper()
	for n := range packs {
		tx := fmt.Sprintf("tx%d", n)
		stub := world.Simulate(statetest.Proposal{TxID: tx})
		r := state.New(stub)
		var entries []wire.EventEntry
		for i := range 4 {
			entries = append(entries, wire.EventEntry{Body: []byte(fmt.Sprintf(`{"n":"%d/%d","filler":"%s"}`, n, i, strings.Repeat("a", 1_000_000)))})
			hash := ledger.Digest{1, byte(n >> 8), byte(n), byte(i)}
			if err := r.CreateEvent(hash, ledger.EventRecord{TxID: tx, Index: i, BodyDigest: entries[i].Digest(), MSPID: "A"}); err != nil {
				t.Fatal(err)
			}
			if i == 0 {
				listed = append(listed, ledger.Reference{Kind: ledger.RefEvent, Digest: hash})
			}
		}
		pack, err := wire.EncodeEventBatch(entries)
		if err == nil {
			err = r.CreatePack(tx, pack)
		}
		if err == nil {
			_, err = r.Flush()
		}
		if err != nil {
			t.Fatal(err)
		}
		world.Commit(stub)
		stored += len(pack)
	}
	return listed, stored
}

// What is read back is bounded as it is decompressed, and nothing is kept but what a list names, however much lies beside it.
func TestReadingBackIsBoundedByWhatAListNames(t *testing.T) {
	world := statetest.NewWorld()
	listed, stored := packed(t, world, 32)
	if stored > 1<<20 {
		t.Fatalf("the packs are of %d bytes as they are stored", stored)
	}
	const limit = 31_500_000 // of 32 texts of a megabyte
	// The decompressor keeps what it once took.
	if _, err := wire.DecodeEventBatch(world.State()[must(t, wire.PackKey, "tx0")]); err != nil {
		t.Fatal(err)
	}
	p, err := state.NewPacks(state.New(world.Simulate(statetest.Proposal{TxID: "read"})), listed, limit)
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i, ref := range listed {
		e, err := p.RecordedEvent(ref.Digest)
		if i == len(listed)-1 {
			if !errors.Is(err, ledger.ErrTooLarge) {
				t.Errorf("the last one: %v", err)
			}
			break
		}
		if err != nil || !strings.HasPrefix(string(e.Body), fmt.Sprintf(`{"n":"%d/0"`, i)) {
			t.Fatalf("%d: %.20s %v", i, e.Body, err)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if held := int64(after.HeapAlloc) - int64(before.HeapAlloc); held > limit+4<<20 {
		t.Errorf("%d bytes are held, %d may be", held, limit)
	}
	runtime.KeepAlive(p)
}

// A pack is decoded once, in whatever order a list goes through the packs.
func TestAPackIsReadOnceWhateverTheOrder(t *testing.T) {
	world := statetest.NewWorld()
	first, _ := packed(t, world, 3)
	var listed []ledger.Reference
	for i := range 4 {
		for _, ref := range first {
			ref.Digest[3] = byte(i)
			listed = append(listed, ref)
		}
	}
	counted := &counting{Stub: world.Simulate(statetest.Proposal{TxID: "read"})}
	p, err := state.NewPacks(state.New(counted), listed, 64<<20)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for _, ref := range listed {
			if _, err := p.RecordedEvent(ref.Digest); err != nil {
				t.Fatal(err)
			}
		}
	}
	if counted.calls != 1+3 { // the records at once, and each pack
		t.Errorf("the peer was asked %d times", counted.calls)
	}
}

func must(t *testing.T, named func(string) (string, error), name string) string {
	t.Helper()
	key, err := named(name)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

type counting struct {
	*statetest.Stub

	calls int
}

func (c *counting) GetMultipleStates(keys ...string) ([][]byte, error) {
	c.calls++
	return c.Stub.GetMultipleStates(keys...)
}
