package app

import "testing"

func TestGarbageIsCollectedSoonerTheMoreIsInUse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		inUseMiB uint64
		want     int
	}{
		{10, 300}, {42, 300}, {68, 150}, {85, 100}, {160, 100}, {170, 100}, {4000, 100}, {0, 300},
	} {
		if got := gcPercent(c.inUseMiB << 20); got != c.want {
			t.Errorf("%d MiB in use: %d %%, want %d", c.inUseMiB, got, c.want)
		}
	}
}
