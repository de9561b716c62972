package video

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/jackc/pgx/v5"

	videov1 "douyin.dev/gen/douyin/video/v1"
	"douyin.dev/services/platform/page"
)

// fewAuthors is up to how many authors are asked for one by one.
const fewAuthors = 64

const insertSQL = `INSERT INTO video (id, author_id, title, media_key, cover_key, published_at_ms,
    duration_ms, width, height, size_bytes, sha256, state, version, visibility, media_secret)
VALUES (@id, @author_id, @title, @media_key, @cover_key, @published_at_ms,
    @duration_ms, @width, @height, @size_bytes, @sha256, 1, @version, @visibility, @media_secret)`

func insert(ctx context.Context, tx pgx.Tx, v *videov1.Video, size int64, sum []byte) error {
	_, err := tx.Exec(ctx, insertSQL, pgx.NamedArgs{
		"id": v.GetId(), "author_id": v.GetAuthorId(), "title": v.GetTitle(),
		"media_key": v.GetMediaKey(), "cover_key": v.GetCoverKey(), "published_at_ms": v.GetPublishedAtMs(),
		"duration_ms": v.GetDurationMs(), "width": v.GetWidth(), "height": v.GetHeight(),
		"size_bytes": size, "sha256": sum, "version": v.GetVersion(),
		"visibility": cmp.Or(v.GetVisibility(), videov1.Visibility_VISIBILITY_PUBLIC), "media_secret": append([]byte{}, v.GetMediaSecret()...), // not NULL
	})
	if err != nil {
		return fmt.Errorf("insert video: %w", err)
	}
	return nil
}

// Waits for a deletion under way; a deleted video is none.
const lockSQL = `SELECT author_id, published_at_ms, duration_ms, title, visibility FROM video WHERE id = @id AND state = 1 FOR UPDATE`

func lock(ctx context.Context, tx pgx.Tx, id int64) (*videov1.Video, error) {
	v := &videov1.Video{Id: id}
	err := tx.QueryRow(ctx, lockSQL, pgx.NamedArgs{"id": id}).Scan(&v.AuthorId, &v.PublishedAtMs, &v.DurationMs, &v.Title, &v.Visibility)
	if err != nil {
		return nil, fmt.Errorf("lock video: %w", err)
	}
	return v, nil
}

const markDeletedSQL = `UPDATE video SET state = 2, version = version + 1 WHERE id = @id`

func markDeleted(ctx context.Context, tx pgx.Tx, id int64) error {
	if _, err := tx.Exec(ctx, markDeletedSQL, pgx.NamedArgs{"id": id}); err != nil {
		return fmt.Errorf("mark video deleted: %w", err)
	}
	return nil
}

// cardColumns are what scanCard scans. The file to play is the best that is ready.
const cardColumns = `id, author_id, title, CASE WHEN play_key = '' THEN media_key ELSE play_key END, cover_key, hls_key,
    published_at_ms, duration_ms, width, height, version, visibility, media_secret`

// scanCard reads a video, and what follows its columns.
func scanCard(row pgx.CollectableRow, more ...any) (*videov1.Video, error) {
	v := &videov1.Video{}
	err := row.Scan(append([]any{
		&v.Id, &v.AuthorId, &v.Title, &v.MediaKey, &v.CoverKey, &v.HlsKey,
		&v.PublishedAtMs, &v.DurationMs, &v.Width, &v.Height, &v.Version, &v.Visibility, &v.MediaSecret,
	}, more...)...)
	v.Restricted = restricted(v.GetVisibility())
	return v, err
}

const statesSQL = `SELECT ` + cardColumns + `, state FROM video WHERE id = ANY(@ids)`

// states returns the published ones of some videos, and the versions at which
// others were deleted.
func (s *Service) states(ctx context.Context, ids []int64) (published map[int64]*videov1.Video, deleted map[int64]int64, err error) {
	rows, err := s.db.RW().Query(ctx, statesSQL, pgx.NamedArgs{"ids": ids})
	if err != nil {
		return nil, nil, fmt.Errorf("read videos: %w", err)
	}
	published, deleted = map[int64]*videov1.Video{}, map[int64]int64{}
	for rows.Next() {
		var state videov1.VideoState
		v, err := scanCard(rows, &state)
		if err != nil {
			return nil, nil, fmt.Errorf("read videos: %w", err)
		}
		if state == videov1.VideoState_VIDEO_STATE_PUBLISHED {
			published[v.Id] = v
		} else {
			deleted[v.Id] = v.Version
		}
	}
	if err := rows.Err(); err != nil {
		return nil, nil, fmt.Errorf("read videos: %w", err)
	}
	return published, deleted, nil
}

const byIDsSQL = `SELECT ` + cardColumns + ` FROM video WHERE id = ANY(@ids) AND state = 1`

// byIDs reads the primary: who has just published asks for the video next, and
// what is found goes into the cache, where what a replica had missed would stay.
func (s *Service) byIDs(ctx context.Context, ids []int64) ([]*videov1.Video, error) {
	rows, err := s.db.RW().Query(ctx, byIDsSQL, pgx.NamedArgs{"ids": ids})
	if err != nil {
		return nil, fmt.Errorf("read videos: %w", err)
	}
	videos, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (*videov1.Video, error) { return scanCard(row) })
	if err != nil {
		return nil, fmt.Errorf("read videos: %w", err)
	}
	return videos, nil
}

