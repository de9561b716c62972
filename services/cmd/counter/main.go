// Command counter answers counts.
package main

import (
	"douyin.dev/services/counter"
	"douyin.dev/services/platform/app"
)

func main() { app.Main("counter", &counter.Component{}) }
