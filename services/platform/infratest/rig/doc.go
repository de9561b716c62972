// Package rig is the infrastructure of a test run: the four embedded twins in
// a temporary directory, each started when it is first asked for, all gone at
// the end.
//
// What an environment variable names is used instead of a twin, so one set of
// twins, or real servers, can serve many test processes. The variables are
// DOUYIN_TEST_POSTGRES_DSN, DOUYIN_TEST_REDIS, DOUYIN_TEST_REDIS_TRACKING,
// DOUYIN_TEST_KAFKA, DOUYIN_TEST_S3_ENDPOINT, DOUYIN_TEST_S3_REGION,
// DOUYIN_TEST_S3_BUCKET, DOUYIN_TEST_S3_ACCESS_KEY and
// DOUYIN_TEST_S3_SECRET_KEY.
//
// DOUYIN_TEST_INFRA chooses what is started for Redis and Kafka, see Kind: the
// suites are to pass on what is embedded and on the real ones.
//
// The twins run without fsync: a test run has nothing to keep.
package rig
