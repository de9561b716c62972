package page_test

import (
	"testing"

	"connectrpc.com/connect"
	"pgregory.net/rapid"

	"douyin.dev/services/platform/fault"
	"douyin.dev/services/platform/page"
)

func TestATokenReadsBackAsItsCursor(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := page.Cursor{Time: rapid.Int64().Draw(t, "time"), ID: rapid.Int64().Draw(t, "id")}
		got, err := page.Parse("page_token", want.Token())
		if err != nil || *got != want {
			t.Fatalf("got %v, %v", got, err)
		}
	})
}

func TestOnlyOurTokensAreRead(t *testing.T) {
	t.Parallel()
	if got, err := page.Parse("page_token", ""); got != nil || err != nil {
		t.Errorf("the empty token gave %v, %v", got, err)
	}
	for _, token := range []string{"x", "AAAA", page.Cursor{}.Token() + "A", page.Cursor{}.Token()[1:]} {
		if _, err := page.Parse("page_token", token); fault.CodeOf(err) != connect.CodeInvalidArgument {
			t.Errorf("%q gave %v", token, err)
		}
	}
}

func TestSizesAtTheirLimits(t *testing.T) {
	t.Parallel()
	for requested, want := range map[int32]int{0: 30, 1: 1, 49: 49, 50: 50} {
		if got, err := page.Size("page_size", requested, 30, 50); err != nil || got != want {
			t.Errorf("Size(%d) = %d, %v", requested, got, err)
		}
	}
	for _, requested := range []int32{-1, 51} {
		if _, err := page.Size("page_size", requested, 30, 50); err == nil {
			t.Errorf("Size(%d) was accepted", requested)
		}
	}
}
