package page_test

import (
	"math"
	"testing"

	"connectrpc.com/connect"

	"douyin.dev/services/platform/fault"
	"douyin.dev/services/platform/page"
)

// FuzzParse: a text is the token of exactly one cursor, or refused as a bad
// parameter. Two texts for one place would make two cache keys of it.
func FuzzParse(f *testing.F) {
	for _, c := range []page.Cursor{{}, {Time: 1, ID: 2}, {Time: math.MaxInt64, ID: math.MinInt64}} {
		f.Add(c.Token())
		f.Add(c.Token() + "=")
		f.Add(c.Token()[1:])
	}
	f.Add("")
	f.Add("令牌")
	f.Fuzz(func(t *testing.T, token string) {
		got, err := page.Parse("page_token", token)
		switch {
		case err != nil:
			if fault.CodeOf(err) != connect.CodeInvalidArgument {
				t.Errorf("%q: %v", token, err)
			}
		case token == "":
			if got != nil {
				t.Errorf("the empty token gave %v", got)
			}
		case got.Token() != token:
			t.Errorf("%q was read as %v, whose token is %q", token, *got, got.Token())
		}
	})
}
