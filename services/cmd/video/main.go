// Command video takes videos: upload, probe, covers.
package main

import (
	"douyin.dev/services/platform/app"
	"douyin.dev/services/video"
)

func main() { app.Main("video", &video.Component{}) }
