// Command relation keeps follows and friends.
package main

import (
	"douyin.dev/services/platform/app"
	"douyin.dev/services/relation"
)

func main() { app.Main("relation", &relation.Component{}) }
