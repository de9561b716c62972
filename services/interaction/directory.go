package interaction

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/maypok86/otter/v2"

	videov1 "douyin.dev/gen/douyin/video/v1"
	"douyin.dev/services/platform/auth"
	"douyin.dev/services/platform/id"
)

const (
	// videoTTL is how long a video is taken to exist, and to be for everybody. What
	// slips through while a deletion is on its way is removed by it.
	videoTTL = 5 * time.Second
	// videoCacheSize bounds the remembered videos.
	videoCacheSize = 100_000
	// lookupTimeout bounds one question, which several callers may wait for.
	lookupTimeout = 3 * time.Second
)

// directory knows which videos exist, who published them and whether all may see them. That a video does
// not exist is never remembered: it may be published the next moment.
type directory struct {
	videos Videos
	known  *otter.Cache[int64, known]
}

// known is what is remembered of a video.
type known struct {
	author int64
	// restricted videos are not everybody's to see.
	restricted bool
}

func newDirectory(videos Videos) (*directory, error) {
	all, err := otter.New(&otter.Options[int64, known]{
		MaximumSize:      videoCacheSize,
		ExpiryCalculator: otter.ExpiryWriting[int64, known](videoTTL),
		Logger:           &otter.NoopLogger{}, // the caller gets the error
	})
	if err != nil {
		return nil, fmt.Errorf("video cache: %w", err)
	}
	return &directory{videos: videos, known: all}, nil
}

// author returns who published a video, or VIDEO_NOT_FOUND, also where the
// viewer may not see it.
func (d *directory) author(ctx context.Context, videoID int64) (int64, error) {
	if videoID <= 0 || videoID >= id.Max {
		return 0, noSuchVideo()
	}
	v, err := d.known.Get(ctx, videoID, otter.LoaderFunc[int64, known](d.load))
	if errors.Is(err, otter.ErrNotFound) {
		return 0, noSuchVideo()
	}
	if err != nil {
		return 0, fmt.Errorf("look up video: %w", err)
	}
	if v.restricted {
		seen, err := d.visibleAmong(ctx, []int64{videoID})
		if err != nil {
			return 0, err
		}
		if len(seen) == 0 {
			return 0, noSuchVideo()
		}
	}
	return v.author, nil
}

// load asks for all who wait, so it does not end with the first one's call.
func (d *directory) load(ctx context.Context, videoID int64) (known, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookupTimeout)
	defer cancel()
	res, err := d.videos.BatchGetVideos(ctx, &videov1.BatchGetVideosRequest{Ids: []int64{videoID}})
	if err != nil {
		return known{}, err
	}
	for _, v := range res.GetVideos() {
		if v.GetId() == videoID {
			return known{v.GetAuthorId(), v.GetRestricted()}, nil
		}
	}
	return known{}, otter.ErrNotFound
}

// visibleAmong returns those of restricted videos that the viewer, or a guest, may see.
func (d *directory) visibleAmong(ctx context.Context, restricted []int64) ([]int64, error) {
	viewer, _ := auth.ViewerFrom(ctx)
	res, err := d.videos.BatchCheckVisible(ctx, &videov1.BatchCheckVisibleRequest{ViewerId: viewer.UserID, VideoIds: restricted})
	if err != nil {
		return nil, fmt.Errorf("check which videos are visible: %w", err)
	}
	return res.GetVisibleVideoIds(), nil
}

// visible returns the authors of those videos that exist and that the viewer, or a
// guest, may see. It asks each time: one call for all videos of a report.
func (d *directory) visible(ctx context.Context, ids []int64) (map[int64]int64, error) {
	res, err := d.videos.BatchGetVideos(ctx, &videov1.BatchGetVideosRequest{Ids: ids})
	if err != nil {
		return nil, fmt.Errorf("look up videos: %w", err)
	}
	authors := map[int64]int64{}
	var restricted []int64
	for _, v := range res.GetVideos() {
		authors[v.GetId()] = v.GetAuthorId()
		if v.GetRestricted() {
			restricted = append(restricted, v.GetId())
		}
	}
	if len(restricted) == 0 {
		return authors, nil
	}
	seen, err := d.visibleAmong(ctx, restricted)
	if err != nil {
		return nil, err
	}
	for _, id := range restricted {
		if !slices.Contains(seen, id) {
			delete(authors, id)
		}
	}
	return authors, nil
}

// forget makes the next caller ask again.
func (d *directory) forget(videoID int64) { d.known.Invalidate(videoID) }
