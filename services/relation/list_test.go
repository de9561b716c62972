package relation

import (
	"context"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	relationv1 "douyin.dev/gen/douyin/relation/v1"
	"douyin.dev/services/platform/page"
	"douyin.dev/services/platform/pg/pgtest"
)

// fetch answers one page of a list.
type fetch func(ctx context.Context, userID int64, size int32, token string) ([]int64, string, error)

func (b *bundle) lists() map[string]fetch {
	return map[string]fetch{
		"following": func(ctx context.Context, userID int64, size int32, token string) ([]int64, string, error) {
			res, err := b.ListFollowing(ctx, &relationv1.ListFollowingRequest{UserId: userID, PageSize: size, PageToken: token})
			return res.GetUserIds(), res.GetNextPageToken(), err
		},
		"followers": func(ctx context.Context, userID int64, size int32, token string) ([]int64, string, error) {
			res, err := b.ListFollowers(ctx, &relationv1.ListFollowersRequest{UserId: userID, PageSize: size, PageToken: token})
			return res.GetUserIds(), res.GetNextPageToken(), err
		},
		"friends": func(ctx context.Context, userID int64, size int32, token string) ([]int64, string, error) {
			res, err := b.ListFriends(ctx, &relationv1.ListFriendsRequest{UserId: userID, PageSize: size, PageToken: token})
			return res.GetUserIds(), res.GetNextPageToken(), err
		},
	}
}

// all pages through a list. Only the last page may be short.
func all(t rapid.TB, ctx context.Context, get fetch, userID int64, size int) []int64 {
	ids, token := []int64{}, ""
	for {
		some, next, err := get(ctx, userID, int32(size), token)
		if err != nil {
			t.Fatal(err)
		}
		if len(some) > size || (next != "" && len(some) < size) || (next == "" && token != "" && len(some) == 0) {
			t.Fatalf("a page of %d has %d entries and the next token %q", size, len(some), next)
		}
		ids = append(ids, some...)
		if next == "" {
			return ids
		}
		token = next
	}
}

// model is what the lists should say.
type model struct {
	at map[pair]int64 // Unix microseconds of each follow
}

func (m model) list(name string, userID int64) []int64 {
	var lines []entry
	for p, at := range m.at {
		_, back := m.at[pair{p.Followee, p.Follower}]
		switch {
		case name == "followers" && p.Followee == userID:
			lines = append(lines, entry{p.Follower, at})
		case name == "following" && p.Follower == userID, name == "friends" && p.Follower == userID && back:
			lines = append(lines, entry{p.Followee, at})
		}
	}
	slices.SortFunc(lines, func(a, b entry) int {
		if a.CreatedAt != b.CreatedAt {
			return int(b.CreatedAt - a.CreatedAt)
		}
		return int(b.UserID - a.UserID)
	})
	ids := []int64{}
	for _, l := range lines {
		ids = append(ids, l.UserID)
	}
	return ids
}

func TestListsSayWhatWasDone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	user := rapid.Int64Range(1, 6)
	done := model{map[pair]int64{}}
	rapid.Check(t, func(t *rapid.T) {
		for range rapid.IntRange(1, 8).Draw(t, "changes") {
			p := pair{user.Draw(t, "follower"), user.Draw(t, "followee")}
			if p.Follower == p.Followee {
				continue
			}
			follows := rapid.Bool().Draw(t, "follows")
			if err := set(ctx, b.Service, p, follows); err != nil {
				t.Fatal(err)
			}
			_, there := done.at[p]
			if follows && !there {
				done.at[p] = b.now.Load() / 2
			} else if !follows {
				delete(done.at, p)
			}
		}
		reader, size := user.Draw(t, "reader"), rapid.IntRange(1, 7).Draw(t, "page size")
		for name, get := range b.lists() {
			if diff := cmp.Diff(done.list(name, reader), all(t, ctx, get, reader, size)); diff != "" {
				t.Fatalf("%s of %d (-want +got):\n%s", name, reader, diff)
			}
		}
	})
}

func TestPagingIsUndisturbedByNewFollows(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for followee := int64(2); followee <= 7; followee++ {
		b.follow(t, 1, followee)
	}
	get := b.lists()["following"]
	first, token, err := get(t.Context(), 1, 3, "")
	if err != nil {
		t.Fatal(err)
	}
	b.follow(t, 1, 8)
	b.unfollow(t, 1, first[2]) // the entry the token points at
	rest, _, err := get(t.Context(), 1, 3, token)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int64{7, 6, 5, 4, 3, 2}, append(first, rest...)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestPageLimits(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for follower := range int64(31) {
		b.follow(t, 100+follower, 1)
		b.follow(t, 1, 100+follower)
	}
	most := map[string]int32{"following": 10_000, "followers": 10_000, "friends": 1000}
	for name, get := range b.lists() {
		ids, next, err := get(t.Context(), 1, 0, "")
		if err != nil || len(ids) != 30 || next == "" {
			t.Errorf("%s: page of default size has %d entries, next %q, error %v", name, len(ids), next, err)
		}
		for _, size := range []int32{most[name] - 1, most[name]} {
			if ids, next, err := get(t.Context(), 1, size, ""); err != nil || len(ids) != 31 || next != "" {
				t.Errorf("%s: page of %d has %d entries, next %q, error %v", name, size, len(ids), next, err)
			}
		}
		for _, size := range []int32{-1, most[name] + 1, math.MaxInt32} {
			_, _, err := get(t.Context(), 1, size, "")
			wantField(t, err, "page_size")
		}
		for _, token := range []string{"x", page.Cursor{}.Token() + "A"} {
			_, _, err := get(t.Context(), 1, 1, token)
			wantField(t, err, "page_token")
		}
		if ids, next, err := get(t.Context(), 999, 10, ""); err != nil || len(ids) != 0 || next != "" {
			t.Errorf("%s of a stranger: %v, %q, %v", name, ids, next, err)
		}
	}
}

// A plan for each page would cost more than reading the page.
func TestPagesOfLongListsAreNotPlannedEachTime(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	const famous, pages = 1, 30
	for _, fill := range []string{
		`INSERT INTO follower SELECT 1, n, n FROM generate_series(1, 100000) n`,
		`INSERT INTO follower SELECT 2 + n % 100, n, n FROM generate_series(1, 3000) n`,
		`INSERT INTO following SELECT 1, n, n FROM generate_series(1, 100000) n`,
		`INSERT INTO following SELECT 2 + n % 100, n, n FROM generate_series(1, 3000) n`,
		`ANALYZE follower, following`,
	} {
		if _, err := b.db.RW().Exec(ctx, fill); err != nil {
			t.Fatal(err)
		}
	}
	for name, get := range b.lists() {
		if name == "friends" { // joined: how long the list is decides how
			continue
		}
		for range pages {
			if ids, _, err := get(ctx, famous, 30, ""); len(ids) != 30 || err != nil {
				t.Fatalf("%s: %d entries, %v", name, len(ids), err)
			}
		}
	}
	if reused := pgtest.ReusedPlans(t, b.db, "%AS user_id, created_at FROM follow%"); reused < pages {
		t.Errorf("%d of %d pages were read by a plan that was there", reused, 2*pages)
	}
}
