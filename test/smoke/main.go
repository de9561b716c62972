// Command smoke walks once through a running system as two of its users would:
//
//	smoke http://localhost:8080
//
// An author registers and publishes a video; a fan registers, finds the video in
// the feed, plays it, likes it and sees the count move; the author sees that its
// renditions are made. It ends with 0 when all of that happened, and says what did
// not otherwise. What it made stays.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// limit bounds the whole walk.
const limit = 2 * time.Minute

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: smoke <base URL of the API>")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if err := walk(ctx, os.Args[1], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "smoke:", err)
		os.Exit(1)
	}
}
