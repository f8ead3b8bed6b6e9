package founding

import (
	"errors"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/chaincode/ledger"
)

func TestKeepersAreThoseThatWereAgreedOn(t *testing.T) {
	n := newNetwork(t)
	var said []string
	o := options()
	o.Say = func(line string) { said = append(said, line) }
	if _, err := found(t.Context(), o, n.seats("producer", "carrier", "retailer")); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(strings.Join(said, "\n"), "on the word of producerMSP alone") {
		t.Errorf("whose word the keepers are is not said: %q", said)
	}
	assessor := connected(t.Context(), n.seats("assessor")[0])
	defer func() {
		if err := assessor.Close(); err != nil {
			t.Error(err)
		}
	}()
	book, err := assessor.Rules(t.Context())
	if err != nil || book == nil {
		t.Fatal(book, err)
	}
	if err := CheckKeepers(*book, []string{"retailerMSP", "producerMSP", "carrierMSP"}); err != nil {
		t.Errorf("in another order: %v", err)
	}
	for _, agreed := range [][]string{nil, {"carrierMSP", "producerMSP"}, {"carrierMSP", "producerMSP", "retailerMSP", "assessorMSP"}, {"carrierMSPproducerMSP", "retailerMSP"}} {
		if err := CheckKeepers(*book, agreed); !errors.Is(err, ErrKeepers) {
			t.Errorf("%q: %v", agreed, err)
		}
	}
	if err := CheckKeepers(ledger.MasterDatum{}, nil); !errors.Is(err, ErrKeepers) {
		t.Errorf("no rules: %v", err)
	}
}

func TestLaterRulesAreTheWordOfThoseWhoVoted(t *testing.T) {
	book := ledger.MasterDatum{Version: 2, Rules: &ledger.Rules{Keepers: []string{"A", "B", "C"}}, SetBy: "A", Approvals: []string{"A", "B"}}
	if told := TellRules(book); !strings.Contains(told, "version 2") || !strings.HasSuffix(told, "by the votes of A, B") {
		t.Error(told)
	}
}
