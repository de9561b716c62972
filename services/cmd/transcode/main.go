// Command transcode makes renditions of videos.
package main

import (
	"douyin.dev/services/platform/app"
	"douyin.dev/services/video"
)

func main() { app.Main("transcode", &video.Transcoder{}) }
