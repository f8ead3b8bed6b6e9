package scorer

import (
	"container/list"
	"context"
	"sync"
	"time"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/internal/idle"
)

// queue holds the verdicts that are judged and not yet on the ledger, in the order they were
// judged. A verdict leaves when it was seen on the ledger or had its final answer.
type queue struct {
	partition Partition
	takeover  time.Duration

	mu        sync.Mutex
	items     map[window]*list.Element
	order     *list.List // of *item
	held      bool
	changed   chan struct{} // closed and replaced at every change
	confirmed uint64
	refused   uint64
}

type window struct {
	shipment string
	number   uint32
}

type item struct {
	verdict ledger.Verdict
	ready   time.Time // not to be written before
	sent    bool
	since   time.Time // when it was first postponed
}

func newQueue(p Partition, takeover time.Duration) *queue {
	q := &queue{partition: p, takeover: takeover, changed: make(chan struct{})}
	q.items, q.order = map[window]*list.Element{}, list.New()
	return q
}

func (q *queue) wake() {
	close(q.changed)
	q.changed = make(chan struct{})
}

// reset starts over with what a checkpoint held.
func (q *queue) reset(verdicts []ledger.Verdict) {
	q.mu.Lock()
	q.items, q.order = map[window]*list.Element{}, list.New()
	q.mu.Unlock()
	q.add(verdicts)
}

// hold says whether to wait with writing: while old blocks are read, most verdicts will turn out to
// be on the ledger.
func (q *queue) hold(held bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.held != held {
		q.held = held
		q.wake()
	}
}

// add takes verdicts in; those of another part only if they may be taken over.
func (q *queue) add(verdicts []ledger.Verdict) {
	if len(verdicts) == 0 {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	for _, v := range verdicts {
		ready := now
		if !q.partition.Holds(v.Shipment) {
			if q.takeover == 0 {
				continue
			}
			ready = now.Add(q.takeover)
		}
		key := window{v.Shipment, v.Window}
		if _, ok := q.items[key]; !ok {
			q.items[key] = q.order.PushBack(&item{verdict: v, ready: ready})
		}
	}
	q.wake()
}

// seen takes out a verdict that a block holds.
func (q *queue) seen(v ledger.Verdict) {
	q.remove(v, func() { q.confirmed++ })
}

// settle takes out a verdict that had its final answer.
func (q *queue) settle(v ledger.Verdict, refused bool) {
	q.remove(v, func() {
		if refused {
			q.refused++
		} else {
			q.confirmed++
		}
	})
}

func (q *queue) remove(v ledger.Verdict, count func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	key := window{v.Shipment, v.Window}
	e, ok := q.items[key]
	if !ok {
		return
	}
	q.order.Remove(e)
	delete(q.items, key)
	count()
	q.wake()
}

// postpone lets a verdict be sent again after a pause; false once it has been postponed for longer
// than limit.
func (q *queue) postpone(v ledger.Verdict, pause, limit time.Duration) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	e, ok := q.items[window{v.Shipment, v.Window}]
	if !ok {
		return true // seen on the ledger meanwhile
	}
	it, now := e.Value.(*item), time.Now()
	if it.since.IsZero() {
		it.since = now
	}
	if now.Sub(it.since) > limit {
		return false
	}
	it.sent, it.ready = false, now.Add(pause)
	q.wake()
	return true
}

// unconfirmed gives all that is held, in order.
func (q *queue) unconfirmed() []ledger.Verdict {
	q.mu.Lock()
	defer q.mu.Unlock()
	out := make([]ledger.Verdict, 0, len(q.items))
	for e := q.order.Front(); e != nil; e = e.Next() {
		out = append(out, e.Value.(*item).verdict)
	}
	return out
}

func (q *queue) counts() (pending int, confirmed, refused uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.items), q.confirmed, q.refused
}

// room waits until fewer than limit verdicts are held.
func (q *queue) room(ctx context.Context, limit int) error {
	for {
		q.mu.Lock()
		n, changed := len(q.items), q.changed
		q.mu.Unlock()
		if n < limit {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	}
}

// take waits for verdicts that may be written and gives some, the oldest first. It gathers for a
// moment, so that a block's verdicts travel together.
func (q *queue) take(ctx context.Context, limit int) ([]ledger.Verdict, error) {
	gathered := false
	for {
		q.mu.Lock()
		changed := q.changed
		ready, next := 0, time.Time{}
		if now := time.Now(); !q.held || len(q.items) >= limit {
			for e := q.order.Front(); e != nil && ready < maxBatch; e = e.Next() {
				it := e.Value.(*item)
				switch {
				case it.sent:
				case !it.ready.After(now):
					ready++
				case next.IsZero() || it.ready.Before(next):
					next = it.ready
				}
			}
		}
		if ready > 0 && (gathered || ready == maxBatch) {
			batch := q.pick(maxBatch)
			q.mu.Unlock()
			return batch, nil
		}
		q.mu.Unlock()

		if ready > 0 {
			if err := idle.For(ctx, gather); err != nil {
				return nil, err
			}
			gathered = true
			continue
		}
		gathered = false
		var timer *time.Timer
		var due <-chan time.Time
		if !next.IsZero() {
			timer = time.NewTimer(time.Until(next))
			due = timer.C
		}
		select {
		case <-ctx.Done():
		case <-changed:
		case <-due:
		}
		if timer != nil {
			timer.Stop()
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
}

// pick marks verdicts as sent and gives them; the caller holds the lock.
func (q *queue) pick(n int) []ledger.Verdict {
	var batch []ledger.Verdict
	now := time.Now()
	for e := q.order.Front(); e != nil && len(batch) < n; e = e.Next() {
		it := e.Value.(*item)
		if !it.sent && !it.ready.After(now) {
			it.sent = true
			batch = append(batch, it.verdict)
		}
	}
	return batch
}