// The inner SELECT of the lists hides how short they are: a list cut from a long
// one would look so cheap that it is planned each time, which costs more than it does.

// Uses video_recent. The ties complete the last millisecond.
const recentSQL = `SELECT id, author_id, published_at_ms FROM video
WHERE state = 1 AND visibility = 1 AND published_at_ms < @before
ORDER BY published_at_ms DESC FETCH FIRST (SELECT @limit::bigint) ROWS WITH TIES`

// anyTime is before no video.
const anyTime = math.MaxInt64

func recentArgs(before int64, limit int) pgx.NamedArgs {
	return pgx.NamedArgs{"before": before, "limit": limit}
}

// recent may read a replica: what is new is in the head, so this is about pages
// that were there for long.
func (s *Service) recent(ctx context.Context, before int64, limit int) ([]*videov1.VideoRef, error) {
	rows, err := s.db.RO().Query(ctx, recentSQL, recentArgs(before, limit))
	refs, err := collectRefs(rows, err)
	slices.SortFunc(refs, newestFirst)
	return refs, err
}

// Uses video_author.
const byAuthorSQL = `SELECT id, author_id, published_at_ms, visibility FROM video
WHERE state = 1 AND author_id = @author AND (published_at_ms, id) < (@time, @id) AND visibility = ANY(@visible::smallint[])
ORDER BY published_at_ms DESC, id DESC LIMIT (SELECT @limit::bigint)`

// byAuthor returns videos of some visibilities, and whether any of them is restricted.
func (s *Service) byAuthor(ctx context.Context, author int64, from page.Cursor, limit int, visible []videov1.Visibility) (refs []*videov1.VideoRef, some bool, err error) {
	rows, err := s.db.RW().Query(ctx, byAuthorSQL, byAuthorArgs(author, from, limit, visible))
	return collectVisible(rows, err)
}

func byAuthorArgs(author int64, from page.Cursor, limit int, visible []videov1.Visibility) pgx.NamedArgs {
	return pgx.NamedArgs{"author": author, "time": from.Time, "id": from.ID, "limit": limit, "visible": visible}
}

// Uses video_author. Reads every video of the authors: no worse than their
// number, and a plan that a distributed table has as well.
const byAuthorsSQL = `SELECT id, author_id, published_at_ms FROM video
WHERE state = 1 AND author_id = ANY(@authors) AND published_at_ms < @before AND visibility = ANY(@visible::smallint[])
ORDER BY published_at_ms DESC, id DESC LIMIT @limit`

// byAuthors reads the primary: timelines are kept for long, so what goes into
// them must not lag behind the event that is pushed.
func (s *Service) byAuthors(ctx context.Context, authors []int64, before int64, limit int) ([]*videov1.VideoRef, error) {
	if len(authors) <= fewAuthors {
		return s.byFewAuthors(ctx, authors, before, limit)
	}
	rows, err := s.db.RW().Query(ctx, byAuthorsSQL, pgx.NamedArgs{"authors": authors, "before": before, "limit": limit, "visible": fedVisibilities})
	return collectRefs(rows, err)
}

// byFewAuthors reads at most limit entries of each author: authors whose
// followers pull may be few and have many videos.
func (s *Service) byFewAuthors(ctx context.Context, authors []int64, before int64, limit int) ([]*videov1.VideoRef, error) {
	batch := &pgx.Batch{}
	for _, a := range authors {
		// Below (before, 0) is what was published before it: ids are positive.
		batch.Queue(byAuthorSQL, byAuthorArgs(a, page.Cursor{Time: before}, limit, fedVisibilities))
	}
	results := s.db.RW().SendBatch(ctx, batch)
	defer results.Close()
	var all []*videov1.VideoRef
	for range authors {
		rows, err := results.Query()
		refs, _, err := collectVisible(rows, err)
		if err != nil {
			return nil, err
		}
		all = append(all, refs...)
	}
	slices.SortFunc(all, newestFirst)
	return all[:min(len(all), limit)], nil
}

func collectRefs(rows pgx.Rows, err error) ([]*videov1.VideoRef, error) {
	if err != nil {
		return nil, fmt.Errorf("list videos: %w", err)
	}
	refs, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (*videov1.VideoRef, error) {
		r := &videov1.VideoRef{}
		return r, row.Scan(&r.Id, &r.AuthorId, &r.PublishedAtMs)
	})
	if err != nil {
		return nil, fmt.Errorf("list videos: %w", err)
	}
	return refs, nil
}

// collectVisible is collectRefs for rows with a visibility; some is whether any is restricted.
func collectVisible(rows pgx.Rows, err error) (refs []*videov1.VideoRef, some bool, _ error) {
	if err != nil {
		return nil, false, fmt.Errorf("list videos: %w", err)
	}
	refs, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (*videov1.VideoRef, error) {
		r, visibility := &videov1.VideoRef{}, videov1.Visibility(0)
		err := row.Scan(&r.Id, &r.AuthorId, &r.PublishedAtMs, &visibility)
		some = some || restricted(visibility)
		return r, err
	})
	if err != nil {
		return nil, false, fmt.Errorf("list videos: %w", err)
	}
	return refs, some, nil
}
