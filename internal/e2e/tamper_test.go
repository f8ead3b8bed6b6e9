package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"google.golang.org/protobuf/proto"

	"github.com/waybill-dev/waybill/gateway/blocks"
	"github.com/waybill-dev/waybill/gateway/fabric"
	"github.com/waybill-dev/waybill/gateway/profile"
)

// storedChain is a channel's blocks as a peer stores them, in memory.
type storedChain [][]byte

func (storedChain) Name() string { return "stored" }

var errEnd = errors.New("the end of what is stored")

func (c storedChain) Block(_ context.Context, number uint64) (*common.Block, error) {
	if number >= uint64(len(c)) {
		return nil, errEnd
	}
	b := &common.Block{}
	return b, proto.Unmarshal(c[number], b)
}

func (c storedChain) Newest(ctx context.Context) (*common.Block, error) {
	return c.Block(ctx, uint64(len(c)-1))
}

func (c storedChain) Blocks(ctx context.Context, from uint64) iter.Seq2[*common.Block, error] {
	return func(yield func(*common.Block, error) bool) {
		for ; ; from++ {
			b, err := c.Block(ctx, from)
			if !yield(b, err) || err != nil {
				return
			}
		}
	}
}

// read reads the chain from a block on until one does not verify, and gives how many did.
func (c storedChain) read(ctx context.Context, trust blocks.Trust, from uint64) (read int, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := blocks.New(trust, []blocks.Source{c}, blocks.Options{OnRetry: func(_ string, cause error) {
		err = cause
		cancel()
	}})
	if err != nil {
		return 0, err
	}
	for _, failed := range stream.Blocks(ctx, from) {
		if failed != nil {
			return read, errors.Join(err, failed)
		}
		read++
	}
	return read, err
}

// TestEndToEndStoredBlocks reads a real peer's blocks and changes them, byte by byte.
func TestEndToEndStoredBlocks(t *testing.T) {
	ctx, l := endToEnd(t, 3*time.Minute)
	server := l.serve(ctx, t, "producer")
	for serial := range 5 {
		l.observe(ctx, t, "producer", 100+serial)
	}
	if code := server.end(ctx, t); code != 0 {
		t.Fatalf("exit %d", code)
	}
	p := l.profile(t, "producer")
	client, err := fabric.Dial(p, profile.IdentityService, fabric.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	trust, err := blocks.TrustOf(p)
	if err != nil {
		t.Fatal(err)
	}
	source := client.Sources()[0]
	newest, err := source.Newest(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var chain storedChain
	for number := range newest.GetHeader().GetNumber() + 1 {
		b, err := source.Block(ctx, number)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := proto.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		chain = append(chain, raw)
	}
	if read, err := chain.read(ctx, trust, 0); read != len(chain) || !errors.Is(err, errEnd) {
		t.Fatalf("%d of %d blocks: %v", read, len(chain), err)
	}
	commits := 0
	for _, raw := range chain {
		b := &common.Block{}
		if err := proto.Unmarshal(raw, b); err != nil {
			t.Fatal(err)
		}
		if all := b.GetMetadata().GetMetadata(); len(all) > int(common.BlockMetadataIndex_COMMIT_HASH) && len(all[common.BlockMetadataIndex_COMMIT_HASH]) > 0 {
			commits++
		}
	}
	if commits != len(chain)-1 {
		t.Errorf("%d of %d blocks have a commit hash", commits, len(chain))
	}
	detected := func(what string, number int, changed []byte) {
		t.Helper()
		other := append(storedChain(nil), chain...)
		other[number] = changed
		from := max(number-1, 0)
		if number == 0 {
			from = 0
		}
		read, err := other.read(ctx, trust, uint64(from))
		if errors.Is(err, errEnd) || err == nil || from+read > number {
			t.Errorf("block %d, %s: not detected, %d read from %d: %v", number, what, read, from, err)
		}
	}
	// Every validity flag, in both directions.
	flags := 0
	for number, raw := range chain[1:] {
		b := &common.Block{}
		if err := proto.Unmarshal(raw, b); err != nil {
			t.Fatal(err)
		}
		filter := b.GetMetadata().GetMetadata()[common.BlockMetadataIndex_TRANSACTIONS_FILTER]
		for i := range filter {
			before := filter[i]
			filter[i] = 11 // MVCC_READ_CONFLICT
			if before != 0 {
				filter[i] = 0
			}
			changed, err := proto.Marshal(b)
			if err != nil {
				t.Fatal(err)
			}
			detected(fmt.Sprintf("flag %d", i), number+1, changed)
			filter[i] = before
			flags++
		}
	}
	began, tried := time.Now(), 0
	for ; tried < 4000 && time.Since(began) < 30*time.Second; tried++ {
		number := rand.N(len(chain))
		changed := append([]byte(nil), chain[number]...)
		at := rand.N(len(changed))
		changed[at] ^= byte(1 + rand.N(255))
		detected(fmt.Sprintf("byte %d of %d", at, len(changed)), number, changed)
		if t.Failed() && tried > 200 {
			break
		}
	}
	t.Logf("%d blocks; %d flags and %d random bytes changed", len(chain), flags, tried)
}
