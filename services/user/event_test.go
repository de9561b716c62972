package user

import (
	"context"
	"crypto/rand"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/redis/rueidis"
	"google.golang.org/protobuf/proto"

	userv1 "douyin.dev/gen/douyin/user/v1"
	"douyin.dev/services/platform/bus"
	"douyin.dev/services/platform/infratest"
	"douyin.dev/services/platform/outbox"
)

func redisClient(t *testing.T) rueidis.Client {
	t.Helper()
	client, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{infratest.Redis(t)}, DisableCache: !infratest.RedisTracking(t),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// background runs loops until the test ends.
func background(t *testing.T, loops ...func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for _, loop := range loops {
		running.Go(func() {
			if err := loop(ctx); err != nil && ctx.Err() == nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(func() { cancel(); running.Wait() })
}

// A process that dies between its commit and telling the copies has left an
// event: whoever takes it from there tells them.
func TestProfileChangedByAProcessThatDiedIsSeen(t *testing.T) {
	t.Parallel()
	b := setup(t)
	reader, heir := b.cached(t, b.db, redisClient(t)), b.cached(t, b.db, redisClient(t))
	background(t, reader.Run, heir.Run)
	id, _ := b.register(t, "ada", "p")
	if got := versionAt(t, reader, id); got != 1 { // now in both levels of the cache
		t.Fatalf("version %d of a new user", got)
	}
	// All that UpdateProfile does up to its commit.
	if _, err := b.store.updateProfile(t.Context(), id, &userv1.UpdateProfileRequest{Signature: proto.String("new")}); err != nil {
		t.Fatal(err)
	}
	if got := versionAt(t, heir, id); got != 1 {
		t.Fatalf("the copy in Redis was not behind: version %d", got)
	}

	kafka, err := bus.Connect(t.Context(), bus.Config{Brokers: infratest.Kafka(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = kafka.Close() })
	if err := kafka.EnsureTopics(t.Context(), bus.TopicSpec{Name: outbox.Topic(&userv1.UserChanged{}), Replication: 1}); err != nil {
		t.Fatal(err)
	}
	own := heir.Subscription()
	own.Group += "-" + rand.Text() // the topic is shared by all tests
	background(t,
		outbox.NewRelay("user", b.db, kafka, slog.New(slog.DiscardHandler)).Run,
		func(ctx context.Context) error { return kafka.Consume(ctx, own) },
	)
	for deadline := time.Now().Add(time.Minute); versionAt(t, reader, id) != 2; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the reader never sees the new profile")
		}
	}
}

func TestUpdateAndItsEventAreOne(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, token := b.register(t, "ada", "p")
	for range 3 {
		if _, err := b.UpdateProfile(b.as(t, token), &userv1.UpdateProfileRequest{Signature: proto.String("s")}); err != nil {
			t.Fatal(err)
		}
	}
	const events = 1 + 3 // of the registration and the updates
	if n := b.count(t, "outbox"); n != events {
		t.Errorf("%d events of a registration and 3 updates, want %d", n, events)
	}
	_, err := b.store.updateProfile(t.Context(), 42, &userv1.UpdateProfileRequest{})
	wantReason(t, err, userv1.ErrorReason_ERROR_REASON_USER_NOT_FOUND)
	if n := b.count(t, "outbox"); n != events {
		t.Errorf("an update of nobody was announced")
	}
	if err := b.handleChanges(t.Context(), []bus.Message{{Value: []byte{0xff}}}); !bus.IsPoison(err) {
		t.Errorf("an unreadable event: %v", err)
	}
}
