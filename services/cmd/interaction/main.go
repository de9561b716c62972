// Command interaction keeps likes and comments.
package main

import (
	"douyin.dev/services/interaction"
	"douyin.dev/services/platform/app"
)

func main() { app.Main("interaction", &interaction.Component{}) }
