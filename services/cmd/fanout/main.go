// Command fanout keeps the timelines of followers.
package main

import (
	"douyin.dev/services/feed"
	"douyin.dev/services/platform/app"
)

func main() { app.Main("fanout", &feed.Fanout{}) }
