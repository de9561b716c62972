package workerpool

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// workTimeout bounds the question to one worker.
	workTimeout = 2 * time.Second
	workLimit   = 4 << 10
)

// Work is what a worker is doing.
type Work struct {
	Pod *corev1.Pod
	// Busy is how many records or jobs it has in its hands; at least 1 for one
	// that is ready and does not say.
	Busy int32
	// Silent says that it did not answer.
	Silent bool
}

// alive reports whether a pod counts as a replica.
func alive(pod *corev1.Pod) bool {
	return pod.DeletionTimestamp.IsZero() && pod.Status.Phase != corev1.PodSucceeded && pod.Status.Phase != corev1.PodFailed
}

// ready reports whether a pod may have work.
func ready(pod *corev1.Pod) bool {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

// busyPods counts those that must stay.
func busyPods(all []Work) int32 {
	var n int32
	for _, w := range all {
		if w.Busy > 0 {
			n++
		}
	}
	return n
}

// cost is what a ReplicaSet goes by: of ready pods it deletes the cheapest first.
func (w Work) cost() string { return strconv.FormatInt(int64(w.Busy), 10) }

// priced returns the pod with its cost, or nil when it has it already. A pod
// without the annotation costs nothing.
func (w Work) priced() *corev1.Pod {
	old, ok := w.Pod.Annotations[corev1.PodDeletionCost]
	if old == w.cost() || !ok && w.Busy == 0 {
		return nil
	}
	pod := w.Pod.DeepCopy()
	if pod.Annotations == nil {
		pod.Annotations = map[string]string{}
	}
	pod.Annotations[corev1.PodDeletionCost] = w.cost()
	return pod
}

// Asker asks workers what they are doing, on their private port.
type Asker struct {
	// Port is the private port of every worker.
	Port   int
	Client *http.Client
}

// Ask returns what a pod is doing. One that is not ready has nothing to lose:
// its ReplicaSet deletes it before any that is.
func (a *Asker) Ask(ctx context.Context, pod *corev1.Pod) Work {
	if !ready(pod) {
		return Work{Pod: pod}
	}
	busy, err := a.busy(ctx, pod.Status.PodIP)
	if err != nil {
		return Work{Pod: pod, Busy: 1, Silent: true}
	}
	return Work{Pod: pod, Busy: busy}
}

func (a *Asker) busy(ctx context.Context, ip string) (int32, error) {
	ctx, cancel := context.WithTimeout(ctx, workTimeout)
	defer cancel()
	url := "http://" + net.JoinHostPort(ip, strconv.Itoa(a.Port)) + "/work"
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, fmt.Errorf("ask worker: %w", err)
	}
	res, err := a.Client.Do(req)
	if err != nil {
		return 0, fmt.Errorf("ask worker: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("ask worker: %s", res.Status)
	}
	var answer struct {
		Busy *int64 `json:"busy"`
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, workLimit)).Decode(&answer); err != nil {
		return 0, fmt.Errorf("read worker's answer: %w", err)
	}
	if answer.Busy == nil || *answer.Busy < 0 {
		return 0, fmt.Errorf("worker's answer has no number of records")
	}
	return int32(min(*answer.Busy, math.MaxInt32)), nil
}

// price writes the costs that changed. A pod that is gone meanwhile is no trouble.
func price(ctx context.Context, c client.Client, all []Work) error {
	for _, w := range all {
		pod := w.priced()
		if pod == nil {
			continue
		}
		// Bound to this very pod: its name may be another's by now.
		base := client.MergeFromWithOptions(w.Pod, client.MergeFromWithOptimisticLock{})
		err := c.Patch(ctx, pod, base, client.FieldOwner(FieldManager))
		if client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("set deletion cost of %s: %w", pod.Name, err)
		}
	}
	return nil
}
