package scorer_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/analytics/feature"
	"github.com/waybill-dev/waybill/analytics/score"
	"github.com/waybill-dev/waybill/analytics/scorer"
	"github.com/waybill-dev/waybill/api/proof"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/referee"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// chronicle is all that was recorded and has a place in the proof log, in its order, as a claim names it.
type chronicle struct {
	facts []ledger.Reference
	at    map[string]int
}

func (c *chronicle) record(t failer, tx wire.Transaction) {
	t.Helper()
	var leaves proof.BlockLeaves
	if err := leaves.Add("", "", 0, &tx); err != nil {
		t.Fatal(err)
	}
	named := map[string]ledger.Reference{}
	for _, e := range tx.Events {
		named[wire.EventKey(e.Hash)] = ledger.Reference{Kind: ledger.RefEvent, Digest: e.Hash}
	}
	for _, s := range tx.Segments {
		named[must(wire.SegmentKey(s.Segment.Device, s.Segment.Seq))] = ledger.Reference{
			Kind: ledger.RefSegments, ID: s.Segment.Device, First: s.Segment.Seq, Last: s.Segment.Seq, Digest: s.Digest,
		}
	}
	for _, leaf := range leaves.Facts {
		r, ok := named[leaf.Key]
		if _, again := c.at[leaf.Key]; ok && !again {
			c.at[leaf.Key] = len(c.facts)
			c.facts = append(c.facts, r)
		}
	}
}

// place is where a reference stands, -1 where it has no place.
func (c *chronicle) place(r ledger.Reference) int {
	key := ""
	switch r.Kind {
	case ledger.RefEvent, ledger.RefElsewhere:
		key = wire.EventKey(r.Digest)
	case ledger.RefSegments:
		key = must(wire.SegmentKey(r.ID, r.First))
	case ledger.RefPolicy, ledger.RefFinding, ledger.RefClosed, ledger.RefWithdrawn:
	}
	if at, ok := c.at[key]; ok {
		return at
	}
	return -1
}

// apiece gives a list with every segment by itself, which is the same list to the referee, and where each reference stands.
func (c *chronicle) apiece(r *records, list []ledger.Reference) (out []ledger.Reference, places []int) {
	for _, ref := range list {
		if ref.Kind != ledger.RefSegments {
			out = append(out, ref)
			continue
		}
		for seq := ref.First; seq <= ref.Last; seq++ {
			s := must(r.RecordedSegment(ref.ID, seq))
			out = append(out, ledger.Reference{Kind: ref.Kind, ID: ref.ID, First: seq, Last: seq, Digest: s.Digest})
		}
	}
	for _, ref := range out {
		places = append(places, c.place(ref))
	}
	return out, places
}

// claims gives, of what is recorded and a list does not name, each that could be claimed to be left out, with the list, the first and
// last place in it that the proof log does not refute, and whether it came after the journey before. What the ledger asks of a claim beside is asked here too.
func (c *chronicle) claims(book *records, s, former ledger.TaskStatement, yield func(omitted ledger.Reference, list []ledger.Reference, least, most int, since bool)) {
	list, places := c.apiece(book, s.References)
	last := slices.Max(places) // what is put after it could be of what came after the window
	ended := -1                // where the last that the journey before rests on stands
	if len(former.References) > 0 {
		_, all := c.apiece(book, former.References)
		ended = slices.Max(all)
	}
	for place, f := range c.facts {
		same := func(r ledger.Reference) bool { return r.Kind == f.Kind && c.place(r) == place }
		if slices.ContainsFunc(list, same) || place > last {
			continue
		}
		if f.Kind == ledger.RefEvent && slices.ContainsFunc(former.References, func(r ledger.Reference) bool { return same(r) && len(r.Containers) == 0 }) {
			continue // the journey before rests on it
		}
		least, most := 0, len(list)-1
		for i, p := range places {
			if p >= 0 && p < place {
				least = i + 1
			}
			if p > place {
				most = min(most, i)
			}
		}
		yield(f, list, least, most, len(former.References) > 0 && place > ended)
	}
}

