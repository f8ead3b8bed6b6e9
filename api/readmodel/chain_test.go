package readmodel

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/epcis"
)

const noon ledger.Millis = 1_772_366_400_000 // 2026-03-01T12:00:00Z

// chain is a ledger in memory: blocks linked by their hashes.
type chain struct {
	seed byte

	mu     sync.Mutex
	blocks []Block
	grown  chan struct{}
}

func newChain(seed byte) *chain { return &chain{seed: seed, grown: make(chan struct{})} }

func (c *chain) add(transactions ...Recorded) Block {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := Block{Number: uint64(len(c.blocks)), Transactions: transactions}
	if len(c.blocks) > 0 {
		b.Previous = c.blocks[len(c.blocks)-1].Hash
	}
	header := binary.BigEndian.AppendUint64([]byte{c.seed}, b.Number)
	b.Hash = sha256.Sum256(append(header, b.Previous[:]...))
	c.blocks = append(c.blocks, b)
	close(c.grown)
	c.grown = make(chan struct{})
	return b
}

func (c *chain) all() []Block {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.blocks)
}

// Blocks waits for further blocks, as the ledger's stream does.
func (c *chain) Blocks(ctx context.Context, from uint64) iter.Seq2[Block, error] {
	return func(yield func(Block, error) bool) {
		for n := from; ; n++ {
			for {
				c.mu.Lock()
				has, grown := uint64(len(c.blocks)) > n, c.grown
				c.mu.Unlock()
				if has {
					break
				}
				select {
				case <-grown:
				case <-ctx.Done():
					yield(Block{}, ctx.Err())
					return
				}
			}
			c.mu.Lock()
			b := c.blocks[n]
			c.mu.Unlock()
			if !yield(b, nil) {
				return
			}
		}
	}
}

func tx(id string, content wire.Transaction) Recorded {
	return Recorded{TxID: id, MSPID: "ProducerMSP", At: noon, Transaction: content}
}

// recorded makes the event of a body, as the chaincode would.
func recorded(tb interface{ Fatal(...any) }, body string) wire.RecordedEvent {
	entry, err := wire.NewEventEntry(nil, []byte(body))
	if err != nil {
		tb.Fatal(err)
	}
	e, err := epcis.ParseEvent(entry.Context, entry.Body)
	if err != nil {
		tb.Fatal(err, body)
	}
	return wire.RecordedEvent{Hash: ledger.Digest(e.Hash()), Context: entry.Context, Body: entry.Body, Record: ledger.EventRecord{BodyDigest: entry.Digest()}}
}

func objectEvent(at, epc, step string) string {
	return fmt.Sprintf(`{"type":"ObjectEvent","eventTime":"%s","eventTimeZoneOffset":"+00:00","epcList":["%s"],"action":"OBSERVE","bizStep":"%s"}`, at, epc, step)
}

func associationEvent(at, container, device, action string) string {
	return fmt.Sprintf(`{"type":"AssociationEvent","eventTime":"%s","eventTimeZoneOffset":"+00:00","parentID":"%s","childEPCs":["%s"],"action":"%s"}`, at, container, device, action)
}

const (
	pallet   = "https://id.gs1.org/00/095213210000000012"
	carton   = "https://id.gs1.org/00/095213210000000029"
	logger   = "https://id.gs1.org/8004/9521321900001"
	bottle   = "https://id.gs1.org/01/09521321000012/21/1001"
	stepShip = "shipping"
)

func segmentOf(tb interface{ Fatal(...any) }, device string, seq uint64, from ledger.Millis, values ...int32) wire.RecordedSegment {
	s := ledger.Segment{Device: device, Seq: seq, Channels: []ledger.Channel{{Quantity: ledger.Temperature, Values: values}}}
	for i := range values {
		s.Times = append(s.Times, from+ledger.Millis(i)*60_000)
	}
	payload, err := wire.EncodeSegment(s)
	if err != nil {
		tb.Fatal(err)
	}
	return wire.RecordedSegment{Segment: s, Digest: wire.SegmentDigest(payload), Payload: payload, Signature: []byte("signature")}
}

