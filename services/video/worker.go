package video

import (
	"context"
	"errors"
	"io"
	"iter"
	"log/slog"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"go.opentelemetry.io/otel/metric"
	"golang.org/x/sync/errgroup"

	videov1 "douyin.dev/gen/douyin/video/v1"
	"douyin.dev/services/platform/blob"
	"douyin.dev/services/platform/pause"
	"douyin.dev/services/platform/pg"
	"douyin.dev/services/video/ladder"
)

const (
	// leaseTime is how long a job is a worker's without a word of it.
	leaseTime = 30 * time.Second
	// reportEvery is how often a worker says how far it is, when that has changed.
	reportEvery = time.Second
	// idlePause is how long a worker waits that found no job.
	idlePause = 500 * time.Millisecond
	// endTimeout bounds what follows a job: its end and the removal of what is left.
	endTimeout = time.Minute
	// A job may take wallClockBase, and wallClockFactor times the length of its video.
	wallClockBase, wallClockFactor = 5 * time.Minute, 20
)

// wallClock is how long a job may take.
func wallClock(duration time.Duration) time.Duration { return wallClockBase + wallClockFactor*duration }

// errWallClock says that a job took longer than its video's length allows.
var errWallClock = errors.New("longer than the length of the video allows")

// Encoder makes renditions of what strangers sent: *ladder.Encoder, but in tests.
type Encoder interface {
	// Inspect reads what a file is.
	Inspect(ctx context.Context, path string) (ladder.Source, error)
	// HLS makes a rendition in an empty folder.
	HLS(ctx context.Context, path string, s ladder.Source, r ladder.Rung, dir string, progress func(done time.Duration)) (ladder.Rendition, error)
	// Progressive makes a file out of the folder of a rendition, and returns its size.
	Progressive(ctx context.Context, r ladder.Rendition, dir, out string) (int64, error)
}

// WorkerObjects is what a worker needs of the object store.
type WorkerObjects interface {
	// Get returns an object.
	Get(ctx context.Context, key, rangeHeader string) (*blob.Object, error)
	// Put stores size bytes under a key: whole or not at all.
	Put(ctx context.Context, key string, body io.ReadSeeker, size int64, contentType string) error
	// Delete removes objects; one that is not there counts as removed.
	Delete(ctx context.Context, keys ...string) error
	// List walks the objects whose key begins with prefix.
	List(ctx context.Context, prefix string) iter.Seq2[blob.Item, error]
}

// WorkerDeps is what a worker is made of.
type WorkerDeps struct {
	DB      *pg.DB
	Objects WorkerObjects
	// Encoder may be nil: then every video is ready with its original alone.
	Encoder Encoder
	// Scratch is where originals and renditions lie while a job lasts.
	Scratch string
	// AtOnce is how many jobs it has at a time; 0 means 1.
	AtOnce int
	// Lease is how long a job is kept from others after the worker's last word; 0
	// means 30 s.
	Lease time.Duration
	Log   *slog.Logger
	// Meters gets the worker's metrics; nil for none.
	Meters metric.MeterProvider
}

// Worker takes transcode jobs from the queue. It is safe for concurrent use.
type Worker struct {
	jobs    *jobs
	objects WorkerObjects
	encoder Encoder
	scratch scratch
	atOnce  int
	log     *slog.Logger
	// attempts are counted by how they ended.
	attempts metric.Int64Counter
}

// NewWorker returns a worker. Run it.
func NewWorker(d WorkerDeps) (*Worker, error) {
	if d.DB == nil || d.Objects == nil || d.Scratch == "" {
		return nil, errors.New("transcode worker needs a database, objects and a scratch directory")
	}
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	if d.Lease <= 0 {
		d.Lease = leaseTime
	}
	w := &Worker{
		jobs: &jobs{db: d.DB, lease: d.Lease}, objects: d.Objects, encoder: d.Encoder,
		scratch: scratch{d.Scratch}, atOnce: max(d.AtOnce, 1), log: d.Log,
	}
	return w, w.measure(d.Meters)
}

// Run takes jobs until ctx ends. Those under way are given back then.
func (w *Worker) Run(ctx context.Context) error {
	if err := w.scratch.sweep(); err != nil {
		return err
	}
	var loops errgroup.Group
	for range w.atOnce {
		loops.Go(func() error {
			for ctx.Err() == nil {
				worked, err := w.next(ctx)
				if err != nil && ctx.Err() == nil {
					w.log.WarnContext(ctx, "no job could be taken, trying again", "error", err)
				}
				if !worked {
					pause.For(ctx, idlePause/2+rand.N(idlePause))
				}
			}
			return nil
		})
	}
	return loops.Wait()
}

// next takes a job and brings it to an end; false when there is none.
func (w *Worker) next(ctx context.Context) (bool, error) {
	j, ok, err := w.jobs.claim(ctx)
	if err != nil || !ok {
		return false, err
	}
	log := w.log.With("video_id", j.videoID, "token", j.token)
	failed := w.attempt(ctx, j)
	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	if err := w.conclude(after, j, failed, ctx.Err() != nil); err != nil {
		// The lease ends by itself, and another worker finds what was recorded.
		log.WarnContext(ctx, "the end of a job was not recorded", "error", err)
	}
	if err := w.removeUnreferenced(after, j); err != nil {
		log.WarnContext(ctx, "objects of a job are left to the janitor", "error", err)
	}
	if failed != nil {
		log.WarnContext(ctx, "a video was not transcoded", "error", failed)
		w.count(after, "failed")
	} else {
		log.InfoContext(ctx, "a video was transcoded")
		w.count(after, "ready")
	}
	return true, nil
}

