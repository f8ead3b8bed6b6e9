package server

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/durationpb"

	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/api/readmodel"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/gateway/submit"
)

type masterDataService struct {
	*Server
	waybillv1.UnimplementedMasterDataServiceServer
}

func duration(m ledger.Millis) *durationpb.Duration {
	if m == 0 {
		return nil
	}
	return durationpb.New(time.Duration(m) * time.Millisecond)
}

func millis(d *durationpb.Duration) ledger.Millis {
	return ledger.Millis(d.AsDuration().Milliseconds())
}

// sorted copies a list in ascending order, each once, as the ledger keeps it.
func sorted(list []string) []string {
	if len(list) == 0 {
		return nil
	}
	out := slices.Clone(list)
	slices.Sort(out)
	return slices.Compact(out)
}

// masterOf reads a datum in the ledger's spelling. What is wrong with it the ledger says.
func masterOf(in *waybillv1.MasterDatum) ledger.MasterDatum {
	m := ledger.MasterDatum{Version: in.GetVersion()}
	switch d := in.GetDatum().(type) {
	case *waybillv1.MasterDatum_Prefix:
		m.Prefix = &ledger.Prefix{Prefix: d.Prefix.GetPrefix(), To: d.Prefix.GetTo()}
	case *waybillv1.MasterDatum_Place:
		m.Place = &ledger.Place{
			ID: ledger.CanonicalPlace(d.Place.GetId()), Name: d.Place.GetName(),
			Operators: sorted(d.Place.GetOperators()), Steps: sorted(d.Place.GetSteps()),
		}
		if p := d.Place.GetPosition(); p != nil {
			m.Place.Position = &ledger.LatLon{Lat: p.GetLatitude(), Lon: p.GetLongitude()}
		}
	case *waybillv1.MasterDatum_Product:
		m.Product = &ledger.Product{ID: ledger.CanonicalPlace(d.Product.GetId()), Name: d.Product.GetName(), Balance: d.Product.GetBalance()}
	case *waybillv1.MasterDatum_Lane:
		m.Lane = &ledger.Lane{
			From: ledger.CanonicalPlace(d.Lane.GetFrom()), To: ledger.CanonicalPlace(d.Lane.GetTo()), Name: d.Lane.GetName(),
			Window: millis(d.Lane.GetWindow()), MaxSpeed: d.Lane.GetMaxSpeed(),
		}
	case *waybillv1.MasterDatum_Rules:
		m.Rules = &ledger.Rules{
			Keepers: sorted(d.Rules.GetKeepers()), Window: millis(d.Rules.GetWindow()), MaxSpeed: d.Rules.GetMaxSpeed(),
			EventBehind: millis(d.Rules.GetEventBehind()), EventAhead: millis(d.Rules.GetEventAhead()),
			StrictPlaces: d.Rules.GetStrictPlaces(), StrictReceipts: d.Rules.GetStrictReceipts(),
		}
	}
	return m
}

func masterDatum(m ledger.MasterDatum) *waybillv1.MasterDatum {
	out := &waybillv1.MasterDatum{
		Version: m.Version, Owner: m.Owner, SetBy: m.SetBy, SetAt: since(m.SetAt), TransactionId: m.TxID, Approvals: m.Approvals, Pending: m.Pending,
	}
	switch {
	case m.Prefix != nil:
		out.Datum = &waybillv1.MasterDatum_Prefix{Prefix: &waybillv1.CompanyPrefix{Prefix: m.Prefix.Prefix, To: m.Prefix.To}}
	case m.Place != nil:
		p := &waybillv1.Place{Id: m.Place.ID, Name: m.Place.Name, Operators: m.Place.Operators, Steps: m.Place.Steps}
		if m.Place.Position != nil {
			p.Position = &waybillv1.LatLon{Latitude: m.Place.Position.Lat, Longitude: m.Place.Position.Lon}
		}
		out.Datum = &waybillv1.MasterDatum_Place{Place: p}
	case m.Product != nil:
		out.Datum = &waybillv1.MasterDatum_Product{Product: &waybillv1.Product{Id: m.Product.ID, Name: m.Product.Name, Balance: m.Product.Balance}}
	case m.Lane != nil:
		out.Datum = &waybillv1.MasterDatum_Lane{Lane: &waybillv1.Lane{
			From: m.Lane.From, To: m.Lane.To, Name: m.Lane.Name, Window: duration(m.Lane.Window), MaxSpeed: m.Lane.MaxSpeed,
		}}
	case m.Rules != nil:
		out.Datum = &waybillv1.MasterDatum_Rules{Rules: &waybillv1.Rules{
			Keepers: m.Rules.Keepers, Window: duration(m.Rules.Window), MaxSpeed: m.Rules.MaxSpeed, EventBehind: duration(m.Rules.EventBehind),
			EventAhead: duration(m.Rules.EventAhead), StrictPlaces: m.Rules.StrictPlaces, StrictReceipts: m.Rules.StrictReceipts,
		}}
	}
	return out
}

