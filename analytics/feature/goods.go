package feature

import "slices"

func (c *container) vessel() vessel { return vessel{c.epc, c.trace.life} }

// knew reports whether what is kept of a container's goods is of another life of a container. A replay does not know
// one from another.
func (c *container) knew(v vessel) bool {
	other := func(o vessel) bool { return o.epc == v.epc && o.life != v.life }
	return other(c.vessel()) || slices.ContainsFunc(c.trace.goods, func(g fact) bool { return other(g.parent) || slices.ContainsFunc(g.known, other) })
}

// bring stows what is known of a container that is put into c.
func (t *Tracker) bring(c *container, f fact) {
	if !c.trace.lost && !has(c.trace.goods, f.order) && (c.knew(f.parent) || slices.ContainsFunc(f.known, c.knew)) {
		t.lose(c, whyOldGoods)
	}
	t.stow(c, f)
}

// around yields a container and those around it, nearest first. Fresh says that each was put into the next in the next
// one's present life. What is around the shipment that a replay follows is not asked.
func (t *Tracker) around(c *container) func(yield func(c *container, fresh bool) bool) {
	return func(yield func(*container, bool) bool) {
		fresh := true
		for range maxDepth {
			if !yield(c, fresh) {
				return
			}
			parent, ok := t.containers.Get(c.parent)
			if c.parent == "" || !ok || t.only == c.epc {
				return
			}
			fresh = fresh && t.keeps && c.trace.within == parent.trace.life
			c = parent
		}
	}
}

// entered is called before a container is put into another.
func (t *Tracker) entered(inner, parent *container) {
	if !t.keeps {
		return
	}
	parent.trace.last = t.order
	if inner.parent == parent.epc && inner.trace.within == parent.trace.life {
		return
	}
	t.left(inner)
	inner.trace.within = parent.trace.life
	f := t.present
	f.known = []vessel{parent.vessel()}
	if len(inner.trace.goods) == 0 {
		f.known = append(f.known, inner.vessel()) // nothing else would tell a replay that it is known
	}
	for c, fresh := range t.around(parent) {
		if !fresh {
			return
		}
		switch {
		case inner.trace.lost:
			t.lose(c, whyOldGoods)
		case c.trace.forgot && len(inner.trace.goods) > 0:
			t.lose(c, whyForgotten)
		default:
			for _, g := range inner.trace.goods {
				t.bring(c, g)
			}
			if c.knew(inner.vessel()) {
				t.lose(c, whyOldGoods)
			}
			t.stow(c, f)
		}
	}
}

// left is called before a container is taken out of another.
func (t *Tracker) left(inner *container) {
	parent, ok := t.containers.Get(inner.parent)
	if !t.keeps || inner.parent == "" || !ok || inner.trace.within != parent.trace.life {
		return
	}
	for c, fresh := range t.around(parent) {
		if !fresh {
			return
		}
		t.stow(c, t.present)
	}
}

// got says that products came into c with the present event of a container in it, whose parent is named.
func (t *Tracker) got(c, parent *container, fresh bool) {
	if !t.keeps {
		return
	}
	if !fresh {
		t.lose(c, whyOldGoods)
		return
	}
	f := t.present
	f.known = []vessel{parent.vessel()}
	t.stow(c, f)
}

// forgotten is called when a container is dropped for want of room.
func (t *Tracker) forgotten(inner *container) {
	parent, ok := t.containers.Get(inner.parent)
	if !t.keeps || inner.parent == "" || !ok || inner.trace.within != parent.trace.life {
		return
	}
	for c, fresh := range t.around(parent) {
		if !fresh {
			return
		}
		if !c.trace.forgot {
			c.trace.forgot = true
			t.changed = append(t.changed, c.epc)
		}
	}
}

// measures says that readings in the present event are a container's, since an item of it is in it or is it.
func (t *Tracker) measures(c *container, item string) {
	if !t.keeps {
		return
	}
	t.told(c, item)
	if item == c.epc {
		return
	}
	goods := c.trace.goods
	known := len(goods) > 0 && goods[len(goods)-1].order == t.order && slices.ContainsFunc(goods[len(goods)-1].known, func(v vessel) bool { return v.epc == item })
	inner, ok := t.containers.Get(item)
	switch parent := t.present.parent.epc == item; {
	case parent == known:
	case known: // as a child: a replay is told that it is in the shipment, and not that it is a container
		t.spoil(c, whyOldGoods)
	case ok && t.holds(c, inner):
		t.got(c, inner, true)
	default: // a replay takes what it holds for the shipment's
		t.spoil(c, whyOldGoods)
	}
}

// holds reports whether a container is in c.
func (t *Tracker) holds(c, inner *container) bool {
	for around, fresh := range t.around(inner) {
		if around == c {
			return fresh
		}
	}
	return false
}
