package main

import (
	"douyin.dev/gateway"
	"douyin.dev/services/platform/app"
)

func main() { app.Main("gateway", &gateway.Component{}) }
