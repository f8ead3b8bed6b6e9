package bench

import "sync"

// Tally holds what was sent against what the ledger holds, by key. It is safe for concurrent use.
type Tally[K comparable] struct {
	mu      sync.Mutex
	entries map[K]*entry
	foreign uint64
}

type entry struct {
	weight int32
	seen   int32
	acked  bool
	failed bool
}

// NewTally makes an empty tally.
func NewTally[K comparable]() *Tally[K] { return &Tally[K]{entries: map[K]*entry{}} }

// Sent notes that a key with so many records was sent.
func (t *Tally[K]) Sent(k K, records int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.entries[k] == nil {
		t.entries[k] = &entry{weight: int32(min(records, 1<<30))} //nolint:gosec // bounded by the line itself
	}
}

// Acked notes that the API answered: it is on the ledger.
func (t *Tally[K]) Acked(k K) { t.note(k, func(e *entry) { e.acked = true }) }

// Failed notes that the API answered with an error or not at all: it may be on the ledger or not.
func (t *Tally[K]) Failed(k K) { t.note(k, func(e *entry) { e.failed = true }) }

// Seen notes that a block recorded the key.
func (t *Tally[K]) Seen(k K) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e := t.entries[k]; e != nil {
		e.seen++
		return
	}
	t.foreign++
}

func (t *Tally[K]) note(k K, f func(*entry)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e := t.entries[k]; e != nil {
		f(e)
	}
}

// Balance is what a tally comes to, in records.
type Balance struct {
	// Sent is what was handed to the API, or submitted.
	Sent uint64 `json:"sent"`
	// OnLedger is what of it the blocks hold.
	OnLedger uint64 `json:"on_ledger"`
	// Failed is what the sender was told had failed, or heard nothing of.
	Failed uint64 `json:"failed"`
	// Lost was acknowledged and is in no block.
	Lost uint64 `json:"lost"`
	// Doubled was recorded by more than one transaction; each time beyond the first counts.
	Doubled uint64 `json:"doubled"`
	// Unacknowledged is in a block although its sender was told of a failure, or heard nothing.
	Unacknowledged uint64 `json:"unacknowledged"`
	// Foreign counts keys in the blocks that nobody here sent.
	Foreign uint64 `json:"foreign"`
}

// Exact reports whether the ledger holds what was sent, all of it, once, and nothing else.
func (b Balance) Exact() bool {
	return b.Lost == 0 && b.Doubled == 0 && b.Foreign == 0 && b.OnLedger == b.Sent
}

// Balance adds the tally up.
func (t *Tally[K]) Balance() Balance {
	t.mu.Lock()
	defer t.mu.Unlock()
	b := Balance{Foreign: t.foreign}
	for _, e := range t.entries {
		n := uint64(max(e.weight, 0))
		b.Sent += n
		if e.seen > 0 {
			b.OnLedger += n
			b.Doubled += n * uint64(e.seen-1)
			if !e.acked {
				b.Unacknowledged += n
			}
		} else if e.acked {
			b.Lost += n
		}
		if e.failed {
			b.Failed += n
		}
	}
	return b
}
