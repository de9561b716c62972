package user

import (
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"
)

func TestDefaultSettings(t *testing.T) {
	t.Parallel()
	var got Component
	parser, err := kong.New(&got)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse(nil); err != nil {
		t.Fatal(err)
	}
	want := Component{PasswordShare: 0.15, PasswordWait: 2 * time.Second, Config: Config{
		UsernameMax: 32, PasswordMin: 1, PasswordMax: 256,
		SessionTTL: 30 * 24 * time.Hour, SessionCache: 50_000, UserCache: 50_000,
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := got.check(); err != nil {
		t.Error(err)
	}
}
