package rpc_test

import (
	"context"
	"log/slog"
	"testing"

	"connectrpc.com/connect"
	"github.com/google/go-cmp/cmp"

	"douyin.dev/services/platform/fault"
	"douyin.dev/services/platform/rpc"
)

// At level debug each call is one line that says which, how it ended and how
// long it took; at level info none.
func TestACallIsALineAtLevelDebug(t *testing.T) {
	t.Parallel()
	s := newService(t)
	s.unary(rpc.AccessOpen, func(_ context.Context, in *text) (*text, error) { return in, nil })
	s.stream(rpc.AccessViewer, func(context.Context, *text, *connect.ServerStream[text]) error {
		return fault.Unavailable(errConnectionLost)
	})
	calls := func() {
		if _, err := s.call(t.Context(), rpc.AccessOpen); err != nil {
			t.Error(err)
		}
		if _, err := s.call(t.Context(), rpc.AccessOpen, inProcess); err != nil {
			t.Error(err)
		}
		_ = s.open(t.Context(), rpc.AccessViewer) // without a token
	}
	answered := func() (found []string) {
		for _, line := range s.log.all(t) {
			if line["msg"] != "call answered" {
				continue
			}
			if took, ok := line["duration_ms"].(float64); !ok || took < 0 {
				t.Errorf("duration %v", line["duration_ms"])
			}
			found = append(found, line["procedure"].(string)+" "+line["status"].(string))
		}
		return found
	}
	calls()
	if got := answered(); len(got) != 0 {
		t.Errorf("at level info: %q", got)
	}
	s.level.Set(slog.LevelDebug)
	calls()
	open, viewer := procedureOf(rpc.AccessOpen), procedureOf(rpc.AccessViewer)
	if diff := cmp.Diff([]string{open + " ok", open + " ok", viewer + " unauthenticated"}, answered()); diff != "" {
		t.Errorf("at level debug (-want +got):\n%s", diff)
	}
}
