package feature

import (
	"iter"
	"slices"

	"github.com/waybill-dev/waybill/analytics/canon"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// Tracker follows shipments in ledger order. It is not safe for concurrent use.
type Tracker struct {
	limits     Limits
	block      uint64
	policies   *canon.Recent[ledger.Policy] // by product
	containers *canon.Recent[*container]
	devices    *canon.Recent[*device]
	suspects   *canon.Recent[[]suspect]
	ended      []ending // journeys that linger, in the order they ended
	open       int      // journeys under way or lingering
	early      int      // times held by devices
	overflow   uint64
	journeys   uint64 // begun so far

	only string // the one shipment that is followed; empty: all

	references

	steps []Step
}

// NewTracker starts at an empty ledger.
func NewTracker(limits Limits) *Tracker {
	return &Tracker{
		limits: limits, policies: canon.NewRecent[ledger.Policy](), containers: canon.NewRecent[*container](),
		devices: canon.NewRecent[*device](), suspects: canon.NewRecent[[]suspect](),
	}
}

// Overflow is how many journeys under way were given up because there were more than the limit.
func (t *Tracker) Overflow() uint64 { return t.overflow }

// Open is how many journeys are under way or linger.
func (t *Tracker) Open() int { return t.open }

// Apply takes what a valid transaction of a block recorded and gives the steps that follow from
// it. Transactions come in ledger order.
func (t *Tracker) Apply(block uint64, tx wire.Transaction) []Step {
	var all []Step
	for steps := range t.Parts(block, tx) {
		if all == nil {
			all = slices.Clip(steps)
		} else {
			all = append(all, steps...)
		}
	}
	return all
}

// Parts is Apply that gives the steps as they follow from each thing recorded, one after the other. All of them
// have to be taken.
func (t *Tracker) Parts(block uint64, tx wire.Transaction) iter.Seq[[]Step] {
	return func(yield func([]Step) bool) {
		goOn := true
		give := func() {
			if goOn && len(t.steps)+len(t.changed) > 0 {
				goOn = yield(t.steps)
			}
			t.steps, t.changed = nil, nil
		}
		t.steps, t.changed = nil, nil
		t.transaction()
		t.retire(block)
		give()
		items := make(map[string]string, len(tx.Items))
		for _, s := range tx.Items {
			if s.Container != "" {
				items[s.EPC] = s.Container
			}
		}
		for i := range tx.Policies {
			t.part(policyFact(&tx.Policies[i]))
			t.setPolicy(tx.Policies[i])
			give()
		}
		for i := range tx.Events {
			t.part(eventFact(ledger.RefEvent, &tx.Events[i]))
			t.event(&tx.Events[i], items)
			give()
		}
		for i := range tx.Restatements {
			if r := &tx.Restatements[i]; slices.Contains(tx.Withdrawn, r.Hash) {
				t.part(eventFact(ledger.RefWithdrawn, r))
				t.withdraw(r)
				give()
			}
		}
		for _, f := range tx.Findings {
			t.part(findingFact(ledger.RefFinding, f))
			t.finding(f, items)
			give()
		}
		for _, f := range tx.Changes {
			if !f.Open() {
				t.part(findingFact(ledger.RefClosed, f))
				t.closed(f, items)
				give()
			}
		}
		for _, s := range tx.Segments {
			t.part(fact{})
			t.segment(ledgerSegment{segment: s.Segment, digest: s.Digest})
			give()
		}
		t.trim()
		give()
	}
}
