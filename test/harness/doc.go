// Package harness starts the platform the way its users get it, as processes
// of their own, and speaks to it from outside: a small client of the /douyin
// dialect, rules that every answer must keep, and polling with a deadline.
//
// Environment:
//
//	DOUYIN_URL          test this server and start none; tests that kill are skipped
//	DOUYIN_PRIVATE_URL  its private port, where /readyz is (optional)
//	DOUYIN_MODE         standalone (default) or mesh
//	DOUYIN_BIN          the binary to start instead of bin/standalone or bin/mesh
package harness
