// Package harness starts the platform the way its users get it, as processes
// of their own, and speaks to it from outside: a small client of the /douyin
// dialect, rules that every answer must keep, and polling with a deadline.
//
// Environment:
//
//	DOUYIN_URL          test this server and start none; tests that kill are skipped
//	DOUYIN_PRIVATE_URL  its private port, where /readyz is (optional)
//	DOUYIN_LOG          its log, which the suite reads for what must not be in it (optional)
//	DOUYIN_MODE         standalone (default) or mesh
//	DOUYIN_TEST_INFRA   real: redis-server and Apache Kafka; embedded: both in process; empty: redis-server if there is one
//	DOUYIN_TEST_SIGNING_KEY  the seed, in base64, of the key tokens are signed with (optional)
//	DOUYIN_BIN          the binary to start instead of bin/standalone or bin/mesh
package harness
