package bench

import (
	"math"
	"math/bits"
	"sync"
	"time"
)

const (
	// subBuckets parts each power of two: a quantile is off by at most 1/128 of its value.
	subBuckets     = 128
	histogramSlots = (64 - 6) * subBuckets
)

// Histogram counts durations in microseconds, in log-linear slots: constant memory, a relative error
// below 1 %. It is safe for concurrent use; the zero value is ready.
type Histogram struct {
	mu    sync.Mutex
	slots [histogramSlots]uint64
	count uint64
	max   time.Duration
}

// Add counts n records of the same duration.
func (h *Histogram) Add(d time.Duration, n int) {
	if n <= 0 {
		return
	}
	d = max(d, 0)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.slots[slotOf(uint64(d.Microseconds()))] += uint64(n) //nolint:gosec // neither is negative here
	h.count += uint64(n)
	h.max = max(h.max, d)
}

// Count is how many records were counted.
func (h *Histogram) Count() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.count
}

// Max is the longest duration counted.
func (h *Histogram) Max() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.max
}

// Quantile gives the least duration that a share q (0 to 1) of the records does not exceed; 0 if nothing was counted.
func (h *Histogram) Quantile(q float64) time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.count == 0 {
		return 0
	}
	want := max(uint64(math.Ceil(min(max(q, 0), 1)*float64(h.count))), 1)
	var seen uint64
	for i, n := range h.slots {
		if seen += n; seen >= want {
			return min(time.Duration(upperOf(i))*time.Microsecond, h.max) //nolint:gosec // of a duration that was counted
		}
	}
	return h.max
}

// slotOf numbers the slot of v: below 2*subBuckets each value has its own, above each power of two has subBuckets.
func slotOf(v uint64) int {
	if v < 2*subBuckets {
		return int(v)
	}
	shift := bits.Len64(v) - bits.Len64(subBuckets)
	return shift*subBuckets + int(v>>shift) //nolint:gosec // below 2*subBuckets
}

// upperOf is the greatest value of a slot.
func upperOf(slot int) uint64 {
	if slot < 2*subBuckets {
		return uint64(slot) //nolint:gosec // an index
	}
	shift := slot/subBuckets - 1
	return (uint64(slot%subBuckets+subBuckets+1) << shift) - 1
}
