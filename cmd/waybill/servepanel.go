package main

import (
	"context"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/waybill-dev/waybill/analytics/panel"
	"github.com/waybill-dev/waybill/analytics/score"
	"github.com/waybill-dev/waybill/analytics/scorer"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/internal/judging"
)

// openScorer makes what seats the scorers: each judges alone where no scoring policy is in force, and takes its part in
// tasks where one is.
func (s *service) openScorer() error {
	binding, err := creditKeyOf(s.profile, s.identity)
	if err != nil {
		return err
	}
	secret, err := panel.Secret(filepath.Join(s.dir, "scorer.secret"))
	if err != nil {
		return err
	}
	settled := settledMetrics(s.registry)
	words := judging.Words{Submit: s.submit}
	prove := panel.Prove(nil)
	if s.anchor != nil {
		prove = judging.FromLog(s.anchor)
	} else {
		s.late = s.lateLog()
		prove = s.late.Prove
	}
	s.scorers = newScorers(s.model, s.dir, s.client, s.log.With("part", roleScorer))
	s.scorers.run = s.runScorer
	s.scorers.make = func(m *score.Model, checkpoint string, ends func(wire.Transaction) bool) (judge, error) {
		return panel.New(panel.Config{
			Scorer: scorer.Config{
				Source: judging.FromStream(s.stream, s.profile.Chaincode), Sink: words, Model: m,
				Checkpoint: checkpoint, Partition: s.partition, Takeover: s.takeover, Ends: ends,
				Logger: s.log.With("part", roleScorer),
			},
			Ledger: words, Try: s.tryTasks, Prove: prove, AnchorEvery: max(s.anchorEvery, 0), Binding: binding, Secret: secret, Settled: settled,
		})
	}
	registerScorer(s.registry, func() scorer.Stats { return s.scorers.stats().Scorer })
	s.registry.MustRegister(panelMetrics{s.scorers.stats})
	return nil
}

// tryTasks asks a peer what would become of operations.
func (s *service) tryTasks(ctx context.Context, operations []ledger.TaskOperation) ([]wire.Answer, error) {
	batch, err := wire.Encode(wire.TaskBatch{Operations: operations})
	if err != nil {
		return nil, err
	}
	result, err := s.client.Evaluate(ctx, wire.FnScore, batch)
	if err != nil {
		return nil, err
	}
	answers, err := wire.DecodeAnswers(result)
	return answers.Answers, err
}

// settledMetrics times tasks from the moment at which their verdict fell due here to the block in which they ended.
func settledMetrics(registry prometheus.Registerer) func(by ledger.SettledBy, after time.Duration) {
	seconds := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "waybill_panel_settled_seconds", Help: "Time from a verdict's falling due to the end of its task, by how it ended.", Buckets: prometheus.ExponentialBuckets(0.25, 2, 14),
	}, []string{"by"})
	registry.MustRegister(seconds)
	return func(by ledger.SettledBy, after time.Duration) {
		seconds.WithLabelValues(by.String()).Observe(after.Seconds())
	}
}

// panelMetrics shows the figures of the part in tasks.
type panelMetrics struct{ stats func() panel.Stats }

// Describe is prometheus.Collector's; the metrics are those that Collect gives.
func (m panelMetrics) Describe(chan<- *prometheus.Desc) {}

// Collect is prometheus.Collector's.
func (m panelMetrics) Collect(out chan<- prometheus.Metric) {
	st := m.stats()
	tell := func(kind prometheus.ValueType, name, help string, value float64, labels ...string) {
		var names, values []string
		for i := 0; i+1 < len(labels); i += 2 {
			names, values = append(names, labels[i]), append(values, labels[i+1])
		}
		out <- prometheus.MustNewConstMetric(prometheus.NewDesc("waybill_panel_"+name, help, names, nil), kind, value, values...)
	}
	takesPart := 0.0
	if st.Standing == "" {
		takesPart = 1
	}
	const gauge, counter = prometheus.GaugeValue, prometheus.CounterValue
	tell(gauge, "takes_part", "1 where this scorer takes part in scoring by several organisations.", takesPart)
	tell(gauge, "policy", "Version of the scoring policy in force, 0 for none.", float64(st.Policy))
	tell(gauge, "scorers", "Scorers that are registered and active.", float64(st.Scorers))
	tell(gauge, "open", "Tasks under way whose verdict is held here.", float64(st.Open))
	tell(counter, "due_total", "Verdicts that fell due while tasks governed.", float64(st.Due))
	tell(counter, "opened_total", "Tasks that this scorer opened.", float64(st.Opened))
	tell(counter, "committed_total", "Commitments of this scorer on the ledger.", float64(st.Committed))
	tell(counter, "revealed_total", "Answers of this scorer on the ledger.", float64(st.Revealed))
	tell(counter, "won_total", "Challenges of this scorer that proved something.", float64(st.Won))
	tell(counter, "lost_total", "Challenges of this scorer that cost the bond.", float64(st.Lost))
	tell(counter, "silenced_total", "Accounts that lost stake for an answer that they did not reveal.", float64(st.Silenced))
	tell(counter, "outvoted_total", "Final answers other than this scorer's.", float64(st.Outvoted))
	tell(counter, "strange_total", "Tasks of others with another statement than this scorer's.", float64(st.Strange))
	refutes := 0.0
	if st.Refutes {
		refutes = 1
	}
	tell(gauge, "refutes", "1 where this process has the proof log by which false claims are refuted.", refutes)
	tell(gauge, "contested", "False claims that this scorer's tasks leave something out, which nobody has refuted yet.", float64(st.Contested))
	tell(counter, "claims_total", "Claims of this scorer that tasks of others leave something out.", float64(st.Claims))
	tell(counter, "claims_lost_total", "Claims of this scorer that were refuted, which costs stake.", float64(st.ClaimsLost))
	tell(counter, "refuted_total", "Claims of others that this scorer refuted.", float64(st.Refuted))
	tell(counter, "refused_total", "Operations that the ledger refused for another reason than their time.", float64(st.Refused))
	for _, by := range ledger.SettledWays() {
		tell(counter, "settled_total", "Tasks that ended, by how.", float64(st.Settled[by]), "by", by.String())
	}
	for _, why := range panel.Reasons() {
		tell(counter, "alone_total", "Verdicts written alone while tasks governed, by reason.", float64(st.Alone[why]), "reason", string(why))
	}
}
