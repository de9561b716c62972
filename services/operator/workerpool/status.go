package workerpool

import (
	"errors"
	"fmt"
	"math"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"douyin.dev/services/operator/api/v1alpha1"
)

// contendedFor is how long a conflict is told after it was settled.
const contendedFor = 10 * time.Minute

// trouble is why a pool cannot be looked after.
type trouble struct {
	Reason, Message string
	// Expected says that it is no failure of the operator or of Kafka, and not worth a log line.
	Expected bool
	cause    error
}

// Error implements error.
func (t *trouble) Error() string {
	if t.cause != nil {
		return t.cause.Error()
	}
	return t.Message
}

// Unwrap returns the cause.
func (t *trouble) Unwrap() error { return t.cause }

func asTrouble(err error) *trouble {
	var t *trouble
	switch {
	case err == nil:
		return nil
	case errors.As(err, &t):
		return t
	default:
		return &trouble{Reason: "Failed", Message: "the pool could not be scaled: the operator's log tells more", cause: err}
	}
}

func set(s *v1alpha1.WorkerPoolStatus, generation int64, kind string, yes bool, reason, message string) {
	status := metav1.ConditionFalse
	if yes {
		status = metav1.ConditionTrue
	}
	meta.SetStatusCondition(&s.Conditions, metav1.Condition{Type: kind, Status: status, Reason: reason, Message: message, ObservedGeneration: generation})
}

func setReady(s *v1alpha1.WorkerPoolStatus, generation int64, t *trouble) {
	if t == nil {
		set(s, generation, v1alpha1.PoolReady, true, "Watching", "")
		return
	}
	set(s, generation, v1alpha1.PoolReady, false, t.Reason, t.Message)
}

// describeLoad writes what there is to do, and how long it will take.
func describeLoad(s *v1alpha1.WorkerPoolStatus, load Load, ready int32, generation int64) {
	s.Backlog, s.Partitions = load.Backlog, load.Partitions
	s.RatePerWorker, s.ArrivalRate = quantity(load.Rate), quantity(load.Arrival)
	s.ETASeconds = eta(load, ready)
	if load.Rate > 0 {
		set(s, generation, v1alpha1.PoolRateKnown, true, "Measured", "")
	} else {
		set(s, generation, v1alpha1.PoolRateKnown, false, "NotMeasured", "no worker had a lasting backlog yet: until one has, the pool keeps its size")
	}
	if load.Stalled {
		set(s, generation, v1alpha1.PoolStalled, true, "NothingMoves", "there is a backlog, workers are ready, and nothing was committed for a minute: more workers would not help")
	} else {
		set(s, generation, v1alpha1.PoolStalled, false, "Moving", "")
	}
}

// quantity keeps three digits, so that a status does not change with every breath; nil for 0.
func quantity(rate float64) *resource.Quantity {
	if rate <= 0 {
		return nil
	}
	milli := rate * 1000
	step := math.Pow(10, max(math.Floor(math.Log10(milli))-2, 0))
	return resource.NewMilliQuantity(int64(math.Round(milli/step)*step), resource.DecimalSI)
}

func setLimited(s *v1alpha1.WorkerPoolStatus, generation int64, size, want int32) {
	switch {
	case want > size:
		set(s, generation, v1alpha1.PoolLimited, true, "TooFewAllowed", fmt.Sprintf("%d workers are called for; maxReplicas and the partitions allow %d", want, size))
	default:
		set(s, generation, v1alpha1.PoolLimited, false, "WithinLimits", "")
	}
}

func setBlocked(s *v1alpha1.WorkerPoolStatus, generation int64, target, bounded, busy, silent int32) {
	switch {
	case bounded <= target:
		set(s, generation, v1alpha1.PoolScaleDownBlocked, false, "NotBlocked", "")
	case silent > 0:
		set(s, generation, v1alpha1.PoolScaleDownBlocked, true, "WorkersSilent", fmt.Sprintf("%d would be enough; %d workers did not say whether they are busy, so they stay", target, silent))
	default:
		set(s, generation, v1alpha1.PoolScaleDownBlocked, true, "WorkersBusy", fmt.Sprintf("%d would be enough; %d workers are busy, so they stay", target, busy))
	}
}

func setContended(s *v1alpha1.WorkerPoolStatus, generation int64, now time.Time) {
	c := s.Conflict
	if c == nil || now.Sub(c.SeenAt.Time) >= contendedFor {
		set(s, generation, v1alpha1.PoolContended, false, "Alone", "")
		return
	}
	set(s, generation, v1alpha1.PoolContended, true, "OtherManager", fmt.Sprintf("%s set %d replicas at %s; the operator sets its own", c.Manager, c.Replicas, c.SeenAt.UTC().Format(time.RFC3339)))
}
