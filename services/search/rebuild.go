package search

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	userv1 "douyin.dev/gen/douyin/user/v1"
	videov1 "douyin.dev/gen/douyin/video/v1"
	"douyin.dev/services/platform/pause"
	"douyin.dev/services/platform/pg"
)

const (
	// rebuildEvery is the pause between two looks whether the index is to be rebuilt.
	rebuildEvery = 5 * time.Second
	// complete is the after_id of a kind whose documents were all made again.
	complete = math.MaxInt64
)

// Rebuild makes documents again from what their owners have, wherever that was asked
// for, until ctx ends. One process of those that share the schema is at it, and goes on
// where another one ended. Searches and events go on meanwhile.
func (s *Service) Rebuild(ctx context.Context) error {
	for {
		if err := s.rebuildWanted(ctx); err != nil && ctx.Err() == nil {
			s.log.WarnContext(ctx, "index of the search is not rebuilt now", "error", err)
		}
		if !pause.For(ctx, rebuildEvery) {
			return nil
		}
	}
}

// rebuildWanted rebuilds what is not complete, slice by slice.
func (s *Service) rebuildWanted(ctx context.Context) error {
	waiting, err := s.store.progress(ctx)
	if err != nil || allComplete(waiting) {
		return err
	}
	return pg.Exclusively(ctx, s.store.db, "search/rebuild", func(ctx context.Context) error {
		for {
			kinds, err := s.store.progress(ctx)
			if err != nil {
				return err
			}
			at := slices.IndexFunc(kinds, func(p progress) bool { return p.AfterID != complete })
			if at < 0 {
				s.log.InfoContext(ctx, "index of the search is complete")
				return nil
			}
			began := time.Now()
			if err := s.rebuildSlice(ctx, kinds[at]); err != nil {
				return err
			}
			// Half of the time belongs to the calls of people.
			if !pause.For(ctx, time.Since(began)) {
				return ctx.Err()
			}
		}
	})
}

func allComplete(kinds []progress) bool {
	return !slices.ContainsFunc(kinds, func(p progress) bool { return p.AfterID != complete })
}

// rebuildSlice makes the documents of about lookup ids again: of those that the owner
// has, and of those that are in the index. What is written meanwhile has a newer
// version, which stays; what is made meanwhile is announced by an event.
func (s *Service) rebuildSlice(ctx context.Context, p progress) error {
	ids, upTo, err := s.owned(ctx, p.Kind, p.AfterID)
	if err != nil {
		return err
	}
	indexed, err := s.store.documentsAfter(ctx, p.Kind, p.AfterID, lookup)
	if err != nil {
		return err
	}
	if len(indexed) == lookup {
		upTo = min(upTo, indexed[lookup-1])
	}
	ids = slices.DeleteFunc(append(ids, indexed...), func(id int64) bool { return id > upTo })
	index, weigh := s.documentsOfVideos, s.weighVideos
	if p.Kind == ofUser {
		index, weigh = s.documentsOfUsers, s.weighUsers
	}
	err = inChunks(ctx, ids, func(ctx context.Context, ids []int64) error {
		documents, err := index(ctx, ids)
		if err != nil {
			return err
		}
		if err := s.store.rewrite(ctx, p.Kind, documents); err != nil {
			return err
		}
		return weigh(ctx, ids)
	})
	if err != nil {
		return err
	}
	return s.store.advance(ctx, p, upTo)
}

// owned are ids that the owner has after one, in order, and up to where there are no others.
func (s *Service) owned(ctx context.Context, kind kind, after int64) (ids []int64, upTo int64, err error) {
	if kind == ofUser {
		res, err := s.users.EnumerateUsers(ctx, &userv1.EnumerateUsersRequest{AfterId: after, Limit: lookup})
		if err != nil {
			return nil, 0, fmt.Errorf("enumerate users: %w", err)
		}
		ids = res.GetUserIds()
	} else {
		res, err := s.videos.EnumerateVideos(ctx, &videov1.EnumerateVideosRequest{AfterId: after, Limit: lookup})
		if err != nil {
			return nil, 0, fmt.Errorf("enumerate videos: %w", err)
		}
		ids = res.GetVideoIds()
	}
	upTo = complete
	if len(ids) == lookup {
		upTo = ids[lookup-1]
	}
	return ids, upTo, nil
}
