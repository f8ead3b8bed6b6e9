package e2e_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/api/readmodel"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/gateway/blocks"
	"github.com/waybill-dev/waybill/gateway/fabric"
	"github.com/waybill-dev/waybill/gateway/profile"
)

type segmentID struct {
	device string
	seq    uint64
}

type verdictID struct {
	shipment string
	window   uint32
	model    string
}

// contents is what the ledger holds, by the verified block stream and nothing else: how often each
// thing was recorded.
type contents struct {
	height   uint64
	events   map[ledger.Digest]int
	segments map[segmentID]int
	digests  map[segmentID]ledger.Digest
	verdicts map[verdictID][]ledger.Verdict
	blocks   []readmodel.Block
}

// stream opens the verified block stream of an organisation.
func (l *lab) stream(t *testing.T, org string) (*blocks.Stream, *fabric.Client) {
	t.Helper()
	p := l.profile(t, org)
	client, err := fabric.Dial(p, profile.IdentityService, fabric.Options{OwnPeersOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	stream, err := blocks.Open(p, client, blocks.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return stream, client
}

// height is that of the peer that is furthest: what one organisation's peer has committed, another's
// may yet have to be told. A peer that a test has stopped has no say.
func (l *lab) height(ctx context.Context, t *testing.T) uint64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var highest uint64
	for _, org := range []string{"producer", "carrier", "retailer"} {
		stream, _ := l.stream(t, org)
		height, err := stream.Height(ctx)
		if err != nil {
			t.Logf("the height of %s's peer: %v", org, err)
			continue
		}
		highest = max(highest, height)
	}
	if highest == 0 {
		t.Fatal("no peer tells its height")
	}
	return highest
}

// level waits until every peer has what any of them has: a transaction that is endorsed at one peer may read what was
// committed at another. All peers must run.
func (l *lab) level(ctx context.Context, t *testing.T) {
	t.Helper()
	highest := l.height(ctx, t)
	for _, org := range []string{"producer", "carrier", "retailer"} {
		stream, _ := l.stream(t, org)
		until(ctx, t, org+"'s peer is as high as the others", func() error {
			limited, cancel := context.WithTimeout(ctx, 10*time.Second)
			defer cancel()
			height, err := stream.Height(limited)
			if err == nil && height < highest {
				err = fmt.Errorf("it has %d of %d blocks", height, highest)
			}
			return err
		})
	}
}

// ledger reads every block there is now.
func (l *lab) ledger(ctx context.Context, t *testing.T) *contents {
	t.Helper()
	stream, _ := l.stream(t, "retailer")
	source := readmodel.FromStream(stream, l.profile(t, "retailer").Chaincode)
	height := l.height(ctx, t)
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	c := &contents{
		height: height, events: map[ledger.Digest]int{}, segments: map[segmentID]int{},
		digests: map[segmentID]ledger.Digest{}, verdicts: map[verdictID][]ledger.Verdict{},
	}
	for b, err := range source.Blocks(ctx, 0) {
		if err != nil {
			t.Fatalf("block %d of %d of the retailer's peer: %v", len(c.blocks), height, err)
		}
		c.blocks = append(c.blocks, b)
		for _, tx := range b.Transactions {
			for _, e := range tx.Events {
				c.events[e.Hash]++
			}
			for _, s := range tx.Segments {
				id := segmentID{s.Segment.Device, s.Segment.Seq}
				c.segments[id]++
				c.digests[id] = s.Digest
			}
			for _, v := range tx.Verdicts {
				id := verdictID{v.Shipment, v.Window, v.Model}
				c.verdicts[id] = append(c.verdicts[id], v)
			}
		}
		if b.Number+1 >= height {
			break
		}
	}
	return c
}
