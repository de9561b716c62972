// Command mesh runs every service as a process of its own on this machine.
package main

import "douyin.dev/services/localmesh"

func main() { localmesh.Main() }
