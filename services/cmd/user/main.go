// Command user keeps accounts, sessions and profiles.
package main

import (
	"douyin.dev/services/platform/app"
	"douyin.dev/services/user"
)

func main() { app.Main("user", &user.Component{}) }
