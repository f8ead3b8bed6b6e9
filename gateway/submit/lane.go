package submit

import (
	"cmp"
	"container/heap"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/gateway/fabric"
)

// itemOverhead is what an accepted input costs in memory beside its bytes.
const itemOverhead = 512

// chunkItems is how many inputs of a call enter the queue together.
const chunkItems = 512

// state is where an input stands.
type state uint8

const (
	ready    state = iota // in the heap
	parked                // waits for an earlier input that shares a key
	inFlight              // in a batch
	done
)

// item is one input on its way.
type item[T any] struct {
	payload T
	keys    []string
	size    int
	weight  int
	cost    int64
	seq     uint64
	since   time.Time

	call  *call
	index int // in its call

	// guarded by lane.mu
	state   state
	batch   uint64     // the batch it is in, when inFlight
	before  []*item[T] // for each key, the last earlier input with that key that was unfinished when this one came
	waiting []*item[T] // inputs parked on this one
	txID    string     // the transaction under way
}

// call is one caller's inputs. Guarded by lane.mu.
type call struct {
	outcomes []Outcome
	left     int
	gone     bool // the caller has been answered
	done     chan struct{}
}

// lane turns the inputs of one kind into transactions.
type lane[T any] struct {
	kind   kind[T]
	ledger Ledger
	cfg    Config
	room   *semaphore.Weighted
	wake   chan struct{}

	mu      sync.Mutex
	closed  bool
	seq     uint64
	batches uint64
	heap    order[T]
	last    map[string]*item[T] // the latest unfinished input with that key
	waiting int                 // accepted, not in a batch
	bytes   int                 // of the inputs in the heap
	flying  int                 // batches under way
	items   int                 // inputs in those batches
	window  float64             // how many batches may be under way
	size    float64             // how many inputs a batch may have
}

func newLane[T any](k kind[T], l Ledger, cfg Config) *lane[T] {
	cfg.MaxBatch = min(cfg.MaxBatch, k.maxBatch)
	return &lane[T]{
		kind: k, ledger: l, cfg: cfg,
		room:   semaphore.NewWeighted(int64(cfg.QueueBytes)),
		wake:   make(chan struct{}, 1),
		last:   map[string]*item[T]{},
		window: float64(min(4, cfg.MaxInFlight)),
		size:   float64(cfg.MaxBatch),
	}
}

// submit accepts inputs, as room allows, and waits for their outcomes.
func (l *lane[T]) submit(ctx context.Context, inputs []T) ([]Outcome, error) {
	if len(inputs) == 0 {
		return nil, ctx.Err()
	}
	c := &call{outcomes: make([]Outcome, len(inputs)), left: len(inputs), done: make(chan struct{})}
	items := make([]*item[T], len(inputs))
	chunk := make([]*item[T], 0, min(len(inputs), chunkItems))
	var cost int64
	for i, v := range inputs {
		it := l.item(v, c, i)
		items[i] = it
		if it.state == done {
			continue
		}
		if len(chunk) > 0 && (len(chunk) == chunkItems || cost+it.cost > int64(l.cfg.QueueBytes/4)) {
			if err := l.accept(ctx, chunk, cost); err != nil {
				return l.abandon(c, items[:i+1], inputs, err)
			}
			chunk, cost = chunk[:0], 0
		}
		chunk = append(chunk, it)
		cost += it.cost
	}
	if len(chunk) > 0 {
		if err := l.accept(ctx, chunk, cost); err != nil {
			return l.abandon(c, items, inputs, err)
		}
	}
	select {
	case <-c.done:
		return c.outcomes, firstError(c.outcomes)
	case <-ctx.Done():
		return l.abandon(c, items, inputs, context.Cause(ctx))
	}
}

