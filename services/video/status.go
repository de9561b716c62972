package video

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	videov1 "douyin.dev/gen/douyin/video/v1"
	"douyin.dev/services/platform/auth"
	"douyin.dev/services/platform/fault"
	"douyin.dev/services/platform/pg"
)

// maxPosition is how far a job's place in the queue is counted.
const maxPosition = 1000

// originalAlone is what a status says of a video that is ready without renditions.
const originalAlone = "The video plays as it was uploaded; it was not transcoded."

// sentences say to people what a reason means.
var sentences = map[videov1.TranscodeReason]string{
	videov1.TranscodeReason_TRANSCODE_REASON_NOT_VIDEO:         "The file is not a video.",
	videov1.TranscodeReason_TRANSCODE_REASON_NO_PICTURE:        "The video has no picture.",
	videov1.TranscodeReason_TRANSCODE_REASON_TOO_LONG:          "The video lasts too long.",
	videov1.TranscodeReason_TRANSCODE_REASON_TOO_SHORT:         "The video is too short.",
	videov1.TranscodeReason_TRANSCODE_REASON_TOO_LARGE:         "The video's picture or its file is too large.",
	videov1.TranscodeReason_TRANSCODE_REASON_MALFORMED:         "The video is damaged.",
	videov1.TranscodeReason_TRANSCODE_REASON_UNSUPPORTED_CODEC: "The video is in a format that cannot be read here.",
	videov1.TranscodeReason_TRANSCODE_REASON_QUOTA:             "There is no room left for more of your videos.",
	videov1.TranscodeReason_TRANSCODE_REASON_TIMEOUT:           "The video took too long to process.",
	videov1.TranscodeReason_TRANSCODE_REASON_INTERNAL:          "Something went wrong on our side.",
}

// transient are the reasons that may be gone the next time.
func transient(r videov1.TranscodeReason) bool {
	switch r {
	case videov1.TranscodeReason_TRANSCODE_REASON_TIMEOUT, videov1.TranscodeReason_TRANSCODE_REASON_INTERNAL, videov1.TranscodeReason_TRANSCODE_REASON_QUOTA:
		return true
	default:
		return false
	}
}

// GetVideoStatus implements VideoService.
func (s *Service) GetVideoStatus(ctx context.Context, req *videov1.GetVideoStatusRequest) (*videov1.GetVideoStatusResponse, error) {
	viewer, err := auth.MustViewer(ctx)
	if err != nil {
		return nil, err
	}
	status, author, err := s.status(ctx, req.GetVideoId())
	switch {
	case errors.Is(err, pgx.ErrNoRows) || err == nil && author != viewer.UserID:
		return nil, noSuchVideo()
	case err != nil:
		return nil, fmt.Errorf("video status: %w", err)
	}
	return &videov1.GetVideoStatusResponse{Status: status}, nil
}

func noSuchVideo() error {
	return fault.NotFound("no such video").For(videov1.ErrorReason_ERROR_REASON_VIDEO_NOT_FOUND)
}

const (
	// A video without a job is one that is not transcoded: it was published before there were jobs. One
	// whose worker's lease has ended waits for another.
	statusSQL = `SELECT v.author_id, coalesce(CASE WHEN j.state = 2 AND j.available_at <= now() THEN 1 ELSE j.state END, 3),
    coalesce(j.stage, 0), coalesce(j.percent, 100), coalesce(j.reason, 0), coalesce(j.due_ms, 0)
FROM video v LEFT JOIN transcode_job j ON j.video_id = v.id WHERE v.id = @id AND v.state = 1`

	// Uses rendition_pkey.
	renditionsSQL = `SELECT name, object_key, width, height, bandwidth, average_bandwidth, frame_rate, codecs
FROM rendition WHERE video_id = @id ORDER BY name`

	// Uses transcode_job_queue.
	positionSQL = `SELECT count(*) FROM (SELECT FROM transcode_job
WHERE state IN (1, 2) AND (due_ms, video_id) < (@due, @id) LIMIT @most) AS before`
)

