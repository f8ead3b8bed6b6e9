package gateway_test

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"google.golang.org/protobuf/proto"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/gateway/blocks"
	"github.com/waybill-dev/waybill/gateway/fabric"
	"github.com/waybill-dev/waybill/gateway/profile"
	"github.com/waybill-dev/waybill/gateway/submit"
	"github.com/waybill-dev/waybill/network"
)

const device = "https://id.gs1.org/8004/4012345LOGGER1"

// shipped is an event of one pallet.
func shipped(t *testing.T, n int) submit.Event {
	t.Helper()
	body := fmt.Sprintf(`{"type":"ObjectEvent","eventTime":"2026-01-05T%02d:%02d:%02d.000Z","eventTimeZoneOffset":"+00:00",`+
		`"epcList":["https://id.gs1.org/01/04012345123456/21/S%d"],"action":"OBSERVE","bizStep":"inspecting"}`, n/3600%24, n/60%60, n%60, n/2)
	entry, err := wire.NewEventEntry(nil, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return submit.Event{EventEntry: entry}
}

// logger makes a device and its first n segments of ten readings each.
func logger(t *testing.T, n int) (ledger.Device, []submit.Segment) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	var out []submit.Segment
	var previous ledger.Digest
	for seq := range n {
		s := ledger.Segment{Device: device, Seq: uint64(seq), Previous: previous, Channels: []ledger.Channel{{Quantity: ledger.Temperature}}}
		for i := range 10 {
			s.Times = append(s.Times, ledger.MillisOf(time.Date(2026, 1, 5, 8, 0, 10*seq+i, 0, time.UTC)))
			s.Channels[0].Values = append(s.Channels[0].Values, int32(5000+i))
		}
		payload, err := wire.EncodeSegment(s)
		if err != nil {
			t.Fatal(err)
		}
		signature, err := wire.SignSegment(crypto.Signer(private), payload)
		if err != nil {
			t.Fatal(err)
		}
		previous = wire.SegmentDigest(payload)
		out = append(out, submit.Segment{SignedSegment: wire.SignedSegment{Payload: payload, Signature: signature}, Device: device})
	}
	return ledger.Device{ID: device, Algorithm: ledger.KeyEd25519, PublicKey: der}, out
}

func connect(t *testing.T, n *network.Network, identity string) (*profile.Profile, *fabric.Client) {
	t.Helper()
	p, err := n.Profile("producer")
	if err != nil {
		t.Fatal(err)
	}
	c, err := fabric.Dial(p, identity, fabric.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return p, c
}

func running(t *testing.T, c *fabric.Client, maxBatch int) *submit.Submitter {
	t.Helper()
	s := submit.New(c, submit.Config{MaxBatch: maxBatch, Hooks: submit.Hooks{
		Retry: func(kind submit.Kind, n int, cause error) { t.Logf("retry of %d %ss: %v", n, kind, cause) },
		Transaction: func(x submit.Transaction) {
			t.Logf("%s transaction of %d in block %d: endorsed in %v, total %v, %v", x.Kind, x.Inputs, x.Block, x.Endorse, x.Total, x.Err)
		},
	}})
	done := make(chan error, 1)
	go func() { done <- s.Run(context.Background()) }()
	t.Cleanup(func() {
		s.Close()
		if err := <-done; err != nil {
			t.Errorf("the submitter: %v", err)
		}
	})
	return s
}

// consumer follows the stream and keeps what it saw.
type consumer struct {
	mu     sync.Mutex
	blocks []blocks.Block
	events map[ledger.Digest]string // by hash, the transaction that recorded it
	twice  []ledger.Digest
	err    error
	grown  chan struct{} // closed when a block has come
}

func follow(ctx context.Context, s *blocks.Stream, from uint64) *consumer {
	c := &consumer{events: map[ledger.Digest]string{}, grown: make(chan struct{})}
	go func() {
		for b, err := range s.Blocks(ctx, from) {
			c.take(b, err)
		}
	}()
	return c
}

func (c *consumer) take(b blocks.Block, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.grown)
	c.grown = make(chan struct{})
	if err != nil {
		c.err = err
		return
	}
	c.blocks = append(c.blocks, b)
	for _, tx := range b.Transactions {
		if !tx.Valid || len(tx.Event) == 0 {
			continue
		}
		summary, err := wire.DecodeSummary(tx.Event)
		if err != nil {
			c.err = err
			return
		}
		for _, e := range summary.Events {
			if _, known := c.events[e.Hash]; known {
				c.twice = append(c.twice, e.Hash)
			}
			c.events[e.Hash] = tx.ID
		}
	}
}

