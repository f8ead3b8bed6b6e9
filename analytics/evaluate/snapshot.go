package evaluate

import (
	"context"
	"runtime"

	"golang.org/x/sync/errgroup"

	"github.com/waybill-dev/waybill/analytics/dataset"
	"github.com/waybill-dev/waybill/analytics/score"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// The metrics that a snapshot alone gives, so that whoever has the ledger measures the same. A journey counts as
// accepted if no verdict up to the snapshot's end said inspect or worse of its shipment, and as flagged if one did.
const (
	// AcceptedCleared is the share of accepted journeys of which the model's last verdict says clear.
	AcceptedCleared = "accepted_cleared"
	// AcceptedQuarantined is the share of accepted journeys of which it says quarantine.
	AcceptedQuarantined = "accepted_quarantined"
	// FlaggedFound is the share of flagged journeys of which it says inspect or worse.
	FlaggedFound = "flagged_found"
)

// IsOfSnapshot reports whether a snapshot alone gives a metric.
func IsOfSnapshot(metric string) bool {
	return metric == AcceptedCleared || metric == AcceptedQuarantined || metric == FlaggedFound
}

// Snapshot judges every journey of a snapshot by a model and gives the metrics by name, in millionths rounded down,
// each with the number of journeys that it rests on. A share of no journeys is left out. The error is the context's.
func Snapshot(ctx context.Context, m *score.Model, r *dataset.Result) ([]ledger.Metric, error) {
	levels := make([]ledger.VerdictLevel, len(r.Journeys))
	group, working := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i := range r.Journeys {
		if working.Err() != nil {
			break
		}
		group.Go(func() error {
			e := score.New(m, r.Journeys[i].Shipment, 0)
			for _, in := range r.Journeys[i].Inputs {
				_ = e.Observe(in) // what an engine refuses changes nothing but its digests, as at the scorers
			}
			levels[i] = e.Judge(true).Level
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var accepted, cleared, quarantined, flagged, found int64
	for i, level := range levels {
		if r.Journeys[i].Worst >= ledger.Inspect {
			flagged++
			if level >= ledger.Inspect {
				found++
			}
			continue
		}
		accepted++
		switch level {
		case ledger.Clear:
			cleared++
		case ledger.Quarantine:
			quarantined++
		case ledger.Inspect:
		}
	}
	var metrics []ledger.Metric
	for _, share := range []struct {
		name    string
		part, n int64
	}{{AcceptedCleared, cleared, accepted}, {AcceptedQuarantined, quarantined, accepted}, {FlaggedFound, found, flagged}} {
		if share.n > 0 {
			metrics = append(metrics, ledger.Metric{Name: share.name, Value: share.part * score.Million / share.n, Count: uint64(share.n)})
		}
	}
	return metrics, nil
}
