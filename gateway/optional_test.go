package gateway

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect"

	apiv1 "douyin.dev/gen/douyin/api/v1"
	counterv1 "douyin.dev/gen/douyin/counter/v1"
	"douyin.dev/gen/douyin/counter/v1/counterv1connect"
	interactionv1 "douyin.dev/gen/douyin/interaction/v1"
	"douyin.dev/gen/douyin/interaction/v1/interactionv1connect"
	"douyin.dev/services/platform/auth"
	"douyin.dev/services/platform/memhttp"
	"douyin.dev/services/platform/rpc"
)

// hangingCounter is a counter service that takes calls and does not answer while
// it hangs.
type hangingCounter struct {
	counterv1connect.UnimplementedCounterServiceHandler
	hangs atomic.Bool
	calls atomic.Int64
	still *still
}

func (h *hangingCounter) hang(ctx context.Context) error {
	h.calls.Add(1)
	if !h.hangs.Load() {
		return nil
	}
	<-ctx.Done()
	return ctx.Err()
}

func (h *hangingCounter) BatchGetUserCounts(ctx context.Context, _ *counterv1.BatchGetUserCountsRequest) (*counterv1.BatchGetUserCountsResponse, error) {
	return h.still.userCounts, h.hang(ctx)
}

func (h *hangingCounter) BatchGetVideoCounts(ctx context.Context, _ *counterv1.BatchGetVideoCountsRequest) (*counterv1.BatchGetVideoCountsResponse, error) {
	return h.still.videoCounts, h.hang(ctx)
}

// newHanging returns a gateway whose counter service may hang, over the network or
// handed over in process.
func newHanging(t *testing.T, inProcess bool) (*Gateway, *hangingCounter) {
	t.Helper()
	s := newStill()
	counter := &hangingCounter{still: s}
	local := rpc.NewLocal()
	options, err := rpc.ClientOptions()
	if err != nil {
		t.Fatal(err)
	}
	if inProcess {
		options = append(options, local.ClientOption())
	}
	mux := http.NewServeMux()
	mux.Handle(counterv1connect.NewCounterServiceHandler(counter, local.HandlerOption()))
	local.Open()
	log := slog.New(slog.DiscardHandler)
	server := memhttp.NewServer(mux, log)
	t.Cleanup(func() { _ = server.Close() })
	return New(Deps{
		User: s, Video: s, Feed: s, Interaction: stillLikes{answer: &interactionv1.BatchCheckLikesResponse{}},
		Counter: counterv1connect.NewCounterServiceClient(rpc.Direct{RoundTripper: server}, "http://counter", options...),
		Log:     log, Now: time.Now, Zone: time.UTC,
	}), counter
}

// A counter service that hangs costs the feed one wait, and not one for each
// answer; when it answers again, the counts are back.
func TestFeedGoesOnWithoutACounterServiceThatHangs(t *testing.T) {
	t.Parallel()
	for name, inProcess := range map[string]bool{"network": false, "in process": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				g, counter := newHanging(t, inProcess)
				feed := func() (likes, followers int64) {
					res, err := g.GetFeed(t.Context(), &apiv1.GetFeedRequest{})
					if err != nil || len(res.GetVideoList()) != benchVideos {
						t.Errorf("%d videos, %v", len(res.GetVideoList()), err)
						return 0, 0
					}
					first := res.GetVideoList()[0]
					return first.GetFavoriteCount(), first.GetAuthor().GetFollowerCount()
				}
				counted := func() bool { likes, followers := feed(); return likes > 0 && followers > 0 }
				if !counted() {
					t.Error("no counts before")
				}
				counter.hangs.Store(true)
				const callers, each, pause = 64, 50, 100 * time.Millisecond
				var waits []time.Duration
				var mu sync.Mutex
				var all sync.WaitGroup
				for range callers {
					all.Go(func() {
						for range each {
							began := time.Now()
							if likes, followers := feed(); likes > 0 || followers > 0 {
								t.Error("counts of a service that hangs")
							}
							mu.Lock()
							waits = append(waits, time.Since(began))
							mu.Unlock()
							time.Sleep(pause)
						}
					})
				}
				all.Wait()
				slices.Sort(waits)
				if longest := waits[len(waits)-1]; longest > optionalTimeout+50*time.Millisecond {
					t.Errorf("an answer took %v", longest)
				}
				if p95 := waits[len(waits)*95/100]; p95 > 0 {
					t.Errorf("one answer in twenty took %v", p95)
				}
				counter.hangs.Store(false)
				t.Logf("%d answers, %d calls of the service", len(waits), counter.calls.Load())
				for began := time.Now(); !counted(); time.Sleep(pause) {
					if time.Since(began) > 5*time.Second {
						t.Fatal("the counts do not come back")
					}
				}
			})
		})
	}
}

// hangingLikes is an interaction service that does not say what a viewer likes.
type hangingLikes struct {
	interactionv1connect.InteractionServiceClient
}

func (hangingLikes) BatchCheckLikes(ctx context.Context, _ *interactionv1.BatchCheckLikesRequest) (*interactionv1.BatchCheckLikesResponse, error) {
	<-ctx.Done()
	return nil, connect.NewError(connect.CodeDeadlineExceeded, ctx.Err())
}

func TestMarksOfTheViewerAreWaitedForBriefly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g, _ := newHanging(t, true)
		g.Interaction, g.Relation = hangingLikes{}, following{}
		ctx := auth.WithViewer(t.Context(), auth.Viewer{UserID: 1})
		for i, most := range []time.Duration{optionalTimeout, 0, 0} {
			began := time.Now()
			res, err := g.GetFeed(ctx, &apiv1.GetFeedRequest{})
			if took := time.Since(began); err != nil || len(res.GetVideoList()) != benchVideos || took > most {
				t.Errorf("answer %d: %d videos, %v after %v, want at most %v", i+1, len(res.GetVideoList()), err, took, most)
			}
			if !slices.ContainsFunc(res.GetVideoList(), func(v *apiv1.Video) bool { return v.GetAuthor().GetIsFollow() }) {
				t.Error("what could be had is missing too")
			}
		}
		time.Sleep(optionalTimeout) // the read in the background ends
	})
}

// A caller's own deadline says nothing about a part.
func TestCallerWithoutTimeLeavesThePartToOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var o optional
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		wait := func(ctx context.Context) (int, error) { <-ctx.Done(); return 0, ctx.Err() }
		if _, err := readOptional(ctx, &o, wait); err == nil || o.slow.Load() {
			t.Errorf("left out for all: %v, %v", o.slow.Load(), err)
		}
		ctx, cancel = forOptionals(t.Context())
		defer cancel()
		if _, err := readOptional(ctx, &o, wait); err == nil || !o.slow.Load() {
			t.Errorf("not left out: %v", err)
		}
	})
}
