package auth

import (
	"runtime"
	"time"
)

// crowdWait is the part of a hash's time that it waits for a core where there are too few.
const crowdWait = 0.2

// stopwatch tells how long work takes and how much of that it has a core: the
// rest it waits for one, be it in this process or outside. One goroutine uses
// it, and keeps its thread until stop.
type stopwatch struct {
	began time.Time
	used  time.Duration // by the thread, until then
}

func startStopwatch() stopwatch {
	runtime.LockOSThread()
	return stopwatch{began: time.Now(), used: threadTime()}
}

func (w stopwatch) stop() (took, used time.Duration) {
	took, used = time.Since(w.began), threadTime()-w.used
	runtime.UnlockOSThread()
	return took, used
}

// crowded reports whether work that took so long, and used a core for a part of
// it, had to share that core with too many.
func crowded(took, used time.Duration) bool {
	return float64(took-used) > crowdWait*float64(took)
}
