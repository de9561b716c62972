package infratest

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"douyin.dev/services/platform/blob"
	"douyin.dev/services/platform/embedded"
	"douyin.dev/services/platform/infratest/rig"
)

const (
	startLimit = 90 * time.Second // a download of Postgres on a slow line
	stopLimit  = 20 * time.Second
)

// process is the rig of this test process. It is a global because Main and the
// tests meet nowhere else: the testing package calls both.
var process struct {
	mu  sync.Mutex
	rig *rig.Rig
}

// Main runs the tests of a package, removes what they started, and exits.
func Main(m *testing.M) { os.Exit(Run(m)) }

// Run is Main without the exit, for a TestMain that does more. It returns the
// exit code.
func Run(m *testing.M) int {
	r := rig.New(os.Getenv)
	set(r)
	defer set(nil)
	code := m.Run()
	ctx, cancel := context.WithTimeout(context.Background(), stopLimit)
	defer cancel()
	if err := r.Close(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "infratest:", err)
		return max(code, 1)
	}
	return code
}

func set(r *rig.Rig) {
	process.mu.Lock()
	defer process.mu.Unlock()
	process.rig = r
}

func current() *rig.Rig {
	process.mu.Lock()
	defer process.mu.Unlock()
	return process.rig
}

// Postgres returns the connection string of a superuser.
func Postgres(t testing.TB) string {
	t.Helper()
	return need(t, (*rig.Rig).Postgres)
}

// Redis returns the address of a Redis as host:port. Keys of other tests are
// in it: put a random prefix before yours.
func Redis(t testing.TB) string {
	t.Helper()
	return need(t, (*rig.Rig).Cache).Addr
}

// RedisTracking reports whether that Redis supports client-side caching; a
// rueidis client of one that does not needs DisableCache.
func RedisTracking(t testing.TB) bool {
	t.Helper()
	return need(t, (*rig.Rig).Cache).Tracking
}

// Kafka returns the addresses of a Kafka. It makes no topics by itself.
func Kafka(t testing.TB) []string {
	t.Helper()
	return need(t, (*rig.Rig).Brokers)
}

// S3 returns an object store with a bucket of the test's own, which exists: a test
// that sweeps takes nothing from the others.
func S3(t testing.TB) blob.Config {
	t.Helper()
	return need(t, func(r *rig.Rig, ctx context.Context) (blob.Config, error) {
		config, err := r.Bucket(ctx)
		if err != nil {
			return blob.Config{}, err
		}
		config.Bucket += "-" + ownName(t)
		store, err := blob.Open(ctx, config)
		if err != nil {
			return blob.Config{}, err
		}
		return config, store.EnsureBucket(ctx)
	})
}

// named are the names of what belongs to one run of a test.
var named struct {
	mu sync.Mutex
	of map[testing.TB]string
}

// ownName returns a name that is t's alone until it ends.
func ownName(t testing.TB) string {
	named.mu.Lock()
	defer named.mu.Unlock()
	if name, ok := named.of[t]; ok {
		return name
	}
	if named.of == nil {
		named.of = map[testing.TB]string{}
	}
	name := strings.ToLower(rand.Text()[:12])
	named.of[t] = name
	t.Cleanup(func() {
		named.mu.Lock()
		defer named.mu.Unlock()
		delete(named.of, t)
	})
	return name
}

func need[T any](t testing.TB, ask func(*rig.Rig, context.Context) (T, error)) T {
	t.Helper()
	r := current()
	if r == nil {
		t.Fatal("infratest: the package needs: func TestMain(m *testing.M) { infratest.Main(m) }")
	}
	// Not the test's context: what starts here outlives the test.
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	v, err := ask(r, ctx)
	if err != nil {
		t.Fatalf("infratest: %v", err)
	}
	return v
}

// FreeAddress returns a loopback address that nobody listens on.
func FreeAddress(t testing.TB) string {
	t.Helper()
	free, err := embedded.FreeAddresses(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	return free[0]
}
