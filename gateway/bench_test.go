package gateway

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"go.opentelemetry.io/otel/propagation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"douyin.dev/gateway/rest"
	counterv1 "douyin.dev/gen/douyin/counter/v1"
	"douyin.dev/gen/douyin/counter/v1/counterv1connect"
	feedv1 "douyin.dev/gen/douyin/feed/v1"
	"douyin.dev/gen/douyin/feed/v1/feedv1connect"
	interactionv1 "douyin.dev/gen/douyin/interaction/v1"
	"douyin.dev/gen/douyin/interaction/v1/interactionv1connect"
	relationv1 "douyin.dev/gen/douyin/relation/v1"
	"douyin.dev/gen/douyin/relation/v1/relationv1connect"
	userv1 "douyin.dev/gen/douyin/user/v1"
	"douyin.dev/gen/douyin/user/v1/userv1connect"
	videov1 "douyin.dev/gen/douyin/video/v1"
	"douyin.dev/gen/douyin/video/v1/videov1connect"
)

// still is a platform whose answers are made beforehand: what is left to
// measure is the gateway.
type still struct {
	userv1connect.UserServiceClient
	videov1connect.VideoServiceClient
	feedv1connect.FeedServiceClient
	counterv1connect.CounterServiceClient

	session     *userv1.VerifySessionResponse
	users       *userv1.BatchGetUsersResponse
	userCounts  *counterv1.BatchGetUserCountsResponse
	videos      *videov1.BatchGetVideosResponse
	videoCounts *counterv1.BatchGetVideoCountsResponse
	page        *feedv1.ListPublicFeedResponse
}

// stillLikes and stillFollows are its marks.
type (
	stillLikes struct {
		interactionv1connect.InteractionServiceClient
		answer *interactionv1.BatchCheckLikesResponse
	}
	stillFollows struct {
		relationv1connect.RelationServiceClient
		answer *relationv1.BatchCheckFollowsResponse
	}
)

const benchVideos, benchAuthors = 30, 20

func newStill() *still {
	s := &still{
		session: &userv1.VerifySessionResponse{UserId: 42, SessionId: "s", ViewerToken: "viewer", ViewerTokenExpiresAtMs: time.Now().Add(time.Hour).UnixMilli()},
		users:   &userv1.BatchGetUsersResponse{}, userCounts: &counterv1.BatchGetUserCountsResponse{},
		videos: &videov1.BatchGetVideosResponse{}, videoCounts: &counterv1.BatchGetVideoCountsResponse{}, page: &feedv1.ListPublicFeedResponse{},
	}
	for i := range int64(benchAuthors) {
		s.users.Users = append(s.users.Users, &userv1.User{Id: 100 + i, Name: "somebody", Signature: "hello"})
		s.userCounts.Counts = append(s.userCounts.Counts, &counterv1.UserCounts{UserId: 100 + i, FollowCount: 12, FollowerCount: 3456, WorkCount: 7})
	}
	for i := range int64(benchVideos) {
		id := 1000 + i
		s.videos.Videos = append(s.videos.Videos, &videov1.Video{
			Id: id, AuthorId: 100 + i%benchAuthors, Title: "A day at the lake, 湖边的一天", PublishedAtMs: 1767225600000 - i,
			MediaKey: fmt.Sprintf("videos/%d/original.mp4", id), CoverKey: fmt.Sprintf("videos/%d/cover.jpg", id),
		})
		s.videoCounts.Counts = append(s.videoCounts.Counts, &counterv1.VideoCounts{VideoId: id, FavoriteCount: 1234, CommentCount: 56})
		s.page.Entries = append(s.page.Entries, &feedv1.FeedEntry{VideoId: id, PublishedAtMs: 1767225600000 - i})
	}
	return s
}

func (s *still) VerifySession(context.Context, *userv1.VerifySessionRequest) (*userv1.VerifySessionResponse, error) {
	return s.session, nil
}

func (s *still) BatchGetUsers(context.Context, *userv1.BatchGetUsersRequest) (*userv1.BatchGetUsersResponse, error) {
	return s.users, nil
}

func (s *still) BatchGetUserCounts(context.Context, *counterv1.BatchGetUserCountsRequest) (*counterv1.BatchGetUserCountsResponse, error) {
	return s.userCounts, nil
}