// await waits until the consumer has seen what it should.
func (c *consumer) await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	limit := time.After(time.Minute)
	for {
		c.mu.Lock()
		done, err, grown := ok(), c.err, c.grown
		c.mu.Unlock()
		if done {
			return
		}
		if err != nil {
			t.Fatalf("waiting for %s: %v", what, err)
		}
		select {
		case <-grown:
		case <-limit:
			t.Fatalf("waited a minute for %s", what)
		}
	}
}

// TestAgainstARealNetwork writes through the submitter and reads the verified stream, with peers and
// the orderer killed under both.
func TestAgainstARealNetwork(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a Fabric network")
	}
	for _, consensus := range []string{"default", "bft"} {
		t.Run(consensus, func(t *testing.T) { against(t, consensus) })
	}
}

func against(t *testing.T, consensus string) {
	ctx, cancel := context.WithTimeout(t.Context(), 6*time.Minute)
	defer cancel()
	topology, err := network.LoadTopology(consensus)
	if err != nil {
		t.Fatal(err)
	}
	n, err := network.Up(ctx, network.Options{Dir: filepath.Join(t.TempDir(), "net"), Topology: topology})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err = n.Down(context.Background()); err != nil {
			t.Errorf("bringing the network down: %v", err)
		}
	})
	p, c := connect(t, n, profile.IdentityService)
	s := running(t, c, 0)
	stream, err := blocks.Open(p, c, blocks.Options{OnRetry: func(peer string, cause error) { t.Logf("stream leaves %s: %v", peer, cause) }})
	if err != nil {
		t.Fatal(err)
	}
	seen := follow(ctx, stream, 0)

	t.Run("events", func(t *testing.T) {
		var all []submit.Event
		for i := range 1000 {
			all = append(all, shipped(t, i))
		}
		all = append(all, all[0], submit.Event{EventEntry: wire.EventEntry{Body: []byte(`{"type":"ObjectEvent"}`)}})
		record(ctx, t, s, all, seen)
	})

	t.Run("segments", func(t *testing.T) {
		d, segments := logger(t, 300)
		out, err := s.Devices(ctx, []ledger.Device{d})
		if err != nil || out[0].Status != ledger.StatusRecorded {
			t.Fatalf("device: %+v, %v", out, err)
		}
		out, err = running(t, c, 70).Segments(ctx, segments) // five transactions, one after the other
		if err != nil {
			t.Fatal(err)
		}
		for i, o := range out {
			if o.Status != ledger.StatusRecorded {
				t.Errorf("segment %d: %+v", i, o)
			}
		}
		forged := segments[299]
		forged.Signature = append([]byte{}, forged.Signature...)
		forged.Signature[3] ^= 1
		forged.Payload = append([]byte{}, forged.Payload...)
		out, err = s.Segments(ctx, []submit.Segment{segments[0], forged})
		if err != nil || out[0].Status != ledger.StatusDuplicate || out[1].Status == ledger.StatusRecorded {
			t.Errorf("a repeated and a forged segment: %+v, %v", out, err)
		}
	})

	t.Run("wrong role", func(t *testing.T) {
		_, dashboard := connect(t, n, profile.IdentityDashboard)
		out, err := running(t, dashboard, 0).Events(ctx, []submit.Event{shipped(t, 5000)})
		if err != nil || out[0].Code != ledger.CodeUnauthorised {
			t.Errorf("%+v, %v", out, err)
		}
	})

	t.Run("queries", func(t *testing.T) {
		if _, err := c.Evaluate(ctx, wire.FnGetDevice, []byte(device)); err != nil {
			t.Error(err)
		}
		_, err := c.Evaluate(ctx, wire.FnGetDevice, []byte(device+"X"))
		var refused *fabric.Error
		if !errors.Is(err, fabric.ErrRefused) || !errors.As(err, &refused) || refused.Code != ledger.CodeNotFound {
			t.Errorf("an unknown device: %v", err)
		}
		if _, err := c.Resolve(ctx, "0000"); !errors.Is(err, fabric.ErrNotFound) {
			t.Errorf("an unknown transaction: %v", err)
		}
	})

	t.Run("a peer and the orderer are killed", func(t *testing.T) {
		victims := []string{"peer0.producer", "orderer0", "chaincode.producer", "peer0.carrier"}
		if consensus == "bft" {
			victims[1] = "orderer2"
		}
		var wg sync.WaitGroup
		over := make(chan struct{})
		for k := range 4 {
			wg.Go(func() {
				for round := 0; ; round++ {
					var all []submit.Event
					for i := range 40 {
						all = append(all, shipped(t, 10_000*(k+1)+round*40+i))
					}
					record(ctx, t, s, all, seen)
					select {
					case <-over:
						return
					default:
					}
				}
			})
		}
		for i := range 6 {
			victim := victims[i%len(victims)]
			t.Logf("killing %s", victim)
			if err := n.Kill(victim); err != nil {
				t.Errorf("killing %s: %v", victim, err)
			}
			awaiting, cancel := context.WithTimeout(ctx, time.Minute)
			if err := n.AwaitProcess(awaiting, victim, network.Restarting); err != nil {
				t.Logf("awaiting the end of %s: %v", victim, err)
			}
			if err := n.AwaitProcess(awaiting, victim, network.Running); err != nil {
				t.Errorf("awaiting %s again: %v", victim, err)
			}
			cancel()
			seen.mu.Lock()
			height := len(seen.blocks)
			seen.mu.Unlock()
			seen.await(t, "writes between two kills", func() bool { return len(seen.blocks) > height+3 })
		}
		close(over)
		wg.Wait()
	})

	t.Run("resume", func(t *testing.T) {
		seen.mu.Lock()
		all := append([]blocks.Block{}, seen.blocks...)
		seen.mu.Unlock()
		if len(seen.twice) > 0 {
			t.Errorf("recorded twice: %v", seen.twice)
		}
		for i := 1; i < len(all); i++ {
			if all[i].Number != all[i-1].Number+1 || all[i].Previous != all[i-1].Hash {
				t.Fatalf("block %d follows block %d", all[i].Number, all[i-1].Number)
			}
		}
		for _, at := range []int{0, len(all) / 2, len(all) - 2} {
			want := len(all) - 1 - at
			for b, err := range stream.Resume(ctx, all[at].Position()) {
				if err != nil {
					t.Fatal(err)
				}
				if b.Hash != all[b.Number].Hash {
					t.Fatalf("block %d is another when read again", b.Number)
				}
				if want--; want == 0 {
					break
				}
			}
		}
		wrong := all[len(all)/2].Position()
		wrong.Hash[0] ^= 1
		for _, err := range stream.Resume(ctx, wrong) {
			if !errors.Is(err, blocks.ErrPosition) {
				t.Errorf("a position of another chain: %v", err)
			}
			break
		}
		for { // its own peer may have to catch up with the one that the blocks came from
			h, err := stream.Height(ctx)
			if err != nil {
				t.Fatalf("of %d blocks seen: %v", len(all), err)
			}
			if h >= uint64(len(all)) {
				break
			}
			runtime.Gosched()
		}
	})

	t.Run("tampering with real blocks", func(t *testing.T) {
		trust, err := blocks.TrustOf(p)
		if err != nil {
			t.Fatal(err)
		}
		seen.mu.Lock()
		var genuine recording
		for _, b := range seen.blocks {
			genuine = append(genuine, b.Raw)
		}
		seen.mu.Unlock()
		for number := range genuine {
			parts := []string{"data hash", "data"}
			if number > 0 {
				parts = append(parts, "previous hash")
			}
			for _, part := range parts {
				bad := proto.CloneOf(genuine[number])
				bytes := map[string][]byte{"data hash": bad.GetHeader().GetDataHash(), "previous hash": bad.GetHeader().GetPreviousHash(), "data": bad.GetData().GetData()[0]}[part]
				bytes[len(bytes)/2] ^= 4
				changed := slices.Clone(genuine)
				changed[number] = bad
				s, err := blocks.New(trust, []blocks.Source{changed}, blocks.Options{})
				if err != nil {
					t.Fatal(err)
				}
				next := uint64(0)
				for b, err := range s.Blocks(ctx, 0) {
					if err != nil {
						if !errors.Is(err, blocks.ErrTampered) {
							t.Errorf("block %d, %s: %v", number, part, err)
						}
						break
					}
					if next = b.Number + 1; next > uint64(number) {
						t.Errorf("block %d passed with its %s changed", number, part)
						break
					}
				}
			}
		}
	})

	t.Run("an expired certificate", func(t *testing.T) {
		id, err := n.Issue(ctx, network.IssueRequest{Organisation: "producer", Name: "late", Roles: []string{string(ledger.RoleRecorder)}, NotAfter: time.Now().Add(-time.Minute)})
		if err != nil {
			t.Fatal(err)
		}
		late := p.Clone()
		late.Identities["late"] = id
		c, err := fabric.Dial(late, "late", fabric.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_, err = running(t, c, 0).Events(ctx, []submit.Event{shipped(t, 7000)})
		if !errors.Is(err, fabric.ErrDenied) {
			t.Errorf("%v", err)
		}
	})
}

