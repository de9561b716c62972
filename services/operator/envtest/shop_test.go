//go:build envtest

package envtest

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"douyin.dev/services/platform/bus"
)

const (
	// target is the Deployment's name.
	target = "counter-worker"
	// perRecord is a worker's time for a record: 40 a second.
	perRecord = 25 * time.Millisecond
)

// shop plays the Deployment controller and the kubelet: a pod for each replica,
// with a consumer of its own behind it.
type shop struct {
	w    *world
	stop context.CancelFunc
	done chan struct{}

	total atomic.Int64

	mu      sync.Mutex
	workers map[string]*worker
	next    int
	died    []string
}

// worker is what runs in a pod.
type worker struct {
	bus    *bus.Bus
	server *http.Server
	cancel context.CancelFunc
	done   chan struct{}
	busy   atomic.Int64
	pinned atomic.Bool
	hands  sync.Mutex // a worker does one record at a time, whatever its partitions
}

func newShop(t *testing.T, w *world, replicas int32) *shop {
	t.Helper()
	labels := map[string]string{"app": target}
	must(t, w.Create(t.Context(), &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: target, Namespace: w.namespace},
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "worker", Image: "localhost/none:1"}}},
			},
		},
	}, client.FieldOwner("helm")))
	ctx, stop := context.WithCancel(context.Background())
	s := &shop{w: w, stop: stop, done: make(chan struct{}), workers: map[string]*worker{}}
	go s.run(ctx, t)
	t.Cleanup(func() {
		stop()
		<-s.done
		for name := range s.workers {
			s.fire(name)
		}
	})
	s.awaitStaff(t, int(replicas))
	return s
}

func (s *shop) awaitStaff(t *testing.T, n int) {
	t.Helper()
	eventually(t, func(context.Context) error {
		if got := len(s.pods(t)); got != n {
			return fmt.Errorf("%d pods, want %d", got, n)
		}
		return nil
	})
}

// run keeps as many pods as the Deployment asks for.
func (s *shop) run(ctx context.Context, t *testing.T) {
	defer close(s.done)
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if err := s.sync(ctx); err != nil && ctx.Err() == nil {
			t.Logf("shop: %v", err)
		}
	}
}

func (s *shop) sync(ctx context.Context) error {
	d := &appsv1.Deployment{}
	if err := s.w.Get(ctx, client.ObjectKey{Namespace: s.w.namespace, Name: target}, d); err != nil {
		return err
	}
	var pods corev1.PodList
	if err := s.w.List(ctx, &pods, client.InNamespace(s.w.namespace)); err != nil {
		return err
	}
	for i := len(pods.Items); i < int(*d.Spec.Replicas); i++ {
		if err := s.hire(ctx); err != nil {
			return err
		}
	}
	// As a ReplicaSet does: the cheapest go first.
	slices.SortStableFunc(pods.Items, func(a, b corev1.Pod) int { return cmp.Compare(costOf(a), costOf(b)) })
	for i := range len(pods.Items) - int(*d.Spec.Replicas) {
		pod := &pods.Items[i]
		if err := s.w.Delete(ctx, pod, client.GracePeriodSeconds(0)); err != nil {
			return err
		}
		s.fire(pod.Name)
	}
	s.mu.Lock()
	n := int32(len(s.workers))
	s.mu.Unlock()
	if d.Status.ReadyReplicas == n {
		return nil
	}
	d.Status.Replicas, d.Status.ReadyReplicas = n, n
	return s.w.Status().Update(ctx, d)
}

func costOf(p corev1.Pod) int {
	n, _ := strconv.Atoi(p.Annotations[corev1.PodDeletionCost]) // none is 0
	return n
}

// loopbacks gives every pod of the process an address of its own in 127.0.0.0/8.
var loopbacks atomic.Int64

