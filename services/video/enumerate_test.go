package video

import (
	"fmt"
	"slices"
	"testing"

	"connectrpc.com/connect"

	videov1 "douyin.dev/gen/douyin/video/v1"
	"douyin.dev/services/platform/fault"
)

func TestAllVideosButTheDeletedAreEnumeratedInOrder(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	for _, id := range []int64{9, 3, 5, 7, 1} {
		b.add(t, id, author, 100-id) // the order is not that of time
	}
	for _, sql := range []string{`UPDATE video SET state = 2 WHERE id = 5`, fmt.Sprintf(`UPDATE video SET visibility = %d WHERE id = 3`, private)} {
		if _, err := b.db.RW().Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	var got []int64
	for after, more := int64(0), true; more; {
		res, err := b.EnumerateVideos(t.Context(), &videov1.EnumerateVideosRequest{AfterId: after, Limit: 2})
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, res.GetVideoIds()...)
		if more = len(res.GetVideoIds()) == 2; more {
			after = got[len(got)-1]
		}
	}
	if want := []int64{1, 3, 7, 9}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for _, limit := range []int32{0, -1, maxBatch + 1} {
		_, err := b.EnumerateVideos(t.Context(), &videov1.EnumerateVideosRequest{Limit: limit})
		if fault.CodeOf(err) != connect.CodeInvalidArgument {
			t.Errorf("limit %d: %v", limit, err)
		}
	}
}
