package feature

import (
	"container/list"

	"github.com/waybill-dev/waybill/analytics/canon"
)

// recent is a map that knows the order in which its entries were last touched. Its order, and so
// what a bound drops, rests on the calls alone.
type recent[V any] struct {
	entries map[string]*list.Element
	order   *list.List // of *entry[V], least recently touched first
}

type entry[V any] struct {
	key   string
	value V
}

func newRecent[V any]() *recent[V] {
	return &recent[V]{entries: map[string]*list.Element{}, order: list.New()}
}

func (r *recent[V]) len() int { return len(r.entries) }

func (r *recent[V]) get(key string) (V, bool) {
	if e, ok := r.entries[key]; ok {
		return e.Value.(*entry[V]).value, true //nolint:errcheck,forcetypeassert // the list holds nothing else
	}
	var zero V
	return zero, false
}

// touch makes an entry the most recent.
func (r *recent[V]) touch(key string) {
	if e, ok := r.entries[key]; ok {
		r.order.MoveToBack(e)
	}
}

// put sets an entry and makes it the most recent.
func (r *recent[V]) put(key string, value V) {
	if e, ok := r.entries[key]; ok {
		e.Value.(*entry[V]).value = value //nolint:errcheck,forcetypeassert // the list holds nothing else
		r.order.MoveToBack(e)
		return
	}
	r.entries[key] = r.order.PushBack(&entry[V]{key, value})
}

func (r *recent[V]) remove(key string) {
	if e, ok := r.entries[key]; ok {
		r.order.Remove(e)
		delete(r.entries, key)
	}
}

// all yields the entries, least recently touched first. The entry at hand may be removed.
func (r *recent[V]) all(yield func(string, V) bool) {
	for e := r.order.Front(); e != nil; {
		next := e.Next()
		v := e.Value.(*entry[V]) //nolint:errcheck,forcetypeassert // the list holds nothing else
		if !yield(v.key, v.value) {
			return
		}
		e = next
	}
}

// code writes or reads the entries in their order.
func (r *recent[V]) code(c *canon.Coder, limit int, value func(*canon.Coder, *V)) {
	n := c.Len(r.len(), limit)
	if c.Err() != nil {
		return
	}
	if !c.Reading() {
		for key, v := range r.all {
			canon.String(c, &key, MaxText)
			value(c, &v)
		}
		return
	}
	*r = *newRecent[V]()
	for range n {
		var key string
		var v V
		canon.String(c, &key, MaxText)
		value(c, &v)
		if c.Err() != nil {
			return
		}
		if _, ok := r.entries[key]; ok {
			c.Fail("key %q twice", key)
			return
		}
		r.put(key, v)
	}
}
