package main

import (
	"context"

	"google.golang.org/protobuf/types/known/durationpb"

	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
)

// cannedRules answers about findings and master data.
type cannedRules struct {
	waybillv1.UnimplementedFindingServiceServer
	waybillv1.UnimplementedMasterDataServiceServer
}

func cannedClosed() *waybillv1.Finding {
	return &waybillv1.Finding{
		Code: "impossible_journey", Item: cannedItem, EventHash: cannedHash, OtherHash: cannedHash, Detail: "Too fast.", Block: 7, TransactionId: cannedTx,
		Severity: waybillv1.Severity_SEVERITY_CRITICAL, Value: 504000, Limit: 100000, Unit: "m/h", RaisedAt: at(1), ClosedAt: at(9), ClosedBy: cannedHash, ClosedTransactionId: cannedTx,
	}
}

func cannedOpen() *waybillv1.Finding {
	f := cannedFinding()
	f.Severity, f.Open, f.RaisedAt = waybillv1.Severity_SEVERITY_CRITICAL, true, at(1)
	return f
}

func (cannedRules) ListFindings(context.Context, *waybillv1.ListFindingsRequest) (*waybillv1.ListFindingsResponse, error) {
	return &waybillv1.ListFindingsResponse{Findings: []*waybillv1.Finding{cannedOpen(), cannedClosed()}}, nil
}

func (cannedRules) GetFinding(context.Context, *waybillv1.GetFindingRequest) (*waybillv1.GetFindingResponse, error) {
	raised := cannedClosed()
	raised.Open, raised.ClosedAt, raised.ClosedBy, raised.ClosedTransactionId = true, nil, "", ""
	return &waybillv1.GetFindingResponse{Finding: cannedClosed(), Changes: []*waybillv1.FindingChange{
		{Change: "raised", Finding: raised}, {Change: "closed", Finding: cannedClosed()},
	}}, nil
}

func (cannedRules) ReviewFindings(_ context.Context, r *waybillv1.ReviewFindingsRequest) (*waybillv1.ReviewFindingsResponse, error) {
	out := &waybillv1.ReviewFindingsResponse{}
	for _, i := range r.GetItems() {
		result := &waybillv1.ReviewResult{Subject: i, Status: waybillv1.AnswerStatus_ANSWER_STATUS_RECORDED, Changed: []*waybillv1.Finding{cannedOpen()}, TransactionId: cannedTx}
		if i == "unknown" {
			result = &waybillv1.ReviewResult{Subject: i, Status: waybillv1.AnswerStatus_ANSWER_STATUS_REFUSED, Code: "WB_NOT_FOUND", Message: "no such item"}
		}
		out.Results = append(out.Results, result)
	}
	return out, nil
}

func kindOf(m *waybillv1.MasterDatum) (kind, id string) {
	row := masterRow(m)
	return row[0], row[1]
}

func (cannedRules) RegisterMasterData(_ context.Context, r *waybillv1.RegisterMasterDataRequest) (*waybillv1.RegisterMasterDataResponse, error) {
	out := &waybillv1.RegisterMasterDataResponse{}
	for i, m := range r.GetData() {
		kind, id := kindOf(m)
		result := &waybillv1.MasterDataResult{Index: uint64(i), Kind: kind, Id: id, Version: 1, Status: waybillv1.AnswerStatus_ANSWER_STATUS_RECORDED, TransactionId: cannedTx, Block: 4}
		switch kind {
		case "lane":
			result.Status, result.Code, result.Message = waybillv1.AnswerStatus_ANSWER_STATUS_REFUSED, "WB_NOT_FOUND", "the place where the lane begins is not registered"
		case "rules":
			result.Version, result.Message = 2, "waits for more keepers to register the same"
		}
		out.Results = append(out.Results, result)
	}
	return out, nil
}

func (cannedRules) ListMasterData(_ context.Context, r *waybillv1.ListMasterDataRequest) (*waybillv1.ListMasterDataResponse, error) {
	file := masterFile{
		Prefixes: []prefixEntry{{Version: 2, Prefix: "9521321", To: "CarrierMSP"}},
		Places:   []placeEntry{{ID: "urn:epc:id:sgln:9521321.00001.0", Name: "Plant", Steps: []string{"shipping"}, Operators: []string{"CarrierMSP"}}},
		Products: []productEntry{{ID: "https://id.gs1.org/01/09521321000018", Balance: true}},
		Lanes:    []laneEntry{{From: "a:1", To: "a:2", MaxSpeed: 110}},
		Rules:    &rulesEntry{Keepers: []string{"ProducerMSP"}, StrictPlaces: true},
	}
	data, err := file.data()
	if err != nil {
		return nil, err
	}
	out := &waybillv1.ListMasterDataResponse{}
	for _, m := range data {
		if kind, id := kindOf(m); (r.GetKind() == "" || r.GetKind() == kind) && (r.GetId() == "" || r.GetId() == id) {
			m.Version, m.Owner, m.SetBy, m.SetAt, m.TransactionId = max(m.GetVersion(), 1), "ProducerMSP", "ProducerMSP", at(3), cannedTx
			if l := m.GetLane(); l != nil {
				l.Window = durationpb.New(7_200_000_000_000)
			}
			out.Data = append(out.Data, m)
		}
	}
	return out, nil
}
