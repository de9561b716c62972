package workerpool

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	appsclient "k8s.io/client-go/kubernetes/typed/apps/v1"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"douyin.dev/services/operator/api/v1alpha1"
	"douyin.dev/services/operator/broker"
)

// conflictRetry is the pause after somebody else changed an object in between.
const conflictRetry = 100 * time.Millisecond

// Kafka is what the Reconciler needs of a broker.Broker.
type Kafka interface {
	Topics(ctx context.Context, names ...string) (map[string]broker.Topic, error)
	Positions(ctx context.Context, group string, topics map[string]broker.Topic) ([]broker.Position, error)
}

// Deps is what a Reconciler is made of.
type Deps struct {
	// Client reads WorkerPools and EventStreams and writes pools and pods.
	Client client.Client
	// Pods lists pods as they are now; a cache of every pod is not worth it.
	Pods client.Reader
	// Deployments reads and scales the targets.
	Deployments appsclient.DeploymentsGetter
	Kafka       Kafka
	Asker       *Asker
	Events      events.EventRecorder
	Metrics     *Metrics
	Log         *slog.Logger
	Now         func() time.Time
	// Interval is the pause between two looks at a pool.
	Interval time.Duration
}

// Reconciler sizes pools.
type Reconciler struct {
	Deps

	mu sync.Mutex
	// memories are what is known of each pool beside its status. A lost one costs
	// a window of watching.
	memories map[types.NamespacedName]*memory
}

// memory is used by one Reconcile at a time: the workqueue sees to that.
type memory struct {
	uid    types.UID
	meter  *Meter
	damper *Damper
}

// New returns a Reconciler.
func New(d Deps) *Reconciler {
	return &Reconciler{Deps: d, memories: map[types.NamespacedName]*memory{}}
}

// Reconcile implements reconcile.Reconciler.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	pool := &v1alpha1.WorkerPool{}
	if err := r.Client.Get(ctx, req.NamespacedName, pool); err != nil {
		r.forget(req.NamespacedName)
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !pool.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, nil
	}
	status := *pool.Status.DeepCopy()
	status.ObservedGeneration = pool.Generation
	err := r.size(ctx, pool, &status)
	why := asTrouble(err)
	setReady(&status, pool.Generation, why)
	if writeErr := r.write(ctx, pool, status); writeErr != nil {
		err = writeErr
	}
	r.Metrics.set(pool, status)
	switch {
	case apierrors.IsConflict(err):
		return ctrl.Result{RequeueAfter: conflictRetry}, nil
	case why != nil && why.Expected && err != nil:
		// The status tells it; what is missing may come at any time.
		return ctrl.Result{RequeueAfter: r.Interval}, nil //nolint:nilerr // as above
	}
	return ctrl.Result{RequeueAfter: r.Interval}, err
}

// size looks at what there is to do, decides, and acts. It writes what it saw
// into the status as it goes.
func (r *Reconciler) size(ctx context.Context, pool *v1alpha1.WorkerPool, status *v1alpha1.WorkerPoolStatus) error {
	d, err := r.target(ctx, pool)
	if err != nil {
		return err
	}
	status.Replicas = d.Status.ReadyReplicas
	status.Selector = metav1.FormatLabelSelector(d.Spec.Selector)
	now := r.Now()
	r.watchRivals(pool, d, status, now)

	mem := r.remember(pool)
	load, err := r.load(ctx, pool, d, mem.meter, now)
	if err != nil {
		return err
	}
	describeLoad(status, load, d.Status.ReadyReplicas, pool.Generation)

	current := replicasOf(d)
	base := current
	if status.DesiredReplicas != nil {
		base = *status.DesiredReplicas
	}
	size, want := Recommend(pool.Spec, load, base)
	setLimited(status, pool.Generation, size, want)
	target := mem.damper.Settle(now, size, base, seconds(pool.Spec.Stabilization.UpSeconds), seconds(pool.Spec.Stabilization.DownSeconds))
	// A change of the bounds is a decision of a person, and needs no window.
	least, most := Bounds(pool.Spec, load.Partitions)
	target = min(max(target, least), most)
	return r.resize(ctx, pool, d, status, target, now)
}

