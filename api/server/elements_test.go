package server

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/api/readmodel"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// withHeader puts vocabulary elements into the header of a document.
func withHeader(document []byte, elements ...string) []byte {
	return []byte(strings.Replace(string(document), `"epcisBody"`, `"epcisHeader":{"epcisMasterData":{"vocabularyList":[{"type":"urn:epcglobal:epcis:vtype:EPCClass","vocabularyElementList":[`+
		strings.Join(elements, ",")+`]}]}},"epcisBody"`, 1))
}

func TestTheMasterDataOfADocumentIsRecordedOnEveryWay(t *testing.T) {
	r := newRig(t)
	r.start()
	conn := r.connect(ledger.RoleRecorder, ledger.RoleRegistrar)
	api, master := waybillv1.NewCaptureServiceClient(conn), waybillv1.NewMasterDataServiceClient(conn)
	element := func(n int) string {
		return fmt.Sprintf(`{"id":"urn:x:class:%d","attributes":[{"id":"cbvmda:descriptionShort","attribute":"Class %d"}]}`, n, n)
	}
	kept := func(want int) {
		t.Helper()
		all, err := r.store.Elements(t.Context(), readmodel.ElementFilter{All: true}, readmodel.ElementKey{}, 100)
		if err != nil || len(all) != want {
			t.Fatalf("kept are %d elements, not %d: %v", len(all), want, err)
		}
	}
	whole := withHeader(documentOf(observed(1, "")), element(1), element(2))
	for range 2 {
		if answer, err := api.CaptureEvents(t.Context(), captureDocument(whole)); err != nil || len(answer.GetResults()) != 1 {
			t.Fatal(answer, err)
		}
		kept(2)
	}
	stream, err := api.StreamEvents(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	results, ended := sendPieces(t, stream, withHeader(documentOf(observed(1, ""), observed(2, "")), element(2), element(3)), 100)
	if len(results) != 2 || ended.GetEvents() != 2 || ended.GetFault() != nil {
		t.Fatal(results, ended)
	}
	kept(3)
	for want := range 2 {
		answer, err := master.RegisterMasterData(t.Context(), &waybillv1.RegisterMasterDataRequest{Document: withHeader(documentOf(observed(3, "")), element(4))})
		if err != nil || len(answer.GetResults()) != 1 || int(answer.GetResults()[0].GetStatus()) != 1+want || answer.GetResults()[0].GetId() != "urn:x:class:4" {
			t.Fatal(answer, err)
		}
		kept(4)
	}

	// Beyond the limits the document is refused whole, and told where.
	large := strings.Replace(element(5), "Class 5", strings.Repeat("x", ledger.MaxElementBytes), 1)
	_, err = api.CaptureEvents(t.Context(), captureDocument(withHeader(documentOf(observed(4, "")), element(6), large)))
	wants(t, err, codes.ResourceExhausted, ledger.CodeTooLarge)
	_, err = master.RegisterMasterData(t.Context(), &waybillv1.RegisterMasterDataRequest{Document: documentOf(observed(4, ""))})
	wants(t, err, codes.InvalidArgument, codeArgument)
	kept(4)
}
