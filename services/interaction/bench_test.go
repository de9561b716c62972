package interaction

import (
	"testing"
	"time"

	"douyin.dev/services/platform/pg/pgtest"
)

// BenchmarkToggleLikes is what likes cost in Postgres, event included, in
// batches of 64: at most so many come from 64 clients.
func BenchmarkToggleLikes(b *testing.B) {
	const batch = 64
	s := newStore(pgtest.New(b, migrations))
	toggles := make([]toggle, batch)
	rows := 0
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		for i := range toggles {
			toggles[i] = toggle{
				userID: int64(1 + i), videoID: int64(1 + (n/2*7+i)%100), authorID: author,
				liked: n%2 == 0, at: time.Now().UnixMicro(),
			}
		}
		if _, err := s.toggleLikes(b.Context(), toggles); err != nil {
			b.Fatal(err)
		}
		rows += batch
	}
	b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "likes/s")
}