func seconds(n int32) time.Duration { return time.Duration(n) * time.Second }

func (r *Reconciler) target(ctx context.Context, pool *v1alpha1.WorkerPool) (*appsv1.Deployment, error) {
	name := pool.Spec.TargetRef.Name
	d, err := r.Deployments.Deployments(pool.Namespace).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, &trouble{Reason: "TargetMissing", Message: fmt.Sprintf("there is no Deployment %s", name), Expected: true}
	}
	if err != nil {
		return nil, fmt.Errorf("get deployment %s: %w", name, err)
	}
	return d, nil
}

// load reads how far the group is.
func (r *Reconciler) load(ctx context.Context, pool *v1alpha1.WorkerPool, d *appsv1.Deployment, meter *Meter, now time.Time) (Load, error) {
	names, err := r.topics(ctx, pool)
	if err != nil {
		return Load{}, err
	}
	topics, err := r.Kafka.Topics(ctx, names...)
	if err != nil {
		return Load{}, &trouble{Reason: "KafkaUnreachable", Message: "Kafka did not say how far the group is: the operator's log tells more", cause: err}
	}
	positions, err := r.Kafka.Positions(ctx, pool.Spec.Group, topics)
	if err != nil {
		return Load{}, &trouble{Reason: "KafkaUnreachable", Message: "Kafka did not say how far the group is: the operator's log tells more", cause: err}
	}
	if len(topics) < len(names) {
		return Load{}, &trouble{Reason: "TopicMissing", Message: fmt.Sprintf("%d of %d topics are not there yet", len(names)-len(topics), len(names)), Expected: true}
	}
	meter.Add(Reading{At: now, Workers: d.Status.ReadyReplicas, Positions: positions})
	return Load{
		Backlog: broker.Backlog(positions), Rate: meter.Rate(), Arrival: meter.Arrival(),
		Partitions: int32(len(positions)), Stalled: meter.Stalled(),
	}, nil
}

