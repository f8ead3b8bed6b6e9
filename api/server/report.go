package server

import (
	"context"
	"encoding/hex"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"

	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/api/report"
)

type reportService struct {
	*Server
	waybillv1.UnimplementedReportServiceServer
}

const (
	codeNoReports = "WB_NO_REPORTS"
	// reportPiece is how many bytes of a report are sent at a time.
	reportPiece = 256 << 10
	// reportProgress is how often the caller is told how far a report is.
	reportProgress = time.Second
)

func (r *reportService) source() (report.Source, error) {
	if r.cfg.Reports == nil {
		return nil, refuse(codes.Unimplemented, codeNoReports, "this server makes no reports")
	}
	return r.cfg.Reports, nil
}

func (r *reportService) DownloadReport(req *waybillv1.DownloadReportRequest, stream grpc.ServerStreamingServer[waybillv1.DownloadReportResponse]) error {
	source, err := r.source()
	if err != nil {
		return err
	}
	asked, err := reportRequest(req)
	if err != nil {
		return err
	}
	master := report.Layers{r.cfg.MasterData}
	if len(req.GetMasterData()) > 0 {
		sent, bad := report.ReadVocabulary(req.GetMasterData())
		if bad != nil {
			return bad
		}
		master = append(master, sent)
	}
	pieces := &reportPieces{stream: stream}
	begin := func(s *report.Sheet) error {
		return stream.Send(&waybillv1.DownloadReportResponse{Part: &waybillv1.DownloadReportResponse_Header{Header: &waybillv1.ReportHeader{
			Name: s.Name, Title: s.Title, Law: s.Law, Subject: s.Subject, LedgerHeight: s.AsOf.Height, LastBlock: hex.EncodeToString(s.AsOf.Hash[:]),
			TimeZone: s.ZoneName(), Notes: s.Notes, MediaType: asked.Format.MediaType(),
		}}})
	}
	told := time.Now()
	progress := func(events, rows uint64) {
		if pieces.err != nil || time.Since(told) < reportProgress {
			return
		}
		told = time.Now()
		pieces.err = stream.Send(&waybillv1.DownloadReportResponse{Part: &waybillv1.DownloadReportResponse_Progress{
			Progress: &waybillv1.ReportProgress{Events: events, Rows: rows},
		}})
	}
	made, err := asked.Make(stream.Context(), source, master, pieces, begin, progress)
	if err != nil {
		return err
	}
	if err := pieces.flush(); err != nil {
		return err
	}
	return stream.Send(&waybillv1.DownloadReportResponse{Part: &waybillv1.DownloadReportResponse_End{
		End: &waybillv1.ReportEnd{Rows: made.Rows, Bytes: made.Bytes, Sha256: hex.EncodeToString(made.Digest[:])},
	}})
}

// reportPieces sends what is written in pieces.
type reportPieces struct {
	stream grpc.ServerStreamingServer[waybillv1.DownloadReportResponse]
	buf    []byte
	err    error
}

func (p *reportPieces) Write(b []byte) (int, error) {
	if p.err != nil {
		return 0, p.err
	}
	p.buf = append(p.buf, b...)
	for len(p.buf) >= reportPiece {
		if err := p.send(p.buf[:reportPiece]); err != nil {
			return 0, err
		}
		p.buf = append(p.buf[:0], p.buf[reportPiece:]...)
	}
	return len(b), nil
}

func (p *reportPieces) send(b []byte) error {
	p.err = p.stream.Send(&waybillv1.DownloadReportResponse{Part: &waybillv1.DownloadReportResponse_Data{Data: b}})
	return p.err
}

func (p *reportPieces) flush() error {
	if p.err != nil || len(p.buf) == 0 {
		return p.err
	}
	return p.send(p.buf)
}

