package server

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/api/report/reporttest"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// downloaded takes a report in and holds it against what its end says.
func downloaded(t *testing.T, r *rig, req *waybillv1.DownloadReportRequest) (*waybillv1.ReportHeader, []byte, error) {
	t.Helper()
	stream, err := waybillv1.NewReportServiceClient(r.connect(ledger.RoleReader)).DownloadReport(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	var header *waybillv1.ReportHeader
	var data bytes.Buffer
	var end *waybillv1.ReportEnd
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, nil, err
		}
		switch p := m.GetPart().(type) {
		case *waybillv1.DownloadReportResponse_Header:
			header = p.Header
		case *waybillv1.DownloadReportResponse_Data:
			data.Write(p.Data)
		case *waybillv1.DownloadReportResponse_End:
			end = p.End
		}
	}
	sum := sha256.Sum256(data.Bytes())
	if header == nil || end == nil || end.GetBytes() != uint64(data.Len()) || end.GetSha256() != hex.EncodeToString(sum[:]) {
		t.Fatalf("header %v, end %v, %d bytes", header, end, data.Len())
	}
	return header, data.Bytes(), nil
}

func TestReportsComeInPiecesAndWhole(t *testing.T) {
	drug, names := reporttest.Drug(t)
	r := newRig(t, func(c *Config) { c.Reports, c.MasterData = drug, names })
	product := &waybillv1.ProductIdentifier{Epc: reporttest.Unit(1), Lot: "A123", Expiry: "270331"}
	for name, req := range map[string]*waybillv1.DownloadReportRequest{
		"fsma204": {Report: &waybillv1.DownloadReportRequest_FoodTraceability{FoodTraceability: &waybillv1.FoodTraceability{}}, TimeZone: "America/New_York"},
		"dscsa":   {Report: &waybillv1.DownloadReportRequest_Transactions{Transactions: &waybillv1.Transactions{Product: product}}},
		"suspect": {Report: &waybillv1.DownloadReportRequest_SuspectProduct{SuspectProduct: &waybillv1.SuspectProduct{Product: product}}},
	} {
		for _, f := range []waybillv1.ReportFormat{waybillv1.ReportFormat_REPORT_FORMAT_UNSPECIFIED, waybillv1.ReportFormat_REPORT_FORMAT_XLSX, waybillv1.ReportFormat_REPORT_FORMAT_JSON} {
			req.Format = f
			header, data, err := downloaded(t, r, req)
			if err != nil || header.GetName() != name || header.GetLedgerHeight() != 3 || len(data) == 0 {
				t.Errorf("%s as %s: %v %v", name, f, header, err)
			}
			if f == waybillv1.ReportFormat_REPORT_FORMAT_UNSPECIFIED && name != "fsma204" && !strings.Contains(string(data), "Epcistra") {
				t.Errorf("%s has no names: %s", name, data)
			}
		}
	}
}

func TestMasterDataOfTheRequestFillsWhatIsNotRegistered(t *testing.T) {
	drug, _ := reporttest.Drug(t)
	r := newRig(t, func(c *Config) {
		c.Reports, c.MasterData = drug, reporttest.Master{"https://id.gs1.org/01/09521321000216": {"regulatedProductName": "registered"}}
	})
	document := `{"@context":["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"],"type":"EPCISDocument","schemaVersion":"2.0","creationDate":"2026-06-01T00:00:00Z",
		"epcisHeader":{"epcisMasterData":{"vocabularyList":[{"type":"urn:epcglobal:epcis:vtype:EPCClass","vocabularyElementList":[{"id":"urn:epc:idpat:sgtin:9521321.000021.*",
		"attributes":[{"id":"urn:epcglobal:cbv:mda#regulatedProductName","attribute":"sent"},{"id":"cbvmda:strengthDescription","attribute":"7 mg"}]}]}]}},"epcisBody":{"eventList":[]}}`
	_, data, err := downloaded(t, r, &waybillv1.DownloadReportRequest{
		Report:     &waybillv1.DownloadReportRequest_Transactions{Transactions: &waybillv1.Transactions{Product: &waybillv1.ProductIdentifier{Epc: reporttest.Unit(1)}}},
		MasterData: []byte(document),
	})
	if err != nil || !strings.Contains(string(data), "registered,7 mg") || strings.Contains(string(data), "sent") {
		t.Errorf("%v %s", err, data)
	}
}