// topics are those named and those of the streams named, each once.
func (r *Reconciler) topics(ctx context.Context, pool *v1alpha1.WorkerPool) ([]string, error) {
	seen := map[string]bool{}
	var names []string
	add := func(name string) {
		if !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	for _, name := range pool.Spec.Topics {
		add(name)
	}
	for _, name := range pool.Spec.Streams {
		stream := &v1alpha1.EventStream{}
		err := r.Client.Get(ctx, types.NamespacedName{Namespace: pool.Namespace, Name: name}, stream)
		if apierrors.IsNotFound(err) {
			return nil, &trouble{Reason: "StreamMissing", Message: fmt.Sprintf("there is no EventStream %s", name), Expected: true}
		}
		if err != nil {
			return nil, fmt.Errorf("get stream %s: %w", name, err)
		}
		add(stream.Spec.Topic)
	}
	return names, nil
}

// watchRivals notes that somebody else set the replicas.
func (r *Reconciler) watchRivals(pool *v1alpha1.WorkerPool, d *appsv1.Deployment, status *v1alpha1.WorkerPoolStatus, now time.Time) {
	if by := rival(d, status.DesiredReplicas); by != "" {
		conflict := v1alpha1.Conflict{Manager: by, Replicas: replicasOf(d), SeenAt: metav1.Time{Time: now.Truncate(time.Second)}}
		if c := status.Conflict; c == nil || c.Manager != conflict.Manager || c.Replicas != conflict.Replicas || now.Sub(c.SeenAt.Time) >= r.Interval {
			status.Conflict = &conflict
		}
		r.Metrics.contended(pool)
		r.Events.Eventf(pool, d, corev1.EventTypeWarning, "Contended", "Scale", "%s set %d replicas where the pool has %d", by, conflict.Replicas, *status.DesiredReplicas)
	}
	setContended(status, pool.Generation, now)
}

// resize makes the Deployment as large as the target, as far as idle workers allow.
func (r *Reconciler) resize(ctx context.Context, pool *v1alpha1.WorkerPool, d *appsv1.Deployment, status *v1alpha1.WorkerPoolStatus, target int32, now time.Time) error {
	current := replicasOf(d)
	setBlocked(status, pool.Generation, current, current, 0, 0)
	if target < current {
		all, err := r.works(ctx, pool.Namespace, d)
		if err != nil {
			return err
		}
		bounded := Shrink(current, target, busyPods(all))
		setBlocked(status, pool.Generation, target, bounded, busyPods(all), silent(all))
		if target = bounded; target < current {
			// Before the size: the ReplicaSet chooses at once.
			if err := price(ctx, r.Client, all); err != nil {
				return err
			}
		}
	}
	if target == current {
		status.DesiredReplicas = &target
		return nil
	}
	if _, err := setReplicas(ctx, r.Deployments.Deployments(pool.Namespace), d, target); err != nil {
		return err
	}
	status.DesiredReplicas = &target
	status.LastScaleTime = &metav1.Time{Time: now.Truncate(time.Second)}
	r.Metrics.scaled(pool, target > current)
	r.Log.InfoContext(ctx, "pool scaled", "pool", client.ObjectKeyFromObject(pool).String(), "from", current, "to", target, "backlog", status.Backlog)
	r.Events.Eventf(pool, d, corev1.EventTypeNormal, "Scaled", "Scale", "%d to %d replicas for a backlog of %d records", current, target, status.Backlog)
	return nil
}

// works asks every worker of a Deployment.
func (r *Reconciler) works(ctx context.Context, namespace string, d *appsv1.Deployment) ([]Work, error) {
	selector, err := metav1.LabelSelectorAsSelector(d.Spec.Selector)
	if err != nil {
		return nil, fmt.Errorf("selector of %s: %w", d.Name, err)
	}
	var pods corev1.PodList
	if err := r.Pods.List(ctx, &pods, client.InNamespace(namespace), client.MatchingLabelsSelector{Selector: selector}); err != nil {
		return nil, fmt.Errorf("list pods of %s: %w", d.Name, err)
	}
	all := make([]Work, 0, len(pods.Items))
	var mu sync.Mutex
	var asking sync.WaitGroup
	for i := range pods.Items {
		if !alive(&pods.Items[i]) {
			continue
		}
		asking.Go(func() {
			w := r.Asker.Ask(ctx, &pods.Items[i])
			mu.Lock()
			defer mu.Unlock()
			all = append(all, w)
		})
	}
	asking.Wait()
	return all, nil
}

func silent(all []Work) int32 {
	var n int32
	for _, w := range all {
		if w.Silent {
			n++
		}
	}
	return n
}

// remember returns what is known of a pool. A measured rate outlives the operator in the status.
func (r *Reconciler) remember(pool *v1alpha1.WorkerPool) *memory {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := client.ObjectKeyFromObject(pool)
	m := r.memories[key]
	if m == nil || m.uid != pool.UID {
		rate := 0.0
		if q := pool.Status.RatePerWorker; q != nil {
			rate = q.AsApproximateFloat64()
		}
		m = &memory{uid: pool.UID, meter: NewMeter(rate), damper: &Damper{}}
		r.memories[key] = m
	}
	return m
}

func (r *Reconciler) forget(key types.NamespacedName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.memories, key)
	r.Metrics.forget(key)
}

// write stores a status that changed, if the version it was computed from is still there.
func (r *Reconciler) write(ctx context.Context, pool *v1alpha1.WorkerPool, status v1alpha1.WorkerPoolStatus) error {
	if equality.Semantic.DeepEqual(pool.Status, status) {
		return nil
	}
	pool.Status = status
	if err := client.IgnoreNotFound(r.Client.Status().Update(ctx, pool)); err != nil {
		return fmt.Errorf("write status: %w", err)
	}
	return nil
}

// eta is how long the ready workers need for a backlog; nil when nobody can say.
func eta(load Load, ready int32) *int64 {
	if load.Backlog == 0 {
		return new(int64)
	}
	if load.Rate <= 0 || ready == 0 || load.Stalled {
		return nil
	}
	n := int64(min(math.Ceil(float64(load.Backlog)/(load.Rate*float64(ready))), math.MaxInt32))
	return &n
}
