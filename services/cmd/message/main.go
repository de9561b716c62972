// Command message keeps messages between friends, and pushes them.
package main

import (
	"douyin.dev/services/message"
	"douyin.dev/services/platform/app"
)

func main() { app.Main("message", &message.Component{}) }
