//go:build envtest

package envtest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"douyin.dev/services/operator/api/v1alpha1"
	"douyin.dev/services/platform/bus"
)

// pool declares a pool over a shop's Deployment.
func (w *world) pool(edit func(*v1alpha1.WorkerPool)) *v1alpha1.WorkerPool {
	p := &v1alpha1.WorkerPool{
		ObjectMeta: metav1.ObjectMeta{Name: "counter", Namespace: w.namespace},
		Spec: v1alpha1.WorkerPoolSpec{
			TargetRef: v1alpha1.TargetRef{Name: target}, Group: "g-" + w.topic, Topics: []string{w.topic}, TargetSeconds: 10,
			MinReplicas: 1, MaxReplicas: 4, Stabilization: v1alpha1.Stabilization{DownSeconds: 5},
		},
	}
	if edit != nil {
		edit(p)
	}
	return p
}

func TestTheAPIServerRefusesPoolsThatCannotBe(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for says, edit := range map[string]func(*v1alpha1.WorkerPool){
		"minReplicas must not be more":  func(p *v1alpha1.WorkerPool) { p.Spec.MinReplicas = 5 },
		"topics or streams must name":   func(p *v1alpha1.WorkerPool) { p.Spec.Topics = nil },
		"spec.targetSeconds":            func(p *v1alpha1.WorkerPool) { p.Spec.TargetSeconds = -1 },
		"spec.maxReplicas":              func(p *v1alpha1.WorkerPool) { p.Spec.MinReplicas, p.Spec.MaxReplicas = 0, 0 },
		"spec.targetRef.kind":           func(p *v1alpha1.WorkerPool) { p.Spec.TargetRef.Kind = "StatefulSet" },
		"spec.stabilization.downSecond": func(p *v1alpha1.WorkerPool) { p.Spec.Stabilization.DownSeconds = -1 },
	} {
		p := w.pool(edit)
		if err := w.Create(t.Context(), p); !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", says, err)
		}
	}
	must(t, w.Create(t.Context(), w.pool(nil)))
}

func TestAPoolSaysWhatItLacks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.operate(t)
	p := w.pool(func(p *v1alpha1.WorkerPool) { p.Spec.Topics, p.Spec.Streams = nil, []string{"likes"} })
	must(t, w.Create(t.Context(), p))
	lacks := func(reason string) {
		t.Helper()
		awaits(t, w, p, func(p *v1alpha1.WorkerPool) error {
			return is(p.Status.Conditions, v1alpha1.PoolReady, metav1.ConditionFalse, reason)
		})
	}
	lacks("TargetMissing")
	newShop(t, w, 1)
	lacks("StreamMissing")
	must(t, w.Create(t.Context(), w.stream("likes", nil)))
	awaits(t, w, p, func(p *v1alpha1.WorkerPool) error {
		if p.Status.Partitions != 2 || p.Status.DesiredReplicas == nil || *p.Status.DesiredReplicas != 1 {
			return fmt.Errorf("status %+v", p.Status)
		}
		return is(p.Status.Conditions, v1alpha1.PoolReady, metav1.ConditionTrue, "Watching")
	})
}

// A real backlog, real consumers: 1 to 4 at once, back to 1 when it is done, and
// the worker that is busy is the one that stays.
func TestAPoolFollowsItsBacklog(t *testing.T) {
	t.Parallel()
	scales(t, func(*testing.T, *world, *process) {})
}

// The same with a kill -9 at the peak: the next operator takes the pool as it is.
func TestAPoolSurvivesTheDeathOfItsOperator(t *testing.T) {
	t.Parallel()
	scales(t, func(t *testing.T, w *world, first *process) {
		first.kill()
		w.operate(t)
	})
}