// item prepares an input, and finishes it at once where the contract would refuse the batch for it.
func (l *lane[T]) item(v T, c *call, index int) *item[T] {
	it := &item[T]{payload: v, call: c, index: index, size: l.kind.size(v)}
	it.cost = min(int64(it.size+itemOverhead), int64(l.cfg.QueueBytes/4))
	if l.kind.check != nil {
		if err := l.kind.check(v); err != nil {
			l.mu.Lock()
			l.finish(it, Outcome{Answer: refusal(ledger.Code(err), err.Error())})
			l.mu.Unlock()
			return it
		}
	}
	it.keys = l.kind.keys(v)
	if l.kind.weight != nil {
		it.weight = l.kind.weight(v, it.keys)
	}
	return it
}

func refusal(code, message string) wire.Answer {
	return wire.Answer{Status: ledger.StatusRefused, Code: code, Message: message}
}

// accept takes room and queues the chunk.
func (l *lane[T]) accept(ctx context.Context, chunk []*item[T], cost int64) error {
	if l.cfg.FailWhenBusy {
		if !l.room.TryAcquire(cost) {
			return ErrBusy
		}
	} else if err := l.room.Acquire(ctx, cost); err != nil {
		return context.Cause(ctx)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		l.room.Release(cost)
		return ErrClosed
	}
	now := time.Now()
	for _, it := range chunk {
		l.seq++
		it.seq, it.since = l.seq, now
		for _, key := range it.keys {
			if p := l.last[key]; p != nil && p != it {
				it.before = append(it.before, p)
			}
			l.last[key] = it
		}
		l.waiting++
		l.push(it)
	}
	l.observe()
	l.signal()
	return nil
}

// abandon answers a caller who goes before all is done: what is done as it is, what waits will never
// be sent, what is under way has an unknown outcome.
func (l *lane[T]) abandon(c *call, made []*item[T], inputs []T, cause error) ([]Outcome, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c.gone = true
	for _, it := range made {
		switch it.state {
		case done:
		case inFlight:
			c.outcomes[it.index] = Outcome{TxID: it.txID, Err: errors.Join(fabric.ErrUnknownOutcome, cause)}
		case ready, parked:
			// It leaves the queue when its turn comes, so that later inputs with its keys keep
			// waiting for the earlier ones.
			c.outcomes[it.index] = Outcome{Err: cause}
		}
	}
	for i := len(made); i < len(inputs); i++ {
		c.outcomes[i] = Outcome{Err: cause}
	}
	out := slices.Clone(c.outcomes)
	return out, firstError(out)
}

func firstError(outcomes []Outcome) error {
	for i := range outcomes {
		if outcomes[i].Err != nil {
			return outcomes[i].Err
		}
	}
	return nil
}

func (l *lane[T]) close() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.signal()
}

func (l *lane[T]) signal() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

func (l *lane[T]) observe() {
	if l.cfg.Hooks.Queue != nil {
		l.cfg.Hooks.Queue(l.kind.name, l.waiting, l.items)
	}
}

// run forms batches until the lane is closed and empty, or ctx ends.
func (l *lane[T]) run(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		l.mu.Lock()
		batch, wait := l.form(time.Now())
		empty := l.closed && l.waiting == 0
		l.mu.Unlock()
		switch {
		case len(batch) > 0:
			wg.Go(func() { l.write(ctx, batch) })
			continue
		case empty:
			return
		}
		select {
		case <-l.wake:
		case <-after(wait):
		case <-ctx.Done():
			l.drop()
			wg.Wait()
			l.drop() // what was parked on the batches under way
			return
		}
	}
}

// drop answers all that waits with ErrClosed.
func (l *lane[T]) drop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.heap) > 0 {
		it := l.pop()
		l.waiting--
		l.finish(it, Outcome{Err: ErrClosed}) // which readies what was parked on it
	}
	l.closed = true
	l.observe()
}

// form takes the next batch out of the queue if it is time for one, or says how long to wait (0: for
// a signal). Called with l.mu held.
func (l *lane[T]) form(now time.Time) ([]*item[T], time.Duration) {
	for {
		if len(l.heap) == 0 || l.flying >= int(l.window) {
			return nil, 0
		}
		most := int(l.size)
		if len(l.heap) < most && l.bytes < l.cfg.MaxBytes && !l.closed {
			due := l.heap[0].since.Add(l.linger())
			if wait := due.Sub(now); wait > 0 {
				return nil, wait
			}
		}
		if batch := l.take(most); len(batch) > 0 {
			return batch, 0
		}
	}
}

