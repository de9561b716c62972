package eventstream

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"douyin.dev/services/operator/api/v1alpha1"
	"douyin.dev/services/platform/bus"
)

// replayAtOnce is how many letters are replayed between two looks at everything else.
const replayAtOnce = 100

// nextReplay returns the replay that is to be worked on, and whether it only
// begins: then it must be in the status before the first letter is published, for
// a restarted operator keeps to the bound it finds there. Nil means nothing to do.
func nextReplay(stream *v1alpha1.EventStream, letters bus.Letters, now time.Time) (replay *v1alpha1.ReplayStatus, begins bool) {
	request, last := stream.ReplayRequest(), stream.Status.Replay
	// A replay that runs is finished first, also when the request was withdrawn.
	if last != nil && last.Phase == v1alpha1.ReplayRunning {
		return last.DeepCopy(), false
	}
	if request == "" || last != nil && last.Request == request {
		return nil, false
	}
	return &v1alpha1.ReplayStatus{
		Request: request, Phase: v1alpha1.ReplayRunning, Until: letters.End, Total: letters.Unreplayed,
		StartedAt: metav1.Time{Time: now.Truncate(time.Second)},
	}, true
}

// stepped returns the replay after a step.
func stepped(r v1alpha1.ReplayStatus, step bus.ReplayStep, now time.Time) v1alpha1.ReplayStatus {
	// What is left is counted in Kafka: letters a dead operator replayed count too.
	r.Replayed = max(r.Total-step.Left, 0)
	if step.Done {
		r.Phase, r.Lost = v1alpha1.ReplayDone, step.Lost
		r.FinishedAt = &metav1.Time{Time: now.Truncate(time.Second)}
	}
	return r
}
