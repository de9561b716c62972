package eventstream

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"douyin.dev/services/operator/api/v1alpha1"
	"douyin.dev/services/operator/broker"
	"douyin.dev/services/platform/bus"
)

func noon() time.Time { return time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) }

func TestStatusTellsTheSlowestGroupAndTheOldestRecord(t *testing.T) {
	t.Parallel()
	old, older := metav1.NewTime(noon().Add(-time.Minute)), metav1.NewTime(noon().Add(-time.Hour))
	stream := &v1alpha1.EventStream{ObjectMeta: metav1.ObjectMeta{Generation: 3}}
	kept := &v1alpha1.ReplayStatus{Request: "monday"}
	got := observed(v1alpha1.EventStreamStatus{Replay: kept, Partitions: 9}, stream,
		Look{Topic: &broker.Topic{Partitions: 4, Replication: 1, Retention: time.Hour}},
		Progress{Records: 50, Letters: bus.Letters{Kept: 7, Unreplayed: 2}, Groups: []v1alpha1.GroupStatus{
			{Group: "counter", Lag: 5, OldestUnprocessed: &older}, {Group: "fanout", Lag: 8, OldestUnprocessed: &old}, {Group: "idle"},
		}})
	want := v1alpha1.EventStreamStatus{
		ObservedGeneration: 3, Partitions: 4, Replication: 1, Retention: &metav1.Duration{Duration: time.Hour}, Records: 50, Lag: 8,
		OldestUnprocessed: &older, DeadLetters: 7, UnreplayedLetters: 2, Replay: kept, Groups: got.Groups,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAGroupIsAsOldAsItsOldestPartition(t *testing.T) {
	t.Parallel()
	got := groupStatus("counter", []broker.Position{{First: 0, End: 4, Committed: 1}, {First: 2, End: 4, Committed: -1}, {End: 9, Committed: 9}},
		[]time.Time{noon(), noon().Add(-time.Hour), {}})
	want := v1alpha1.GroupStatus{Group: "counter", Lag: 5, OldestUnprocessed: &metav1.Time{Time: noon().Add(-time.Hour)}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestALossIsToldForADay(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		to     int32
		later  time.Duration
		reason string
	}{
		"just narrowed":     {2, time.Minute, "NarrowedByHand"},
		"just deleted":      {0, time.Minute, "DeletedByHand"},
		"almost a day old":  {2, narrowedFor - time.Second, "NarrowedByHand"},
		"more than one day": {2, narrowedFor, "AsDeclared"},
	} {
		s := v1alpha1.EventStreamStatus{Narrowed: &v1alpha1.Narrowing{From: 4, To: tt.to, SeenAt: metav1.NewTime(noon())}}
		setDrifted(&s, 1, nil, noon().Add(tt.later))
		if got := meta.FindStatusCondition(s.Conditions, v1alpha1.StreamDrifted).Reason; got != tt.reason {
			t.Errorf("%s: %s, want %s", name, got, tt.reason)
		}
	}
}

func TestReplayIsOnePerRequest(t *testing.T) {
	t.Parallel()
	letters := bus.Letters{End: 10, Kept: 8, Unreplayed: 6}
	done := &v1alpha1.ReplayStatus{Request: "monday", Phase: v1alpha1.ReplayDone}
	running := &v1alpha1.ReplayStatus{Request: "monday", Phase: v1alpha1.ReplayRunning, Until: 4, Total: 4}
	begun := &v1alpha1.ReplayStatus{Request: "tuesday", Phase: v1alpha1.ReplayRunning, Until: 10, Total: 6, StartedAt: metav1.NewTime(noon())}
	for name, tt := range map[string]struct {
		field, annotation string
		last, want        *v1alpha1.ReplayStatus
		begins            bool
	}{
		"nobody asks":                  {"", "", nil, nil, false},
		"the field asks":               {"tuesday", "", nil, begun, true},
		"the annotation asks":          {"", "tuesday", done, begun, true},
		"the annotation is obeyed":     {"monday", "tuesday", done, begun, true},
		"it was done":                  {"monday", "", done, nil, false},
		"it runs":                      {"monday", "", running, running, false},
		"one runs and another waits":   {"tuesday", "", running, running, false},
		"one runs and was taken back":  {"", "", running, running, false},
		"it was done and taken back":   {"", "", done, nil, false},
		"another was done before this": {"tuesday", "", done, begun, true},
	} {
		stream := &v1alpha1.EventStream{Spec: v1alpha1.EventStreamSpec{Replay: tt.field}, Status: v1alpha1.EventStreamStatus{Replay: tt.last}}
		if tt.annotation != "" {
			stream.Annotations = map[string]string{v1alpha1.ReplayAnnotation: tt.annotation}
		}
		got, begins := nextReplay(stream, letters, noon())
		if diff := cmp.Diff(tt.want, got); diff != "" || begins != tt.begins {
			t.Errorf("%s: begins %v (-want +got):\n%s", name, begins, diff)
		}
	}
}

func TestReplayProgressIsCountedInKafka(t *testing.T) {
	t.Parallel()
	r := v1alpha1.ReplayStatus{Phase: v1alpha1.ReplayRunning, Total: 10, Replayed: 2}
	// A dead operator replayed 3 more than it wrote down.
	r = stepped(r, bus.ReplayStep{Replayed: 1, Left: 4}, noon())
	if r.Replayed != 6 || r.Phase != v1alpha1.ReplayRunning {
		t.Errorf("after a step: %+v", r)
	}
	r = stepped(r, bus.ReplayStep{Replayed: 3, Left: 1, Lost: 1, Done: true}, noon())
	if r.Replayed != 9 || r.Lost != 1 || r.Phase != v1alpha1.ReplayDone || r.FinishedAt == nil {
		t.Errorf("at the end: %+v", r)
	}
}
