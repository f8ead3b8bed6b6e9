package server

import (
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

func TestAFindingToBeProvenIsNamedByItsItemInAnySpelling(t *testing.T) {
	key := func(item string) (string, error) {
		return factKey(&waybillv1.FactRef{Fact: &waybillv1.FactRef_Finding{Finding: &waybillv1.FindingRef{
			Event: strings.Repeat("5f", 32), Code: "impossible_journey", Item: item,
		}}})
	}
	want, err := key("https://id.gs1.org/01/09521321000018/21/J1")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := key("urn:epc:id:sgtin:9521321.000001.J1"); err != nil || got != want {
		t.Errorf("%q, not %q: %v", got, want, err)
	}
	if got, err := key(""); err != nil || got == want {
		t.Errorf("a finding on the event alone: %q %v", got, err)
	}
	_, err = key("J1")
	st, _ := tell(err)
	wants(t, st.Err(), codes.InvalidArgument, "WB_EPCIS_IDENTIFIER")
}

func TestWhatStandsForAWindowIsNamedWithOrWithoutItsModel(t *testing.T) {
	for _, model := range []string{"cold@1", ""} {
		got, err := factKey(&waybillv1.FactRef{Fact: &waybillv1.FactRef_Final{Final: &waybillv1.FinalRef{Shipment: "urn:epc:id:sscc:9521321.0000000001", Window: 3, Model: model}}})
		want, failed := wire.FinalKey("https://id.gs1.org/00/095213210000000018", 3, model)
		if err != nil || failed != nil || got != want {
			t.Errorf("%q, not %q: %v", got, want, err)
		}
	}
	_, err := factKey(&waybillv1.FactRef{Fact: &waybillv1.FactRef_Final{Final: &waybillv1.FinalRef{}}})
	st, _ := tell(err)
	wants(t, st.Err(), codes.InvalidArgument, codeArgument)
}
