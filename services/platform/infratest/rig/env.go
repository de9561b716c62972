package rig

import (
	"fmt"
	"strconv"
	"strings"

	"douyin.dev/services/platform/blob"
)

// The environment variables a rig reads before it starts a twin.
const (
	// InfraVar is the Kind of what is started; empty for Usual.
	InfraVar = "DOUYIN_TEST_INFRA"
	// PostgresVar is the connection string of a superuser.
	PostgresVar = "DOUYIN_TEST_POSTGRES_DSN"
	// RedisVar is host:port, or InProcess.
	RedisVar = "DOUYIN_TEST_REDIS"
	// TrackingVar is "false" when the server at RedisVar has no client-side caching.
	TrackingVar = "DOUYIN_TEST_REDIS_TRACKING"
	// KafkaVar is host:port, several separated by commas.
	KafkaVar = "DOUYIN_TEST_KAFKA"
	// The S3 variables belong together: the endpoint decides whether they count.
	S3EndpointVar  = "DOUYIN_TEST_S3_ENDPOINT"
	S3RegionVar    = "DOUYIN_TEST_S3_REGION"
	S3BucketVar    = "DOUYIN_TEST_S3_BUCKET"
	S3AccessKeyVar = "DOUYIN_TEST_S3_ACCESS_KEY"
	S3SecretKeyVar = "DOUYIN_TEST_S3_SECRET_KEY"

	// InProcess as the value of RedisVar asks for the twin without a child.
	InProcess = "miniredis"
)

// Kind says what a rig starts for Redis and Kafka. Postgres and S3 are the same
// for all kinds.
type Kind string

const (
	// Usual is redis-server where there is one, and the embedded broker.
	Usual Kind = ""
	// Embedded is everything that needs no other program: the Redis in process
	// and the embedded broker.
	Embedded Kind = "embedded"
	// Real is redis-server or valkey-server, and Apache Kafka.
	Real Kind = "real"
)

func kindFrom(getenv func(string) string) (Kind, error) {
	switch kind := Kind(getenv(InfraVar)); kind {
	case Usual, Embedded, Real:
		return kind, nil
	default:
		return Usual, fmt.Errorf("%s is %q, want real, embedded or nothing", InfraVar, kind)
	}
}

// Cache is a Redis for tests.
type Cache struct {
	// Addr is host:port.
	Addr string
	// Tracking says whether the server supports client-side caching.
	Tracking bool
}

func cacheFrom(getenv func(string) string) (Cache, bool) {
	addr := getenv(RedisVar)
	return Cache{Addr: addr, Tracking: getenv(TrackingVar) != "false"}, addr != "" && addr != InProcess
}

func brokersFrom(getenv func(string) string) ([]string, bool) {
	s := getenv(KafkaVar)
	return strings.Split(s, ","), s != ""
}

func bucketFrom(getenv func(string) string) (blob.Config, bool) {
	cfg := blob.Config{
		Endpoint: getenv(S3EndpointVar), Region: getenv(S3RegionVar), Bucket: getenv(S3BucketVar),
		AccessKey: getenv(S3AccessKeyVar), SecretKey: getenv(S3SecretKeyVar), PathStyle: true,
	}
	return cfg, cfg.Endpoint != ""
}

// environment is the variables that lead another process to these servers, as
// NAME=value.
func environment(dsn string, cache Cache, brokers []string, bucket blob.Config) []string {
	return []string{
		PostgresVar + "=" + dsn,
		RedisVar + "=" + cache.Addr,
		TrackingVar + "=" + strconv.FormatBool(cache.Tracking),
		KafkaVar + "=" + strings.Join(brokers, ","),
		S3EndpointVar + "=" + bucket.Endpoint,
		S3RegionVar + "=" + bucket.Region,
		S3BucketVar + "=" + bucket.Bucket,
		S3AccessKeyVar + "=" + bucket.AccessKey,
		S3SecretKeyVar + "=" + bucket.SecretKey,
	}
}
