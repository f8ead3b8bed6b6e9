package scorer_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/analytics/feature"
	"github.com/waybill-dev/waybill/analytics/scorer"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/referee"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// Where a container's later journey begins, the one before has ended: its last verdict says so, what the list begins the journey with
// came after all that the verdict rests on, and nothing between the two would have given that journey a window more. The ledger takes a
// list for none of the later journey where one of these is not so.
func TestALaterJourneyBeginsAfterTheEndOfTheOneBefore(t *testing.T) {
	m := model(t)
	again, between := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		h, book, log := newHistory(t), newRecords(), &chronicle{at: map[string]int{}}
		d := scorer.NewTaskDocket(m, feature.DefaultLimits())
		ends, before := map[string]scorer.Due{}, map[string]scorer.Due{} // by shipment
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
				last, ok := ends[s.Shipment]
				if ok && last.Statement.Begins != s.Begins {
					before[s.Shipment] = last
				}
				ends[s.Shipment] = due
				former, ok := before[s.Shipment]
				if !ok || former.Statement.Window+1 != s.Begins || s.Window > s.Begins+1 {
					continue
				}
				again++
				if !former.Verdict.Final {
					t.Fatalf("window %d of %s begins a journey, and the one before had not ended", s.Begins, s.Shipment)
				}
				_, places := log.apiece(book, former.Statement.References)
				end := slices.Max(places)
				opened := log.place(s.References[must(referee.Judge(m, s, book)).Opened])
				if opened <= end {
					t.Fatalf("it begins at %d, the journey before ends at %d\n%s", opened, end, book.text(s.References))
				}
				for place, omitted := range log.facts {
					if place <= end || place >= opened {
						continue
					}
					between++
					longer := *former.Statement
					longer.References, longer.Window = append(slices.Clone(longer.References), omitted), s.Begins
					if ruling := must(referee.Judge(m, longer, book)); ruling.Fault == "" {
						t.Fatalf("the journey before has another window with %s\n%s\nthen\n%s", book.text([]ledger.Reference{omitted}), book.text(former.Statement.References), book.text(s.References))
					}
				}
			}
		}
	})
	t.Logf("%d lists of later journeys, %d facts between two", again, between)
	if again == 0 || between == 0 {
		t.Error("nothing was shown")
	}
}
