package gateway

import (
	"cmp"
	"testing"

	videov1 "douyin.dev/gen/douyin/video/v1"
)

func TestVisibilityIsAWord(t *testing.T) {
	t.Parallel()
	for number := range videov1.Visibility_name {
		v := videov1.Visibility(number)
		word := visibilityWord(v)
		if got, err := visibilityOf(word); err != nil || got != cmp.Or(v, videov1.Visibility_VISIBILITY_PUBLIC) {
			t.Errorf("%v is %q, which is %v: %v", v, word, got, err)
		}
	}
	for _, word := range []string{"PUBLIC", "unspecified", "5", "everyone"} {
		if got, err := visibilityOf(word); err == nil {
			t.Errorf("%q is %v", word, got)
		}
	}
}