// hire makes a pod that is ready, with a worker behind its address.
func (s *shop) hire(ctx context.Context) error {
	n := loopbacks.Add(1)
	ip := fmt.Sprintf("127.77.%d.%d", n/250, n%250+1)
	s.mu.Lock()
	s.next++
	name := fmt.Sprintf("%s-%d", target, s.next)
	s.mu.Unlock()
	wk, err := s.open(ip)
	if err != nil {
		return err
	}
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: s.w.namespace, Labels: map[string]string{"app": target}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "worker", Image: "localhost/none:1"}}, NodeName: "nowhere"},
	}
	if err := s.w.Create(ctx, pod); err != nil {
		wk.close()
		return err
	}
	pod.Status = corev1.PodStatus{
		Phase: corev1.PodRunning, PodIP: ip, PodIPs: []corev1.PodIP{{IP: ip}},
		Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
	}
	s.mu.Lock()
	s.workers[name] = wk
	s.mu.Unlock()
	return s.w.Status().Update(ctx, pod)
}

// open starts a consumer and its private port.
func (s *shop) open(ip string) (*worker, error) {
	b, err := bus.Connect(context.Background(), bus.Config{Brokers: s.w.brokers, ClientID: "worker"})
	if err != nil {
		return nil, err
	}
	wk := &worker{bus: b, done: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /work", func(w http.ResponseWriter, _ *http.Request) {
		n := wk.busy.Load()
		if wk.pinned.Load() {
			n += 3
		}
		fmt.Fprintf(w, `{"busy":%d}`, n)
	})
	l, err := net.Listen("tcp", net.JoinHostPort(ip, "9090"))
	if err != nil {
		return nil, err
	}
	wk.server = &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	go func() { _ = wk.server.Serve(l) }() // ends with Close
	ctx, cancel := context.WithCancel(context.Background())
	wk.cancel = cancel
	go func() {
		defer close(wk.done)
		_ = b.Consume(ctx, bus.Subscription{Group: "g-" + s.w.topic, Topics: []string{s.w.topic}, BatchSize: 10, Handle: func(ctx context.Context, batch []bus.Message) error {
			return s.handle(ctx, wk, len(batch))
		}})
	}()
	return wk, nil
}

// handle takes its time for a batch.
func (s *shop) handle(ctx context.Context, wk *worker, n int) error {
	wk.hands.Lock()
	defer wk.hands.Unlock()
	wk.busy.Add(int64(n))
	defer wk.busy.Add(-int64(n))
	timer := time.NewTimer(time.Duration(n) * perRecord)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		s.total.Add(int64(n))
		return nil
	}
}

func (w *worker) close() {
	w.cancel()
	<-w.done
	_ = w.server.Close()
	_ = w.bus.Close() // nothing is pending
}

// fire ends the worker of a pod that was deleted.
func (s *shop) fire(name string) {
	s.mu.Lock()
	wk := s.workers[name]
	delete(s.workers, name)
	if wk != nil && wk.pinned.Load() {
		s.died = append(s.died, name)
	}
	s.mu.Unlock()
	if wk != nil {
		wk.close()
	}
}

// pin makes the newest worker that is not pinned busy until it is unpinned, and returns its name.
func (s *shop) pin(t *testing.T) string {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := s.next; i > 0; i-- {
		name := fmt.Sprintf("%s-%d", target, i)
		if wk := s.workers[name]; wk != nil && !wk.pinned.Load() {
			wk.pinned.Store(true)
			return name
		}
	}
	t.Fatal("nobody to pin")
	return ""
}

func (s *shop) unpin(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.workers[name].pinned.Store(false)
}

func (s *shop) diedBusy() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.died)
}

func (s *shop) handled() int64 { return s.total.Load() }

func (s *shop) pods(t *testing.T) []corev1.Pod {
	t.Helper()
	var pods corev1.PodList
	must(t, s.w.List(t.Context(), &pods, client.InNamespace(s.w.namespace)))
	return pods.Items
}

func (s *shop) deployment(t *testing.T) *appsv1.Deployment {
	t.Helper()
	d := &appsv1.Deployment{}
	must(t, s.w.Get(t.Context(), client.ObjectKey{Namespace: s.w.namespace, Name: target}, d))
	return d
}
