package relation

import (
	"testing"

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
	if diff := cmp.Diff(Component{Config: Config{KnownUsers: 200_000}}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
