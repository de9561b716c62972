// Command search finds videos, users and tags.
package main

import (
	"douyin.dev/services/platform/app"
	"douyin.dev/services/search"
)

func main() { app.Main("search", &search.Component{}) }
