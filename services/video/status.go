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
	status, err := s.ownStatus(ctx, viewer.UserID, req.GetVideoId())
	if err != nil {
		return nil, fmt.Errorf("video status: %w", err)
	}
	return &videov1.GetVideoStatusResponse{Status: status}, nil
}

// ownStatus is how far a video of a viewer is.
func (s *Service) ownStatus(ctx context.Context, viewer, id int64) (*videov1.TranscodeStatus, error) {
	all, err := s.statuses(ctx, []int64{id})
	if err != nil {
		return nil, err
	}
	if of, ok := all[id]; ok && of.author == viewer {
		return of.TranscodeStatus, nil
	}
	return nil, noSuchVideo()
}

func noSuchVideo() error {
	return fault.NotFound("no such video").For(videov1.ErrorReason_ERROR_REASON_VIDEO_NOT_FOUND)
}

const (
	// A video without a job is one that is not transcoded: it was published before there were jobs. One
	// whose worker's lease has ended waits for another.
	statusSQL = `SELECT v.id, v.author_id, coalesce(CASE WHEN j.state = 2 AND j.available_at <= now() THEN 1 ELSE j.state END, 3),
    coalesce(j.stage, 0), coalesce(j.percent, 100), coalesce(j.reason, 0)
FROM video v LEFT JOIN transcode_job j ON j.video_id = v.id WHERE v.id = ANY(@ids) AND v.state = 1`

	// Uses rendition_pkey.
	renditionsSQL = `SELECT video_id, name, object_key, width, height, bandwidth, average_bandwidth, frame_rate, codecs
FROM rendition WHERE video_id = ANY(@ids) ORDER BY video_id, name`

	// Uses transcode_job_queue.
	firstInQueueSQL = `SELECT video_id FROM transcode_job WHERE state IN (1, 2) ORDER BY due_ms, video_id LIMIT @most`
)

// ownedStatus is how far somebody's video is.
type ownedStatus struct {
	*videov1.TranscodeStatus
	author int64
}

// statuses reads, from the primary at one moment, how far videos are; those that do not
// exist are left out. It takes the same few statements for any number of videos.
func (s *Service) statuses(ctx context.Context, ids []int64) (all map[int64]ownedStatus, err error) {
	moment := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err = pgx.BeginTxFunc(ctx, s.db.RW(), moment, func(tx pgx.Tx) error {
		if all, err = jobStatuses(ctx, tx, ids); err != nil {
			return err
		}
		ready, err := renditions(ctx, tx, ids...)
		if err != nil {
			return err
		}
		for id, of := range all {
			for _, r := range ready[id] {
				of.Renditions = append(of.Renditions, &videov1.Rendition{
					Name: r.Name, Width: r.Width, Height: r.Height, Bandwidth: r.Bandwidth, Codecs: r.Codecs,
				})
			}
		}
		return positions(ctx, tx, all)
	})
	if err != nil {
		return nil, err
	}
	for _, of := range all {
		explain(of.TranscodeStatus)
	}
	return all, nil
}

// jobStatuses reads what videos and their jobs say.
func jobStatuses(ctx context.Context, tx pgx.Tx, ids []int64) (map[int64]ownedStatus, error) {
	rows, err := tx.Query(ctx, statusSQL, pgx.NamedArgs{"ids": ids})
	if err != nil {
		return nil, fmt.Errorf("read statuses: %w", err)
	}
	all := make(map[int64]ownedStatus, len(ids))
	var id, author int64
	var st videov1.TranscodeStatus
	_, err = pgx.ForEachRow(rows, []any{&id, &author, &st.State, &st.Stage, &st.Percent, &st.Reason}, func() error {
		all[id] = ownedStatus{author: author, TranscodeStatus: &videov1.TranscodeStatus{State: st.State, Stage: st.Stage, Percent: st.Percent, Reason: st.Reason}}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read statuses: %w", err)
	}
	return all, nil
}

// positions sets the places in the queue of the videos that wait.
func positions(ctx context.Context, tx pgx.Tx, all map[int64]ownedStatus) error {
	waiting := 0
	for _, of := range all {
		if of.GetState() == videov1.TranscodeState_TRANSCODE_STATE_QUEUED {
			of.Stage, of.QueuePosition = videov1.TranscodeStage_TRANSCODE_STAGE_UNSPECIFIED, maxPosition
			waiting++
		}
	}
	if waiting == 0 {
		return nil
	}
	rows, err := tx.Query(ctx, firstInQueueSQL, pgx.NamedArgs{"most": maxPosition})
	if err != nil {
		return fmt.Errorf("read the queue: %w", err)
	}
	first, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return fmt.Errorf("read the queue: %w", err)
	}
	for position, id := range first {
		if of, ok := all[id]; ok && of.GetState() == videov1.TranscodeState_TRANSCODE_STATE_QUEUED {
			of.QueuePosition = int32(position)
		}
	}
	return nil
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

// renditions reads the renditions of videos, by video.
func renditions(ctx context.Context, from rower, ids ...int64) (map[int64][]rendition, error) {
	rows, err := from.Query(ctx, renditionsSQL, pgx.NamedArgs{"ids": ids})
	if err != nil {
		return nil, fmt.Errorf("read renditions: %w", err)
	}
	all := map[int64][]rendition{}
	var id int64
	var r rendition
	_, err = pgx.ForEachRow(rows, []any{
		&id, &r.Name, &r.ObjectKey, &r.Width, &r.Height, &r.Bandwidth, &r.AverageBandwidth, &r.FrameRate, &r.Codecs,
	}, func() error {
		all[id] = append(all[id], r)
		return nil
	})
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
