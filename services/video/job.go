package video

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	videov1 "douyin.dev/gen/douyin/video/v1"
	"douyin.dev/services/platform/outbox"
	"douyin.dev/services/platform/pg"
)

const (
	// maxFailures is how often workers may say that a job failed.
	maxFailures = 3
	// maxAttempts is how many workers may take a job: one that kills its workers ends too.
	maxAttempts = 10
	// firstPause is how long a job waits after its first failure, and pauseFactor
	// how many times longer after each further one.
	firstPause, pauseFactor = 30 * time.Second, 4
	// costFactor is how many times its length a video puts a job back in the queue.
	costFactor = 4
	// maxCandidates are looked at together: as many workers find a job each.
	maxCandidates = 16
)

// errFenced says that a job is not this worker's any more: another has it, or the
// video was deleted.
var errFenced = errors.New("the job was taken by another worker or its video deleted")

// Uses transcode_job_author.
const lastDueSQL = `SELECT coalesce(max(due_ms), 0) FROM transcode_job WHERE author_id = @author AND state IN (1, 2)`

const queueSQL = `INSERT INTO transcode_job (video_id, author_id, due_ms, state, available_at) VALUES (@id, @author, @due, 1, now())
ON CONFLICT (video_id) DO UPDATE SET due_ms = excluded.due_ms, state = 1, available_at = excluded.available_at,
    attempts = 0, failures = 0, stage = 0, percent = 0, reason = 0`

// queue makes the job of a video, or makes it wait again.
//
// Jobs are taken in the order of due_ms, which never changes while a job waits. A
// job comes later by its video's length, so short ones are first, and each of an
// author's jobs comes after the one before, so that many of them do not hold up
// others. No job waits for ever: those made after its due_ms come after it.
func queue(ctx context.Context, tx pgx.Tx, v *videov1.Video, nowMS int64) error {
	var last int64
	if err := tx.QueryRow(ctx, lastDueSQL, pgx.NamedArgs{"author": v.GetAuthorId()}).Scan(&last); err != nil {
		return fmt.Errorf("queue transcode: %w", err)
	}
	due := max(nowMS, last) + costFactor*v.GetDurationMs()
	if _, err := tx.Exec(ctx, queueSQL, pgx.NamedArgs{"id": v.GetId(), "author": v.GetAuthorId(), "due": due}); err != nil {
		return fmt.Errorf("queue transcode: %w", err)
	}
	return nil
}

const (
	forgetJobSQL        = `DELETE FROM transcode_job WHERE video_id = @id`
	forgetRenditionsSQL = `DELETE FROM rendition WHERE video_id = @id`
)

// forgetTranscode removes what is known of a deleted video's renditions. A worker
// that is at it finds no job any more.
func forgetTranscode(ctx context.Context, tx pgx.Tx, id int64) error {
	for _, sql := range []string{forgetJobSQL, forgetRenditionsSQL} {
		if _, err := tx.Exec(ctx, sql, pgx.NamedArgs{"id": id}); err != nil {
			return fmt.Errorf("forget transcode: %w", err)
		}
	}
	return nil
}

// jobs is the queue as workers use it. It is safe for concurrent use.
type jobs struct {
	db    *pg.DB
	lease time.Duration
}

// job is a job that this worker has taken.
type job struct {
	videoID, authorID int64
	token             int64
	mediaKey          string
	sizeBytes         int64
	duration          time.Duration
}

// prefix begins the keys of all that a worker stores for this job: no other has
// its token. What it recorded nowhere belongs to nobody.
func (j job) prefix() string { return fmt.Sprintf("%sr%d/", prefix(j.videoID), j.token) }

// rendition is one that is stored: of HLS, or the progressive file.
type rendition struct {
	Name             string
	ObjectKey        string
	Width, Height    int32
	Bandwidth        int64
	AverageBandwidth int64
	FrameRate        float64
	Codecs           string
}

// Uses transcode_job_queue.
const candidatesSQL = `SELECT video_id, token, attempts >= @most FROM transcode_job
WHERE state IN (1, 2) AND available_at <= now() ORDER BY due_ms, video_id LIMIT @limit`

type candidate struct {
	id, token int64
	worn      bool
}

