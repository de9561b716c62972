// Command standalone runs the whole platform in one process.
package main

import (
	"douyin.dev/services/platform/app"
	"douyin.dev/services/standalone"
)

func main() { app.Main("standalone", &standalone.Component{}) }
