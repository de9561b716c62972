package video

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	videov1 "douyin.dev/gen/douyin/video/v1"
	"douyin.dev/services/platform/bus"
	"douyin.dev/services/platform/fault"
	"douyin.dev/services/platform/outbox"
)

const (
	internal  = videov1.TranscodeReason_TRANSCODE_REASON_INTERNAL
	malformed = videov1.TranscodeReason_TRANSCODE_REASON_MALFORMED
	encode    = videov1.TranscodeStage_TRANSCODE_STAGE_ENCODE
)

// jobs is the queue as a worker has it.
func (b *bench) jobs() *jobs { return &jobs{db: b.db, lease: time.Minute} }

// wait adds a video that waits to be transcoded, published at a time.
func (b *bench) wait(t *testing.T, id, by, at, durationMS int64) {
	t.Helper()
	v := &videov1.Video{
		Id: id, AuthorId: by, MediaKey: prefix(id) + "original.mp4", CoverKey: prefix(id) + "cover.jpg",
		PublishedAtMs: at, DurationMs: durationMS, Version: 1,
	}
	err := b.db.InTx(t.Context(), func(tx pgx.Tx) error {
		if err := insert(t.Context(), tx, v, 1, []byte{1}); err != nil {
			return err
		}
		return queue(t.Context(), tx, v, at)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// free ends the pause or the lease of a job.
func (b *bench) free(t *testing.T, id int64) {
	t.Helper()
	if _, err := b.db.RW().Exec(t.Context(), `UPDATE transcode_job SET available_at = now() - interval '1s' WHERE video_id = $1`, id); err != nil {
		t.Fatal(err)
	}
}

// claimed takes the next job, which must be that of a video.
func (b *bench) claimed(t *testing.T, id int64) job {
	t.Helper()
	j, ok, err := b.jobs().claim(t.Context())
	if err != nil || !ok || j.videoID != id {
		t.Fatalf("claimed %+v %v %v, want video %d", j, ok, err, id)
	}
	return j
}

func (b *bench) noJob(t *testing.T, why string) {
	t.Helper()
	if j, ok, err := b.jobs().claim(t.Context()); ok || err != nil {
		t.Errorf("%s: claimed %+v, %v", why, j, err)
	}
}

func (b *bench) statusOf(t *testing.T, id int64) *videov1.TranscodeStatus {
	t.Helper()
	res, err := b.GetVideoStatus(as(t.Context(), author), &videov1.GetVideoStatusRequest{VideoId: id})
	if err != nil {
		t.Fatal(err)
	}
	return res.GetStatus()
}

func rung(j job, name string) rendition {
	return rendition{Name: name, ObjectKey: j.prefix() + name + "/media.m3u8", Width: 360, Height: 640, Bandwidth: 700_000, AverageBandwidth: 500_000, FrameRate: 25, Codecs: "avc1.64001e"}
}

func TestShortVideosComeFirstAndABurstHoldsUpNobody(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	const second = int64(1000)
	b.wait(t, 1, 20, 1_000_000, 60*second) // long
	for n := range int64(3) {              // a burst of one author
		b.wait(t, 10+n, author, 1_000_001+n, 10*second)
	}
	b.wait(t, 2, 30, 1_000_010, 10*second)
	b.wait(t, 3, 40, 1_000_020, 5*second)
	// Much later, and short: the long one is before it.
	b.wait(t, 4, 50, 1_000_000+500*second, second)
	if got := b.statusOf(t, 11).GetQueuePosition(); got != 3 {
		t.Errorf("the second of the burst has %d before it, want 3", got)
	}
	var order []int64
	for {
		j, ok, err := b.jobs().claim(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			break
		}
		order = append(order, j.videoID)
	}
	if diff := cmp.Diff([]int64{3, 10, 2, 11, 12, 1, 4}, order); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

func TestWorkersShareTheQueueWithoutSharingAJob(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	const videos = 40
	for n := range int64(videos) {
		b.wait(t, 1+n, 100+n, 1000+n, 1000)
	}
	var mu sync.Mutex
	var taken []int64
	var workers sync.WaitGroup
	for range 6 {
		workers.Go(func() {
			for {
				j, ok, err := b.jobs().claim(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				if !ok {
					return
				}
				mu.Lock()
				taken = append(taken, j.videoID)
				mu.Unlock()
			}
		})
	}
	workers.Wait()
	slices.Sort(taken)
	if len(taken) != videos || len(slices.Compact(slices.Clone(taken))) != videos {
		t.Errorf("%d jobs were taken, %v", len(taken), taken)
	}
}

// A worker that stood still finds that another has its job: nothing it does then
// has an effect.
func TestAWorkerThatLostItsLeaseWritesNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.wait(t, 1, author, 1000, 1000)
	slow := b.claimed(t, 1)
	b.noJob(t, "under a lease")
	b.free(t, 1)
	if st := b.statusOf(t, 1); st.GetState() != videov1.TranscodeState_TRANSCODE_STATE_QUEUED || st.GetStage() != 0 {
		t.Errorf("without a worker: %v", st)
	}
	fast := b.claimed(t, 1)
	if fast.token <= slow.token || fast.prefix() == slow.prefix() {
		t.Fatalf("tokens %d and %d", slow.token, fast.token)
	}
	q := b.jobs()
	if err := q.record(t.Context(), fast, rung(fast, "360p"), fast.prefix()+"master-1.m3u8", "", 50); err != nil {
		t.Fatal(err)
	}
	before, card := b.statusOf(t, 1), b.card(t, 1)
	for name, write := range map[string]func() error{
		"record": func() error {
			return q.record(t.Context(), slow, rung(slow, "360p"), slow.prefix()+"master-1.m3u8", "x", 50)
		},
		"extend":  func() error { return q.extend(t.Context(), slow, encode, 99) },
		"finish":  func() error { return q.finish(t.Context(), slow) },
		"fail":    func() error { return q.fail(t.Context(), slow, malformed, true) },
		"pause":   func() error { return q.fail(t.Context(), slow, internal, false) },
		"release": func() error { return q.release(t.Context(), slow) },
	} {
		if err := write(); !errors.Is(err, errFenced) {
			t.Errorf("%s by the worker without a lease: %v", name, err)
		}
	}
	if diff := cmp.Diff(before, b.statusOf(t, 1), protocmp.Transform()); diff != "" {
		t.Errorf("the status changed:\n%s", diff)
	}
	if diff := cmp.Diff(card, b.card(t, 1), protocmp.Transform()); diff != "" {
		t.Errorf("the video changed:\n%s", diff)
	}
	if err := q.finish(t.Context(), fast); err != nil {
		t.Errorf("the worker with the lease: %v", err)
	}
}

// card reads a video's row.
func (b *bench) card(t *testing.T, id int64) *videov1.Video {
	t.Helper()
	all, err := b.byIDs(t.Context(), []int64{id})
	if err != nil || len(all) != 1 {
		t.Fatalf("%v %v", all, err)
	}
	return all[0]
}

func TestAFailureIsTriedAgainAndThenEnds(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.wait(t, 1, author, 1000, 1000)
	q := b.jobs()
	for try := 1; try <= maxFailures; try++ {
		j := b.claimed(t, 1)
		if err := q.fail(t.Context(), j, internal, false); err != nil {
			t.Fatal(err)
		}
		b.noJob(t, "in its pause, or after its end")
		want := videov1.TranscodeState_TRANSCODE_STATE_QUEUED
		if try == maxFailures {
			want = videov1.TranscodeState_TRANSCODE_STATE_FAILED
		}
		if st := b.statusOf(t, 1); st.GetState() != want || st.GetReason() != internal || st.GetMessage() == "" {
			t.Errorf("after failure %d: %v", try, st)
		}
		b.free(t, 1)
	}
	b.noJob(t, "after its last failure")
	if st := b.statusOf(t, 1); !st.GetRetryable() || !st.GetPlayable() {
		t.Errorf("at the end: %v", st)
	}
	if _, err := b.RetryTranscode(as(t.Context(), author), &videov1.RetryTranscodeRequest{VideoId: 1}); err != nil {
		t.Fatal(err)
	}
	want := &videov1.TranscodeStatus{State: videov1.TranscodeState_TRANSCODE_STATE_QUEUED}
	if diff := cmp.Diff(want, b.statusOf(t, 1), protocmp.Transform()); diff != "" {
		t.Errorf("queued again (-want +got):\n%s", diff)
	}
	if err := q.fail(t.Context(), b.claimed(t, 1), malformed, true); err != nil {
		t.Fatal(err)
	}
	if _, err := b.RetryTranscode(as(t.Context(), author), &videov1.RetryTranscodeRequest{VideoId: 1}); err != nil {
		t.Fatal(err)
	}
	want = &videov1.TranscodeStatus{State: videov1.TranscodeState_TRANSCODE_STATE_FAILED, Playable: true, Reason: malformed, Message: sentences[malformed]}
	if diff := cmp.Diff(want, b.statusOf(t, 1), protocmp.Transform()); diff != "" {
		t.Errorf("failed for good (-want +got):\n%s", diff)
	}
	if got := b.card(t, 1).GetMediaKey(); got != prefix(1)+"original.mp4" {
		t.Errorf("plays %s, want the original", got)
	}
}

// A video that kills its workers must not do so for ever.
func TestAJobThatWearsOutItsWorkersFails(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.wait(t, 1, author, 1000, 1000)
	for range maxAttempts {
		b.claimed(t, 1)
		b.free(t, 1)
	}
	b.noJob(t, "worn out")
	if st := b.statusOf(t, 1); st.GetState() != videov1.TranscodeState_TRANSCODE_STATE_FAILED || st.GetReason() != internal {
		t.Errorf("worn out: %v", st)
	}
}

func TestAnInterruptedJobWasNoAttempt(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.wait(t, 1, author, 1000, 1000)
	for range maxAttempts + 1 {
		if err := b.jobs().release(t.Context(), b.claimed(t, 1)); err != nil {
			t.Fatal(err)
		}
	}
	if st := b.statusOf(t, 1); st.GetState() != videov1.TranscodeState_TRANSCODE_STATE_QUEUED {
		t.Errorf("given back: %v", st)
	}
}

func TestStatusFollowsTheJob(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.wait(t, 1, author, 1000, 1000)
	q := b.jobs()
	check := func(when string, want *videov1.TranscodeStatus) {
		t.Helper()
		if diff := cmp.Diff(want, b.statusOf(t, 1), protocmp.Transform()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", when, diff)
		}
	}
	processing := videov1.TranscodeState_TRANSCODE_STATE_PROCESSING
	check("queued", &videov1.TranscodeStatus{State: videov1.TranscodeState_TRANSCODE_STATE_QUEUED})
	j := b.claimed(t, 1)
	check("claimed", &videov1.TranscodeStatus{State: processing, Stage: videov1.TranscodeStage_TRANSCODE_STAGE_INSPECT})
	if err := q.extend(t.Context(), j, encode, 40); err != nil {
		t.Fatal(err)
	}
	check("encoding", &videov1.TranscodeStatus{State: processing, Stage: encode, Percent: 40})
	if err := q.record(t.Context(), j, rung(j, "360p"), j.prefix()+"master-1.m3u8", "", 50); err != nil {
		t.Fatal(err)
	}
	first := &videov1.Rendition{Name: "360p", Width: 360, Height: 640, Bandwidth: 700_000, Codecs: "avc1.64001e"}
	check("playable", &videov1.TranscodeStatus{
		State: processing, Stage: videov1.TranscodeStage_TRANSCODE_STAGE_STORE, Percent: 50, Playable: true, Renditions: []*videov1.Rendition{first},
	})
	if err := q.finish(t.Context(), j); err != nil {
		t.Fatal(err)
	}
	check("ready", &videov1.TranscodeStatus{State: videov1.TranscodeState_TRANSCODE_STATE_READY, Percent: 100, Playable: true, Renditions: []*videov1.Rendition{first}})
	for who, video := range map[int64]int64{author + 1: 1, author: 2} {
		_, err := b.GetVideoStatus(as(t.Context(), who), &videov1.GetVideoStatusRequest{VideoId: video})
		if !fault.HasReason(err, videov1.ErrorReason_ERROR_REASON_VIDEO_NOT_FOUND) {
			t.Errorf("status of video %d for %d: %v", video, who, err)
		}
		_, err = b.RetryTranscode(as(t.Context(), who), &videov1.RetryTranscodeRequest{VideoId: video})
		if !fault.HasReason(err, videov1.ErrorReason_ERROR_REASON_VIDEO_NOT_FOUND) {
			t.Errorf("retry of video %d by %d: %v", video, who, err)
		}
	}
}

// A video published before there were jobs plays as it is, and can be queued.
func TestAVideoWithoutAJobIsReadyAndMayBeQueued(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.add(t, 1, author, 1000)
	want := &videov1.TranscodeStatus{
		State: videov1.TranscodeState_TRANSCODE_STATE_READY, Percent: 100, Playable: true, Message: originalAlone, Retryable: true,
	}
	if diff := cmp.Diff(want, b.statusOf(t, 1), protocmp.Transform()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := b.RetryTranscode(as(t.Context(), author), &videov1.RetryTranscodeRequest{VideoId: 1}); err != nil {
		t.Fatal(err)
	}
	b.claimed(t, 1)
}

func TestADeletedVideoHasNoJob(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	v := publishTiny(t, b.Service)
	j := b.claimed(t, v.GetId())
	if err := b.jobs().record(t.Context(), j, rung(j, "360p"), j.prefix()+"master-1.m3u8", "", 50); err != nil {
		t.Fatal(err)
	}
	if _, err := b.DeleteVideo(as(t.Context(), author), &videov1.DeleteVideoRequest{VideoId: v.GetId()}); err != nil {
		t.Fatal(err)
	}
	if n := b.rows(t, "transcode_job") + b.rows(t, "rendition"); n != 0 {
		t.Errorf("%d rows are left", n)
	}
	if err := b.jobs().record(t.Context(), j, rung(j, "540p"), j.prefix()+"master-2.m3u8", "", 50); !errors.Is(err, errFenced) {
		t.Errorf("record for a deleted video: %v", err)
	}
	if _, err := b.GetVideoStatus(as(t.Context(), author), &videov1.GetVideoStatusRequest{VideoId: v.GetId()}); err == nil {
		t.Error("a deleted video has a status")
	}
}

// What a worker records reaches readers of copies by its event.
func TestRecordedRenditionsReachTheCards(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	s := b.cached(t, b.db)
	v := publishTiny(t, s)
	read := func() *videov1.Video {
		t.Helper()
		res, err := s.BatchGetVideos(t.Context(), &videov1.BatchGetVideosRequest{Ids: []int64{v.GetId()}})
		if err != nil || len(res.GetVideos()) != 1 {
			t.Fatalf("%v %v", res, err)
		}
		return res.GetVideos()[0]
	}
	if got := read(); got.GetHlsKey() != "" || got.GetMediaKey() != prefix(v.GetId())+"original.mp4" {
		t.Fatalf("before: %v", got)
	}
	j := b.claimed(t, v.GetId())
	hls, play := j.prefix()+"master-1.m3u8", j.prefix()+"progressive.mp4"
	if err := b.jobs().record(t.Context(), j, rung(j, "360p"), hls, "", 50); err != nil {
		t.Fatal(err)
	}
	if err := b.jobs().record(t.Context(), j, rendition{Name: progressive, ObjectKey: play}, "", play, 50); err != nil {
		t.Fatal(err)
	}
	for _, m := range b.events(t, &videov1.TranscodeChanged{}) {
		if err := s.handleChanges(t.Context(), []bus.Message{m}); err != nil {
			t.Fatal(err)
		}
	}
	if got := read(); got.GetHlsKey() != hls || got.GetMediaKey() != play {
		t.Errorf("after: %v", got)
	}
}

// events returns the outbox's events of a kind, as the bus delivers them.
func (b *bench) events(t *testing.T, kind proto.Message) []bus.Message {
	t.Helper()
	rows, err := b.db.RW().Query(context.WithoutCancel(t.Context()), `SELECT topic, payload FROM outbox WHERE topic = $1 ORDER BY id`, outbox.Topic(kind))
	if err != nil {
		t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (bus.Message, error) {
		var m bus.Message
		return m, row.Scan(&m.Topic, &m.Value)
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
