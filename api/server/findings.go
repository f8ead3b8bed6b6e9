package server

import (
	"context"
	"slices"

	"google.golang.org/grpc/codes"

	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/api/readmodel"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/epcis"
)

type findingService struct {
	*Server
	waybillv1.UnimplementedFindingServiceServer
}

// maxChanges bounds the changes given with a finding.
const maxChanges = 1_000

func finding(f ledger.Finding, block uint64, tx string) *waybillv1.Finding {
	severity := f.Severity
	if severity == 0 {
		severity = f.Code.Severity()
	}
	return &waybillv1.Finding{
		Code: string(f.Code), Item: f.Item, EventHash: eventHash(f.Event), OtherHash: eventHash(f.Other), Detail: f.Detail,
		Block: block, TransactionId: tx, Severity: waybillv1.Severity(severity), Open: f.Open(), Value: f.Value, Limit: f.Limit, Unit: f.Unit,
		RaisedAt: since(f.RaisedAt), ClosedAt: since(f.ClosedAt), ClosedBy: eventHash(f.ClosedBy), ClosedTransactionId: f.ClosedIn,
	}
}

func ledgerFindings(found []ledger.Finding) []*waybillv1.Finding {
	out := make([]*waybillv1.Finding, len(found))
	for i, f := range found {
		out[i] = finding(f, 0, "")
	}
	return out
}

func findings(found []readmodel.Finding) []*waybillv1.Finding {
	out := make([]*waybillv1.Finding, len(found))
	for i, f := range found {
		out[i] = recordedFinding(f)
	}
	return out
}

func recordedFinding(f readmodel.Finding) *waybillv1.Finding {
	return finding(f.Finding, f.Block, f.TxID)
}

func findingCode(text string) (ledger.FindingCode, error) {
	code := ledger.FindingCode(text)
	if text != "" && !slices.Contains(ledger.FindingCodes(), code) {
		return "", refuse(codes.InvalidArgument, codeArgument, "there is no finding %.60q", text)
	}
	return code, nil
}

func optionalHash(text string) (ledger.Digest, error) {
	if text == "" {
		return ledger.Digest{}, nil
	}
	hash, err := epcis.ParseHash(text)
	return ledger.Digest(hash), err
}

func (s *findingService) ListFindings(ctx context.Context, req *waybillv1.ListFindingsRequest) (*waybillv1.ListFindingsResponse, error) {
	in := req.GetFilter()
	filter := readmodel.FindingFilter{Open: in.GetOpenOnly(), Closed: in.GetClosedOnly()}
	var err error
	if filter.Code, err = findingCode(in.GetCode()); err != nil {
		return nil, err
	}
	if filter.Item, err = canonical("the filter's item", in.GetItem()); err != nil {
		return nil, err
	}
	if filter.Event, err = optionalHash(in.GetEventHash()); err != nil {
		return nil, err
	}
	switch least := in.GetAtLeast(); least {
	case waybillv1.Severity_SEVERITY_UNSPECIFIED, waybillv1.Severity_SEVERITY_INFO, waybillv1.Severity_SEVERITY_WARNING, waybillv1.Severity_SEVERITY_CRITICAL:
		filter.AtLeast = ledger.Severity(least)
	default:
		return nil, refuse(codes.InvalidArgument, codeArgument, "there is no severity %d", least)
	}
	rows, next, err := listed(ctx, req, req.GetNewestFirst(), listing[readmodel.Finding, *waybillv1.Finding]{
		ask: func(ctx context.Context, page readmodel.Page) (readmodel.Rows[readmodel.Finding], error) {
			return s.cfg.Reader.Findings(ctx, filter, page)
		},
		position: func(f readmodel.Finding) readmodel.Position { return f.Position },
		message:  recordedFinding,
	})
	if err != nil {
		return nil, err
	}
	return &waybillv1.ListFindingsResponse{Findings: rows, NextPageToken: next}, nil
}

func (s *findingService) GetFinding(ctx context.Context, req *waybillv1.GetFindingRequest) (*waybillv1.GetFindingResponse, error) {
	hash, err := epcis.ParseHash(req.GetEventHash())
	if err != nil {
		return nil, err
	}
	name := ledger.Naming{Event: ledger.Digest(hash)}
	if name.Code, err = findingCode(req.GetCode()); err != nil {
		return nil, err
	}
	if name.Item, err = canonical("item", req.GetItem()); err != nil {
		return nil, err
	}
	changes, err := s.cfg.Reader.FindingHistory(ctx, name, maxChanges)
	if err != nil {
		return nil, err
	}
	if len(changes) == 0 {
		return nil, refuse(codes.NotFound, ledger.CodeNotFound, "no finding %s on event %s and item %q", name.Code, name.Event, name.Item)
	}
	answer := &waybillv1.GetFindingResponse{Finding: findings(changes[len(changes)-1:])[0]}
	for _, c := range changes {
		answer.Changes = append(answer.Changes, &waybillv1.FindingChange{Change: c.Change.String(), Finding: finding(c.Finding, c.Block, c.TxID)})
	}
	return answer, nil
}

func (s *findingService) ReviewFindings(ctx context.Context, req *waybillv1.ReviewFindingsRequest) (*waybillv1.ReviewFindingsResponse, error) {
	if err := tooMany("items", len(req.GetItems()), ledger.MaxBatchReviews); err != nil {
		return nil, err
	}
	if err := tooMany("events", len(req.GetEventHashes()), ledger.MaxReviewEvents); err != nil {
		return nil, err
	}
	answer := &waybillv1.ReviewFindingsResponse{}
	var subjects []wire.ReviewSubject
	for _, text := range req.GetItems() {
		epc, err := needed("an item", text)
		if err != nil {
			return nil, err
		}
		subjects = append(subjects, wire.ReviewSubject{Item: epc})
		answer.Results = append(answer.Results, &waybillv1.ReviewResult{Subject: epc})
	}
	for _, text := range req.GetEventHashes() {
		hash, err := epcis.ParseHash(text)
		if err != nil {
			return nil, err
		}
		subjects = append(subjects, wire.ReviewSubject{Event: ledger.Digest(hash)})
		answer.Results = append(answer.Results, &waybillv1.ReviewResult{Subject: hash.String()})
	}
	if len(subjects) == 0 {
		return answer, nil
	}
	outcomes, err := s.cfg.Recorder.Review(ctx, subjects)
	if err = answersFit(len(outcomes), len(subjects), err); err != nil {
		return nil, err
	}
	var block uint64
	for i, o := range outcomes {
		r := answer.GetResults()[i]
		if r.Status, r.Code, r.Message, err = answerOf(o); err != nil {
			return nil, err
		}
		r.TransactionId, _ = provenance(o)
		r.Changed = ledgerFindings(o.Findings)
		block = max(block, o.Block)
		s.metrics.answered("review", r.GetStatus())
	}
	s.readable(ctx, block)
	return answer, nil
}
