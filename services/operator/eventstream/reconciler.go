package eventstream

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"douyin.dev/services/operator/api/v1alpha1"
	"douyin.dev/services/operator/broker"
	"douyin.dev/services/platform/bus"
)

const (
	// settle is how long a change may take to be seen everywhere in Kafka.
	settle = time.Second
	// believeAfter is how long a loss must last to be believed: longer than
	// brokers' answers can be old.
	believeAfter = 3 * time.Second
	// conflictRetry is the pause after somebody else changed the object in between.
	conflictRetry = 100 * time.Millisecond
)

// Kafka is what the Reconciler needs of a broker.Broker.
type Kafka interface {
	Topics(ctx context.Context, names ...string) (map[string]broker.Topic, error)
	Create(ctx context.Context, spec bus.TopicSpec) error
	Widen(ctx context.Context, topic string, partitions int32) error
	Retain(ctx context.Context, topic string, retention time.Duration) error
	Delete(ctx context.Context, topics ...string) error
	Positions(ctx context.Context, group string, topics map[string]broker.Topic) ([]broker.Position, error)
	Published(ctx context.Context, p broker.Position) (time.Time, error)
	Letters(ctx context.Context, topic string) (bus.Letters, error)
	ReplayUntil(ctx context.Context, topic string, until int64, limit int) (bus.ReplayStep, error)
}

// Deps is what a Reconciler is made of.
type Deps struct {
	// Client reads and writes EventStreams.
	Client  client.Client
	Kafka   Kafka
	Events  events.EventRecorder
	Metrics *Metrics
	Log     *slog.Logger
	Now     func() time.Time
	// Interval is the pause between two looks at a stream that is as declared.
	Interval time.Duration
}

// Reconciler makes Kafka hold what EventStreams declare.
type Reconciler struct {
	Deps

	mu sync.Mutex
	// missed is when a loss was first seen that is not believed yet.
	missed map[types.NamespacedName]time.Time
}

// New returns a Reconciler.
func New(d Deps) *Reconciler {
	return &Reconciler{Deps: d, missed: map[types.NamespacedName]time.Time{}}
}

// Reconcile implements reconcile.Reconciler.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	result, err := r.reconcile(ctx, req)
	if apierrors.IsConflict(err) {
		// What was read was old: read again.
		return ctrl.Result{RequeueAfter: conflictRetry}, nil
	}
	return result, err
}

func (r *Reconciler) reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	stream := &v1alpha1.EventStream{}
	if err := r.Client.Get(ctx, req.NamespacedName, stream); err != nil {
		r.forget(req.NamespacedName)
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	owner, err := r.owner(ctx, stream)
	if err != nil {
		return ctrl.Result{}, err
	}
	if owner.UID != stream.UID {
		return r.yield(ctx, stream, owner)
	}
	if !stream.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, r.finalize(ctx, stream)
	}
	if err := r.guard(ctx, stream); err != nil {
		return ctrl.Result{}, err
	}
	return r.keep(ctx, stream)
}

// keep looks, acts and writes what was seen.
func (r *Reconciler) keep(ctx context.Context, stream *v1alpha1.EventStream) (ctrl.Result, error) {
	status, again, err := r.advance(ctx, stream)
	if err != nil {
		setReady(&status, stream.Generation, metav1.ConditionUnknown, "KafkaUnreachable", "Kafka did not do what it was asked for: the operator's log tells more")
	}
	// What was seen before the error is true as well.
	if writeErr := r.write(ctx, stream, status); writeErr != nil {
		return ctrl.Result{}, writeErr
	}
	return ctrl.Result{RequeueAfter: again}, err
}

// advance does what there is to do and returns the status after it, and when to look again.
func (r *Reconciler) advance(ctx context.Context, stream *v1alpha1.EventStream) (v1alpha1.EventStreamStatus, time.Duration, error) {
	before, now := *stream.Status.DeepCopy(), r.Now()
	look, err := r.look(ctx, stream.Spec.Topic)
	if err != nil {
		return before, 0, err
	}
	left, gone := shrunk(before.Partitions, look.Topic)
	if gone && !r.believe(stream, now) {
		return before, believeAfter, nil
	}
	r.trust(stream)
	progress, err := r.progress(ctx, stream, look)
	if err != nil {
		return before, 0, err
	}
	status := observed(before, stream, look, progress)
	if gone {
		status.Narrowed = &v1alpha1.Narrowing{From: before.Partitions, To: left, SeenAt: metav1.Time{Time: now.Truncate(time.Second)}}
		lost := narrowing(*status.Narrowed)
		r.warn(stream, lost.Reason, "Look", lost.Message)
	}
	setDrifted(&status, stream.Generation, Drifts(stream.Spec, look), now)
	r.Metrics.set(stream, status, now)

	if actions := Plan(stream.Spec, look); len(actions) > 0 {
		setReady(&status, stream.Generation, metav1.ConditionFalse, "Changing", sayActions(actions))
		return status, settle, r.act(ctx, stream, actions)
	}
	setReady(&status, stream.Generation, metav1.ConditionTrue, "AsDeclared", "")
	again, err := r.replay(ctx, stream, &status, progress.Letters)
	return status, again, err
}

