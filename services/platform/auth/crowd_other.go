//go:build !linux

package auth

import "time"

var programStart = time.Now()

// threadTime passes as for a thread that always has a core: where it is not
// known, hashing never rests.
func threadTime() time.Duration { return time.Since(programStart) }