func (s *still) BatchGetVideos(context.Context, *videov1.BatchGetVideosRequest) (*videov1.BatchGetVideosResponse, error) {
	return s.videos, nil
}

func (s *still) BatchGetVideoCounts(context.Context, *counterv1.BatchGetVideoCountsRequest) (*counterv1.BatchGetVideoCountsResponse, error) {
	return s.videoCounts, nil
}

func (s *still) ListPublicFeed(context.Context, *feedv1.ListPublicFeedRequest) (*feedv1.ListPublicFeedResponse, error) {
	return s.page, nil
}

func (s stillLikes) BatchCheckLikes(context.Context, *interactionv1.BatchCheckLikesRequest) (*interactionv1.BatchCheckLikesResponse, error) {
	return s.answer, nil
}

func (s stillFollows) BatchCheckFollows(context.Context, *relationv1.BatchCheckFollowsRequest) (*relationv1.BatchCheckFollowsResponse, error) {
	return s.answer, nil
}

// stillGateway is a gateway in front of a still platform.
func stillGateway() *Gateway {
	s := newStill()
	return New(Deps{
		User: s, Video: s, Feed: s, Counter: s,
		Interaction: stillLikes{answer: &interactionv1.BatchCheckLikesResponse{LikedVideoIds: []int64{1003, 1017}}},
		Relation:    stillFollows{answer: &relationv1.BatchCheckFollowsResponse{FollowedUserIds: []int64{101, 119}}},
		Log:         slog.New(slog.DiscardHandler), Now: time.Now, Zone: time.UTC,
		Settings: Settings{CORSOrigins: []string{"*"}, MaxCalls: 1024, SessionRecheck: time.Hour},
	})
}

// sink takes an answer and keeps its size.
type sink struct {
	header http.Header
	status int
	bytes  int
}

func (s *sink) Header() http.Header { return s.header }

func (s *sink) WriteHeader(status int) { s.status = status }

func (s *sink) Write(p []byte) (int, error) {
	s.bytes += len(p)
	return len(p), nil
}

// BenchmarkREST measures a call through all of the REST face, telemetry
// included, without the connection: alone, and among 64 at once. A header map
// per call, which the server would make, is the benchmark's.
func BenchmarkREST(b *testing.B) {
	for _, call := range []struct{ name, target, token string }{
		{"Feed", "/douyin/feed/", ""},
		{"FeedLoggedIn", "/douyin/feed/", "t"},
		{"User", "/douyin/user/?user_id=107", "t"},
	} {
		for _, sampled := range []bool{false, true} {
			h := benchHandler(b, sampled)
			name := fmt.Sprintf("%s/sampled=%v", call.name, sampled)
			b.Run(name+"/alone", func(b *testing.B) {
				b.ReportAllocs()
				ask := benchCall(b, h, call.target, call.token)
				for b.Loop() {
					ask()
				}
			})
			b.Run(name+"/crowd", func(b *testing.B) {
				b.ReportAllocs()
				b.SetParallelism(32)
				b.RunParallel(func(pb *testing.PB) {
					ask := benchCall(b, h, call.target, call.token)
					for pb.Next() {
						ask()
					}
				})
			})
		}
	}
}

// benchCall returns what makes one call.
func benchCall(b *testing.B, h http.Handler, target, token string) func() {
	r := httptest.NewRequest(http.MethodGet, target, nil)
	r.Header.Set("User-Agent", "bench")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return func() {
		w := &sink{header: make(http.Header)}
		h.ServeHTTP(w, r)
		if w.status != http.StatusOK && w.status != 0 || w.bytes < 100 {
			b.Errorf("HTTP %d, %d bytes", w.status, w.bytes)
		}
	}
}

func benchHandler(b *testing.B, sampled bool) http.Handler {
	b.Helper()
	sampler := sdktrace.NeverSample()
	if sampled {
		sampler = sdktrace.AlwaysSample()
	}
	tracers := sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.ParentBased(sampler)))
	meters := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader()))
	b.Cleanup(func() {
		_ = tracers.Shutdown(context.Background())
		_ = meters.Shutdown(context.Background())
	})
	g := stillGateway()
	api, err := g.restHandler(rest.Signals{Tracers: tracers, Meters: meters, Propagator: propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{})})
	if err != nil {
		b.Fatal(err)
	}
	return rest.CORS(g.Settings.CORSOrigins)(api)
}