// anyChain draws a ledger of events, restatements, segments, verdicts, findings, items and policies.
func anyChain(t *rapid.T) *chain {
	c := newChain(1)
	serial, txs := 0, 0
	segments := map[string]uint64{}
	verdicts := map[string]uint32{}
	var events []wire.RecordedEvent
	for range rapid.IntRange(1, 12).Draw(t, "blocks") {
		var transactions []Recorded
		for range rapid.IntRange(0, 3).Draw(t, "transactions") {
			var content wire.Transaction
			txs++
			switch rapid.IntRange(0, 4).Draw(t, "what") {
			case 0:
				for range rapid.IntRange(1, 4).Draw(t, "events") {
					serial++
					epc := fmt.Sprintf("https://id.gs1.org/01/09521321000012/21/%d", rapid.IntRange(1, 5).Draw(t, "epc"))
					e := recorded(t, objectEvent(fmt.Sprintf("2026-03-01T%02d:%02d:00Z", serial/60%24, serial%60), epc, fmt.Sprintf("https://example.com/step/%d", serial)))
					events = append(events, e)
					content.Events = append(content.Events, e)
					content.Items = append(content.Items, ledger.ItemState{EPC: epc, Status: ledger.ItemActive, LastEvent: e.Hash, LastAt: noon})
					if rapid.Bool().Draw(t, "suspicious") {
						content.Findings = append(content.Findings, ledger.Finding{Code: ledger.FindingCommissionedTwice, Item: epc, Event: e.Hash, Detail: "twice"})
					}
				}
			case 1:
				if len(events) == 0 {
					continue
				}
				again := events[rapid.IntRange(0, len(events)-1).Draw(t, "again")]
				again.Body = []byte(strings.Replace(string(again.Body), `{`, fmt.Sprintf(`{"eventID":"urn:uuid:%08d-0000-4000-8000-000000000000",`, txs), 1))
				if rapid.Bool().Draw(t, "error") {
					again.Body = []byte(strings.Replace(string(again.Body), `{`, `{"errorDeclaration":{"declarationTime":"2026-03-02T00:00:00Z"},`, 1))
				}
				content.Restatements = append(content.Restatements, again)
			case 2:
				device := fmt.Sprintf("%s%d", logger, rapid.IntRange(1, 2).Draw(t, "device"))
				if segments[device] == 0 {
					content.Devices = append(content.Devices, ledger.Device{ID: device, Algorithm: ledger.KeyEd25519, PublicKey: []byte{1}, Owner: "CarrierMSP", RegisteredAt: noon})
				}
				content.Segments = append(content.Segments, segmentOf(t, device, segments[device], noon, 5_000, 5_100))
				segments[device]++
			case 3:
				shipment := fmt.Sprintf("https://id.gs1.org/00/0952132100000000%02d", rapid.IntRange(10, 12).Draw(t, "shipment"))
				level := ledger.VerdictLevel(rapid.IntRange(1, 3).Draw(t, "level"))
				content.Verdicts = append(content.Verdicts, ledger.Verdict{
					Shipment: shipment, Window: verdicts[shipment], Model: "rules@1", Level: level, From: noon, To: noon + 1, Final: rapid.Bool().Draw(t, "final"),
					Reasons: []ledger.Reason{{Code: "above_range", Contribution: 7}}, At: noon, // the transaction's, as the contract has it
				})
				if rapid.Bool().Draw(t, "several stand behind it") {
					f := ledger.FinalVerdict{Shipment: shipment, Window: verdicts[shipment], Model: "rules@1", Task: ledger.Digest{byte(txs)}, By: ledger.SettledUnanimous, At: noon}
					switch rapid.IntRange(0, 2).Draw(t, "how") {
					case 0:
						f.Model = "" // different models' answers
					case 1:
						other := content.Verdicts[0]
						other.Level = ledger.VerdictLevel(rapid.IntRange(1, 3).Draw(t, "ruling"))
						f.Verdict = &other
					}
					content.Scoring.Finals = append(content.Scoring.Finals, f)
				}
				verdicts[shipment]++
			case 4:
				content.Policies = append(content.Policies, ledger.Policy{ID: "cold", Version: uint32(txs), Products: []string{"*"}, Low: 2_000, High: 8_000})
			}
			transactions = append(transactions, tx(fmt.Sprintf("tx%d", txs), content))
		}
		c.add(transactions...)
	}
	return c
}

// got gives the value of a call that must not fail.
func got[T any](v T, err error) func(testing.TB) T {
	return func(tb testing.TB) T {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
		return v
	}
}

// dumped gives every row of every table, in an order that does not depend on how they came in.
func dumped(tb interface{ Fatal(...any) }, s *Store) string {
	var out strings.Builder
	for _, t := range s.tables {
		fmt.Fprintf(&out, "%s\n%s\n", t.name, strings.Join(rowsOf(tb, s, t.ordered()), "\n"))
	}
	return out.String()
}

// rowsOf gives the rows of a question as lines, sorted.
func rowsOf(tb interface{ Fatal(...any) }, s *Store, query string) []string {
	rows, err := s.read.QueryContext(context.Background(), query)
	if err != nil {
		tb.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		tb.Fatal(err)
	}
	var lines []string
	for rows.Next() {
		values := make([]any, len(columns))
		to := make([]any, len(columns))
		for i := range values {
			to[i] = &values[i]
		}
		if err = rows.Scan(to...); err != nil {
			tb.Fatal(err)
		}
		var line strings.Builder
		for i, v := range values {
			fmt.Fprintf(&line, " %s=%v", columns[i], v)
		}
		lines = append(lines, line.String())
	}
	if err = rows.Err(); err != nil {
		tb.Fatal(err)
	}
	slices.Sort(lines)
	return lines
}
