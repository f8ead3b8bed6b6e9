// Package fabrictest is a ledger in memory for the tests of code that uses gateway/fabric. It keeps
// Fabric's rules: a transaction reads the state as it was when endorsed and never its own writes, is
// ordered into a block, and is invalidated if what it read has changed; of two copies of one
// transaction one counts. It fails wherever a test tells it to.
//
// Of Waybill it may import gateway/fabric.
package fabrictest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/peer"

	"github.com/waybill-dev/waybill/gateway/fabric"
)

// Step is a call that may fail.
type Step string

// The steps.
const (
	Endorse Step = "endorse"
	Submit  Step = "submit"
	Commit  Step = "commit"
	Resolve Step = "resolve"
)

// Fault is what happens at a step instead of, or beside, what should.
type Fault struct {
	// Err is returned; nil: no fault.
	Err error
	// Happens makes the step take effect all the same: the answer alone is lost.
	Happens bool
	// Stale has the endorsing peers lag one block behind.
	Stale bool
	// Delay passes before the step.
	Delay time.Duration
}

// View is what a transaction sees of the state, and what it would change.
type View struct {
	l      *Ledger
	reads  map[string]uint64
	writes map[string][]byte
	txID   string
	stale  bool
}

// TxID is the transaction's.
func (v *View) TxID() string { return v.txID }

// Get reads a key as of endorsement.
func (v *View) Get(key string) []byte {
	cell := v.l.state[key]
	if old, changed := v.l.before[key]; v.stale && changed {
		cell = old
	}
	v.reads[key] = cell.version
	return cell.value
}

// Put writes a key.
func (v *View) Put(key string, value []byte) { v.writes[key] = value }

// Chaincode is a transaction function. An error refuses the transaction.
type Chaincode func(function string, arguments [][]byte, v *View) ([]byte, error)

type cell struct {
	value   []byte
	version uint64
}

type endorsed struct {
	reads  map[string]uint64
	writes map[string][]byte
}

// Ledger is the ledger. Set the fields before use.
type Ledger struct {
	// Chaincode runs transactions.
	Chaincode Chaincode
	// BlockEvery is how long a block collects transactions.
	BlockEvery time.Duration
	// Fault decides what goes wrong; nil: nothing. It is called without locks held.
	Fault func(step Step, txID string) Fault
	// CommitWithin bounds Commit and Resolve.
	CommitWithin time.Duration

	mu       sync.Mutex
	state    map[string]cell
	before   map[string]cell // of what the last block changed, the value it had
	version  uint64
	n        int
	prepared map[string]endorsed
	pending  []string
	blocks   [][]string
	status   map[string]fabric.Status
	writers  map[string][]string
	flying   int
	most     int
	ring     chan struct{} // closed at each block
}

// New makes an empty ledger that cuts a block half a second after the first transaction for it.
func New(c Chaincode) *Ledger {
	return &Ledger{
		Chaincode: c, BlockEvery: 500 * time.Millisecond, CommitWithin: 10 * time.Second,
		state: map[string]cell{}, prepared: map[string]endorsed{}, status: map[string]fabric.Status{},
		writers: map[string][]string{}, ring: make(chan struct{}), blocks: [][]string{nil},
	}
}

func (l *Ledger) fault(ctx context.Context, s Step, txID string) (Fault, error) {
	if l.Fault == nil {
		return Fault{}, ctx.Err()
	}
	f := l.Fault(s, txID)
	if f.Delay > 0 {
		select {
		case <-time.After(f.Delay):
		case <-ctx.Done():
		}
	}
	return f, ctx.Err()
}

