package server

import (
	"errors"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/api/readmodel"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/epcis"
)

func timestamp(m ledger.Millis) *timestamppb.Timestamp { return timestamppb.New(m.Time()) }

// since gives nil for a time that was never set.
func since(m ledger.Millis) *timestamppb.Timestamp {
	if m == 0 {
		return nil
	}
	return timestamp(m)
}

func optional(m *ledger.Millis) *timestamppb.Timestamp {
	if m == nil {
		return nil
	}
	return timestamp(*m)
}

func eventHash(d ledger.Digest) string {
	if d.IsZero() {
		return ""
	}
	return epcis.Hash(d).String()
}

func digestText(d ledger.Digest) string {
	if d.IsZero() {
		return ""
	}
	return d.String()
}

func position(p readmodel.Position) *waybillv1.Position {
	return &waybillv1.Position{Block: p.Block, Index: p.Index}
}

func statusOf(s ledger.Status) waybillv1.AnswerStatus {
	switch s {
	case ledger.StatusRecorded:
		return waybillv1.AnswerStatus_ANSWER_STATUS_RECORDED
	case ledger.StatusDuplicate:
		return waybillv1.AnswerStatus_ANSWER_STATUS_DUPLICATE
	case ledger.StatusRefused:
		return waybillv1.AnswerStatus_ANSWER_STATUS_REFUSED
	}
	return waybillv1.AnswerStatus_ANSWER_STATUS_UNSPECIFIED
}

func faults(fs []epcis.Fault) []*waybillv1.Fault {
	out := make([]*waybillv1.Fault, len(fs))
	for i, f := range fs {
		out[i] = &waybillv1.Fault{Code: f.Code, Path: f.Path, Message: f.Message}
	}
	return out
}

func event(e readmodel.Event) *waybillv1.Event {
	out := &waybillv1.Event{
		Hash: eventHash(e.Hash), Body: e.Body, Context: e.Context, EventType: e.Type, EventTime: timestamp(e.EventTime), BizStep: e.BizStep,
		EventId: e.EventID, DeclaredInError: e.DeclaredInError, RecordedBy: e.MSPID, RecordedAt: timestamp(e.RecordedAt),
		TransactionId: e.TxID, Position: position(e.Position), Findings: findings(e.Findings),
	}
	for _, r := range e.Restatements {
		out.Restatements = append(out.Restatements, &waybillv1.Restatement{
			Body: r.Body, Context: r.Context, EventId: r.EventID, DeclaresError: r.DeclaresError, RecordedBy: r.MSPID,
			RecordedAt: timestamp(r.RecordedAt), TransactionId: r.TxID, Position: position(r.Position),
		})
	}
	return out
}

func item(i readmodel.Item) *waybillv1.Item {
	statuses := map[ledger.ItemStatus]waybillv1.ItemStatus{
		ledger.ItemActive:         waybillv1.ItemStatus_ITEM_STATUS_ACTIVE,
		ledger.ItemInTransit:      waybillv1.ItemStatus_ITEM_STATUS_IN_TRANSIT,
		ledger.ItemDecommissioned: waybillv1.ItemStatus_ITEM_STATUS_DECOMMISSIONED,
	}
	return &waybillv1.Item{
		Epc: i.EPC, Status: statuses[i.Status], Custodian: i.Custodian, Container: i.Container, Place: i.Place, Disposition: i.Disposition,
		BizStep: i.BizStep, LastEvent: eventHash(i.LastEvent), LastEventTime: since(i.LastAt), CommissionedAt: since(i.CommissionedAt),
		EndedAt: since(i.EndedAt), Findings: findings(i.Findings), Events: i.Events,
	}
}

// errKeyAlgorithm is a device key whose scheme the ledger does not know.
var errKeyAlgorithm = errors.New("the algorithm must be Ed25519 or ECDSA on P-256")

