package video

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	videov1 "douyin.dev/gen/douyin/video/v1"
	"douyin.dev/services/platform/fault"
)

// watching opens a stream of a video's statuses and returns what waits for the next one.
func (b *bench) watching(t *testing.T, id int64) func() (*videov1.TranscodeStatus, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	stream, err := b.client.WatchVideoStatus(ctx, &videov1.WatchVideoStatusRequest{VideoId: id})
	if err != nil {
		t.Fatal(err)
	}
	return func() (*videov1.TranscodeStatus, error) {
		if !stream.Receive() {
			return nil, stream.Err()
		}
		return stream.Msg().GetStatus(), nil
	}
}

// looking runs what gives watchers their statuses.
func (b *bench) looking(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.Watch(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestAWatcherIsSentWhatPollingAnswersUntilTheEnd(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.looking(t)
	b.wait(t, 1, author, 1000, 1000)
	next := b.watching(t, 1)
	same := func(when string) {
		t.Helper()
		got, err := next()
		if err != nil {
			t.Fatalf("%s: %v", when, err)
		}
		if diff := cmp.Diff(b.statusOf(t, 1), got, protocmp.Transform()); diff != "" {
			t.Errorf("%s (-polled +sent):\n%s", when, diff)
		}
	}
	same("queued")
	j := b.claimed(t, 1)
	same("claimed")
	if err := b.jobs().record(t.Context(), j, rung(j, "360p"), j.prefix()+"master-1.m3u8", "", 50); err != nil {
		t.Fatal(err)
	}
	same("playable")
	if err := b.jobs().finish(t.Context(), j); err != nil {
		t.Fatal(err)
	}
	same("ready")
	if st, err := next(); st != nil || err != nil {
		t.Errorf("after the end: %v, %v", st, err)
	}
	if ids, _ := b.watchers.joined(); len(ids) > 0 {
		t.Errorf("still watched: %v", ids)
	}
}

func TestAWatcherOfAnothersOrADeletedVideoIsRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.looking(t)
	b.wait(t, 1, author, 1000, 1000)
	b.wait(t, 2, author+1, 1001, 1000)
	next := b.watching(t, 2)
	if _, err := next(); !fault.HasReason(err, videov1.ErrorReason_ERROR_REASON_VIDEO_NOT_FOUND) {
		t.Errorf("another's: %v", err)
	}
	next = b.watching(t, 1)
	if st, err := next(); err != nil || st.GetState() != videov1.TranscodeState_TRANSCODE_STATE_QUEUED {
		t.Fatalf("first: %v, %v", st, err)
	}
	if _, err := b.DeleteVideo(as(t.Context(), author), &videov1.DeleteVideoRequest{VideoId: 1}); err != nil {
		t.Fatal(err)
	}
	if st, err := next(); !fault.HasReason(err, videov1.ErrorReason_ERROR_REASON_VIDEO_NOT_FOUND) {
		t.Errorf("deleted: %v, %v", st, err)
	}
}

func TestDrainingEndsTheStreamsOfStatuses(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.wait(t, 1, author, 1000, 1000)
	next := b.watching(t, 1)
	if _, err := next(); err != nil {
		t.Fatal(err)
	}
	b.Drain()
	if st, err := next(); st != nil || err != nil {
		t.Errorf("after draining: %v, %v", st, err)
	}
}
