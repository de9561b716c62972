// Command gateway is the edge: REST, Connect, gRPC and gRPC-Web on one port.
package main

import (
	"douyin.dev/gateway"
	"douyin.dev/services/platform/app"
)

func main() { app.Main("gateway", &gateway.Component{}) }