// What is recorded and is not in a list changes nothing that is judged where it is put into it at its own place: no such claim
// against an honest list stands. Between two facts of the proof log may be what has no place in it, a policy, a finding, a declaration
// of error: which side of that is its own the log does not say, and the other one may differ. Loggers are used again with and without being removed, segments come before their
// binding, goods are packed anew, containers go on one journey after another. Bounds that drop what is known are not reached.
func TestWhatAnHonestListLeavesOutChangesNothing(t *testing.T) {
	m := model(t)
	lists, tied, elsewhere := 0, 0, 0
	tried := map[ledger.ReferenceKind]int{}
	rapid.Check(t, func(t *rapid.T) {
		h, book, log := newHistory(t), newRecords(), &chronicle{at: map[string]int{}}
		limits := feature.DefaultLimits()
		limits.Linger = rapid.Uint64Range(2, 40).Draw(t, "linger")
		d := scorer.NewTaskDocket(m, limits)
		ends, before := map[string]ledger.TaskStatement{}, map[string]ledger.TaskStatement{} // by shipment
		block := uint64(0)
		for range rapid.IntRange(5, 60).Draw(t, "transactions") {
			var tx wire.Transaction
			for range rapid.IntRange(1, 4).Draw(t, "parts") {
				h.record(&tx)
			}
			block += uint64(rapid.IntRange(0, 3).Draw(t, "blocks"))
			book.record(tx)
			log.record(t, tx)
			for _, due := range d.Judge(block, tx) {
				if due.Statement == nil {
					continue
				}
				s := *due.Statement
				lists++
				if slices.ContainsFunc(s.References, func(r ledger.Reference) bool { return r.Kind == ledger.RefElsewhere }) {
					tied++
				}
				if last := ends[s.Shipment]; last.Begins != s.Begins {
					before[s.Shipment] = last
				}
				ends[s.Shipment] = s
				former := before[s.Shipment]
				if s.Begins == 0 || former.Window+1 != s.Begins {
					former = ledger.TaskStatement{}
				}
				if lists%3 != 0 {
					continue
				}
				log.claims(book, s, former, func(omitted ledger.Reference, list []ledger.Reference, least, most int, since bool) {
					tried[omitted.Kind]++
					some, all := false, true
					for at := least; at <= most; at++ {
						with := s
						with.References = slices.Insert(slices.Clone(list), at, omitted)
						is := changes(m, book, s, with, omitted, at, since)
						some, all = some || is, all && is
					}
					if some && !all {
						elsewhere++
					}
					if all {
						t.Fatalf("put before %d to %d it changes what is judged: %s\n%s", least, most, book.text([]ledger.Reference{omitted}), book.text(s.References))
					}
				})
			}
		}
	})
	t.Logf("of %d lists, %d with loggers that were elsewhere, %d claims of events and %d of segments change nothing; %d would on the other side of what has no place", lists, tied, tried[ledger.RefEvent], tried[ledger.RefSegments], elsewhere)
	if tied == 0 || tried[ledger.RefEvent] == 0 || tried[ledger.RefSegments] == 0 {
		t.Error("nothing was shown")
	}
}

// changes reports whether the contract takes a claim for true in substance; since says that the event came after all of the journey
// before, so that it may be what opened this one.
func changes(m *score.Model, book *records, s, with ledger.TaskStatement, omitted ledger.Reference, at int, since bool) bool {
	ruling := must(referee.Judge(m, with, book))
	if omitted.Kind == ledger.RefEvent && s.Begins > 0 && (ruling.Opened > at || ruling.Opened == at && !since) {
		return false
	}
	return ruling.Fault != "" && ruling.Blame || ruling.Fault == "" && ruling.Inputs != s.Inputs
}