func (r *Reconciler) look(ctx context.Context, topic string) (Look, error) {
	dead := bus.DeadTopic(topic)
	topics, err := r.Kafka.Topics(ctx, topic, dead)
	if err != nil {
		return Look{}, err
	}
	var look Look
	if t, ok := topics[topic]; ok {
		look.Topic = &t
	}
	if t, ok := topics[dead]; ok {
		look.Dead = &t
	}
	return look, nil
}

// progress counts records, lags and letters. Of a topic that is not there it knows nothing.
func (r *Reconciler) progress(ctx context.Context, stream *v1alpha1.EventStream, look Look) (Progress, error) {
	var p Progress
	if look.Topic != nil {
		topics := map[string]broker.Topic{stream.Spec.Topic: *look.Topic}
		all, err := r.Kafka.Positions(ctx, "", topics)
		if err != nil {
			return p, err
		}
		p.Records = broker.Backlog(all)
		for _, group := range stream.Spec.ConsumerGroups {
			g, err := r.group(ctx, group, topics)
			if err != nil {
				return p, err
			}
			p.Groups = append(p.Groups, g)
		}
	}
	if look.Dead == nil {
		return p, nil
	}
	var err error
	p.Letters, err = r.Kafka.Letters(ctx, stream.Spec.Topic)
	return p, err
}

func (r *Reconciler) group(ctx context.Context, group string, topics map[string]broker.Topic) (v1alpha1.GroupStatus, error) {
	positions, err := r.Kafka.Positions(ctx, group, topics)
	if err != nil {
		return v1alpha1.GroupStatus{}, err
	}
	published := make([]time.Time, len(positions))
	for i, p := range positions {
		if published[i], err = r.Kafka.Published(ctx, p); err != nil {
			return v1alpha1.GroupStatus{}, err
		}
	}
	return groupStatus(group, positions, published), nil
}

// act changes Kafka, one action after the other.
func (r *Reconciler) act(ctx context.Context, stream *v1alpha1.EventStream, actions []Action) error {
	for _, a := range actions {
		if err := r.do(ctx, a); err != nil {
			return err
		}
		r.Log.InfoContext(ctx, "topic changed", "stream", client.ObjectKeyFromObject(stream).String(), "verb", string(a.Verb), "topic", a.Topic, "partitions", a.Partitions, "retention", a.Retention)
		r.Events.Eventf(stream, nil, corev1.EventTypeNormal, string(a.Verb), string(a.Verb), "%s", a)
		r.Metrics.acted(a)
	}
	return nil
}

func (r *Reconciler) do(ctx context.Context, a Action) error {
	switch a.Verb {
	case Create:
		return r.Kafka.Create(ctx, bus.TopicSpec{Name: a.Topic, Partitions: int(a.Partitions), Replication: int(a.Replication), Retention: a.Retention})
	case Widen:
		return r.Kafka.Widen(ctx, a.Topic, a.Partitions)
	case Retain:
		return r.Kafka.Retain(ctx, a.Topic, a.Retention)
	default:
		return fmt.Errorf("no such action: %s", a.Verb)
	}
}

// replay begins a replay or goes on with it, and returns when to look again.
func (r *Reconciler) replay(ctx context.Context, stream *v1alpha1.EventStream, status *v1alpha1.EventStreamStatus, letters bus.Letters) (time.Duration, error) {
	replay, begins := nextReplay(stream, letters, r.Now())
	switch {
	case replay == nil:
		return r.Interval, nil
	case begins:
		status.Replay = replay
		r.Events.Eventf(stream, nil, corev1.EventTypeNormal, "ReplayStarted", "Replay", "replay %s: %d dead letters", replay.Request, replay.Total)
		return time.Millisecond, nil
	}
	step, err := r.Kafka.ReplayUntil(ctx, stream.Spec.Topic, replay.Until, replayAtOnce)
	r.Metrics.replayed(stream, step.Replayed)
	if err != nil {
		return 0, err
	}
	after := stepped(*replay, step, r.Now())
	status.Replay = &after
	status.UnreplayedLetters = max(status.UnreplayedLetters-int64(step.Replayed), 0)
	if after.Phase == v1alpha1.ReplayRunning {
		return time.Millisecond, nil
	}
	r.Log.InfoContext(ctx, "dead letters replayed", "stream", client.ObjectKeyFromObject(stream).String(), "request", after.Request, "replayed", after.Replayed, "lost", after.Lost)
	r.Events.Eventf(stream, nil, corev1.EventTypeNormal, "ReplayFinished", "Replay", "replay %s: %d of %d dead letters replayed, %d lost", after.Request, after.Replayed, after.Total, after.Lost)
	return r.Interval, nil
}

