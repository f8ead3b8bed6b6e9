package feature

import (
	"slices"

	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// finding brings a finding to every container around its item.
func (t *Tracker) finding(f ledger.Finding, containers map[string]string) {
	if f.Item == "" || len(f.Item) > MaxText || len(f.Detail) > 2*MaxText || len(f.Code) > MaxText {
		return
	}
	c, ok := t.concerned(f, containers)
	if !ok {
		found, _ := t.suspects.Get(f.Item)
		if len(found) < maxSuspectFindings {
			t.suspects.Put(f.Item, append(slices.Clone(found), suspect{f, t.order}))
		}
		return
	}
	t.concern(c, suspect{f, t.order}, nil)
}

// concerned is the container that a finding's item is, or is in. A replay is told which findings concern its shipment,
// through however many containers.
func (t *Tracker) concerned(f ledger.Finding, containers map[string]string) (*container, bool) {
	if t.only != "" {
		if f.Item != t.only && containers[f.Item] != t.only {
			return nil, false
		}
		return t.known(t.only), true
	}
	c, ok := t.containers.Get(f.Item)
	if !ok {
		c, ok = t.containers.Get(containers[f.Item])
	}
	return c, ok
}

// closed tells every container around a finding's item that it holds no longer.
func (t *Tracker) closed(f ledger.Finding, containers map[string]string) {
	same := func(o ledger.Finding) bool { return o.Code == f.Code && o.Event == f.Event && o.Item == f.Item }
	if found, ok := t.suspects.Get(f.Item); ok {
		if found = slices.DeleteFunc(slices.Clone(found), func(s suspect) bool { return same(s.finding) }); len(found) == 0 {
			t.suspects.Remove(f.Item)
		} else {
			t.suspects.Put(f.Item, found)
		}
	}
	first, ok := t.concerned(f, containers)
	if !ok {
		return
	}
	var seen []string
	for c := range t.around(first) {
		switch {
		case c.open:
			t.told(c, f.Item)
			t.input(c, Input{Kind: KindClosed, Event: f.ClosedBy, Finding: f})
			t.judge(c, true)
		case slices.ContainsFunc(c.findings, same):
			t.told(c, f.Item)
			c.findings = slices.DeleteFunc(c.findings, same)
		}
		if slices.Contains(seen, c.epc) {
			t.spoil(c, whyCircle)
		}
		seen = append(seen, c.epc)
	}
}

// concern tells a finding to a container and those around it. By is the container that its item was packed into just now,
// nil for a finding that was recorded just now.
func (t *Tracker) concern(first *container, s suspect, by *container) {
	f := s.finding
	var seen []string
	for c, fresh := range t.around(first) {
		t.containers.Touch(c.epc)
		switch {
		case c.open:
			t.found(c, s, by, fresh)
			t.input(c, Input{Kind: KindFinding, Event: f.Event, Finding: f})
			t.judge(c, true)
		case len(c.findings) < maxContainerEvents:
			t.found(c, s, by, fresh)
			c.findings = append(c.findings, f)
		}
		if slices.Contains(seen, c.epc) {
			t.spoil(c, whyCircle)
		}
		seen = append(seen, c.epc)
	}
}
