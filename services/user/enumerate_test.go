package user

import (
	"fmt"
	"slices"
	"testing"

	userv1 "douyin.dev/gen/douyin/user/v1"
)

func TestAllUsersAreEnumeratedInOrder(t *testing.T) {
	b := setup(t)
	var want []int64
	for i := range 5 {
		id, _ := b.register(t, fmt.Sprintf("user_%d", i), "correct horse battery")
		want = append(want, id)
	}
	slices.Sort(want)
	var got []int64
	for after, more := int64(0), true; more; {
		res, err := b.EnumerateUsers(t.Context(), &userv1.EnumerateUsersRequest{AfterId: after, Limit: 2})
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, res.GetUserIds()...)
		if more = len(res.GetUserIds()) == 2; more {
			after = got[len(got)-1]
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for _, limit := range []int32{0, -1, maxBatch + 1} {
		_, err := b.EnumerateUsers(t.Context(), &userv1.EnumerateUsersRequest{Limit: limit})
		wantField(t, err, "limit")
	}
}
