package video

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	videov1 "douyin.dev/gen/douyin/video/v1"
	"douyin.dev/services/platform/blob"
	"douyin.dev/services/video/ladder"
)

// encoder writes files that are none of a video. It keeps what it was asked for.
type encoder struct {
	// before is called before a rendition is made; an error is its end.
	before func(ctx context.Context, rung string) error
	// inspect is the answer to Inspect.
	inspect error

	mu   sync.Mutex
	made []string
}

func (e *encoder) Inspect(context.Context, string) (ladder.Source, error) {
	return ladder.Source{Width: 720, Height: 1280, FrameRate: 25, Duration: 4 * time.Second, Bitrate: 8_000_000}, e.inspect
}

func (e *encoder) HLS(ctx context.Context, file string, s ladder.Source, r ladder.Rung, dir string, progress func(time.Duration)) (ladder.Rendition, error) {
	if _, err := os.Stat(file); err != nil {
		return ladder.Rendition{}, err
	}
	progress(s.Duration / 2)
	if e.before != nil {
		if err := e.before(ctx, r.Name()); err != nil {
			return ladder.Rendition{}, err
		}
	}
	e.note(r.Name())
	for _, name := range []string{initSegment, "000.m4s", "001.m4s", mediaPlaylist} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(r.Name()+" "+name), 0o600); err != nil {
			return ladder.Rendition{}, err
		}
	}
	return ladder.Rendition{Rung: r, Codecs: "avc1.64001f", Bandwidth: r.MaxBitrate, AverageBandwidth: r.MaxBitrate / 2}, nil
}

func (e *encoder) Progressive(_ context.Context, r ladder.Rendition, dir, out string) (int64, error) {
	e.note(progressive + " of " + r.Name())
	var all []byte
	for _, name := range r.Files[:len(r.Files)-1] {
		part, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return 0, err
		}
		all = append(all, part...)
	}
	return int64(len(all)), os.WriteFile(out, all, 0o600)
}

func (e *encoder) note(what string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.made = append(e.made, what)
}

