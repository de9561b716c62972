package video

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"douyin.dev/services/platform/blob"
	"douyin.dev/services/platform/pg"
)

const (
	// orphanAge is how old an object without a row must be: far older than any
	// upload that may still insert it.
	orphanAge = time.Hour
	// sweepBatch is how many objects or rows are looked at together.
	sweepBatch = 500
)

// Janitor sweeps every so often until ctx ends.
func (s *Service) Janitor(ctx context.Context, every time.Duration) error {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		if err := s.Sweep(ctx); err != nil && ctx.Err() == nil {
			s.log.WarnContext(ctx, "sweep failed and is tried again", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// Sweep removes the files of deleted videos, and objects older than an hour that
// belong to no video, or that a worker stored and no row names. One process at a time does it; for the
// others there is nothing to do.
func (s *Service) Sweep(ctx context.Context) error {
	return pg.Exclusively(ctx, s.db, "video/janitor", func(ctx context.Context) error {
		return errors.Join(s.removeDeleted(ctx), s.removeOrphans(ctx))
	})
}

// Uses video_files.
const deletedSQL = `SELECT id FROM video WHERE state = 2 AND media_key <> '' ORDER BY id LIMIT @limit`

const filesGoneSQL = `UPDATE video SET media_key = '', cover_key = '', play_key = '', hls_key = '', version = version + 1 WHERE id = ANY(@ids) AND state = 2`

func (s *Service) removeDeleted(ctx context.Context) error {
	for {
		ids, err := s.selectIDs(ctx, deletedSQL, pgx.NamedArgs{"limit": sweepBatch})
		if err != nil || len(ids) == 0 {
			return err
		}
		for _, id := range ids {
			if err := s.removeAll(ctx, id); err != nil {
				return err
			}
		}
		if _, err := s.db.RW().Exec(ctx, filesGoneSQL, pgx.NamedArgs{"ids": ids}); err != nil {
			return fmt.Errorf("forget files: %w", err)
		}
	}
}

// removeAll removes every object of a video, also those others made of it.
func (s *Service) removeAll(ctx context.Context, id int64) error {
	var keys []string
	for item, err := range s.objects.List(ctx, prefix(id)) {
		if err != nil {
			return fmt.Errorf("list files of a deleted video: %w", err)
		}
		keys = append(keys, item.Key)
	}
	if len(keys) == 0 {
		return nil
	}
	return s.objects.Delete(ctx, keys...)
}

func (s *Service) removeOrphans(ctx context.Context) error {
	var batch []blob.Item
	newest := s.now().Add(-orphanAge)
	for item, err := range s.objects.List(ctx, "videos/") {
		if err != nil {
			return fmt.Errorf("list objects: %w", err)
		}
		if item.LastModified.After(newest) {
			continue
		}
		if batch = append(batch, item); len(batch) < sweepBatch {
			continue
		}
		if err := s.removeUnowned(ctx, batch); err != nil {
			return err
		}
		batch = batch[:0]
	}
	return s.removeUnowned(ctx, batch)
}

const visibleSQL = `SELECT id FROM video WHERE id = ANY(@ids) AND state = 1`

func (s *Service) removeUnowned(ctx context.Context, batch []blob.Item) error {
	if len(batch) == 0 {
		return nil
	}
	ids := make([]int64, len(batch))
	for i, item := range batch {
		ids[i] = owner(item.Key)
	}
	visible, err := s.selectIDs(ctx, visibleSQL, pgx.NamedArgs{"ids": ids})
	if err != nil {
		return err
	}
	owned := make(map[int64]bool, len(visible))
	for _, id := range visible {
		owned[id] = true
	}
	referenced, err := referencesOf(ctx, s.db, visible...)
	if err != nil {
		return err
	}
	var orphans []string
	for i, item := range batch {
		_, token := transcodeOf(item.Key)
		if ids[i] > 0 && !owned[ids[i]] || token > 0 && !referenced.has(item.Key) {
			orphans = append(orphans, item.Key)
		}
	}
	if len(orphans) == 0 {
		return nil
	}
	s.log.InfoContext(ctx, "objects that belong to nothing removed", "objects", len(orphans))
	return s.objects.Delete(ctx, orphans...)
}

// owner reads the video's id out of a key; 0 for a key that is not ours.
func owner(key string) int64 {
	rest, ok := strings.CutPrefix(key, "videos/")
	number, _, more := strings.Cut(rest, "/")
	id, err := strconv.ParseInt(number, 10, 64)
	if !ok || !more || err != nil {
		return 0
	}
	return id
}

// selectIDs returns the ids that a statement selects.
func (s *Service) selectIDs(ctx context.Context, sql string, args pgx.NamedArgs) ([]int64, error) {
	rows, err := s.db.RW().Query(ctx, sql, args)
	if err != nil {
		return nil, fmt.Errorf("read ids: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return nil, fmt.Errorf("read ids: %w", err)
	}
	return ids, nil
}
