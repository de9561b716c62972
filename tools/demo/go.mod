module douyin.dev/tools/demo

go 1.26.0
