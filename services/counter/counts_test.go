package counter

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/rueidis"
	"google.golang.org/protobuf/testing/protocmp"

	counterv1 "douyin.dev/gen/douyin/counter/v1"
	interactionv1 "douyin.dev/gen/douyin/interaction/v1"
	"douyin.dev/services/platform/infratest"
)

func redisClient(t *testing.T) rueidis.Client {
	t.Helper()
	client, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{infratest.Redis(t)}, DisableCache: true, ForceSingleClient: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// run keeps counts fresh until the test ends.
func run(t *testing.T, counts *Counts) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = counts.Run(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait() })
}

func likesOf(t *testing.T, s *Service, video int64) int64 {
	t.Helper()
	res, err := s.BatchGetVideoCounts(t.Context(), &counterv1.BatchGetVideoCountsRequest{VideoIds: []int64{video}})
	if err != nil {
		t.Fatal(err)
	}
	return res.GetCounts()[0].GetFavoriteCount()
}

// A reader in another process than the worker has counts in its cache, zeros
// too, and sees each change.
func TestReadersElsewhereSeeWhatIsApplied(t *testing.T) {
	b := setup(t)
	worker := newApplier(t, b.db, redisClient(t))
	run(t, worker.counts)
	reader := New(newCounts(t, b.db, redisClient(t)))
	run(t, reader.counts)
	for n := range int64(5) {
		if got := likesOf(t, reader, 5); got != n {
			t.Fatalf("read %d likes, want %d", got, n)
		}
		like := &interactionv1.LikeChanged{UserId: n + 1, VideoId: 5, AuthorId: 9, Liked: true}
		if err := worker.Apply(t.Context(), messagesOf(t, fmt.Sprint(n), like)); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the reader sees the like", func() bool { return likesOf(t, reader, 5) == n+1 })
	}
}

// The worker died between its commit and the cache: the batch comes again,
// nothing in it is fresh, and the cache is repaired all the same.
func TestRedeliveryRepairsTheCache(t *testing.T) {
	b := setup(t)
	worker := newApplier(t, b.db, redisClient(t))
	like := messagesOf(t, "a", &interactionv1.LikeChanged{UserId: 1, VideoId: 5, AuthorId: 9, Liked: true})
	more := messagesOf(t, "b", &interactionv1.LikeChanged{UserId: 2, VideoId: 5, AuthorId: 9, Liked: true})
	if err := worker.Apply(t.Context(), like); err != nil {
		t.Fatal(err)
	}
	b.mustApply(t, more) // by a worker without Redis
	reader := New(newCounts(t, b.db, redisClient(t)))
	if got := likesOf(t, reader, 5); got != 1 {
		t.Fatalf("the cache was not behind: %d likes", got)
	}
	if err := worker.Apply(t.Context(), more); err != nil {
		t.Fatal(err)
	}
	users, err := reader.BatchGetUserCounts(t.Context(), &counterv1.BatchGetUserCountsRequest{UserIds: []int64{9}})
	if err != nil {
		t.Fatal(err)
	}
	want := []*counterv1.UserCounts{{UserId: 9, TotalFavorited: 2, Version: 2}}
	if diff := cmp.Diff(want, users.GetCounts(), protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
	if got := likesOf(t, reader, 5); got != 2 {
		t.Errorf("%d likes after the repair", got)
	}
}

// eventually waits for a condition that another goroutine brings about.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}
