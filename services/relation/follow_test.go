package relation

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	relationv1 "douyin.dev/gen/douyin/relation/v1"
	"douyin.dev/services/platform/fault"
)

func TestFollowTwiceCountsOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.unfollow(t, 1, 2) // nothing to end
	b.follow(t, 1, 2)
	b.follow(t, 1, 2)
	b.unfollow(t, 1, 2)
	b.unfollow(t, 1, 2)
	b.follow(t, 1, 2)
	want := []*relationv1.FollowChanged{
		{FollowerId: 1, FolloweeId: 2, Following: true},
		{FollowerId: 1, FolloweeId: 2, Following: false},
		{FollowerId: 1, FolloweeId: 2, Following: true},
	}
	if diff := cmp.Diff(want, b.events(t), protocmp.Transform()); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if n := b.woken.Load(); n != 3 {
		t.Errorf("the relay was woken %d times for 3 events", n)
	}
}

func TestWhoCannotBeFollowed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, follows := range []bool{true, false} {
		wantReason(t, set(t.Context(), b.Service, pair{1, 1}, follows), relationv1.ErrorReason_ERROR_REASON_SELF_FOLLOW)
		for _, nobody := range []int64{0, -1, 1001, 1 << 60} {
			err := set(t.Context(), b.Service, pair{1, nobody}, follows)
			wantCode(t, err, connect.CodeNotFound)
			wantReason(t, err, relationv1.ErrorReason_ERROR_REASON_USER_NOT_FOUND)
		}
	}
	_, err := b.Follow(t.Context(), &relationv1.FollowRequest{UserId: 2})
	wantCode(t, err, connect.CodeUnauthenticated)
	_, err = b.Unfollow(t.Context(), &relationv1.UnfollowRequest{UserId: 2})
	wantCode(t, err, connect.CodeUnauthenticated)
	if n := len(b.events(t)) + len(b.rows(t, "following")) + len(b.rows(t, "follower")); n != 0 {
		t.Errorf("refused calls left %d rows", n)
	}
}

func TestUserWhoRegistersLaterCanBeFollowed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.people.max = 1
	wantCode(t, set(t.Context(), b.Service, pair{1, 2}, true), connect.CodeNotFound)
	b.people.max = 2
	b.follow(t, 1, 2)
}

func TestKnownUsersAreAskedForOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for follower := range int64(20) {
		b.follow(t, follower+10, 2)
	}
	if n := b.people.calls.Load(); n != 1 {
		t.Errorf("the user service was asked %d times about one user", n)
	}
}

func TestWithoutUserService(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.follow(t, 1, 2)
	for _, down := range []error{
		connect.NewError(connect.CodeUnavailable, errors.New("dial tcp 10.0.0.7:8080: connection refused")),
		connect.NewError(connect.CodeInvalidArgument, errors.New("10.0.0.7 dislikes ids")),
	} {
		b.people.down.Store(&down)
		err := set(t.Context(), b.Service, pair{1, 3}, true)
		wantCode(t, err, connect.CodeUnavailable)
		if message := fault.ToWire(err).Message(); strings.Contains(message, "10.0.0.7") {
			t.Errorf("the client reads %q", message)
		}
	}
	b.follow(t, 3, 2) // known
	b.unfollow(t, 1, 2)
	if diff := cmp.Diff(map[pair]bool{{3, 2}: true}, pairs(b.rows(t, "following"))); diff != "" {
		t.Errorf("follows (-want +got):\n%s", diff)
	}
}

func TestBatchCheckFollows(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.follow(t, 1, 2)
	b.follow(t, 1, 3)
	b.follow(t, 4, 1)
	res, err := b.BatchCheckFollows(t.Context(), &relationv1.BatchCheckFollowsRequest{FollowerId: 1, UserIds: []int64{5, 3, 4, 2, 3, 0}})
	if err != nil {
		t.Fatal(err)
	}
	got := slices.Sorted(slices.Values(res.GetFollowedUserIds()))
	if diff := cmp.Diff([]int64{2, 3}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for n, field := range map[int]string{0: "", 999: "", 1000: "", 1001: "user_ids"} {
		_, err := b.BatchCheckFollows(t.Context(), &relationv1.BatchCheckFollowsRequest{FollowerId: 1, UserIds: make([]int64, n)})
		if field != "" {
			wantField(t, err, field)
		} else if err != nil {
			t.Errorf("%d users: %v", n, err)
		}
	}
}

func TestBatchCheckFollowers(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.follow(t, 2, 1)
	b.follow(t, 3, 1)
	b.follow(t, 1, 4)
	res, err := b.BatchCheckFollowers(t.Context(), &relationv1.BatchCheckFollowersRequest{FolloweeId: 1, UserIds: []int64{5, 3, 4, 2, 3, 0}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int64{2, 3}, slices.Sorted(slices.Values(res.GetFollowerUserIds()))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	_, err = b.BatchCheckFollowers(t.Context(), &relationv1.BatchCheckFollowersRequest{FolloweeId: 1, UserIds: make([]int64, 1001)})
	wantField(t, err, "user_ids")
}

func pairs(rows map[follow]bool) map[pair]bool {
	set := map[pair]bool{}
	for f := range rows {
		set[f.pair] = true
	}
	return set
}

func TestFollowWithAKeyIsDoneOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	follow := &relationv1.FollowRequest{UserId: 2, IdempotencyKey: "follow"}
	unfollow := &relationv1.UnfollowRequest{UserId: 2, IdempotencyKey: "unfollow"}
	done := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		_, err := b.Follow(as(t.Context(), 1), follow)
		done(err)
	}
	b.unfollow(t, 1, 2)
	_, err := b.Follow(as(t.Context(), 1), follow)
	done(err)
	if n := len(b.rows(t, "following")); n != 0 {
		t.Error("a repeated follow was done again")
	}
	b.follow(t, 1, 2)
	for range 2 {
		_, err := b.Unfollow(as(t.Context(), 1), unfollow)
		done(err)
	}
	b.follow(t, 1, 2)
	_, err = b.Unfollow(as(t.Context(), 1), unfollow)
	done(err)
	if n := len(b.rows(t, "following")); n != 1 {
		t.Error("a repeated unfollow was done again")
	}
	if n := len(b.events(t)); n != 5 {
		t.Errorf("%d events for 5 changes", n)
	}
	for _, other := range []*relationv1.FollowRequest{{UserId: 3, IdempotencyKey: "follow"}, {UserId: 2, IdempotencyKey: "unfollow"}, {UserId: 2, IdempotencyKey: "\x00"}} {
		_, err := b.Follow(as(t.Context(), 1), other)
		wantField(t, err, "idempotency_key")
	}
	_, err = b.Follow(as(t.Context(), 1), &relationv1.FollowRequest{UserId: 1001, IdempotencyKey: "nobody"})
	wantReason(t, err, relationv1.ErrorReason_ERROR_REASON_USER_NOT_FOUND)
}