func TestReportsThatCannotBeMadeAreRefused(t *testing.T) {
	drug, _ := reporttest.Drug(t)
	r := newRig(t, func(c *Config) { c.Reports = drug })
	food := func(f *waybillv1.FoodTraceability) *waybillv1.DownloadReportRequest {
		return &waybillv1.DownloadReportRequest{Report: &waybillv1.DownloadReportRequest_FoodTraceability{FoodTraceability: f}}
	}
	zone := food(&waybillv1.FoodTraceability{})
	zone.TimeZone = "Mars"
	master := food(&waybillv1.FoodTraceability{})
	master.MasterData = []byte("{}")
	format := food(&waybillv1.FoodTraceability{})
	format.Format = 99
	for name, c := range map[string]struct {
		req  *waybillv1.DownloadReportRequest
		grpc codes.Code
		code string
	}{
		"no report":       {&waybillv1.DownloadReportRequest{}, codes.InvalidArgument, codeArgument},
		"no lot":          {food(&waybillv1.FoodTraceability{Lot: "x"}), codes.InvalidArgument, "WB_REPORT_ARGUMENT"},
		"no time":         {food(&waybillv1.FoodTraceability{EventTime: &waybillv1.TimeRange{From: &timestamppb.Timestamp{Nanos: -1}}}), codes.InvalidArgument, codeArgument},
		"no zone":         {zone, codes.InvalidArgument, "WB_REPORT_ARGUMENT"},
		"no master data":  {master, codes.InvalidArgument, "WB_REPORT_ARGUMENT"},
		"no format":       {format, codes.InvalidArgument, codeArgument},
		"unknown lot":     {food(&waybillv1.FoodTraceability{Lot: "(01)09521321000216(10)NOBODY"}), codes.NotFound, "WB_NOT_FOUND"},
		"unknown product": {&waybillv1.DownloadReportRequest{Report: &waybillv1.DownloadReportRequest_Transactions{Transactions: &waybillv1.Transactions{Product: &waybillv1.ProductIdentifier{Epc: reporttest.Unit(99)}}}}, codes.NotFound, "WB_REPORT_UNKNOWN_PRODUCT"},
	} {
		_, _, err := downloaded(t, r, c.req)
		if st := status.Convert(err); st.Code() != c.grpc || reason(st) != c.code {
			t.Errorf("%s: %v", name, err)
		}
	}
	none := newRig(t)
	if _, _, err := downloaded(t, none, zone); status.Code(err) != codes.Unimplemented {
		t.Errorf("a server without reports: %v", err)
	}
}

func TestProductsAreVerified(t *testing.T) {
	drug, _ := reporttest.Drug(t)
	r := newRig(t, func(c *Config) { c.Reports = drug })
	api := waybillv1.NewReportServiceClient(r.connect(ledger.RoleReader))
	for outcome, p := range map[waybillv1.VerificationOutcome]*waybillv1.ProductIdentifier{
		waybillv1.VerificationOutcome_VERIFICATION_OUTCOME_MISMATCH:  {Epc: reporttest.Unit(1), Lot: "A124"},
		waybillv1.VerificationOutcome_VERIFICATION_OUTCOME_NOT_FOUND: {Gtin: "09521321000216", Serial: "nobody"},
	} {
		v, err := api.VerifyProduct(t.Context(), &waybillv1.VerifyProductRequest{Product: p})
		if err != nil || v.GetOutcome() != outcome || len(v.GetReasons()) != 1 || v.GetLedgerHeight() != 3 {
			t.Errorf("%v: %v %v", p, v, err)
		}
		if (v.GetCommissionedByEvent() == "") != (outcome == waybillv1.VerificationOutcome_VERIFICATION_OUTCOME_NOT_FOUND) {
			t.Errorf("commissioned by %q", v.GetCommissionedByEvent())
		}
	}
	if _, err := api.VerifyProduct(t.Context(), &waybillv1.VerifyProductRequest{}); status.Code(err) != codes.InvalidArgument {
		t.Errorf("no product: %v", err)
	}
}