// write stores a status that changed. The version it was computed from must
// still be there: an operator that lost its lease writes over nobody.
func (r *Reconciler) write(ctx context.Context, stream *v1alpha1.EventStream, status v1alpha1.EventStreamStatus) error {
	if equality.Semantic.DeepEqual(stream.Status, status) {
		return nil
	}
	stream.Status = status
	if err := client.IgnoreNotFound(r.Client.Status().Update(ctx, stream)); err != nil {
		return fmt.Errorf("write status: %w", err)
	}
	return nil
}

// owner returns the EventStream that a topic belongs to: of several that name
// it the oldest, so that a second one can neither change nor delete it.
func (r *Reconciler) owner(ctx context.Context, stream *v1alpha1.EventStream) (*v1alpha1.EventStream, error) {
	var all v1alpha1.EventStreamList
	if err := r.Client.List(ctx, &all); err != nil {
		return nil, fmt.Errorf("list streams: %w", err)
	}
	first := stream
	for i := range all.Items {
		if other := &all.Items[i]; other.Spec.Topic == stream.Spec.Topic && older(other, first) {
			first = other
		}
	}
	return first, nil
}

func older(a, b *v1alpha1.EventStream) bool {
	if !a.CreationTimestamp.Equal(&b.CreationTimestamp) {
		return a.CreationTimestamp.Before(&b.CreationTimestamp)
	}
	return a.UID < b.UID
}

// yield leaves the topic to its owner.
func (r *Reconciler) yield(ctx context.Context, stream, owner *v1alpha1.EventStream) (ctrl.Result, error) {
	if !stream.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, r.release(ctx, stream)
	}
	status := *stream.Status.DeepCopy()
	status.ObservedGeneration = stream.Generation
	setReady(&status, stream.Generation, metav1.ConditionFalse, "TopicTaken", fmt.Sprintf("the topic belongs to %s", client.ObjectKeyFromObject(owner)))
	return ctrl.Result{RequeueAfter: r.Interval}, r.write(ctx, stream, status)
}

// guard sets the finalizer while the topics are to be deleted with the object.
func (r *Reconciler) guard(ctx context.Context, stream *v1alpha1.EventStream) error {
	if stream.Spec.DeletionPolicy != v1alpha1.DeletionDelete {
		return r.release(ctx, stream)
	}
	base := client.MergeFromWithOptions(stream.DeepCopy(), client.MergeFromWithOptimisticLock{})
	if !controllerutil.AddFinalizer(stream, v1alpha1.TopicFinalizer) {
		return nil
	}
	if err := r.Client.Patch(ctx, stream, base); err != nil {
		return fmt.Errorf("add finalizer: %w", err)
	}
	return nil
}

// release lets the object go.
func (r *Reconciler) release(ctx context.Context, stream *v1alpha1.EventStream) error {
	base := client.MergeFromWithOptions(stream.DeepCopy(), client.MergeFromWithOptimisticLock{})
	if !controllerutil.RemoveFinalizer(stream, v1alpha1.TopicFinalizer) {
		return nil
	}
	if err := client.IgnoreNotFound(r.Client.Patch(ctx, stream, base)); err != nil {
		return fmt.Errorf("remove finalizer: %w", err)
	}
	return nil
}

// finalize deletes the topics of a deleted object whose policy says so. A Kafka
// that is down holds the object; with the policy set back to Retain it goes.
func (r *Reconciler) finalize(ctx context.Context, stream *v1alpha1.EventStream) error {
	if !controllerutil.ContainsFinalizer(stream, v1alpha1.TopicFinalizer) {
		return nil
	}
	if stream.Spec.DeletionPolicy == v1alpha1.DeletionDelete {
		if err := r.Kafka.Delete(ctx, stream.Spec.Topic, bus.DeadTopic(stream.Spec.Topic)); err != nil {
			return err
		}
		r.Log.InfoContext(ctx, "topic deleted", "stream", client.ObjectKeyFromObject(stream).String(), "topic", stream.Spec.Topic)
		r.Events.Eventf(stream, nil, corev1.EventTypeNormal, "TopicDeleted", "Delete", "deleted %s and its dead-letter twin", stream.Spec.Topic)
	}
	return r.release(ctx, stream)
}

// believe reports whether a loss was seen for long enough.
func (r *Reconciler) believe(stream *v1alpha1.EventStream, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := client.ObjectKeyFromObject(stream)
	first, ok := r.missed[key]
	if !ok {
		r.missed[key] = now
		return false
	}
	return now.Sub(first) >= believeAfter
}

// trust ends a suspicion.
func (r *Reconciler) trust(stream *v1alpha1.EventStream) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.missed, client.ObjectKeyFromObject(stream))
}

func (r *Reconciler) forget(key types.NamespacedName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.missed, key)
	r.Metrics.forget(key)
}

func (r *Reconciler) warn(stream *v1alpha1.EventStream, reason, action, message string) {
	r.Events.Eventf(stream, nil, corev1.EventTypeWarning, reason, action, "%s", message)
}
