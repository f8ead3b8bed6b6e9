package contract_test

import (
	"fmt"
	"testing"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// Amounts of lots move accounts, as instances change items: a batch may not name too many of both.
func TestAmountsOfLotsCountAsInstancesDo(t *testing.T) {
	c := newChannel(t)
	amounts := func(lots, others int) (out []fields) {
		for i := range lots + others {
			class := fmt.Sprintf("urn:epc:class:lgtin:9506000.013435.%d", i)
			if i >= lots { // it has no account
				class = fmt.Sprintf("urn:epc:idpat:sgtin:9506000.%06d.*", i)
			}
			out = append(out, fields{"epcClass": class, "quantity": 1})
		}
		return out
	}
	var entries []wire.EventEntry
	for i := range ledger.MaxBatchItems / ledger.MaxEventItems {
		entries = append(entries, entry(i, fields{"quantityList": amounts(ledger.MaxEventItems-1, 3)}))
	}
	if in := readEntry(t, entries[0]); in.Weight() != ledger.MaxEventItems {
		t.Errorf("it weighs %d", in.Weight())
	}
	for _, twice := range []fields{{"quantityList": append(amounts(5, 0), amounts(5, 0)...)}, {"quantityList": amounts(5, 9)}} {
		if in := readEntry(t, entry(9, twice)); in.Weight() != 6 {
			t.Errorf("it weighs %d", in.Weight())
		}
	}
	answers, _ := c.submit(t, "A", wire.FnRecordEvents, events(t, append(entries, entry(50, fields{"quantityList": amounts(ledger.MaxEventItems, 0)}), entry(51, nil))...))
	expect(t, answers, "recorded recorded recorded recorded refused:WB_TOO_LARGE refused:WB_TOO_LARGE")
}
