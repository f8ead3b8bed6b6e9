package server

import (
	"context"

	"google.golang.org/grpc"

	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/api/readmodel"
)

type verdictService struct {
	*Server
	waybillv1.UnimplementedVerdictServiceServer
}

func verdictFilter(f *waybillv1.VerdictFilter) (out readmodel.VerdictFilter, err error) {
	if out.Shipment, err = canonical("the filter's shipment", f.GetShipment()); err != nil {
		return out, err
	}
	if out.AtLeast, err = levelFilter(f.GetAtLeast()); err != nil {
		return out, err
	}
	out.Final, out.Model = f.GetFinalOnly(), f.GetModel()
	return out, nil
}

func (v *verdictService) ListVerdicts(ctx context.Context, req *waybillv1.ListVerdictsRequest) (*waybillv1.ListVerdictsResponse, error) {
	filter, err := verdictFilter(req.GetFilter())
	if err != nil {
		return nil, err
	}
	rows, next, err := listed(ctx, req, req.GetNewestFirst(), listing[readmodel.Verdict, *waybillv1.Verdict]{
		ask: func(ctx context.Context, page readmodel.Page) (readmodel.Rows[readmodel.Verdict], error) {
			return v.cfg.Reader.Verdicts(ctx, filter, page)
		},
		position: func(row readmodel.Verdict) readmodel.Position { return row.Position },
		message:  verdict,
	})
	if err != nil {
		return nil, err
	}
	return &waybillv1.ListVerdictsResponse{Verdicts: rows, NextPageToken: next}, nil
}

func (v *verdictService) WatchVerdicts(req *waybillv1.WatchVerdictsRequest, stream grpc.ServerStreamingServer[waybillv1.WatchVerdictsResponse]) error {
	filter, err := verdictFilter(req.GetFilter())
	if err != nil {
		return err
	}
	return watch(stream.Context(), v.Server, req, watcher[readmodel.Verdict]{
		ask: func(ctx context.Context, page readmodel.Page) (readmodel.Rows[readmodel.Verdict], error) {
			return v.cfg.Reader.ChangedVerdicts(ctx, filter, page)
		},
		position: func(row readmodel.Verdict) readmodel.Position { return row.Changed },
		send: func(row *readmodel.Verdict, at *waybillv1.Position) error {
			answer := &waybillv1.WatchVerdictsResponse{Position: at}
			if row != nil {
				answer.Verdict = verdict(*row)
			}
			return stream.Send(answer)
		},
	})
}

func (v *verdictService) GetVerdict(ctx context.Context, req *waybillv1.GetVerdictRequest) (*waybillv1.GetVerdictResponse, error) {
	shipment, err := needed("shipment", req.GetShipment())
	if err != nil {
		return nil, err
	}
	row, err := v.cfg.Reader.Verdict(ctx, shipment, req.GetWindow(), req.GetModel())
	if err != nil {
		return nil, err
	}
	return &waybillv1.GetVerdictResponse{Verdict: verdict(row)}, nil
}

func (v *verdictService) GetShipment(ctx context.Context, req *waybillv1.GetShipmentRequest) (*waybillv1.GetShipmentResponse, error) {
	id, err := needed("id", req.GetId())
	if err != nil {
		return nil, err
	}
	sh, err := v.cfg.Reader.Shipment(ctx, id)
	if err != nil {
		return nil, err
	}
	return &waybillv1.GetShipmentResponse{Shipment: shipment(sh)}, nil
}

func (v *verdictService) ListShipments(ctx context.Context, req *waybillv1.ListShipmentsRequest) (*waybillv1.ListShipmentsResponse, error) {
	level, err := levelFilter(req.GetAtLeast())
	if err != nil {
		return nil, err
	}
	limit, scope, place, err := page(req)
	if err != nil {
		return nil, err
	}
	found, err := v.cfg.Reader.Shipments(ctx, readmodel.ShipmentFilter{AtLeast: level, Open: req.GetOpenOnly()}, string(place), limit+1)
	if err != nil {
		return nil, err
	}
	answer := &waybillv1.ListShipmentsResponse{}
	for i, sh := range found {
		if i == limit {
			answer.NextPageToken = token(scope, []byte(found[i-1].ID))
			break
		}
		answer.Shipments = append(answer.Shipments, shipment(sh))
	}
	return answer, nil
}
