package counter

import (
	"log/slog"
	"strconv"
	"testing"

	"google.golang.org/protobuf/proto"

	interactionv1 "douyin.dev/gen/douyin/interaction/v1"
	"douyin.dev/services/platform/bus"
	"douyin.dev/services/platform/outbox"
	"douyin.dev/services/platform/pg/pgtest"
)

// BenchmarkApplyLikes is what counting likes costs in Postgres, in batches of 64,
// of 200 users and 100 videos.
func BenchmarkApplyLikes(b *testing.B) {
	const batch = 64
	db := pgtest.New(b, migrations)
	counts, err := NewCounts(db, nil, readerCopies)
	if err != nil {
		b.Fatal(err)
	}
	w := NewApplier(db, counts, slog.New(slog.DiscardHandler))
	events, next := make([]bus.Message, batch), 0
	b.ReportAllocs()
	for b.Loop() {
		for i := range events {
			e := &interactionv1.LikeChanged{UserId: int64(1 + next%200), VideoId: int64(1 + next%100), AuthorId: int64(1 + next%50), Liked: true}
			value, err := proto.Marshal(e)
			if err != nil {
				b.Fatal(err)
			}
			events[i] = bus.Message{Topic: outbox.Topic(e), Value: value, Headers: map[string]string{bus.HeaderEventID: "like-" + strconv.Itoa(next)}}
			next++
		}
		if err := w.Apply(b.Context(), events); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(next)/b.Elapsed().Seconds(), "events/s")
}