func scales(t *testing.T, atThePeak func(*testing.T, *world, *process)) {
	const backlog = 2400
	w := newWorld(t)
	must(t, w.kafka.Create(t.Context(), bus.TopicSpec{Name: w.topic, Partitions: 8, Replication: 1, Retention: time.Hour}))
	first := w.operate(t)
	shop := newShop(t, w, 1)
	p := w.pool(nil)
	must(t, w.Create(t.Context(), p))
	awaits(t, w, p, func(p *v1alpha1.WorkerPool) error {
		if p.Status.Replicas != 1 {
			return fmt.Errorf("%d workers", p.Status.Replicas)
		}
		return nil
	})
	w.publish(t, backlog)
	awaits(t, w, p, func(p *v1alpha1.WorkerPool) error {
		st := p.Status
		if st.DesiredReplicas == nil || *st.DesiredReplicas != 4 || st.Replicas != 4 || st.RatePerWorker == nil || st.ETASeconds == nil {
			return fmt.Errorf("status %+v", st)
		}
		return nil
	})
	t.Logf("peak: backlog %d, rate %s, eta %d s", p.Status.Backlog, p.Status.RatePerWorker, *p.Status.ETASeconds)
	atThePeak(t, w, first)
	pinned := shop.pin(t)
	awaits(t, w, p, func(p *v1alpha1.WorkerPool) error {
		if st := p.Status; st.Backlog != 0 || *st.DesiredReplicas != 1 || st.Replicas != 1 {
			return fmt.Errorf("status %+v", st)
		}
		return nil
	})
	left := shop.pods(t)
	if len(left) != 1 || left[0].Name != pinned {
		t.Errorf("left %v, want only %s", names(left), pinned)
	} else if cost := left[0].Annotations[corev1.PodDeletionCost]; cost == "" || cost == "0" {
		t.Errorf("the busy worker costs %q", cost)
	}
	if died := shop.diedBusy(); len(died) > 0 {
		t.Errorf("busy workers were removed: %v", died)
	}
	if n := shop.handled(); n < backlog {
		t.Errorf("%d records handled, want %d", n, backlog)
	}
}

func names(pods []corev1.Pod) []string {
	var out []string
	for _, p := range pods {
		out = append(out, p.Name)
	}
	return out
}

func TestBusyWorkersAreWaitedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	must(t, w.kafka.Create(t.Context(), bus.TopicSpec{Name: w.topic, Partitions: 4, Replication: 1, Retention: time.Hour}))
	w.operate(t)
	shop := newShop(t, w, 3)
	pinned := []string{shop.pin(t), shop.pin(t)}
	p := w.pool(nil)
	must(t, w.Create(t.Context(), p))
	awaits(t, w, p, func(p *v1alpha1.WorkerPool) error {
		if p.Status.DesiredReplicas == nil || *p.Status.DesiredReplicas != 2 || p.Status.Replicas != 2 {
			return fmt.Errorf("status %+v", p.Status)
		}
		return is(p.Status.Conditions, v1alpha1.PoolScaleDownBlocked, metav1.ConditionTrue, "WorkersBusy")
	})
	for _, name := range pinned {
		shop.unpin(name)
	}
	awaits(t, w, p, func(p *v1alpha1.WorkerPool) error {
		if *p.Status.DesiredReplicas != 1 || p.Status.Replicas != 1 {
			return fmt.Errorf("status %+v", p.Status)
		}
		return is(p.Status.Conditions, v1alpha1.PoolScaleDownBlocked, metav1.ConditionFalse, "NotBlocked")
	})
}

func TestConflictingEditsAreToldAndPutBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	must(t, w.kafka.Create(t.Context(), bus.TopicSpec{Name: w.topic, Partitions: 8, Replication: 1, Retention: time.Hour}))
	w.operate(t)
	shop := newShop(t, w, 1)
	p := w.pool(nil)
	must(t, w.Create(t.Context(), p))
	awaits(t, w, p, func(p *v1alpha1.WorkerPool) error {
		if p.Status.DesiredReplicas == nil {
			return fmt.Errorf("status %+v", p.Status)
		}
		return is(p.Status.Conditions, v1alpha1.PoolContended, metav1.ConditionFalse, "Alone")
	})
	scale := &autoscalingv1.Scale{Spec: autoscalingv1.ScaleSpec{Replicas: 7}}
	must(t, w.SubResource("scale").Update(t.Context(), shop.deployment(t), client.WithSubResourceBody(scale), client.FieldOwner("somebody")))
	awaits(t, w, p, func(p *v1alpha1.WorkerPool) error {
		if c := p.Status.Conflict; c == nil || c.Manager != "somebody" || c.Replicas != 7 {
			return fmt.Errorf("conflict %+v", c)
		}
		if n := *shop.deployment(t).Spec.Replicas; n != 1 {
			return fmt.Errorf("%d replicas", n)
		}
		return is(p.Status.Conditions, v1alpha1.PoolContended, metav1.ConditionTrue, "OtherManager")
	})
	eventually(t, func(ctx context.Context) error {
		var events eventsv1.EventList
		if err := w.List(ctx, &events, client.InNamespace(w.namespace)); err != nil {
			return err
		}
		for _, e := range events.Items {
			if e.Reason == "Contended" && strings.Contains(e.Note, "somebody set 7 replicas") {
				return nil
			}
		}
		return fmt.Errorf("no event tells of it among %d", len(events.Items))
	})
}
