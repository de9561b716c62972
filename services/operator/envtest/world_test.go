//go:build envtest

package envtest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"douyin.dev/services/operator"
	"douyin.dev/services/operator/api/v1alpha1"
	"douyin.dev/services/operator/broker"
	"douyin.dev/services/platform/bus"
	"douyin.dev/services/platform/infratest"
)

// world is a namespace of the API server and a topic's name of its own.
type world struct {
	client.Client
	kafka     *broker.Broker
	bus       *bus.Bus
	brokers   []string
	namespace string
	topic     string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	scheme, err := operator.Scheme()
	must(t, err)
	c, err := client.New(shared.config, client.Options{Scheme: scheme})
	must(t, err)
	w := &world{Client: c, brokers: infratest.Kafka(t), namespace: "operator-" + strings.ToLower(rand.Text()[:10])}
	w.topic = "test.v1.Happened-" + rand.Text()[:10]
	must(t, c.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.namespace}}))
	w.kafka, err = broker.Connect(t.Context(), broker.Config{Brokers: w.brokers})
	must(t, err)
	w.bus, err = bus.Connect(t.Context(), bus.Config{Brokers: w.brokers, ClientID: "test"})
	must(t, err)
	t.Cleanup(func() {
		if err := errors.Join(w.kafka.Close(), w.bus.Close()); err != nil {
			t.Error(err)
		}
	})
	return w
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// process is an operator as it runs in a pod.
type process struct {
	cmd  *exec.Cmd
	log  *syncBuffer
	once sync.Once
}

// syncBuffer is a buffer that two goroutines may use.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// operate starts an operator in the world's namespace. It is killed at the end of the test.
func (w *world) operate(t *testing.T, flags ...string) *process {
	t.Helper()
	p := &process{log: &syncBuffer{}}
	p.cmd = exec.Command(shared.binary, append([]string{
		"--kafka-brokers=" + strings.Join(w.brokers, ","), "--namespace=" + w.namespace, "--private-listen=127.0.0.1:0",
		"--stream-interval=300ms", "--pool-interval=1s", "--lease-duration=5s",
	}, flags...)...)
	p.cmd.Env = append(os.Environ(), "KUBECONFIG="+shared.kubeconfig)
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	must(t, p.cmd.Start())
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("operator %d:\n%s", p.cmd.Process.Pid, p.log)
		}
	})
	return p
}

// kill ends the process as a crash does.
func (p *process) kill() {
	p.once.Do(func() {
		_ = p.cmd.Process.Kill() // it may have ended by itself
		_ = p.cmd.Wait()         // "signal: killed"
	})
}

// stream declares the world's topic.
func (w *world) stream(name string, change func(*v1alpha1.EventStream)) *v1alpha1.EventStream {
	s := &v1alpha1.EventStream{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: w.namespace},
		Spec:       v1alpha1.EventStreamSpec{Topic: w.topic, Partitions: 2, Replication: 1, Retention: metav1.Duration{Duration: time.Hour}},
	}
	if change != nil {
		change(s)
	}
	return s
}

// change updates an object, again when somebody else was faster.
func change[T client.Object](t *testing.T, w *world, object T, edit func(T)) {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		if err := w.Get(ctx, client.ObjectKeyFromObject(object), object); err != nil {
			return err
		}
		edit(object)
		return w.Update(ctx, object)
	})
}

// awaits waits until the status of the object is as check wants it.
func awaits[T client.Object](t *testing.T, w *world, object T, check func(T) error) {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		if err := w.Get(ctx, client.ObjectKeyFromObject(object), object); err != nil {
			return err
		}
		return check(object)
	})
}

// is checks a condition: its status and reason.
func is(conditions []metav1.Condition, kind string, status metav1.ConditionStatus, reason string) error {
	c := meta.FindStatusCondition(conditions, kind)
	if c == nil {
		return fmt.Errorf("no condition %s", kind)
	}
	if c.Status != status || c.Reason != reason {
		return fmt.Errorf("%s is %s, %s (%s); want %s, %s", kind, c.Status, c.Reason, c.Message, status, reason)
	}
	return nil
}

func asDeclared(s *v1alpha1.EventStream) error {
	if s.Status.ObservedGeneration != s.Generation {
		return fmt.Errorf("generation %d of %d seen", s.Status.ObservedGeneration, s.Generation)
	}
	return is(s.Status.Conditions, v1alpha1.StreamReady, metav1.ConditionTrue, "AsDeclared")
}

// topics waits until Kafka has the world's topics as wanted; nil for gone.
func (w *world) topics(t *testing.T, want, dead *broker.Topic) {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		got, err := w.kafka.Topics(ctx, w.topic, bus.DeadTopic(w.topic))
		if err != nil {
			return err
		}
		for name, want := range map[string]*broker.Topic{w.topic: want, bus.DeadTopic(w.topic): dead} {
			topic, there := got[name]
			if there != (want != nil) || there && topic != *want {
				return fmt.Errorf("%s: %+v (there: %v), want %+v", name, topic, there, want)
			}
		}
		return nil
	})
}

// records counts what the topic keeps.
func (w *world) records(t *testing.T) int64 {
	t.Helper()
	topics, err := w.kafka.Topics(t.Context(), w.topic)
	must(t, err)
	positions, err := w.kafka.Positions(t.Context(), "", topics)
	must(t, err)
	return broker.Backlog(positions)
}

func (w *world) publish(t *testing.T, n int) {
	t.Helper()
	var all []bus.Message
	for i := range n {
		all = append(all, bus.Message{Topic: w.topic, Key: fmt.Append(nil, i), Value: fmt.Append(nil, i), Headers: map[string]string{bus.HeaderEventID: fmt.Sprint(i)}})
	}
	eventually(t, func(ctx context.Context) error { return w.bus.Publish(ctx, all...) })
}

// bury publishes dead letters as a consumer would.
func (w *world) bury(t *testing.T, n int) {
	t.Helper()
	var all []bus.Message
	for i := range n {
		all = append(all, bus.Message{Topic: bus.DeadTopic(w.topic), Key: fmt.Append(nil, i), Value: fmt.Append(nil, i), Headers: map[string]string{
			bus.HeaderEventID: fmt.Sprint(i), bus.HeaderOriginTopic: w.topic, bus.HeaderOriginPartition: "0", bus.HeaderOriginOffset: fmt.Sprint(i), bus.HeaderError: "test",
		}})
	}
	must(t, w.bus.Publish(t.Context(), all...))
}
