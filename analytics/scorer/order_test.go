package scorer_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/analytics/feature"
	"github.com/waybill-dev/waybill/analytics/scorer"
	"github.com/waybill-dev/waybill/api/proof"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// places is where facts stand in the proof log, by their keys.
type places map[string]int

func (p places) record(t failer, tx wire.Transaction) {
	t.Helper()
	var leaves proof.BlockLeaves
	if err := leaves.Add("", "", 0, &tx); err != nil {
		t.Fatal(err)
	}
	for _, leaf := range leaves.Facts {
		if _, again := p[leaf.Key]; !again {
			p[leaf.Key] = len(p)
		}
	}
}

// of gives the places of all that a list refers to and that has one.
func (p places) of(t failer, references []ledger.Reference) (out []int) {
	t.Helper()
	for _, r := range references {
		if r.Kind == ledger.RefEvent || r.Kind == ledger.RefElsewhere {
			out = append(out, p[wire.EventKey(r.Digest)])
		}
		if r.Kind != ledger.RefSegments {
			continue
		}
		for seq := r.First; seq <= r.Last; seq++ {
			key, err := wire.SegmentKey(r.ID, seq)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, p[key])
		}
	}
	return out
}

// Segments that waited for their binding, goods that were packed long before, events of several containers: whatever is
// recorded, a list names events and segments in the order of the proof log, so that no true claim that one is left out can
// be refuted. A journey's lists only grow, so that one that has not what a window before rests on is of another. And what two journeys of a container both rest on is about what is in it: the ledger takes an event that the
// journey before rests on for none of this one's.
func TestEveryListIsInTheOrderOfTheProofLog(t *testing.T) {
	m := model(t)
	lists, early, again := 0, 0, 0
	rapid.Check(t, func(t *rapid.T) {
		h, log := newHistory(t), places{}
		limits := drawLimits(t)
		d := scorer.NewTaskDocket(m, limits)
		ends := map[string]ledger.TaskStatement{} // the last task of each shipment
		before := map[string]ledger.TaskStatement{}
		block := uint64(0)
		for range rapid.IntRange(5, 60).Draw(t, "transactions") {
			var tx wire.Transaction
			for range rapid.IntRange(1, 4).Draw(t, "parts") {
				h.record(&tx)
			}
			block += uint64(rapid.IntRange(0, 3).Draw(t, "blocks"))
			log.record(t, tx)
			for _, due := range d.Judge(block, tx) {
				s := due.Statement
				if s == nil {
					continue
				}
				lists++
				at := log.of(t, s.References)
				once := log.of(t, slices.DeleteFunc(slices.Clone(s.References), func(r ledger.Reference) bool { return r.Kind == ledger.RefElsewhere }))
				if !slices.IsSorted(at) || len(slices.Compact(slices.Clone(once))) != len(once) {
					t.Fatalf("%v are the places of %+v", at, s.References)
				}
				for i, r := range s.References[1:] {
					if r.Kind == ledger.RefEvent && s.References[i].Kind == ledger.RefSegments && i == 0 {
						early++
					}
				}
				last, seen := ends[s.Shipment]
				if last.Begins != s.Begins {
					before[s.Shipment] = last
				}
				if seen && last.Window >= s.Begins {
					grows(t, last, *s)
				}
				ends[s.Shipment] = *s
				if former := before[s.Shipment]; s.Begins > 0 && former.Window+1 == s.Begins && limits.Containers == feature.DefaultLimits().Containers { // none was forgotten
					again++
					apart(t, former, *s)
				}
			}
		}
	})
	t.Logf("%d lists, %d begin with segments that waited, %d are of a journey after another", lists, early, again)
	if lists == 0 || early == 0 || again == 0 {
		t.Error("nothing was shown")
	}
}

func grows(t failer, last, s ledger.TaskStatement) {
	t.Helper()
	for _, r := range last.References {
		if last.Begins != s.Begins || r.Kind == ledger.RefEvent && len(r.Containers) == 0 && !slices.ContainsFunc(s.References, func(q ledger.Reference) bool { return q.Kind == r.Kind && q.Digest == r.Digest }) {
			t.Fatalf("window %d of %s, which begins with %d, has not event %s of window %d, which begins with %d", s.Window, s.Shipment, s.Begins, r.Digest, last.Window, last.Begins)
		}
	}
}

func apart(t failer, former, s ledger.TaskStatement) {
	t.Helper()
	for _, r := range former.References {
		if r.Kind == ledger.RefEvent && len(r.Containers) == 0 && slices.ContainsFunc(s.References, func(q ledger.Reference) bool {
			return q.Kind == r.Kind && q.Digest == r.Digest && len(q.Containers) == 0 // else it tells what was in goods that came later, and is not claimed
		}) {
			t.Fatalf("event %s is of two journeys of %s", r.Digest, s.Shipment)
		}
	}
}
