package feed

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var entries = cmp.AllowUnexported(entry{})

// TestFeedIsExactAtRest is invariant T1: whatever happens in whatever order,
// also between what a rebuild or a push reads and what it writes, at rest each
// feed paged to its end is exactly the newest videos of the followed authors.
func TestFeedIsExactAtRest(t *testing.T) {
	t.Parallel()
	redis := newRedis(t)
	rapid.Check(t, func(r *rapid.T) {
		const users, size = 4, 3
		b := newBench(r, redis, size, rapid.IntRange(0, 3).Draw(r, "threshold"))
		inside, reading := false, int64(0)
		someone := func(name string) int64 { return b.user(rapid.IntRange(1, users).Draw(r, name)) }
		happen := func() {
			switch rapid.IntRange(0, 9).Draw(r, "what") {
			case 0, 1:
				b.publish(someone("author"), rapid.Int64Range(0, 1).Draw(r, "step"))
			case 2:
				b.remove(max(b.nextID-rapid.Int64Range(0, 4).Draw(r, "video"), 1))
			case 8, 9:
				b.edit(max(b.nextID-rapid.Int64Range(0, 4).Draw(r, "edited"), 1), rapid.Bool().Draw(r, "private"))
			case 3:
				b.follow(someone("follower"), someone("followee"), true)
			case 4:
				b.follow(someone("follower"), someone("followee"), false)
			case 5:
				b.deliverAt(r, rapid.IntRange(0, 3).Draw(r, "event"))
			case 6:
				reader := someone("reader")
				if inside && reader == reading {
					return // would wait for the rebuild it is called from
				}
				if !inside {
					reading = reader
				}
				b.read(r, reader, rapid.IntRange(1, 4).Draw(r, "page"))
				if !inside {
					reading = 0
				}
			case 7:
				lost := redis.B().Del().Key(timelineKey(someone("lost"))).Build()
				if rapid.Bool().Draw(r, "pulled lost") {
					lost = redis.B().Hdel().Key(pulledKey).Field(b.everyone(users)...).Build()
				}
				if err := redis.Do(t.Context(), lost).Error(); err != nil {
					r.Fatalf("delete: %v", err)
				}
			}
		}
		b.between = func(string) {
			if inside {
				return
			}
			inside = true
			for range rapid.IntRange(0, 2).Draw(r, "meanwhile") {
				happen()
			}
			inside = false
		}
		for range rapid.IntRange(0, 12).Draw(r, "follows") {
			b.follow(someone("follower"), someone("followee"), true)
		}
		for range rapid.IntRange(1, 40).Draw(r, "steps") {
			happen()
		}
		inside = true
		b.deliver(r)
		for n := 1; n <= users; n++ {
			want := b.feed(b.user(n), size)
			if diff := cmp.Diff(want, b.read(r, b.user(n), 2), entries); diff != "" {
				r.Fatalf("feed of user %d (-want +got):\n%s", n, diff)
			}
		}
	})
}

// TestReplayChangesNothing delivers all events again, old after new.
func TestReplayChangesNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t, newRedis(t), 10, 2)
	reader := b.user(1)
	for n := 2; n <= 4; n++ {
		b.follow(reader, b.user(n), true)
	}
	b.read(t, reader, 3)
	for n := range 12 {
		b.publish(b.user(2+n%3), 1)
	}
	b.remove(5)
	b.edit(7, true)
	b.edit(8, true)
	b.edit(8, false)
	b.remove(11)
	b.follow(reader, b.user(3), false)
	b.follow(reader, b.user(3), true)
	all := slices.Clone(b.events)
	b.deliver(t)
	want := b.feed(reader, 10)
	if diff := cmp.Diff(want, b.read(t, reader, 3), entries); diff != "" {
		t.Fatalf("feed (-want +got):\n%s", diff)
	}
	b.events = all
	b.deliver(t)
	if diff := cmp.Diff(want, b.read(t, reader, 3), entries); diff != "" {
		t.Errorf("feed after a replay (-want +got):\n%s", diff)
	}
}

// TestPagingRepeatsAndSkipsNothing is invariant T2: others publish, in one
// millisecond too, while a reader pages.
func TestPagingRepeatsAndSkipsNothing(t *testing.T) {
	t.Parallel()
	redis := newRedis(t)
	rapid.Check(t, func(r *rapid.T) {
		b := newBench(r, redis, 1000, rapid.IntRange(0, 1).Draw(r, "threshold"))
		reader := b.user(1)
		for n := 2; n <= 4; n++ {
			b.follow(reader, b.user(n), true)
		}
		for range rapid.IntRange(0, 30).Draw(r, "before") {
			b.publish(b.user(rapid.IntRange(2, 4).Draw(r, "author")), rapid.Int64Range(0, 1).Draw(r, "step"))
		}
		b.deliver(r)
		present := b.feed(reader, 1000)
		b.between = func(string) {
			b.mu.Lock()
			b.between = nil
			b.mu.Unlock()
			b.publish(b.user(2), 1)
		}
		got := b.readWhile(r, reader, rapid.IntRange(1, 7).Draw(r, "page"), func() {
			b.publish(b.user(rapid.IntRange(2, 4).Draw(r, "author")), 1)
			b.deliver(r)
		})
		if !slices.IsSortedFunc(got, newestFirst) || len(slices.Compact(slices.Clone(got))) != len(got) {
			r.Fatalf("a video repeats or is out of order: %v", got)
		}
		for _, e := range present {
			if !slices.Contains(got, e) {
				r.Fatalf("video %d was skipped", e.id)
			}
		}
	})
}