func keyAlgorithm(a waybillv1.KeyAlgorithm) (ledger.KeyAlgorithm, error) {
	switch a {
	case waybillv1.KeyAlgorithm_KEY_ALGORITHM_ED25519:
		return ledger.KeyEd25519, nil
	case waybillv1.KeyAlgorithm_KEY_ALGORITHM_ECDSA_P256:
		return ledger.KeyECDSAP256, nil
	case waybillv1.KeyAlgorithm_KEY_ALGORITHM_UNSPECIFIED:
	}
	return "", errKeyAlgorithm
}

func device(d readmodel.Device) *waybillv1.Device {
	algorithms := map[ledger.KeyAlgorithm]waybillv1.KeyAlgorithm{
		ledger.KeyEd25519:   waybillv1.KeyAlgorithm_KEY_ALGORITHM_ED25519,
		ledger.KeyECDSAP256: waybillv1.KeyAlgorithm_KEY_ALGORITHM_ECDSA_P256,
	}
	return &waybillv1.Device{
		Id: d.ID, Algorithm: algorithms[d.Algorithm], PublicKey: d.PublicKey, Owner: d.Owner, RegisteredAt: timestamp(d.RegisteredAt),
		TransactionId: d.TxID, NextSequence: d.NextSeq, LastDigest: digestText(d.LastDigest), LastReading: optional(d.LastReading), Container: d.Container,
	}
}

func segment(g readmodel.Segment, previous ledger.Digest) *waybillv1.Segment {
	return &waybillv1.Segment{
		Device: g.Device, Sequence: g.Seq, Digest: g.Digest.String(), Previous: digestText(previous), From: timestamp(g.From), To: timestamp(g.To),
		Count: uint32(g.Times), Payload: g.Payload, Signature: g.Signature, RecordedBy: g.MSPID, RecordedAt: timestamp(g.RecordedAt), //nolint:gosec // bounded by the ledger
		TransactionId: g.TxID, Position: position(g.Position),
	}
}

// Quantities and levels have the same numbers on the ledger and in the protocol; a test holds that.
func quantity(q ledger.Quantity) waybillv1.Quantity { return waybillv1.Quantity(q) }

func level(l ledger.VerdictLevel) waybillv1.VerdictLevel { return waybillv1.VerdictLevel(l) }

func levelFilter(l waybillv1.VerdictLevel) (ledger.VerdictLevel, error) {
	if l < 0 || l > waybillv1.VerdictLevel_VERDICT_LEVEL_QUARANTINE {
		return 0, refuse(codes.InvalidArgument, codeArgument, "there is no verdict level %d", l)
	}
	return ledger.VerdictLevel(l), nil
}

func verdict(v readmodel.Verdict) *waybillv1.Verdict {
	out := &waybillv1.Verdict{
		Shipment: v.Shipment, Window: v.Window, Final: v.Final, Model: v.Model, Level: level(v.Level), ScoreMillionths: v.Score,
		PValueMillionths: v.PValue, From: timestamp(v.From), To: timestamp(v.To), Policy: v.Policy, TraceDigest: digestText(v.Trace),
		InputsDigest: digestText(v.Inputs), Scorer: v.Scorer, RecordedAt: since(v.At), TransactionId: v.TxID, Position: position(v.Position),
		Stratum: v.Stratum, References: v.References, Tail: v.Tail, Lane: v.Lane,
		Standing: waybillv1.VerdictStanding(v.Standing), StandingBy: settledText(v.By), Task: hexadecimal(v.Task),
		Changed: position(v.Changed),
	}
	if v.Overruled != nil {
		out.Overruled = verdict(readmodel.Verdict{Verdict: *v.Overruled})
		out.Overruled.Position, out.Overruled.Changed = nil, nil
	}
	for _, r := range v.Reasons {
		out.Reasons = append(out.Reasons, &waybillv1.Reason{
			Code: r.Code, ContributionMillionths: r.Contribution, From: since(r.From), To: since(r.To), Detail: r.Detail,
			Counterfactual: r.Counterfactual, Count: r.Count,
		})
	}
	for _, e := range v.Events {
		out.Events = append(out.Events, eventHash(e))
	}
	for _, g := range v.Segments {
		out.Segments = append(out.Segments, &waybillv1.SegmentRange{Device: g.Device, First: g.First, Last: g.Last, Digest: digestText(g.Digest)})
	}
	return out
}