// linger is how long the oldest input waits for company: the busier the network, the longer.
func (l *lane[T]) linger() time.Duration {
	if l.flying == 0 {
		return l.cfg.MinLinger
	}
	return max(l.cfg.MinLinger, l.cfg.MaxLinger*time.Duration(l.flying)/time.Duration(max(1, l.cfg.MaxInFlight-1)))
}

// take pops inputs in the order of their arrival, as many as fit; those that must wait for another
// batch are parked. Called with l.mu held.
func (l *lane[T]) take(most int) []*item[T] {
	var batch []*item[T]
	l.batches++
	id, bytes, weight := l.batches, 0, 0
	for len(l.heap) > 0 && len(batch) < most {
		it := l.heap[0]
		if p := it.blockedBy(id); p != nil {
			l.pop()
			it.state = parked
			p.waiting = append(p.waiting, it)
			continue
		}
		if it.call.gone {
			l.pop()
			l.waiting--
			l.finish(it, Outcome{})
			continue
		}
		if len(batch) > 0 && (bytes+it.size > l.cfg.MaxBytes || l.kind.weight != nil && weight+it.weight > l.kind.maxWeight) {
			break
		}
		l.pop()
		it.state, it.batch = inFlight, id
		bytes += it.size
		weight += it.weight
		batch = append(batch, it)
	}
	if len(batch) > 0 {
		l.flying++
		l.items += len(batch)
		l.waiting -= len(batch)
		l.observe()
	}
	return batch
}

// blockedBy gives an earlier input with a common key that is neither finished nor in that batch.
func (it *item[T]) blockedBy(batch uint64) *item[T] {
	for _, p := range it.before {
		if p.state == done || p.state == inFlight && p.batch == batch {
			continue
		}
		return p
	}
	return nil
}

// finish answers an input and lets go of its keys. Called with l.mu held.
func (l *lane[T]) finish(it *item[T], o Outcome) {
	if it.state == done {
		return
	}
	it.state = done
	if it.seq > 0 {
		l.room.Release(it.cost)
	}
	for _, key := range it.keys {
		if l.last[key] == it {
			delete(l.last, key)
		}
	}
	it.before = nil
	l.release(it)
	c := it.call
	if c.gone {
		return
	}
	c.outcomes[it.index] = o
	if c.left--; c.left == 0 {
		close(c.done)
	}
}

// release readies what was parked on the input, and what was parked on that: they may go in one batch.
func (l *lane[T]) release(it *item[T]) {
	todo := it.waiting
	it.waiting = nil
	for len(todo) > 0 {
		w := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if w.state != parked {
			continue
		}
		w.state = ready
		l.push(w)
		todo = append(todo, w.waiting...)
		w.waiting = nil
	}
}

func (l *lane[T]) push(it *item[T]) {
	l.bytes += it.size
	heap.Push(&l.heap, it)
}

func (l *lane[T]) pop() *item[T] {
	it := l.heap[0]
	heap.Pop(&l.heap)
	l.bytes -= it.size
	return it
}

// order is a heap of inputs, the earliest first.
type order[T any] []*item[T]

func (o order[T]) Len() int           { return len(o) }
func (o order[T]) Less(i, j int) bool { return cmp.Less(o[i].seq, o[j].seq) }
func (o order[T]) Swap(i, j int)      { o[i], o[j] = o[j], o[i] }

// Push is heap.Interface's.
func (o *order[T]) Push(v any) {
	if it, ok := v.(*item[T]); ok {
		*o = append(*o, it)
	}
}

// Pop is heap.Interface's.
func (o *order[T]) Pop() any {
	old := *o
	n := len(old) - 1
	it := old[n]
	old[n] = nil
	*o = old[:n]
	return it
}

// after is time.After, and never for 0.
func after(d time.Duration) <-chan time.Time {
	if d <= 0 {
		return nil
	}
	return time.After(d)
}
