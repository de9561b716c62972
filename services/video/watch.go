package video

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	videov1 "douyin.dev/gen/douyin/video/v1"
	"douyin.dev/services/platform/auth"
)

const (
	// watchEvery bounds how late a watcher learns of a change.
	watchEvery = 500 * time.Millisecond
	// watchBatch is how many videos are looked at together.
	watchBatch = 1000
	// keepalive is the longest time that a stream sends nothing.
	keepalive = 15 * time.Second
)

// WatchVideoStatus implements VideoService. It returns nil when the process drains.
func (s *Service) WatchVideoStatus(ctx context.Context, req *videov1.WatchVideoStatusRequest, out *connect.ServerStream[videov1.WatchVideoStatusResponse]) error {
	viewer, err := auth.MustViewer(ctx)
	if err != nil {
		return err
	}
	first, err := s.ownStatus(ctx, viewer.UserID, req.GetVideoId())
	if err != nil {
		return fmt.Errorf("watch video status: %w", err)
	}
	// A status that the watcher is given was read after it joined, and so after the first.
	w := s.watchers.join(req.GetVideoId(), first)
	defer s.watchers.leave(w)
	if err := w.follow(ctx, out, s.watchers.draining); err != nil {
		return fmt.Errorf("watch video status: %w", err)
	}
	return nil
}

// ended reports whether a status changes no more by itself.
func ended(st *videov1.TranscodeStatus) bool {
	return st.GetState() == videov1.TranscodeState_TRANSCODE_STATE_READY || st.GetState() == videov1.TranscodeState_TRANSCODE_STATE_FAILED
}

// watcher is one stream of a video's statuses.
type watcher struct {
	videoID int64
	// next has the newest status that was not sent; nil says that the video is gone.
	next chan *videov1.TranscodeStatus
}

// give replaces what the stream sends next. One goroutine at a time gives.
func (w *watcher) give(st *videov1.TranscodeStatus) {
	select {
	case <-w.next:
	default:
	}
	w.next <- st
}

// follow sends what the watcher is given, without repetition, until a status that
// changes no more, and nothing is sent for longer than keepalive.
func (w *watcher) follow(ctx context.Context, out *connect.ServerStream[videov1.WatchVideoStatusResponse], draining <-chan struct{}) error {
	var last *videov1.TranscodeStatus
	silence := time.NewTimer(keepalive)
	defer silence.Stop()
	for {
		select {
		case now := <-w.next:
			if now == nil {
				return noSuchVideo()
			}
			if last != nil && proto.Equal(now, last) {
				continue
			}
			last = now
			if err := out.Send(&videov1.WatchVideoStatusResponse{Status: now}); err != nil {
				return err
			}
			if ended(now) {
				return nil
			}
		case <-silence.C:
			if err := out.Send(&videov1.WatchVideoStatusResponse{}); err != nil {
				return err
			}
		case <-draining:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
		silence.Reset(keepalive)
	}
}

// watchers are the streams of this process. It is safe for concurrent use.
type watchers struct {
	mu       sync.Mutex
	byVideo  map[int64]map[*watcher]struct{}
	draining chan struct{}
	drain    sync.Once
}

func newWatchers() *watchers {
	return &watchers{byVideo: map[int64]map[*watcher]struct{}{}, draining: make(chan struct{})}
}

// join adds a watcher that sends a first status. leave it.
func (all *watchers) join(videoID int64, first *videov1.TranscodeStatus) *watcher {
	w := &watcher{videoID: videoID, next: make(chan *videov1.TranscodeStatus, 1)}
	w.next <- first
	all.mu.Lock()
	defer all.mu.Unlock()
	if all.byVideo[videoID] == nil {
		all.byVideo[videoID] = map[*watcher]struct{}{}
	}
	all.byVideo[videoID][w] = struct{}{}
	return w
}

func (all *watchers) leave(w *watcher) {
	all.mu.Lock()
	defer all.mu.Unlock()
	delete(all.byVideo[w.videoID], w)
	if len(all.byVideo[w.videoID]) == 0 {
		delete(all.byVideo, w.videoID)
	}
}

// joined are the watchers at this moment, by video.
func (all *watchers) joined() (ids []int64, byVideo map[int64][]*watcher) {
	all.mu.Lock()
	defer all.mu.Unlock()
	byVideo = make(map[int64][]*watcher, len(all.byVideo))
	for id, some := range all.byVideo {
		ids = append(ids, id)
		for w := range some {
			byVideo[id] = append(byVideo[id], w)
		}
	}
	return ids, byVideo
}

// Drain ends the streams of statuses, now and from now on. Who watches comes back, to
// another process.
func (s *Service) Drain() { s.watchers.drain.Do(func() { close(s.watchers.draining) }) }

// Watch gives the streams of statuses what changes, until ctx ends.
func (s *Service) Watch(ctx context.Context) error {
	defer s.Drain()
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		err := s.look(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			s.log.WarnContext(ctx, "statuses that are watched cannot be read and are tried again", "error", err)
		}
		failing = err != nil
	}
}

// look reads the statuses of all videos that are watched, together.
func (s *Service) look(ctx context.Context) error {
	ids, byVideo := s.watchers.joined()
	for some := range slices.Chunk(ids, watchBatch) {
		now, err := s.statuses(ctx, some)
		if err != nil {
			return err
		}
		for _, id := range some {
			for _, w := range byVideo[id] {
				w.give(now[id].TranscodeStatus) // nil when there is none
			}
		}
	}
	return nil
}
