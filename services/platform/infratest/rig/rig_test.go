package rig

import (
	"context"
	"errors"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"douyin.dev/services/platform/blob"
	"douyin.dev/services/platform/embedded"
)

func from(vars map[string]string) func(string) string {
	return func(name string) string { return vars[name] }
}

func closed(t *testing.T, r *Rig) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := r.Close(ctx); err != nil {
		t.Error(err)
	}
}

func TestCloseLeavesNothing(t *testing.T) {
	t.Parallel()
	r := New(from(nil))
	env, err := r.Environment(t.Context())
	if err != nil {
		closed(t, r)
		t.Fatal(err)
	}
	dir := r.lock.Dir()
	closed(t, r)
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("directory: %v", err)
	}
	for _, nv := range env {
		name, value, _ := strings.Cut(nv, "=")
		switch name {
		case S3EndpointVar:
			u, err := url.Parse(value)
			if err != nil {
				t.Fatal(err)
			}
			value = u.Host
		case RedisVar, KafkaVar:
		default:
			continue
		}
		if conn, err := net.DialTimeout("tcp", value, time.Second); err == nil {
			_ = conn.Close()
			t.Errorf("%s still listens on %s", name, value)
		}
	}
}

func TestWhatIsConfiguredIsUsedAndNothingStarted(t *testing.T) {
	t.Parallel()
	vars := map[string]string{
		PostgresVar: "postgres://somewhere/db", RedisVar: "cache:6379", TrackingVar: "false", KafkaVar: "one:9092,two:9092",
		S3EndpointVar: "https://store", S3RegionVar: "eu", S3BucketVar: "films", S3AccessKeyVar: "a", S3SecretKeyVar: "s",
	}
	r := New(from(vars))
	defer closed(t, r)
	env, err := r.Environment(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, nv := range env {
		name, value, _ := strings.Cut(nv, "=")
		got[name] = value
	}
	if diff := cmp.Diff(vars, got); diff != "" {
		t.Errorf("what goes in does not come out (-in +out):\n%s", diff)
	}
	brokers, err := r.Brokers(t.Context())
	if diff := cmp.Diff([]string{"one:9092", "two:9092"}, brokers); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	bucket, err := r.Bucket(t.Context())
	want := blob.Config{Endpoint: "https://store", Region: "eu", Bucket: "films", AccessKey: "a", SecretKey: "s", PathStyle: true}
	if diff := cmp.Diff(want, bucket); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	if r.lock != nil || len(r.stops) != 0 {
		t.Error("something was started")
	}
}

func TestTheCacheInProcessIsStartedWhenAskedFor(t *testing.T) {
	t.Parallel()
	r := New(from(map[string]string{RedisVar: InProcess}))
	defer closed(t, r)
	cache, err := r.Cache(t.Context())
	if err != nil || cache.Tracking || cache.Addr == InProcess {
		t.Errorf("%+v %v", cache, err)
	}
}

func TestEmbeddedNeedsNoOtherProgramForRedis(t *testing.T) {
	t.Parallel()
	r := New(from(map[string]string{InfraVar: string(Embedded)}))
	defer closed(t, r)
	if cache, err := r.Cache(t.Context()); err != nil || cache.Tracking {
		t.Errorf("%+v %v", cache, err)
	}
}

func TestAnUnknownKindIsRefused(t *testing.T) {
	t.Parallel()
	r := New(from(map[string]string{InfraVar: "both"}))
	defer closed(t, r)
	if _, err := r.Cache(t.Context()); err == nil || !strings.Contains(err.Error(), "both") {
		t.Errorf("redis: %v", err)
	}
	if _, err := r.Brokers(t.Context()); err == nil || !strings.Contains(err.Error(), "both") {
		t.Errorf("kafka: %v", err)
	}
}

func TestOnlyAbandonedDirectoriesAreSwept(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	old := time.Now().Add(-2 * abandoned)
	directory := func(name string, age time.Time) string {
		t.Helper()
		dir := filepath.Join(parent, name)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(dir, age, age); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	dead := directory(dirPrefix+"dead", old)
	held := directory(dirPrefix+"held", old)
	lock, err := embedded.LockDir(held)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lock.Release() }()
	if err := os.Chtimes(held, old, old); err != nil {
		t.Fatal(err)
	}
	fresh := directory(dirPrefix+"fresh", time.Now())
	other := directory("other", old)

	sweep(parent)
	left, err := filepath.Glob(filepath.Join(parent, "*"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{fresh, held, other}, left); diff != "" {
		t.Errorf("%s should go, the others stay (-want +got):\n%s", dead, diff)
	}
}
