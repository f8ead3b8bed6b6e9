package score

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/waybill-dev/waybill/analytics/feature"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// TestLoggersBeyondTheBoundAreTold crowds a shipment with loggers, so that the one that tells of harm is not heard.
func TestLoggersBeyondTheBoundAreTold(t *testing.T) {
	m, err := Default()
	if err != nil {
		t.Fatal(err)
	}
	e := New(m, pallet, 0)
	observe := func(in feature.Input) error { t.Helper(); return e.Observe(in) }
	if err := errors.Join(observe(feature.Input{Kind: feature.KindPolicy, Policy: policy()}), observe(feature.Input{Kind: feature.KindBind, At: start, Event: hash(1), Device: device})); err != nil {
		t.Fatal(err)
	}
	for i := range maxSeries {
		if err := observe(measured(fmt.Sprintf("%s%d", device, i), 0, start+minute, wander(60, 5_000, 400)...)); err != nil {
			t.Fatal(err)
		}
	}
	told := func() bool {
		v := e.Judge(false)
		return v.Level == ledger.Inspect && slices.ContainsFunc(v.Reasons, func(r ledger.Reason) bool { return r.Code == CodeMissing })
	}
	if told() {
		t.Error("as many loggers as are judged are an inspection")
	}
	if err := observe(measured(device, 0, start+minute, wander(60, 30_000, 400)...)); !errors.Is(err, ErrInput) {
		t.Error(err)
	}
	if !told() {
		t.Error("a logger that was not heard is not told")
	}
	state, err := e.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	if e, err = Restore(m, state); err != nil || !told() {
		t.Error("after restoring it is not told", err)
	}
}
