package relation

import (
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	relationv1 "douyin.dev/gen/douyin/relation/v1"
	"douyin.dev/services/platform/infratest"
	"douyin.dev/services/platform/pg"
)

// Every list may follow the reader's own follow, so none asks a replica: this
// one would refuse each connection.
func TestReadsNeedNoReplica(t *testing.T) {
	t.Parallel()
	b := setup(t)
	db, err := pg.Open(t.Context(), pg.Config{
		DSN: infratest.Postgres(t), ReadDSN: "postgres://nobody@127.0.0.1:1/nowhere", Service: b.db.Schema(), MaxConns: 4,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	if db.RO().Ping(t.Context()) == nil {
		t.Fatal("there is a replica")
	}
	b.db = db
	b.Service = b.instance(t)
	b.follow(t, 1, 2)
	b.follow(t, 2, 1)
	for name, get := range b.lists() {
		if got := all(t, t.Context(), get, 1, 10); len(got) != 1 || got[0] != 2 {
			t.Errorf("%s: %v", name, got)
		}
	}
	res, err := b.BatchCheckFollows(t.Context(), &relationv1.BatchCheckFollowsRequest{FollowerId: 1, UserIds: []int64{2, 3, 2}})
	if err != nil || len(res.GetFollowedUserIds()) != 1 {
		t.Errorf("follows: %v, %v", res, err)
	}
}

func TestTallyCountsBothSidesAndNamesTheUnannounced(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.follow(t, 1, 2)
	b.follow(t, 1, 3)
	b.follow(t, 3, 2)
	b.follow(t, 4, 5)
	if _, err := b.db.RW().Exec(t.Context(), `DELETE FROM outbox`); err != nil { // as the relay does
		t.Fatal(err)
	}
	b.unfollow(t, 4, 5)
	got, err := b.TallyUsers(t.Context(), &relationv1.TallyUsersRequest{AfterId: 1, Limit: 5})
	if err != nil {
		t.Fatal(err)
	}
	want := &relationv1.TallyUsersResponse{
		Tallies: []*relationv1.UserTally{
			{UserId: 2, FollowerCount: 2}, {UserId: 3, FollowCount: 1, FollowerCount: 1},
		},
		UnannouncedIds: []int64{4, 5},
	}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for limit, field := range map[int32]string{-1: "limit", 0: "limit", 1: "", 1000: "", 1001: "limit"} {
		_, err := b.TallyUsers(t.Context(), &relationv1.TallyUsersRequest{Limit: limit})
		if field != "" {
			wantField(t, err, field)
		} else if err != nil {
			t.Errorf("limit %d: %v", limit, err)
		}
	}
}

// Checks that arrive together share statements, and each gets its own answer.
func TestChecksThatArriveTogetherEachGetTheirOwnAnswer(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const users = 40
	for n := int64(1); n < users; n++ {
		b.follow(t, n, n+1)
	}
	var asking sync.WaitGroup
	for n := int64(1); n < users; n++ {
		asking.Go(func() {
			res, err := b.BatchCheckFollows(t.Context(), &relationv1.BatchCheckFollowsRequest{FollowerId: n, UserIds: []int64{n, n + 1, n + 2}})
			if err != nil || fmt.Sprint(res.GetFollowedUserIds()) != fmt.Sprint([]int64{n + 1}) {
				t.Errorf("%d: %v, %v", n, res, err)
			}
		})
	}
	asking.Wait()
}