// version gives a datum without one the version after the latest, or the latest where it says the same.
func (s *masterDataService) version(ctx context.Context, m *ledger.MasterDatum) error {
	if m.Version != 0 || m.Kind() == "" {
		return nil
	}
	m.Version = 1
	found, err := s.cfg.Reader.MasterData(ctx, readmodel.MasterFilter{Kind: m.Kind(), ID: readmodel.MasterID(*m)}, readmodel.MasterKey{}, 1)
	if err != nil || len(found) == 0 {
		return err
	}
	latest := found[0].MasterDatum
	m.Version = latest.Version
	if m.Prefix != nil && m.Prefix.To == "" || ledger.SameMaster(latest, *m) {
		return nil // a claim is the same claim as long as the prefix is held
	}
	m.Version++
	return nil
}

func (s *masterDataService) RegisterMasterData(ctx context.Context, req *waybillv1.RegisterMasterDataRequest) (*waybillv1.RegisterMasterDataResponse, error) {
	if err := tooMany("master data", len(req.GetData()), s.limits.Inputs); err != nil {
		return nil, err
	}
	answer := &waybillv1.RegisterMasterDataResponse{}
	batch := make([]ledger.MasterDatum, len(req.GetData()))
	for i, in := range req.GetData() {
		batch[i] = masterOf(in)
		if err := s.version(ctx, &batch[i]); err != nil {
			return nil, err
		}
	}
	stated, err := s.statedIn(req.GetDocument())
	if err != nil {
		return nil, err
	}
	var outcomes []submit.Outcome
	if len(batch) > 0 {
		outcomes, err = s.cfg.Recorder.MasterData(ctx, batch)
		if err = answersFit(len(outcomes), len(batch), err); err != nil {
			return nil, err
		}
	}
	var block uint64
	for i, o := range outcomes {
		m := batch[i]
		r := &waybillv1.MasterDataResult{Index: uint64(i), Kind: string(m.Kind()), Id: readmodel.MasterID(m), Version: m.Version}
		if r.Status, r.Code, r.Message, err = answerOf(o); err != nil {
			return nil, err
		}
		r.TransactionId, r.Block = provenance(o)
		answer.Results = append(answer.Results, r)
		block = max(block, o.Block)
		s.metrics.answered("masterdata", r.GetStatus())
	}
	if len(stated) > 0 {
		if outcomes, err = s.cfg.Recorder.Elements(ctx, stated); len(outcomes) != len(stated) {
			return nil, answersFit(len(outcomes), len(stated), err)
		}
	}
	for i, e := range stated {
		o := outcomes[i]
		r := &waybillv1.MasterDataResult{Index: uint64(len(batch) + i), Kind: e.Type, Id: e.ID}
		if r.Status, r.Code, r.Message, err = answerOf(o); err != nil {
			return nil, err
		}
		r.TransactionId, r.Block = provenance(o)
		answer.Results = append(answer.Results, r)
		block = max(block, o.Block)
		s.metrics.answered("element", r.GetStatus())
	}
	s.readable(ctx, block)
	return answer, nil
}

// masterID spells an identifier as the ledger does.
func masterID(text string) string {
	parts := strings.Fields(text)
	for i, p := range parts {
		parts[i] = ledger.CanonicalPlace(p)
	}
	return strings.Join(parts, " ")
}

func (s *masterDataService) ListMasterData(ctx context.Context, req *waybillv1.ListMasterDataRequest) (*waybillv1.ListMasterDataResponse, error) {
	kind := ledger.MasterKind(req.GetKind())
	if kind != "" && !slices.Contains(ledger.MasterKinds(), kind) {
		return nil, refuse(codes.InvalidArgument, codeArgument, "there is no master data of kind %.40q", req.GetKind())
	}
	if len(req.GetId()) > 2*ledger.MaxIdentifierBytes+1 {
		return nil, refuse(codes.InvalidArgument, codeArgument, "an id of %d bytes", len(req.GetId()))
	}
	limit, pages, place, err := page(req)
	if err != nil {
		return nil, err
	}
	var after readmodel.MasterKey
	if place != nil {
		if json.Unmarshal(place, &after) != nil {
			return nil, errToken()
		}
	}
	filter := readmodel.MasterFilter{Kind: kind, ID: masterID(req.GetId()), Owner: req.GetOwner(), All: req.GetAllVersions()}
	found, err := s.cfg.Reader.MasterData(ctx, filter, after, limit+1)
	if err != nil {
		return nil, err
	}
	answer := &waybillv1.ListMasterDataResponse{}
	for i, m := range found {
		if i == limit {
			last, err := json.Marshal(found[i-1].Key)
			if err != nil {
				return nil, err
			}
			answer.NextPageToken = token(pages, last)
			break
		}
		answer.Data = append(answer.Data, masterDatum(m.MasterDatum))
	}
	return answer, nil
}
