package localmesh

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSettingsGoToTheProcessTheyName(t *testing.T) {
	t.Parallel()
	own, passed := split([]string{
		"--counter-worker-reconcile-every=2s", "--data-dir=d", "--gateway-login-burst=1", "--counters", "--counter-x",
	})
	if diff := cmp.Diff([]string{"--data-dir=d", "--counters"}, own); diff != "" {
		t.Errorf("settings of the mesh (-want +got):\n%s", diff)
	}
	want := map[string][]string{
		"counter-worker": {"--counter-worker-reconcile-every=2s"}, "gateway": {"--gateway-login-burst=1"}, "counter": {"--counter-x"},
	}
	if diff := cmp.Diff(want, passed); diff != "" {
		t.Errorf("settings of processes (-want +got):\n%s", diff)
	}
}
