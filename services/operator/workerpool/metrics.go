package workerpool

import (
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"

	"douyin.dev/services/operator/api/v1alpha1"
)

// Metrics is what the operator tells about pools.
type Metrics struct {
	backlog, rate, arrival, eta, ready, desired *prometheus.GaugeVec
	scales, conflicts                           *prometheus.CounterVec
}

// NewMetrics registers the metrics.
func NewMetrics(registry prometheus.Registerer) *Metrics {
	gauge := func(name, help string) *prometheus.GaugeVec {
		g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "douyin_operator_pool_" + name, Help: help}, []string{"namespace", "pool"})
		registry.MustRegister(g)
		return g
	}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "douyin_operator_pool_" + name, Help: help}, append([]string{"namespace", "pool"}, labels...))
		registry.MustRegister(c)
		return c
	}
	return &Metrics{
		backlog:   gauge("backlog_records", "Records the group has not committed."),
		rate:      gauge("worker_rate_records", "Records a second that one busy worker drains; 0 when it was never measured."),
		arrival:   gauge("arrival_rate_records", "Records a second that are published."),
		eta:       gauge("eta_seconds", "How long the ready workers need for the backlog; -1 when it is not known."),
		ready:     gauge("ready_replicas", "Workers that are ready."),
		desired:   gauge("desired_replicas", "Workers the operator set."),
		scales:    counter("scales_total", "Changes of a pool's size by the operator.", "direction"),
		conflicts: counter("conflicts_total", "Looks that found another manager's number of replicas."),
	}
}

func (m *Metrics) set(pool *v1alpha1.WorkerPool, s v1alpha1.WorkerPoolStatus) {
	of := []string{pool.Namespace, pool.Name}
	m.backlog.WithLabelValues(of...).Set(float64(s.Backlog))
	m.ready.WithLabelValues(of...).Set(float64(s.Replicas))
	m.rate.WithLabelValues(of...).Set(0)
	m.arrival.WithLabelValues(of...).Set(0)
	m.eta.WithLabelValues(of...).Set(-1)
	if s.RatePerWorker != nil {
		m.rate.WithLabelValues(of...).Set(s.RatePerWorker.AsApproximateFloat64())
	}
	if s.ArrivalRate != nil {
		m.arrival.WithLabelValues(of...).Set(s.ArrivalRate.AsApproximateFloat64())
	}
	if s.ETASeconds != nil {
		m.eta.WithLabelValues(of...).Set(float64(*s.ETASeconds))
	}
	if s.DesiredReplicas != nil {
		m.desired.WithLabelValues(of...).Set(float64(*s.DesiredReplicas))
	}
}

func (m *Metrics) scaled(pool *v1alpha1.WorkerPool, up bool) {
	direction := "down"
	if up {
		direction = "up"
	}
	m.scales.WithLabelValues(pool.Namespace, pool.Name, direction).Inc()
}

func (m *Metrics) contended(pool *v1alpha1.WorkerPool) {
	m.conflicts.WithLabelValues(pool.Namespace, pool.Name).Inc()
}

// forget drops the series of a pool that is gone.
func (m *Metrics) forget(key types.NamespacedName) {
	of := prometheus.Labels{"namespace": key.Namespace, "pool": key.Name}
	for _, g := range []*prometheus.GaugeVec{m.backlog, m.rate, m.arrival, m.eta, m.ready, m.desired} {
		g.DeletePartialMatch(of)
	}
	m.scales.DeletePartialMatch(of)
	m.conflicts.DeletePartialMatch(of)
}