func shipment(sh readmodel.Shipment) *waybillv1.Shipment {
	out := &waybillv1.Shipment{
		Id: sh.ID, StartedAt: timestamp(sh.StartedAt), EndedAt: optional(sh.EndedAt), Verdicts: uint32(sh.Verdicts), Worst: level(sh.Worst), Items: sh.Items, //nolint:gosec // windows are uint32
	}
	for _, b := range sh.Bindings {
		out.Bindings = append(out.Bindings, &waybillv1.Binding{Device: b.Device, From: timestamp(b.From), Until: optional(b.Until), EventHash: eventHash(b.Event)})
	}
	if sh.Latest != nil {
		out.Latest = verdict(*sh.Latest)
	}
	return out
}

// span gives nil for a duration that is not used.
func span(m ledger.Millis) *durationpb.Duration {
	if m == 0 {
		return nil
	}
	return durationpb.New(time.Duration(m) * time.Millisecond)
}

func policy(p ledger.Policy) *waybillv1.Policy {
	return &waybillv1.Policy{
		Id: p.ID, Version: p.Version, Products: p.Products, Low: p.Low, High: p.High, ExcursionLow: p.ExcursionLow, ExcursionHigh: p.ExcursionHigh,
		ExcursionFor: span(p.ExcursionFor), Grace: span(p.Grace), MktMax: p.MKTMax, MktOver: span(p.MKTOver), FreezeBelow: p.FreezeBelow,
		FreezeFor: span(p.FreezeFor), WindowAtLeast: span(p.WindowAtLeast), SetBy: p.SetBy, SetAt: since(p.SetAt),
	}
}

func policyOf(p *waybillv1.Policy) ledger.Policy {
	span := func(d *durationpb.Duration) ledger.Millis { return ledger.Millis(d.AsDuration().Milliseconds()) }
	return ledger.Policy{
		ID: p.GetId(), Version: p.GetVersion(), Products: p.GetProducts(), Low: p.GetLow(), High: p.GetHigh(),
		ExcursionLow: p.GetExcursionLow(), ExcursionHigh: p.GetExcursionHigh(), ExcursionFor: span(p.GetExcursionFor()), Grace: span(p.GetGrace()),
		MKTMax: p.GetMktMax(), MKTOver: span(p.GetMktOver()), FreezeBelow: p.FreezeBelow, FreezeFor: span(p.GetFreezeFor()), WindowAtLeast: span(p.GetWindowAtLeast()),
	}
}

func timeRange(r *waybillv1.TimeRange) (out readmodel.Range, err error) {
	end := func(t *timestamppb.Timestamp) (*ledger.Millis, error) {
		if t == nil {
			return nil, nil //nolint:nilnil // an open end
		}
		if err = t.CheckValid(); err != nil {
			return nil, refuse(codes.InvalidArgument, codeArgument, "the time range: %s", err)
		}
		m := ledger.MillisOf(t.AsTime())
		return &m, nil
	}
	if out.From, err = end(r.GetFrom()); err != nil {
		return out, err
	}
	out.Until, err = end(r.GetUntil())
	return out, err
}

// canonical gives an EPC's canonical form; empty stays empty.
func canonical(what, epc string) (string, error) {
	if epc == "" {
		return "", nil
	}
	if len(epc) > ledger.MaxIdentifierBytes {
		return "", refuse(codes.InvalidArgument, codeArgument, "%s has %d bytes, at most %d are allowed", what, len(epc), ledger.MaxIdentifierBytes)
	}
	c, err := epcis.CanonicalEPC(epc)
	if err != nil {
		_, text := ledger.ParseCode(err.Error())
		return "", refuse(codes.InvalidArgument, ledger.Code(err), "%s: %s", what, text)
	}
	return c, nil
}

// needed is canonical for an EPC that must be there.
func needed(what, epc string) (string, error) {
	if epc == "" {
		return "", refuse(codes.InvalidArgument, codeArgument, "%s is empty", what)
	}
	return canonical(what, epc)
}