// Endorse simulates the transaction.
func (l *Ledger) Endorse(ctx context.Context, function string, arguments ...[]byte) (*fabric.Endorsed, error) {
	l.mu.Lock()
	l.n++
	id := fmt.Sprintf("tx%06d", l.n)
	l.mu.Unlock()
	f, err := l.fault(ctx, Endorse, id)
	if f.Err != nil || err != nil {
		return nil, &fabric.Error{Op: "endorse", TxID: id, Kind: cmpErr(f.Err, fabric.ErrDeadline), Cause: err}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	v := &View{l: l, reads: map[string]uint64{}, writes: map[string][]byte{}, txID: id, stale: f.Stale}
	result, err := l.Chaincode(function, arguments, v)
	if err != nil {
		return nil, err
	}
	l.prepared[id] = endorsed{v.reads, v.writes}
	return &fabric.Endorsed{ID: id, Result: result}, nil
}

// Submit queues the transaction for the next block.
func (l *Ledger) Submit(ctx context.Context, tx *fabric.Endorsed) error {
	f, err := l.fault(ctx, Submit, tx.ID)
	if err != nil && f.Err == nil {
		f.Err = fabric.ErrUnknownOutcome
	}
	if f.Err == nil || f.Happens {
		l.mu.Lock()
		l.pending = append(l.pending, tx.ID)
		first := len(l.pending) == 1
		l.flying++
		l.most = max(l.most, l.flying)
		l.mu.Unlock()
		if first {
			time.AfterFunc(l.BlockEvery, l.cut)
		}
	}
	if f.Err != nil {
		return &fabric.Error{Op: "submit", TxID: tx.ID, Kind: f.Err, Cause: err}
	}
	return nil
}

// cut commits the pending transactions as a block.
func (l *Ledger) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	number := uint64(len(l.blocks))
	l.before = map[string]cell{}
	for _, id := range l.pending {
		st := fabric.Status{TxID: id, Block: number, Code: peer.TxValidationCode_VALID}
		tx := l.prepared[id]
		for key, version := range tx.reads {
			if l.state[key].version != version {
				st.Code = peer.TxValidationCode_MVCC_READ_CONFLICT
			}
		}
		if _, twice := l.status[id]; twice {
			continue // DUPLICATE_TXID, which the index does not show
		}
		l.status[id] = st
		if st.Code == peer.TxValidationCode_VALID {
			for _, key := range slices.Sorted(maps.Keys(tx.writes)) {
				if _, known := l.before[key]; !known {
					l.before[key] = l.state[key]
				}
				l.version++
				l.state[key] = cell{tx.writes[key], l.version}
				l.writers[key] = append(l.writers[key], id)
			}
		}
	}
	l.flying -= len(l.pending)
	l.blocks = append(l.blocks, l.pending)
	l.pending = nil
	close(l.ring)
	l.ring = make(chan struct{})
}

// Commit waits for the transaction's block.
func (l *Ledger) Commit(ctx context.Context, txID string) (fabric.Status, error) {
	return l.wait(ctx, Commit, txID, fabric.ErrUnknownOutcome)
}

// Resolve looks for an earlier transaction.
func (l *Ledger) Resolve(ctx context.Context, txID string) (fabric.Status, error) {
	return l.wait(ctx, Resolve, txID, fabric.ErrNotFound)
}

func (l *Ledger) wait(ctx context.Context, s Step, txID string, otherwise error) (fabric.Status, error) {
	if f, err := l.fault(ctx, s, txID); f.Err != nil || err != nil {
		return fabric.Status{}, &fabric.Error{Op: string(s), TxID: txID, Kind: cmpErr(f.Err, otherwise), Cause: err}
	}
	limit := time.After(l.CommitWithin)
	for {
		l.mu.Lock()
		st, ok := l.status[txID]
		ring := l.ring
		l.mu.Unlock()
		if ok {
			return st, nil
		}
		select {
		case <-ring:
			continue
		case <-limit:
		case <-ctx.Done():
		}
		return fabric.Status{}, &fabric.Error{Op: string(s), TxID: txID, Kind: otherwise, Cause: ctx.Err()}
	}
}

func cmpErr(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

// Write changes a key as another client's transaction would, at once.
func (l *Ledger) Write(key string, value []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.version++
	l.state[key] = cell{value, l.version}
}

// Value is a key's present value.
func (l *Ledger) Value(key string) []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state[key].value
}

// Writers are the valid transactions that wrote a key, in order.
func (l *Ledger) Writers(key string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.writers[key])
}

// Status tells what became of a transaction, if it is in a block.
func (l *Ledger) Status(txID string) (fabric.Status, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	st, ok := l.status[txID]
	return st, ok
}

// Ordered is the number of transactions in blocks, valid or not, and Most the most that waited at a time.
func (l *Ledger) Ordered() (ordered, most int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, b := range l.blocks {
		ordered += len(b)
	}
	return ordered, l.most
}

// Refuse makes the error of a chaincode's refusal.
func Refuse(code, text string) error {
	return &fabric.Error{Op: "endorse", Kind: fabric.ErrRefused, Code: code, Text: text, Cause: errors.New(code + ": " + text)}
}
