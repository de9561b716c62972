package interaction

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/maypok86/otter/v2"

	videov1 "douyin.dev/gen/douyin/video/v1"
	"douyin.dev/services/platform/id"
)

const (
	// videoTTL is how long a video is taken to exist. What slips through while
	// a deletion is on its way is removed by it.
	videoTTL = 5 * time.Second
	// videoCacheSize bounds the remembered videos.
	videoCacheSize = 100_000
	// lookupTimeout bounds one question, which several callers may wait for.
	lookupTimeout = 3 * time.Second
)

// directory knows which videos exist and who published them. That a video does
// not exist is never remembered: it may be published the next moment.
type directory struct {
	videos  Videos
	authors *otter.Cache[int64, int64]
}

func newDirectory(videos Videos) (*directory, error) {
	authors, err := otter.New(&otter.Options[int64, int64]{
		MaximumSize:      videoCacheSize,
		ExpiryCalculator: otter.ExpiryWriting[int64, int64](videoTTL),
		Logger:           &otter.NoopLogger{}, // the caller gets the error
	})
	if err != nil {
		return nil, fmt.Errorf("video cache: %w", err)
	}
	return &directory{videos: videos, authors: authors}, nil
}

// author returns who published a video, or VIDEO_NOT_FOUND.
func (d *directory) author(ctx context.Context, videoID int64) (int64, error) {
	if videoID <= 0 || videoID >= id.Max {
		return 0, noSuchVideo()
	}
	author, err := d.authors.Get(ctx, videoID, otter.LoaderFunc[int64, int64](d.load))
	if errors.Is(err, otter.ErrNotFound) {
		return 0, noSuchVideo()
	}
	if err != nil {
		return 0, fmt.Errorf("look up video: %w", err)
	}
	return author, nil
}

// load asks for all who wait, so it does not end with the first one's call.
func (d *directory) load(ctx context.Context, videoID int64) (int64, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookupTimeout)
	defer cancel()
	res, err := d.videos.BatchGetVideos(ctx, &videov1.BatchGetVideosRequest{Ids: []int64{videoID}})
	if err != nil {
		return 0, err
	}
	for _, v := range res.GetVideos() {
		if v.GetId() == videoID {
			return v.GetAuthorId(), nil
		}
	}
	return 0, otter.ErrNotFound
}

// forget makes the next caller ask again.
func (d *directory) forget(videoID int64) { d.authors.Invalidate(videoID) }
