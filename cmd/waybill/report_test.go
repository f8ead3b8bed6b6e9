package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
)

// cannedReports makes the same report of everything; what it makes of a lot says how it ends.
type cannedReports struct {
	waybillv1.UnimplementedReportServiceServer
}

const cannedCSV = "Critical tracking event,Event hash\r\nshipping," + cannedHash + "\r\n"

func (cannedReports) DownloadReport(r *waybillv1.DownloadReportRequest, s grpc.ServerStreamingServer[waybillv1.DownloadReportResponse]) error {
	sum := sha256.Sum256([]byte(cannedCSV))
	parts := []*waybillv1.DownloadReportResponse{
		{Part: &waybillv1.DownloadReportResponse_Header{Header: &waybillv1.ReportHeader{Name: "fsma204", Title: "Food traceability: sortable spreadsheet", Subject: "all lots", LedgerHeight: 7}}},
		{Part: &waybillv1.DownloadReportResponse_Data{Data: []byte(cannedCSV[:10])}},
		{Part: &waybillv1.DownloadReportResponse_Progress{Progress: &waybillv1.ReportProgress{Events: 3, Rows: 1}}},
		{Part: &waybillv1.DownloadReportResponse_Data{Data: []byte(cannedCSV[10:])}},
		{Part: &waybillv1.DownloadReportResponse_End{End: &waybillv1.ReportEnd{Rows: 1, Bytes: uint64(len(cannedCSV)), Sha256: hex.EncodeToString(sum[:])}}},
	}
	switch r.GetFoodTraceability().GetLot() {
	case "short":
		parts = parts[:4]
	case "altered":
		parts[1].GetPart().(*waybillv1.DownloadReportResponse_Data).Data = []byte("something!")
	case "failing":
		parts = parts[:2]
	}
	for _, p := range parts {
		if err := s.Send(p); err != nil {
			return err
		}
	}
	if r.GetFoodTraceability().GetLot() == "failing" {
		return status.Error(codes.Internal, "WB_INTERNAL: the server failed; its log has the cause")
	}
	return nil
}

func (cannedReports) VerifyProduct(_ context.Context, r *waybillv1.VerifyProductRequest) (*waybillv1.VerifyProductResponse, error) {
	v := &waybillv1.VerifyProductResponse{
		Epc: cannedItem, Outcome: waybillv1.VerificationOutcome_VERIFICATION_OUTCOME_VERIFIED, LotMatches: r.GetProduct().GetLot() != "", Status: "active", Custodian: "ProducerMSP",
		CommissionedByEvent: cannedHash, CommissionedBy: "ProducerMSP", CommissionedAt: at(0), Position: &waybillv1.Position{Block: 7}, TransactionId: cannedTx, LedgerHeight: 8,
	}
	if r.GetProduct().GetLot() == "A124" {
		v.Outcome, v.LotMatches = waybillv1.VerificationOutcome_VERIFICATION_OUTCOME_MISMATCH, false
		v.Reasons = []*waybillv1.VerificationReason{{Code: "lot_differs", Detail: "it was commissioned with another lot", EventHash: cannedHash}}
	}
	return v, nil
}

// reportTo runs a report into a file and gives the exit code and what was said.
func reportTo(t *testing.T, file string, args ...string) (int, string) {
	t.Helper()
	a := &app{dialed: cannedAPI(t, nil)}
	var stdout, stderr bytes.Buffer
	code := a.run(t.Context(), append([]string{"report", "fsma", "--out", file}, args...), strings.NewReader(""), &stdout, &stderr)
	return code, stdout.String() + stderr.String()
}

func TestAReportIsThereWholeOrNotAtAll(t *testing.T) {
	for lot, want := range map[string]string{"short": codeIncomplete, "altered": codeIncomplete, "failing": codeInternal} {
		dir := t.TempDir()
		file := filepath.Join(dir, "report.csv")
		code, said := reportTo(t, file, lot)
		if code == 0 || !strings.Contains(said, want) {
			t.Errorf("%s: exit code %d: %s", lot, code, said)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
			t.Errorf("%s leaves %v, %v", lot, left, err)
		}
	}
	file := filepath.Join(t.TempDir(), "report.csv")
	if code, said := reportTo(t, file); code != 0 || !strings.Contains(said, "1 row") {
		t.Errorf("exit code %d: %s", code, said)
	}
	if raw, err := os.ReadFile(file); err != nil || string(raw) != cannedCSV {
		t.Errorf("%q, %v", raw, err)
	}
	if code, said := reportTo(t, filepath.Join(file, "below", "x.csv")); code != exitRefused || !strings.Contains(said, codeFile) {
		t.Errorf("a folder that is none: exit code %d: %s", code, said)
	}
}
