package client

import (
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// PolicyMessage gives a policy as SetPolicies takes it.
func PolicyMessage(p ledger.Policy) *waybillv1.Policy {
	span := func(m ledger.Millis) *durationpb.Duration {
		if m == 0 {
			return nil
		}
		return durationpb.New(time.Duration(m) * time.Millisecond)
	}
	return &waybillv1.Policy{
		Id: p.ID, Version: p.Version, Products: p.Products, Low: p.Low, High: p.High,
		ExcursionLow: p.ExcursionLow, ExcursionHigh: p.ExcursionHigh, ExcursionFor: span(p.ExcursionFor), Grace: span(p.Grace),
		MktMax: p.MKTMax, MktOver: span(p.MKTOver), FreezeBelow: p.FreezeBelow, FreezeFor: span(p.FreezeFor), WindowAtLeast: span(p.WindowAtLeast),
	}
}
