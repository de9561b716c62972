package pause_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"douyin.dev/services/platform/pause"
)

func TestAPauseLastsAsLongAsItSays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		if !pause.For(t.Context(), time.Minute) {
			t.Error("the pause ended early")
		}
		if took := time.Since(began); took != time.Minute {
			t.Errorf("took %v", took)
		}
	})
}

func TestAPauseEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if pause.For(ctx, time.Minute) {
			t.Error("the pause outlasted its context")
		}
		// A channel that is ready decides nothing: ctx has ended.
		wake := make(chan struct{})
		close(wake)
		if pause.ForOr(ctx, 0, wake) {
			t.Error("a context that has ended is not noticed")
		}
		if took := time.Since(began); took != time.Second {
			t.Errorf("took %v", took)
		}
	})
}

func TestAPauseIsCutShort(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began, wake := time.Now(), make(chan struct{}, 1)
		time.AfterFunc(time.Second, func() { wake <- struct{}{} })
		if !pause.ForOr(t.Context(), time.Minute, wake) {
			t.Error("the context has not ended")
		}
		if took := time.Since(began); took != time.Second {
			t.Errorf("took %v", took)
		}
	})
}
