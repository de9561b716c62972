package eventstream

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"

	"douyin.dev/services/operator/api/v1alpha1"
)

// Metrics is what the operator tells about streams.
type Metrics struct {
	lag, age, letters, drifted, partitions *prometheus.GaugeVec
	actions, replays                       *prometheus.CounterVec
}

// NewMetrics registers the metrics.
func NewMetrics(registry prometheus.Registerer) *Metrics {
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "douyin_operator_stream_" + name, Help: help}, append([]string{"namespace", "stream", "topic"}, labels...))
		registry.MustRegister(g)
		return g
	}
	m := &Metrics{
		lag:        gauge("lag_records", "Records a consumer group has not committed.", "group"),
		age:        gauge("oldest_unprocessed_seconds", "Age of the oldest record a consumer group has not committed; 0 when there is none.", "group"),
		letters:    gauge("unreplayed_letters", "Dead letters that were not replayed."),
		drifted:    gauge("drifted", "1 when the topic is not as declared and a person has to decide."),
		partitions: gauge("partitions", "Partitions of the topic."),
		actions: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "douyin_operator_stream_changes_total",
			Help: "Changes of topics by the operator."}, []string{"topic", "verb"}),
		replays: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "douyin_operator_replayed_letters_total",
			Help: "Dead letters replayed by the operator."}, []string{"namespace", "stream", "topic"}),
	}
	registry.MustRegister(m.actions, m.replays)
	return m
}

func (m *Metrics) set(stream *v1alpha1.EventStream, s v1alpha1.EventStreamStatus, now time.Time) {
	of := prometheus.Labels{"namespace": stream.Namespace, "stream": stream.Name, "topic": stream.Spec.Topic}
	m.letters.With(of).Set(float64(s.UnreplayedLetters))
	m.partitions.With(of).Set(float64(s.Partitions))
	m.drifted.With(of).Set(0)
	if meta.IsStatusConditionTrue(s.Conditions, v1alpha1.StreamDrifted) {
		m.drifted.With(of).Set(1)
	}
	for _, g := range stream.Status.Groups {
		if !hasGroup(s.Groups, g.Group) {
			gone := prometheus.Labels{"namespace": stream.Namespace, "stream": stream.Name, "group": g.Group}
			m.lag.DeletePartialMatch(gone)
			m.age.DeletePartialMatch(gone)
		}
	}
	for _, g := range s.Groups {
		age := 0.0
		if g.OldestUnprocessed != nil {
			age = max(now.Sub(g.OldestUnprocessed.Time).Seconds(), 0)
		}
		m.lag.WithLabelValues(stream.Namespace, stream.Name, stream.Spec.Topic, g.Group).Set(float64(g.Lag))
		m.age.WithLabelValues(stream.Namespace, stream.Name, stream.Spec.Topic, g.Group).Set(age)
	}
}

func (m *Metrics) acted(a Action) { m.actions.WithLabelValues(a.Topic, string(a.Verb)).Inc() }

func (m *Metrics) replayed(stream *v1alpha1.EventStream, n int) {
	m.replays.WithLabelValues(stream.Namespace, stream.Name, stream.Spec.Topic).Add(float64(n))
}

// forget drops the series of a stream that is gone.
func (m *Metrics) forget(key types.NamespacedName) {
	of := prometheus.Labels{"namespace": key.Namespace, "stream": key.Name}
	for _, g := range []*prometheus.GaugeVec{m.lag, m.age, m.letters, m.drifted, m.partitions} {
		g.DeletePartialMatch(of)
	}
	m.replays.DeletePartialMatch(of)
}
