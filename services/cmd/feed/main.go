// Command feed answers public and following feeds.
package main

import (
	"douyin.dev/services/feed"
	"douyin.dev/services/platform/app"
)

func main() { app.Main("feed", &feed.Component{}) }
