package canon

import "container/list"

const maxKey = 2_048

// Recent is a map that knows the order in which its entries were last touched. Its order, and so
// what a bound drops, rests on the calls alone.
type Recent[V any] struct {
	entries map[string]*list.Element
	order   *list.List // of *entry[V], least recently touched first
}

type entry[V any] struct {
	key   string
	value V
}

// NewRecent gives an empty one.
func NewRecent[V any]() *Recent[V] {
	return &Recent[V]{entries: map[string]*list.Element{}, order: list.New()}
}

// Len is the number of entries.
func (r *Recent[V]) Len() int { return len(r.entries) }

// Get gives an entry.
func (r *Recent[V]) Get(key string) (V, bool) {
	if e, ok := r.entries[key]; ok {
		return e.Value.(*entry[V]).value, true
	}
	var zero V
	return zero, false
}

// Touch makes an entry the most recent.
func (r *Recent[V]) Touch(key string) {
	if e, ok := r.entries[key]; ok {
		r.order.MoveToBack(e)
	}
}

// Put sets an entry and makes it the most recent.
func (r *Recent[V]) Put(key string, value V) {
	if e, ok := r.entries[key]; ok {
		e.Value.(*entry[V]).value = value
		r.order.MoveToBack(e)
		return
	}
	r.entries[key] = r.order.PushBack(&entry[V]{key, value})
}

// Remove drops an entry.
func (r *Recent[V]) Remove(key string) {
	if e, ok := r.entries[key]; ok {
		r.order.Remove(e)
		delete(r.entries, key)
	}
}

// All yields the entries, least recently touched first. The entry at hand may be removed.
func (r *Recent[V]) All(yield func(string, V) bool) {
	for e := r.order.Front(); e != nil; {
		next := e.Next()
		v := e.Value.(*entry[V])
		if !yield(v.key, v.value) {
			return
		}
		e = next
	}
}

// Code writes or reads the entries in their order.
func (r *Recent[V]) Code(c *Coder, limit int, value func(*Coder, *V)) {
	n := c.Len(r.Len(), limit)
	if c.Err() != nil {
		return
	}
	if !c.Reading() {
		for key, v := range r.All {
			String(c, &key, maxKey)
			value(c, &v)
		}
		return
	}
	*r = *NewRecent[V]()
	for range n {
		var key string
		var v V
		String(c, &key, maxKey)
		value(c, &v)
		if c.Err() != nil {
			return
		}
		if _, ok := r.entries[key]; ok {
			c.Fail("key %q twice", key)
			return
		}
		r.Put(key, v)
	}
}