// attempt works on a job while it is this worker's and its time lasts.
func (w *Worker) attempt(ctx context.Context, j job) error {
	if w.encoder == nil {
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, wallClock(j.duration), errWallClock)
	defer cancel()
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	p := &progress{stage: videov1.TranscodeStage_TRANSCODE_STAGE_INSPECT}
	ended := make(chan struct{})
	var reports sync.WaitGroup
	reports.Go(func() { w.report(ctx, j, p, ended, stop) })
	err := w.transcode(ctx, j, p)
	close(ended)
	reports.Wait()
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return errors.Join(cause, err)
	}
	return err
}

// report keeps the lease and says how far the job is, until it ended. A worker
// that lost its lease, or heard nothing of Postgres while it lasted, stops.
func (w *Worker) report(ctx context.Context, j job, p *progress, ended <-chan struct{}, stop context.CancelCauseFunc) {
	ticker := time.NewTicker(min(reportEvery, w.jobs.lease/10))
	defer ticker.Stop()
	said, at := p.now(), time.Now()
	for {
		select {
		case <-ended:
			return
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := p.now()
		if now == said && time.Since(at) < w.jobs.lease/3 {
			continue
		}
		call, cancel := context.WithTimeout(ctx, w.jobs.lease/3)
		err := w.jobs.extend(call, j, now.stage, now.percent)
		cancel()
		switch {
		case err == nil:
			said, at = now, time.Now()
		case errors.Is(err, errFenced), time.Since(at) > w.jobs.lease:
			stop(errFenced)
			return
		}
	}
}

// progress is how far a job is. It is safe for concurrent use.
type progress struct {
	mu      sync.Mutex
	stage   videov1.TranscodeStage
	percent int
}

// point is a progress at one moment.
type point struct {
	stage   videov1.TranscodeStage
	percent int
}

func (p *progress) set(stage videov1.TranscodeStage, share float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stage, p.percent = stage, int(100*min(max(share, 0), 1))
}

func (p *progress) now() point {
	p.mu.Lock()
	defer p.mu.Unlock()
	return point{p.stage, p.percent}
}

// conclude records how an attempt ended.
func (w *Worker) conclude(ctx context.Context, j job, failed error, interrupted bool) error {
	var err error
	switch {
	case failed == nil:
		err = w.jobs.finish(ctx, j)
	case errors.Is(failed, errFenced):
		return nil // it is another's to end
	case interrupted:
		err = w.jobs.release(ctx, j)
	default:
		reason := reasonOf(failed)
		err = w.jobs.fail(ctx, j, reason, !transient(reason))
	}
	if errors.Is(err, errFenced) {
		return nil
	}
	return err
}

// reasonOf says why an attempt failed.
func reasonOf(err error) videov1.TranscodeReason {
	var known *ladder.Error
	switch {
	case errors.Is(err, errWallClock):
		return videov1.TranscodeReason_TRANSCODE_REASON_TIMEOUT
	case !errors.As(err, &known):
		return videov1.TranscodeReason_TRANSCODE_REASON_INTERNAL
	}
	switch known.Reason {
	case ladder.NotVideo:
		return videov1.TranscodeReason_TRANSCODE_REASON_NOT_VIDEO
	case ladder.NoPicture:
		return videov1.TranscodeReason_TRANSCODE_REASON_NO_PICTURE
	case ladder.UnsupportedCodec:
		return videov1.TranscodeReason_TRANSCODE_REASON_UNSUPPORTED_CODEC
	case ladder.Malformed:
		return videov1.TranscodeReason_TRANSCODE_REASON_MALFORMED
	case ladder.Timeout:
		return videov1.TranscodeReason_TRANSCODE_REASON_TIMEOUT
	default:
		return videov1.TranscodeReason_TRANSCODE_REASON_INTERNAL
	}
}

// removeUnreferenced removes what this worker and those before it stored and
// recorded nowhere. Master playlists that were replaced stay for the janitor: a
// client may have been given their URL a moment ago.
func (w *Worker) removeUnreferenced(ctx context.Context, j job) error {
	var keys []string
	for item, err := range w.objects.List(ctx, prefix(j.videoID)+"r") {
		if err != nil {
			return err
		}
		if _, token := transcodeOf(item.Key); token > 0 && token <= j.token {
			keys = append(keys, item.Key)
		}
	}
	r, err := referencesOf(ctx, w.jobs.db, j.videoID)
	if err != nil {
		return err
	}
	visible := len(r.keys) > 0
	var left []string
	for _, key := range keys {
		if !r.has(key) && !(visible && isMaster(key)) {
			left = append(left, key)
		}
	}
	if len(left) == 0 {
		return nil
	}
	return w.objects.Delete(ctx, left...)
}

// fetch copies an object into a file.
func (w *Worker) fetch(ctx context.Context, key, file string) error {
	o, err := w.objects.Get(ctx, key, "")
	if err != nil {
		return err
	}
	defer o.Body.Close()
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	n, err := io.Copy(f, o.Body)
	if err == nil && n != o.ContentLength {
		err = io.ErrUnexpectedEOF
	}
	return errors.Join(err, f.Close())
}