// recording is a peer that delivers what was recorded of another.
type recording []*common.Block

// Name is Source's.
func (r recording) Name() string { return "recording" }

// Blocks is Source's.
func (r recording) Blocks(_ context.Context, from uint64) iter.Seq2[*common.Block, error] {
	return func(yield func(*common.Block, error) bool) {
		for _, b := range r[from:] {
			if !yield(b, nil) {
				return
			}
		}
	}
}

// Block is Source's.
func (r recording) Block(_ context.Context, number uint64) (*common.Block, error) {
	return r[number], nil
}

// Newest is Source's.
func (r recording) Newest(context.Context) (*common.Block, error) { return r[len(r)-1], nil }

// record writes events and checks each outcome against what the stream shows.
func record(ctx context.Context, t *testing.T, s *submit.Submitter, all []submit.Event, seen *consumer) {
	t.Helper()
	out, err := s.Events(ctx, all)
	if err != nil {
		t.Errorf("recording %d events: %v", len(all), err)
		return
	}
	count := 0
	for i, o := range out {
		switch o.Status {
		case ledger.StatusRecorded, ledger.StatusDuplicate:
			count++
			if o.TxID == "" || o.Status == ledger.StatusRecorded && o.Block == 0 {
				t.Errorf("event %d: %+v", i, o)
			}
			seen.await(t, fmt.Sprintf("event %s of transaction %s in block %d", o.Digest, o.TxID, o.Block), func() bool { return seen.events[o.Digest] == o.TxID })
		default:
			if string(all[i].Body) != `{"type":"ObjectEvent"}` {
				t.Errorf("event %d: %+v", i, o)
			}
		}
	}
	t.Logf("%d of %d events on the ledger", count, len(all))
}