func reportRequest(req *waybillv1.DownloadReportRequest) (asked report.Request, err error) {
	zone, err := report.ParseZone(req.GetTimeZone())
	if err != nil {
		return asked, err
	}
	switch req.GetFormat() {
	case waybillv1.ReportFormat_REPORT_FORMAT_UNSPECIFIED, waybillv1.ReportFormat_REPORT_FORMAT_CSV:
		asked.Format = report.CSV
	case waybillv1.ReportFormat_REPORT_FORMAT_XLSX:
		asked.Format = report.XLSX
	case waybillv1.ReportFormat_REPORT_FORMAT_JSON:
		asked.Format = report.JSON
	default:
		return asked, refuse(codes.InvalidArgument, codeArgument, "format %d is not one of the API's", req.GetFormat())
	}
	switch r := req.GetReport().(type) {
	case *waybillv1.DownloadReportRequest_FoodTraceability:
		asked.Food, err = foodQuery(r.FoodTraceability, zone)
	case *waybillv1.DownloadReportRequest_Transactions:
		asked.Drug = &report.DrugQuery{Identity: identity(r.Transactions.GetProduct()), Zone: zone}
	case *waybillv1.DownloadReportRequest_SuspectProduct:
		asked.Suspect = &report.SuspectQuery{Identity: identity(r.SuspectProduct.GetProduct()), At: time.Now(), Zone: zone}
	default:
		return asked, refuse(codes.InvalidArgument, codeArgument, "the request names no report")
	}
	return asked, err
}

func foodQuery(f *waybillv1.FoodTraceability, zone *time.Location) (*report.FoodQuery, error) {
	q := &report.FoodQuery{Zone: zone}
	if f.GetLot() != "" {
		var err error
		if q.Lot, err = report.LotOf(f.GetLot()); err != nil {
			return nil, err
		}
	}
	for _, end := range []struct {
		from *timestamppb.Timestamp
		to   *time.Time
	}{{f.GetEventTime().GetFrom(), &q.From}, {f.GetEventTime().GetUntil(), &q.Until}} {
		if end.from == nil {
			continue
		}
		if err := end.from.CheckValid(); err != nil {
			return nil, refuse(codes.InvalidArgument, codeArgument, "the event time: %s", err)
		}
		*end.to = end.from.AsTime()
	}
	return q, nil
}

func identity(p *waybillv1.ProductIdentifier) report.Identity {
	return report.Identity{EPC: p.GetEpc(), GTIN: p.GetGtin(), Serial: p.GetSerial(), Lot: p.GetLot(), Expiry: p.GetExpiry()}
}

func (r *reportService) VerifyProduct(ctx context.Context, req *waybillv1.VerifyProductRequest) (*waybillv1.VerifyProductResponse, error) {
	source, err := r.source()
	if err != nil {
		return nil, err
	}
	v, err := report.Verify(ctx, source, identity(req.GetProduct()), time.Now())
	if err != nil {
		return nil, err
	}
	answer := &waybillv1.VerifyProductResponse{
		Epc: v.EPC, Outcome: outcome(v.Outcome), LotMatches: v.LotMatches, ExpiryMatches: v.ExpiryMatches,
		Status: v.Status, Custodian: v.Custodian, Container: v.Container, LedgerHeight: v.AsOf.Height,
	}
	for _, reason := range v.Reasons {
		said := &waybillv1.VerificationReason{Code: string(reason.Code), Detail: reason.Detail}
		if !reason.NoEvent() {
			said.EventHash = reason.Event.String()
		}
		answer.Reasons = append(answer.Reasons, said)
	}
	if c := v.Commissioned; c != nil {
		answer.CommissionedByEvent, answer.CommissionedBy, answer.TransactionId = c.Hash.String(), c.RecordedBy, c.TxID
		answer.CommissionedAt = timestamppb.New(c.EventTime)
		answer.Position = &waybillv1.Position{Block: c.Block, Index: c.Index}
	}
	return answer, nil
}

func outcome(o report.Outcome) waybillv1.VerificationOutcome {
	switch o {
	case report.Verified:
		return waybillv1.VerificationOutcome_VERIFICATION_OUTCOME_VERIFIED
	case report.NotFound:
		return waybillv1.VerificationOutcome_VERIFICATION_OUTCOME_NOT_FOUND
	case report.Mismatch:
		return waybillv1.VerificationOutcome_VERIFICATION_OUTCOME_MISMATCH
	case report.Suspect:
		return waybillv1.VerificationOutcome_VERIFICATION_OUTCOME_SUSPECT
	}
	return waybillv1.VerificationOutcome_VERIFICATION_OUTCOME_UNSPECIFIED
}