// worker takes the jobs of a bench.
func (b *bench) worker(t *testing.T, e Encoder, objects WorkerObjects) *Worker {
	t.Helper()
	w, err := NewWorker(WorkerDeps{DB: b.db, Objects: objects, Encoder: e, Scratch: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// work has a worker take the next job to its end.
func work(t *testing.T, w *Worker) {
	t.Helper()
	worked, err := w.next(t.Context())
	if err != nil || !worked {
		t.Fatalf("no job was taken: %v", err)
	}
	left, err := os.ReadDir(w.scratch.dir)
	if err != nil || len(left) > 0 {
		t.Errorf("left in the scratch directory: %v %v", left, err)
	}
}

// nothingLoose checks that all of a video's objects are referenced, but for
// masters that were replaced, and that all that is referenced is there.
func (b *bench) nothingLoose(t *testing.T, id int64) {
	t.Helper()
	keys := b.objects(t, id)
	r, err := referencesOf(t.Context(), b.db, id)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		if _, token := transcodeOf(prefix(id) + key); token > 0 && !r.has(prefix(id)+key) && !isMaster(key) {
			t.Errorf("%s belongs to nothing", key)
		}
	}
	for key := range r.keys {
		if key != "" && !slices.Contains(keys, strings.TrimPrefix(key, prefix(id))) {
			t.Errorf("%s is not there", key)
		}
	}
}

// wantReady checks that a video has all its renditions, and how it was made ready.
func (b *bench) wantReady(t *testing.T, id int64) {
	t.Helper()
	st := b.statusOf(t, id)
	var names []string
	for _, r := range st.GetRenditions() {
		names = append(names, r.GetName())
	}
	if st.GetState() != videov1.TranscodeState_TRANSCODE_STATE_READY || st.GetPercent() != 100 || !st.GetPlayable() {
		t.Errorf("status %v", st)
	}
	if diff := cmp.Diff([]string{"360p", "540p", "720p", progressive}, names); diff != "" {
		t.Errorf("renditions (-want +got):\n%s", diff)
	}
	b.nothingLoose(t, id)
}

func TestAWorkerMakesTheLowestRungFirstThenTheFileThenTheRest(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	id := publishTiny(t, b.Service).GetId()
	e := &encoder{}
	e.before = func(_ context.Context, rung string) error {
		card := b.card(t, id)
		plays := strings.TrimPrefix(card.GetMediaKey(), prefix(id))
		hls := strings.TrimPrefix(card.GetHlsKey(), prefix(id))
		want := map[string][2]string{
			"360p": {"original.mp4", ""}, "720p": {"original.mp4", "r1/master-1.m3u8"}, "540p": {"r1/progressive.mp4", "r1/master-2.m3u8"},
		}[rung]
		if diff := cmp.Diff(want, [2]string{plays, hls}); diff != "" {
			t.Errorf("before %s the video plays (-want +got):\n%s", rung, diff)
		}
		return nil
	}
	work(t, b.worker(t, e, b.store))
	if diff := cmp.Diff([]string{"360p", "720p", "progressive of 720p", "540p"}, e.made); diff != "" {
		t.Errorf("made (-want +got):\n%s", diff)
	}
	b.wantReady(t, id)
	master := string(b.object(t, b.card(t, id).GetHlsKey()))
	for _, line := range []string{"#EXT-X-INDEPENDENT-SEGMENTS", "../r1/360p/media.m3u8", "../r1/540p/media.m3u8", "../r1/720p/media.m3u8", "RESOLUTION=360x640"} {
		if !strings.Contains(master, line) {
			t.Errorf("the master playlist lacks %s:\n%s", line, master)
		}
	}
	if got, want := string(b.object(t, b.card(t, id).GetMediaKey())), "720p init.mp4720p 000.m4s720p 001.m4s"; got != want {
		t.Errorf("the file is %q, want %q", got, want)
	}
	b.noJob(t, "after the last")
}

func TestWithoutFFmpegAVideoIsReadyWithItsOriginal(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	v := publishTiny(t, b.Service)
	work(t, b.worker(t, nil, b.store))
	st := b.statusOf(t, v.GetId())
	if st.GetState() != videov1.TranscodeState_TRANSCODE_STATE_READY || !st.GetPlayable() || st.GetMessage() != originalAlone {
		t.Errorf("status %v", st)
	}
	if got := b.card(t, v.GetId()).GetMediaKey(); got != v.GetMediaKey() {
		t.Errorf("plays %s", got)
	}
}

// A worker stands still while it makes a rendition, and wakes up after another has
// made the video ready: it changes nothing, and leaves nothing.
func TestAWorkerThatWakesUpTooLateChangesNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	id := publishTiny(t, b.Service).GetId()
	standing, wake := make(chan struct{}), make(chan struct{})
	late := &encoder{before: func(_ context.Context, rung string) error {
		if rung == "720p" {
			close(standing)
			<-wake
		}
		return nil
	}}
	asleep := b.worker(t, late, b.store)
	done := make(chan error, 1)
	go func() { _, err := asleep.next(t.Context()); done <- err }()
	<-standing
	b.free(t, id)
	second := &encoder{}
	work(t, b.worker(t, second, b.store))
	// What the first recorded is kept.
	if diff := cmp.Diff([]string{"720p", "progressive of 720p", "540p"}, second.made); diff != "" {
		t.Errorf("the second made (-want +got):\n%s", diff)
	}
	before := b.card(t, id)
	close(wake)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if after := b.card(t, id); after.GetVersion() != before.GetVersion() || !strings.HasPrefix(after.GetHlsKey(), prefix(id)+"r2/") {
		t.Errorf("the late worker changed %v into %v", before, after)
	}
	b.wantReady(t, id)
}

// The lease of a worker that works goes on.
func TestAWorkingWorkerKeepsItsJobAndSaysHowFarItIs(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	id := publishTiny(t, b.Service).GetId()
	e := &encoder{before: func(ctx context.Context, rung string) error {
		if rung != "360p" {
			return nil
		}
		for b.statusOf(t, id).GetPercent() == 0 { // half of the first rung is reported
			if ctx.Err() != nil {
				return ctx.Err()
			}
			time.Sleep(10 * time.Millisecond)
		}
		var left time.Duration
		for renewed := 0; renewed < 2; {
			was := left
			if err := b.db.RW().QueryRow(ctx, `SELECT available_at - now() FROM transcode_job`).Scan(&left); err != nil {
				return err
			}
			if left <= 0 {
				return errors.New("the lease ended")
			}
			if left > was {
				renewed++
			}
		}
		return nil
	}}
	w, err := NewWorker(WorkerDeps{DB: b.db, Objects: b.store, Encoder: e, Scratch: t.TempDir(), Lease: 3 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	work(t, w)
	b.wantReady(t, id)
}

func TestAVideoThatCannotBeTranscodedFailsWithItsReason(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	v := publishTiny(t, b.Service)
	e := &encoder{before: func(_ context.Context, rung string) error {
		if rung == "720p" {
			return &ladder.Error{Reason: ladder.Malformed}
		}
		return nil
	}}
	work(t, b.worker(t, e, b.store))
	st := b.statusOf(t, v.GetId())
	if st.GetState() != videov1.TranscodeState_TRANSCODE_STATE_FAILED || st.GetReason() != malformed || st.GetRetryable() || !st.GetPlayable() {
		t.Errorf("status %v", st)
	}
	// What there is plays.
	if card := b.card(t, v.GetId()); card.GetMediaKey() != v.GetMediaKey() || card.GetHlsKey() != prefix(v.GetId())+"r1/master-1.m3u8" {
		t.Errorf("plays %v", card)
	}
	b.nothingLoose(t, v.GetId())
}

func TestReasonsOfFailures(t *testing.T) {
	t.Parallel()
	reason := func(r ladder.Reason) error { return fmt.Errorf("360p: %w", &ladder.Error{Reason: r}) }
	for err, want := range map[error]videov1.TranscodeReason{
		reason(ladder.NotVideo):               videov1.TranscodeReason_TRANSCODE_REASON_NOT_VIDEO,
		reason(ladder.NoPicture):              videov1.TranscodeReason_TRANSCODE_REASON_NO_PICTURE,
		reason(ladder.UnsupportedCodec):       videov1.TranscodeReason_TRANSCODE_REASON_UNSUPPORTED_CODEC,
		reason(ladder.Malformed):              malformed,
		reason(ladder.Timeout):                videov1.TranscodeReason_TRANSCODE_REASON_TIMEOUT,
		reason(ladder.Internal):               internal,
		errors.New("disk full"):               internal,
		errors.Join(errWallClock, io.EOF):     videov1.TranscodeReason_TRANSCODE_REASON_TIMEOUT,
		fmt.Errorf("x: %w", blob.ErrNotFound): internal,
	} {
		if got := reasonOf(err); got != want {
			t.Errorf("%v is %v, want %v", err, got, want)
		}
	}
	for name, number := range videov1.TranscodeReason_value {
		if number > 0 && sentences[videov1.TranscodeReason(number)] == "" {
			t.Errorf("%s has no sentence", name)
		}
	}
}

func TestAWorkerThatIsStoppedGivesItsJobBack(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	id := publishTiny(t, b.Service).GetId()
	ctx, stop := context.WithCancel(t.Context())
	e := &encoder{before: func(ctx context.Context, rung string) error {
		if rung != "720p" {
			return nil
		}
		stop()
		<-ctx.Done()
		return ctx.Err()
	}}
	if err := b.worker(t, e, b.store).Run(ctx); err != nil {
		t.Fatal(err)
	}
	if st := b.statusOf(t, id); st.GetState() != videov1.TranscodeState_TRANSCODE_STATE_QUEUED || st.GetReason() != 0 || !st.GetPlayable() {
		t.Errorf("given back as %v", st)
	}
	work(t, b.worker(t, &encoder{}, b.store)) // at once
	b.wantReady(t, id)
}

func TestADeletedVideoStopsItsWorkerAndLeavesNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	id := publishTiny(t, b.Service).GetId()
	e := &encoder{before: func(ctx context.Context, rung string) error {
		if rung != "720p" {
			return nil
		}
		if _, err := b.DeleteVideo(as(ctx, author), &videov1.DeleteVideoRequest{VideoId: id}); err != nil {
			t.Error(err)
		}
		return nil
	}}
	work(t, b.worker(t, e, b.store))
	if left := b.objects(t, id); len(left) > 0 {
		t.Errorf("objects are left: %v", left)
	}
	if n := b.rows(t, "transcode_job") + b.rows(t, "rendition"); n > 0 {
		t.Errorf("%d rows are left", n)
	}
}

// unsteady is a store that fails to take objects.
type unsteady struct {
	WorkerObjects
	fails func(key string) bool
}

func (u unsteady) Put(ctx context.Context, key string, body io.ReadSeeker, size int64, contentType string) error {
	if u.fails(key) {
		return errors.New("the store is away")
	}
	return u.WorkerObjects.Put(ctx, key, body, size, contentType)
}

// Whatever object the store does not take: no row names it, and the next attempt
// makes the video ready.
func TestNoRowNamesWhatTheStoreDidNotTake(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"360p/000.m4s", "360p/" + mediaPlaylist, "master-1.m3u8", "720p/" + initSegment, progressive + ".mp4", "master-3.m3u8"} {
		t.Run(path.Base(name), func(t *testing.T) {
			t.Parallel()
			b := newBench(t, nil)
			id := publishTiny(t, b.Service).GetId()
			away := unsteady{b.store, func(key string) bool { return strings.HasSuffix(key, "r1/"+name) }}
			work(t, b.worker(t, &encoder{}, away))
			if st := b.statusOf(t, id); st.GetState() != videov1.TranscodeState_TRANSCODE_STATE_QUEUED || st.GetReason() != internal {
				t.Errorf("after the failure: %v", st)
			}
			b.nothingLoose(t, id)
			b.free(t, id)
			work(t, b.worker(t, &encoder{}, away))
			b.wantReady(t, id)
		})
	}
}

// The janitor removes what belongs to nothing, once it is old, and only that.
func TestTheJanitorKeepsWhatIsReferenced(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	done, busy := publishTiny(t, b.Service).GetId(), publishTiny(t, b.Service).GetId()
	work(t, b.worker(t, &encoder{}, b.store))
	j := b.claimed(t, busy)
	put := func(key string) {
		t.Helper()
		if err := b.store.Put(t.Context(), key, strings.NewReader("x"), 1, "video/mp4"); err != nil {
			t.Fatal(err)
		}
	}
	put(prefix(done) + "r7/360p/000.m4s")
	put(prefix(done) + "r1/1080p/000.m4s")
	put(j.prefix() + "360p/000.m4s")
	kept := func(id int64) []string {
		return slices.DeleteFunc(b.objects(t, id), isMaster)
	}
	if err := b.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left := kept(done); !slices.Contains(left, "r7/360p/000.m4s") {
		t.Errorf("fresh objects were removed: %v", left)
	}
	b.now.Add(2 * time.Hour.Milliseconds())
	if err := b.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := []string{"cover.jpg", "original.mp4", "r1/progressive.mp4"}
	for _, rung := range []string{"360p", "540p", "720p"} {
		for _, file := range []string{"000.m4s", "001.m4s", initSegment, mediaPlaylist} {
			want = append(want, "r1/"+rung+"/"+file)
		}
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, kept(done)); diff != "" {
		t.Errorf("objects of the ready video (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"cover.jpg", "original.mp4", "r1/360p/000.m4s"}, kept(busy)); diff != "" {
		t.Errorf("objects of the one a worker is at (-want +got):\n%s", diff)
	}
	masters := slices.DeleteFunc(b.objects(t, done), func(key string) bool { return !isMaster(key) })
	if diff := cmp.Diff([]string{"r1/master-3.m3u8"}, masters); diff != "" {
		t.Errorf("masters (-want +got):\n%s", diff)
	}
}

func TestScratchFoldersOfTheDeadAreRemoved(t *testing.T) {
	t.Parallel()
	s := scratch{t.TempDir()}
	held, remove, err := s.make()
	if err != nil {
		t.Fatal(err)
	}
	dead, fresh := filepath.Join(s.dir, "job-dead"), filepath.Join(s.dir, "job-fresh")
	for _, dir := range []string{dead, fresh} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	old := time.Now().Add(-time.Hour)
	for _, dir := range []string{dead, held} {
		if err := os.Chtimes(dir, old, old); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.sweep(); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]bool{dead: false, fresh: true, held: true} {
		if _, err := os.Stat(dir); (err == nil) != want {
			t.Errorf("%s is there: %v, want %v", filepath.Base(dir), err == nil, want)
		}
	}
	if err := remove(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(held); err == nil {
		t.Error("the folder was not removed")
	}
}

func TestTheWorkersMetricsSayWhatWaitsAndWhatEnded(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	publishTiny(t, b.Service)
	publishTiny(t, b.Service)
	publishTiny(t, b.Service)
	reader := sdkmetric.NewManualReader()
	fails := true
	w, err := NewWorker(WorkerDeps{
		DB: b.db, Objects: b.store, Scratch: t.TempDir(), Meters: sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)),
		Encoder: &encoder{before: func(context.Context, string) error {
			if fails {
				return &ladder.Error{Reason: ladder.Malformed}
			}
			return nil
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	work(t, w)
	fails = false
	work(t, w)
	var all metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	got := map[string]int64{}
	for _, m := range all.ScopeMetrics[0].Metrics {
		switch data := m.Data.(type) {
		case metricdata.Gauge[int64]:
			got[m.Name] = data.DataPoints[0].Value
		case metricdata.Sum[int64]:
			for _, p := range data.DataPoints {
				outcome, _ := p.Attributes.Value("outcome")
				got[m.Name+" "+outcome.AsString()] = p.Value
			}
		}
	}
	want := map[string]int64{
		"douyin_video_transcode_waiting": 1, "douyin_video_transcode_attempts ready": 1, "douyin_video_transcode_attempts failed": 1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
