package readmodel

import "sync"

// cachedColumns bounds the values of columns that a store keeps in memory, of 8 bytes each: the columns
// of about 300 parts. Parts never change, so only their number counts.
const cachedColumns = 8 << 20

// columnKey names a part: its ledger, since a store may be replaced by that of another, and its name.
type columnKey struct {
	genesis [32]byte
	part    int64
}

// columnCache keeps columns that were read lately. Its zero value is empty.
type columnCache struct {
	mu sync.Mutex
	// Two generations: when the young one is half of all, it becomes the old one, and what was old goes.
	young, old map[columnKey]columns
	values     int // in the young one
}

func (c columns) size() int { return len(c.positions) + len(c.recorded) + len(c.eventTimes) }

// get gives the columns of a part that are there. They are not to be changed.
func (c *columnCache) get(key columnKey) columns {
	c.mu.Lock()
	defer c.mu.Unlock()
	if found, ok := c.young[key]; ok {
		return found
	}
	found, ok := c.old[key]
	if ok {
		c.keep(key, found)
	}
	return found
}

// put keeps columns of a part, beside others of it.
func (c *columnCache) put(key columnKey, some columns) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keep(key, some)
}

func (c *columnCache) keep(key columnKey, some columns) {
	if c.young == nil || c.values+some.size() > cachedColumns/2 {
		c.young, c.old, c.values = map[columnKey]columns{}, c.young, 0
	}
	c.values += some.size() - c.young[key].size()
	c.young[key] = some
}
