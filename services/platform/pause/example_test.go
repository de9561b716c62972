package pause_test

import (
	"context"
	"fmt"
	"time"

	"douyin.dev/services/platform/pause"
)

// A loop that rests between rounds ends with its context.
func ExampleFor() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	rounds := 0
	for more := true; more; more = pause.For(ctx, time.Millisecond) {
		if rounds++; rounds == 3 {
			stop()
		}
	}
	fmt.Println(rounds)
	// Output: 3
}

// Work that is announced is taken at once, and looked for now and then all the same.
func ExampleForOr() {
	wake := make(chan struct{}, 1)
	wake <- struct{}{}
	fmt.Println(pause.ForOr(context.Background(), time.Hour, wake))
	// Output: true
}
