package main

import "douyin.dev/services/localmesh"

func main() { localmesh.Main() }
