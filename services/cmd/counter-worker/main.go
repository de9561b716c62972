// Command counter-worker applies events to the counts, and recounts them.
package main

import (
	"douyin.dev/services/counter"
	"douyin.dev/services/platform/app"
)

func main() { app.Main("counter-worker", &counter.Worker{}) }
