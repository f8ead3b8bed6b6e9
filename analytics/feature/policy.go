package feature

import (
	"cmp"
	"slices"

	"github.com/waybill-dev/waybill/chaincode/ledger"
)

func (t *Tracker) setPolicy(p ledger.Policy) {
	var changed map[string]bool // kept where references are
	if t.keeps {
		changed = map[string]bool{}
	}
	for product, old := range t.policies.All {
		if old.ID == p.ID && old.Version < p.Version && !slices.Contains(p.Products, product) {
			t.policies.Remove(product) // the new version no longer names it
			t.ruled(changed, product, true)
		}
	}
	for _, product := range p.Products {
		if old, ok := t.policies.Get(product); ok && old.ID == p.ID && old.Version > p.Version {
			continue
		}
		t.policies.Put(product, p)
		t.ruled(changed, product, false)
	}
	// Journeys that had to do without their own policy get it now. Others keep the version they
	// began with, so that a change of rules does not move under a shipment.
	for _, c := range t.containers.All {
		if c.open && !c.specific {
			t.rulesChanged(c, changed)
			t.choosePolicy(c, c.classes)
		}
	}
}

// stricter orders policies: the narrower recommended range first, then the shorter allowances.
func stricter(a, b *ledger.Policy) int {
	return cmp.Or(
		cmp.Compare(int64(a.High)-int64(a.Low), int64(b.High)-int64(b.Low)),
		cmp.Compare(a.ExcursionFor, b.ExcursionFor), cmp.Compare(a.Grace, b.Grace),
		cmp.Compare(a.ID, b.ID), cmp.Compare(a.Version, b.Version),
	)
}

// choosePolicy takes the strictest policy of the products named, if it is stricter than the one in
// force or the first of its own.
func (t *Tracker) choosePolicy(c *container, classes []string) {
	if !c.open || c.isEnded {
		return
	}
	var best *ledger.Policy
	for _, class := range classes {
		t.lookedUp(c, class)
		if p, ok := t.policies.Get(class); ok && (best == nil || stricter(&p, best) < 0) {
			best = &p
		}
	}
	specific := best != nil
	if best == nil && !c.hasPolicy {
		t.lookedUp(c, "*")
		if p, ok := t.policies.Get("*"); ok {
			best = &p
		}
	}
	if best == nil || c.specific && stricter(best, &c.policy) >= 0 {
		return
	}
	p := *best
	// A verdict names its policy; the products of a policy may be thousands.
	p.Products = nil
	c.policy, c.hasPolicy, c.specific = p, true, specific
	t.input(c, Input{Kind: KindPolicy, Policy: &p, Default: !specific})
}

// addClasses notes products in a container and in the containers around it.
func (t *Tracker) addClasses(c *container, classes []string) {
	named, fresh := c, true
	for range maxDepth {
		var added []string
		for _, class := range classes {
			if i, found := slices.BinarySearch(c.classes, class); !found && len(c.classes) < maxClasses {
				c.classes = slices.Insert(c.classes, i, class)
				added = append(added, class)
			}
		}
		if len(added) == 0 {
			return
		}
		t.got(c, named, fresh)
		t.choosePolicy(c, added)
		parent, ok := t.containers.Get(c.parent)
		if c.parent == "" || !ok {
			return
		}
		fresh = fresh && t.keeps && c.trace.within == parent.trace.life
		c, classes = parent, added
	}
}
