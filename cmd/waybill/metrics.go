package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/waybill-dev/waybill/analytics/scorer"
	"github.com/waybill-dev/waybill/gateway/submit"
)

// submitMetrics counts what the submitter does.
func submitMetrics(registry prometheus.Registerer) submit.Hooks {
	transactions := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "waybill_submit_transactions_total", Help: "Transactions ended, by kind of input and whether they failed."}, []string{"kind", "failed"})
	inputs := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "waybill_submit_inputs_total", Help: "Inputs answered by transactions, by kind."}, []string{"kind"})
	seconds := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "waybill_submit_seconds", Help: "Time of a transaction from endorsement to its end.", Buckets: prometheus.ExponentialBuckets(0.01, 2, 13),
	}, []string{"kind"})
	waiting := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "waybill_submit_waiting", Help: "Inputs that wait for a transaction, by kind."}, []string{"kind"})
	flying := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "waybill_submit_in_flight", Help: "Transactions under way, by kind."}, []string{"kind"})
	retries := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "waybill_submit_retries_total", Help: "Batches tried again, by kind."}, []string{"kind"})
	registry.MustRegister(transactions, inputs, seconds, waiting, flying, retries)
	return submit.Hooks{
		Transaction: func(t submit.Transaction) {
			failed := "no"
			if t.Err != nil {
				failed = "yes"
			}
			kind := string(t.Kind)
			transactions.WithLabelValues(kind, failed).Inc()
			inputs.WithLabelValues(kind).Add(float64(t.Inputs))
			seconds.WithLabelValues(kind).Observe(t.Total.Seconds())
		},
		Queue: func(kind submit.Kind, queued, inFlight int) {
			waiting.WithLabelValues(string(kind)).Set(float64(queued))
			flying.WithLabelValues(string(kind)).Set(float64(inFlight))
		},
		Retry: func(kind submit.Kind, _ int, _ error) { retries.WithLabelValues(string(kind)).Inc() },
	}
}

// registerScorer shows the scorer's figures.
func registerScorer(registry prometheus.Registerer, stats func() scorer.Stats) {
	figure := func(name, help string, value func(scorer.Stats) float64) {
		registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "waybill_scorer_" + name, Help: help}, func() float64 { return value(stats()) }))
	}
	figure("position", "The next block to judge.", func(v scorer.Stats) float64 { return float64(v.Position) })
	figure("shipments", "Shipments under judgement.", func(v scorer.Stats) float64 { return float64(v.Shipments) })
	figure("judged", "Verdicts judged since the start.", func(v scorer.Stats) float64 { return float64(v.Judged) })
	figure("confirmed", "Verdicts judged and found on the ledger since the start.", func(v scorer.Stats) float64 { return float64(v.Confirmed) })
	figure("pending", "Verdicts judged and not yet on the ledger.", func(v scorer.Stats) float64 { return float64(v.Pending) })
	figure("refused", "Verdicts that the ledger refused since the start.", func(v scorer.Stats) float64 { return float64(v.Refused) })
	figure("overflow", "Shipments not judged because there were too many at once.", func(v scorer.Stats) float64 { return float64(v.Overflow) })
}

// reviewMetrics counts what the server's own reviews change.
func reviewMetrics(registry prometheus.Registerer) func(findings int) {
	changed := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "waybill_review_findings_changed_total", Help: "Findings raised or closed by this server's reviews.",
	})
	registry.MustRegister(changed)
	return func(findings int) { changed.Add(float64(findings)) }
}
