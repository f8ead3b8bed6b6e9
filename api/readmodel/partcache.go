package readmodel

import (
	"slices"
	"sync"
)

// cachedBytes bounds what a store keeps in memory of its index: at 10,000 entries a part, columns of about 300
// parts and what is asked of them most.
const cachedBytes = 96 << 20

// cachedEntry is about what the map and the slices of one entry take besides what they hold.
const cachedEntry = 128

// memberKey names a row of index_terms or index_numbers.
type memberKey struct {
	key, part int64
	numbers   bool
}

// memberRow is such a row. Of numbers low and high may be all that is known: members is nil then.
type memberRow struct {
	none      bool // the index has no such row
	low, high float64
	members   []byte
}

// partCache keeps of a ledger's parts what was read lately. Parts never change, so all that there is to do
// is to count bytes. Its zero value is empty.
type partCache struct {
	mu      sync.Mutex
	genesis [32]byte // a store may be replaced by that of another ledger
	parts   []part   // of the beginning of the ledger, in order, without columns
	// Two generations: when the young one is half of all, it becomes the old one, and what was old goes.
	young, old generation
}

type generation struct {
	columns map[int64]columns
	members map[memberKey]memberRow
	bytes   int
}

func (c columns) bytes() int {
	return cachedEntry + 8*(len(c.positions)+len(c.recorded)+len(c.eventTimes))
}

func (r memberRow) bytes() int { return cachedEntry + len(r.members) }

// of locks the cache for the parts of a ledger.
func (c *partCache) of(genesis [32]byte) (unlock func()) {
	c.mu.Lock()
	if c.genesis != genesis {
		c.genesis, c.parts, c.young, c.old = genesis, nil, generation{}, generation{}
	}
	return c.mu.Unlock
}

// room makes room in the young generation.
func (c *partCache) room(bytes int) {
	if c.young.columns == nil || c.young.bytes+bytes > cachedBytes/2 {
		c.young, c.old = generation{columns: map[int64]columns{}, members: map[memberKey]memberRow{}}, c.young
	}
	c.young.bytes += bytes
}

// known gives the parts up to a block that are known.
func (c *partCache) known(genesis [32]byte, height uint64) []part {
	defer c.of(genesis)()
	n, _ := slices.BinarySearchFunc(c.parts, height, func(p part, height uint64) int {
		if uint64(p.name)>>indexBits < height { //nolint:gosec // names are positions
			return -1
		}
		return 1
	})
	return c.parts[:n:n]
}

// learn adds parts that come after the first n.
func (c *partCache) learn(genesis [32]byte, n int, parts []part) {
	defer c.of(genesis)()
	if n == len(c.parts) {
		c.parts = append(c.parts, parts...)
	}
}

// get gives the columns of a part that are there. They are not to be changed.
func (c *partCache) get(genesis [32]byte, name int64) columns {
	defer c.of(genesis)()
	if found, ok := c.young.columns[name]; ok {
		return found
	}
	found, ok := c.old.columns[name]
	if ok {
		c.keep(name, found)
	}
	return found
}

// put keeps columns of a part in the place of those that are there.
func (c *partCache) put(genesis [32]byte, name int64, some columns) {
	defer c.of(genesis)()
	c.keep(name, some)
}

func (c *partCache) keep(name int64, some columns) {
	c.room(some.bytes())
	if before, ok := c.young.columns[name]; ok {
		c.young.bytes -= before.bytes()
	}
	c.young.columns[name] = some
}

// members gives the rows of a key in parts, as far as they are there; of the others it tells which parts
// they are of. Of numbers, those within low and high are wanted.
func (c *partCache) members(genesis [32]byte, numbers bool, key int64, parts []int64, low, high float64, yield func(part int64, members []byte) error) (missing []int64, err error) {
	var found []memberRow
	var of []int64
	func() {
		defer c.of(genesis)()
		for _, name := range parts {
			k := memberKey{key, name, numbers}
			row, ok := c.young.members[k]
			if !ok {
				if row, ok = c.old.members[k]; ok {
					c.keepRow(k, row)
				}
			}
			wanted := ok && !row.none && row.low <= high && row.high >= low
			switch {
			case !ok || wanted && row.members == nil:
				missing = append(missing, name)
			case wanted:
				found, of = append(found, row), append(of, name)
			}
		}
	}()
	for i, row := range found {
		if err := yield(of[i], row.members); err != nil {
			return nil, err
		}
	}
	return missing, nil
}

// putMembers keeps the rows of a key that were read of parts; one without a row has none.
func (c *partCache) putMembers(genesis [32]byte, numbers bool, key int64, parts []int64, rows map[memberKey]memberRow) {
	defer c.of(genesis)()
	for _, name := range parts {
		k := memberKey{key, name, numbers}
		row, ok := rows[k]
		if !ok {
			row.none = true
		}
		c.keepRow(k, row)
	}
}

func (c *partCache) keepRow(k memberKey, row memberRow) {
	c.room(row.bytes())
	if before, ok := c.young.members[k]; ok {
		c.young.bytes -= before.bytes()
	}
	c.young.members[k] = row
}