// status reads, from the primary at one moment, how far a video is.
func (s *Service) status(ctx context.Context, id int64) (st *videov1.TranscodeStatus, author int64, err error) {
	moment := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err = pgx.BeginTxFunc(ctx, s.db.RW(), moment, func(tx pgx.Tx) error {
		st = &videov1.TranscodeStatus{}
		var due int64
		err := tx.QueryRow(ctx, statusSQL, pgx.NamedArgs{"id": id}).Scan(&author, &st.State, &st.Stage, &st.Percent, &st.Reason, &due)
		if err != nil {
			return err
		}
		ready, err := renditions(ctx, tx, id)
		if err != nil {
			return err
		}
		for _, r := range ready {
			st.Renditions = append(st.Renditions, &videov1.Rendition{
				Name: r.Name, Width: r.Width, Height: r.Height, Bandwidth: r.Bandwidth, Codecs: r.Codecs,
			})
		}
		if st.GetState() == videov1.TranscodeState_TRANSCODE_STATE_QUEUED {
			st.Stage = videov1.TranscodeStage_TRANSCODE_STAGE_UNSPECIFIED
			return tx.QueryRow(ctx, positionSQL, pgx.NamedArgs{"id": id, "due": due, "most": maxPosition}).Scan(&st.QueuePosition)
		}
		return nil
	})
	if err != nil {
		return nil, 0, err
	}
	explain(st)
	return st, author, nil
}

// explain says what follows from the rest of a status.
func explain(s *videov1.TranscodeStatus) {
	ready := s.GetState() == videov1.TranscodeState_TRANSCODE_STATE_READY
	failed := s.GetState() == videov1.TranscodeState_TRANSCODE_STATE_FAILED
	alone := len(s.GetRenditions()) == 0
	s.Playable = ready || failed || !alone
	s.Message = sentences[s.GetReason()]
	if ready && alone {
		s.Message = originalAlone
	}
	s.Retryable = failed && transient(s.GetReason()) || ready && alone
}

// rower is a transaction or a pool.
type rower interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

func renditions(ctx context.Context, from rower, id int64) ([]rendition, error) {
	rows, err := from.Query(ctx, renditionsSQL, pgx.NamedArgs{"id": id})
	if err != nil {
		return nil, fmt.Errorf("read renditions: %w", err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByName[rendition])
	if err != nil {
		return nil, fmt.Errorf("read renditions: %w", err)
	}
	return all, nil
}

// RetryTranscode implements VideoService.
func (s *Service) RetryTranscode(ctx context.Context, req *videov1.RetryTranscodeRequest) (*videov1.RetryTranscodeResponse, error) {
	viewer, err := auth.MustViewer(ctx)
	if err != nil {
		return nil, err
	}
	request, answer := &videov1.RetryTranscodeRequest{VideoId: req.GetVideoId()}, &videov1.RetryTranscodeResponse{}
	err = pg.Once(ctx, s.db, viewer.UserID, req.GetIdempotencyKey(), request, answer, func(tx pgx.Tx) error {
		return s.retry(ctx, tx, viewer.UserID, req.GetVideoId())
	})
	if err != nil {
		return nil, fmt.Errorf("retry transcode: %w", err)
	}
	return answer, nil
}

const retryableSQL = `SELECT state, reason, EXISTS (SELECT FROM rendition WHERE video_id = @id) FROM transcode_job WHERE video_id = @id FOR UPDATE`

// retry queues a video again where that may help. It locks the video before the job, as all who lock both.
func (s *Service) retry(ctx context.Context, tx pgx.Tx, viewer, id int64) error {
	v, err := lock(ctx, tx, id)
	switch {
	case errors.Is(err, pgx.ErrNoRows) || err == nil && v.GetAuthorId() != viewer:
		return noSuchVideo()
	case err != nil:
		return err
	}
	st := &videov1.TranscodeStatus{State: videov1.TranscodeState_TRANSCODE_STATE_READY}
	var some bool
	err = tx.QueryRow(ctx, retryableSQL, pgx.NamedArgs{"id": id}).Scan(&st.State, &st.Reason, &some)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) { // a video without a job has none to be tried again
		return fmt.Errorf("lock transcode: %w", err)
	}
	if some {
		st.Renditions = []*videov1.Rendition{{}}
	}
	if explain(st); !st.GetRetryable() {
		return nil
	}
	return queue(ctx, tx, v, s.now().UnixMilli())
}