// claim takes the first job that nobody has; false when there is none. It reads
// the first candidates and then takes one by its key: a queue whose rows are on
// several servers allows no lock over all of them.
func (q *jobs) claim(ctx context.Context) (job, bool, error) {
	for range maxCandidates { // others may be faster each time
		first, err := q.candidates(ctx)
		if err != nil || len(first) == 0 {
			return job{}, false, err
		}
		for _, c := range first {
			j, ok, err := q.take(ctx, c)
			if err != nil || ok {
				return j, ok, err
			}
		}
	}
	return job{}, false, nil
}

func (q *jobs) candidates(ctx context.Context) ([]candidate, error) {
	rows, err := q.db.RW().Query(ctx, candidatesSQL, pgx.NamedArgs{"most": maxAttempts, "limit": maxCandidates})
	if err != nil {
		return nil, fmt.Errorf("look for jobs: %w", err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (candidate, error) {
		var c candidate
		return c, row.Scan(&c.id, &c.token, &c.worn)
	})
	if err != nil {
		return nil, fmt.Errorf("look for jobs: %w", err)
	}
	return all, nil
}

const takeSQL = `UPDATE transcode_job SET state = 2, token = token + 1, attempts = attempts + 1, stage = 1, available_at = now() + @lease::interval
WHERE video_id = @id AND token = @token AND state IN (1, 2) AND available_at <= now() RETURNING author_id, token`

const originalSQL = `SELECT media_key, size_bytes, duration_ms FROM video WHERE id = @id AND state = 1`

// take takes a job unless another worker was faster. One that has worn out its
// workers fails instead.
func (q *jobs) take(ctx context.Context, c candidate) (job, bool, error) {
	j := job{videoID: c.id, token: c.token}
	if c.worn {
		err := q.fail(ctx, j, videov1.TranscodeReason_TRANSCODE_REASON_INTERNAL, true)
		if errors.Is(err, errFenced) {
			err = nil
		}
		return job{}, false, err
	}
	err := q.db.RW().QueryRow(ctx, takeSQL, pgx.NamedArgs{"id": c.id, "token": c.token, "lease": q.lease}).Scan(&j.authorID, &j.token)
	if errors.Is(err, pgx.ErrNoRows) {
		return job{}, false, nil
	}
	if err != nil {
		return job{}, false, fmt.Errorf("take job: %w", err)
	}
	var milliseconds int64
	err = q.db.RW().QueryRow(ctx, originalSQL, pgx.NamedArgs{"id": c.id}).Scan(&j.mediaKey, &j.sizeBytes, &milliseconds)
	if errors.Is(err, pgx.ErrNoRows) {
		return job{}, false, nil // deleted since; its job too
	}
	if err != nil {
		return job{}, false, fmt.Errorf("read original: %w", err)
	}
	j.duration = time.Duration(milliseconds) * time.Millisecond
	return j, true, nil
}

const extendSQL = `UPDATE transcode_job SET available_at = now() + @lease::interval, stage = @stage, percent = greatest(percent, @percent)
WHERE video_id = @id AND token = @token AND state = 2`

// extend prolongs the lease and says how far the job is.
func (q *jobs) extend(ctx context.Context, j job, stage videov1.TranscodeStage, percent int) error {
	return q.fenced(q.db.RW().Exec(ctx, extendSQL, pgx.NamedArgs{
		"id": j.videoID, "token": j.token, "lease": q.lease, "stage": stage, "percent": percent,
	}))
}

const releaseSQL = `UPDATE transcode_job SET state = 1, stage = 0, attempts = attempts - 1, available_at = now()
WHERE video_id = @id AND token = @token AND state = 2`

// release gives a job back that was interrupted and not tried.
func (q *jobs) release(ctx context.Context, j job) error {
	return q.fenced(q.db.RW().Exec(ctx, releaseSQL, pgx.NamedArgs{"id": j.videoID, "token": j.token}))
}

const putRenditionSQL = `INSERT INTO rendition (video_id, name, object_key, width, height, bandwidth, average_bandwidth, frame_rate, codecs)
VALUES (@id, @name, @object_key, @width, @height, @bandwidth, @average_bandwidth, @frame_rate, @codecs)
ON CONFLICT (video_id, name) DO UPDATE SET object_key = excluded.object_key, width = excluded.width, height = excluded.height,
    bandwidth = excluded.bandwidth, average_bandwidth = excluded.average_bandwidth, frame_rate = excluded.frame_rate, codecs = excluded.codecs`

const playSQL = `UPDATE video SET play_key = CASE WHEN @play = '' THEN play_key ELSE @play END,
    hls_key = CASE WHEN @hls = '' THEN hls_key ELSE @hls END, version = version + 1 WHERE id = @id`

// record makes a stored rendition visible, and with it the master playlist or the
// progressive file; an empty key changes none. Only the job's newest worker may.
func (q *jobs) record(ctx context.Context, j job, r rendition, hlsKey, playKey string, percent int) error {
	return q.write(ctx, j, func(tx pgx.Tx) error {
		if err := q.fenced(tx.Exec(ctx, extendSQL, pgx.NamedArgs{
			"id": j.videoID, "token": j.token, "lease": q.lease, "stage": videov1.TranscodeStage_TRANSCODE_STAGE_STORE, "percent": percent,
		})); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, putRenditionSQL, pgx.NamedArgs{
			"id": j.videoID, "name": r.Name, "object_key": r.ObjectKey, "width": r.Width, "height": r.Height,
			"bandwidth": r.Bandwidth, "average_bandwidth": r.AverageBandwidth, "frame_rate": r.FrameRate, "codecs": r.Codecs,
		})
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, playSQL, pgx.NamedArgs{"id": j.videoID, "hls": hlsKey, "play": playKey})
		return err
	})
}

