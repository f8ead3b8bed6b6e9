package server

import (
	"github.com/prometheus/client_golang/prometheus"

	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
)

type metrics struct {
	calls    *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	inFlight *prometheus.GaugeVec
	answers  *prometheus.CounterVec
	panics   prometheus.Counter
}

func newMetrics(registry prometheus.Registerer) metrics {
	m := metrics{
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "waybill_api_calls_total", Help: "Calls and streams that have ended."}, []string{"method", "code"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "waybill_api_call_seconds", Help: "Time from a call's or stream's begin to its end.", Buckets: prometheus.ExponentialBuckets(0.001, 2.5, 14),
		}, []string{"method"}),
		inFlight: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "waybill_api_calls_in_flight", Help: "Calls and streams under way."}, []string{"method"}),
		answers:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "waybill_api_answers_total", Help: "Inputs answered, by what they are and what became of them."}, []string{"input", "status"}),
		panics:   prometheus.NewCounter(prometheus.CounterOpts{Name: "waybill_api_panics_total", Help: "Calls that ended in a panic."}),
	}
	if registry != nil {
		registry.MustRegister(m.calls, m.seconds, m.inFlight, m.answers, m.panics)
	}
	return m
}

func (m metrics) answered(input string, status waybillv1.AnswerStatus) {
	word := "refused"
	switch status {
	case waybillv1.AnswerStatus_ANSWER_STATUS_RECORDED:
		word = "recorded"
	case waybillv1.AnswerStatus_ANSWER_STATUS_DUPLICATE:
		word = "duplicate"
	case waybillv1.AnswerStatus_ANSWER_STATUS_REFUSED, waybillv1.AnswerStatus_ANSWER_STATUS_UNSPECIFIED:
	}
	m.answers.WithLabelValues(input, word).Inc()
}