const endSQL = `UPDATE transcode_job SET state = @state::smallint, stage = 0, reason = @reason, percent = CASE WHEN @state::smallint = 3 THEN 100 ELSE percent END
WHERE video_id = @id AND token = @token AND state IN (1, 2)`

// finish ends a job: all there will be is there.
func (q *jobs) finish(ctx context.Context, j job) error {
	return q.end(ctx, j, videov1.TranscodeState_TRANSCODE_STATE_READY, videov1.TranscodeReason_TRANSCODE_REASON_UNSPECIFIED)
}

func (q *jobs) end(ctx context.Context, j job, state videov1.TranscodeState, reason videov1.TranscodeReason) error {
	return q.write(ctx, j, func(tx pgx.Tx) error {
		return q.fenced(tx.Exec(ctx, endSQL, pgx.NamedArgs{"id": j.videoID, "token": j.token, "state": state, "reason": reason}))
	})
}

const pauseSQL = `UPDATE transcode_job SET state = 1, stage = 0, reason = @reason, failures = failures + 1,
    available_at = now() + @pause::interval * power(@factor::int, failures)
WHERE video_id = @id AND token = @token AND state = 2 AND failures + 1 < @most`

// fail lets a job be tried again after a pause, or ends it: when it would fail
// again, or has failed often enough. What is ready stays.
func (q *jobs) fail(ctx context.Context, j job, reason videov1.TranscodeReason, final bool) error {
	if !final {
		done, err := q.db.RW().Exec(ctx, pauseSQL, pgx.NamedArgs{
			"id": j.videoID, "token": j.token, "reason": reason, "pause": firstPause, "factor": pauseFactor, "most": maxFailures,
		})
		if err != nil || done.RowsAffected() > 0 {
			return err
		}
	}
	return q.end(ctx, j, videov1.TranscodeState_TRANSCODE_STATE_FAILED, reason)
}

// write changes what clients see of a video: with an event, and only while the
// video exists. It locks the video before the job, as a deletion does.
func (q *jobs) write(ctx context.Context, j job, change func(tx pgx.Tx) error) error {
	return q.db.InTx(ctx, func(tx pgx.Tx) error {
		v, err := lock(ctx, tx, j.videoID)
		if errors.Is(err, pgx.ErrNoRows) {
			return errFenced
		}
		if err != nil {
			return err
		}
		if err := change(tx); err != nil {
			return err
		}
		return outbox.Append(ctx, tx, outbox.Event{Key: j.videoID, Message: &videov1.TranscodeChanged{VideoId: j.videoID, AuthorId: v.GetAuthorId()}})
	})
}

// fenced turns a write that found no row of this worker's into errFenced.
func (q *jobs) fenced(done interface{ RowsAffected() int64 }, err error) error {
	if err == nil && done.RowsAffected() == 0 {
		return errFenced
	}
	return err
}

// progressive is the name of the rendition that plays without HLS.
const progressive = "progressive"
