package app

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/rueidis"

	"douyin.dev/services/platform/infratest"
)

// counting answers how often it was asked, as Redis knows it.
func counting(key string) component {
	return func(ctx context.Context, rt *Runtime) error {
		redis, err := rt.Redis(ctx)
		if err != nil {
			return err
		}
		rt.Handle("/count", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			n, err := redis.Do(r.Context(), redis.B().Incr().Key(key).Build()).AsInt64()
			if err != nil {
				http.Error(w, err.Error(), http.StatusServiceUnavailable)
				return
			}
			fmt.Fprint(w, n)
		}))
		return nil
	}
}

func TestAStartNeedsNoRedisAndUsesItOnceItIsThere(t *testing.T) {
	t.Parallel()
	address, open := door(t, "tcp", infratest.Redis(t))
	config := localConfig()
	config.RedisAddrs, config.RedisClientCaching = []string{address}, infratest.RedisTracking(t)
	s := start(t, config, counting("app:"+rand.Text()))
	if code, body := get(t, s.public+"/count"); code != http.StatusServiceUnavailable || !strings.Contains(body, "redis was not reached yet") {
		t.Fatalf("without a Redis: %d %q", code, body)
	}
	if line := s.await(t, "redis does not answer, going on without it until it does"); line["level"] != "WARN" {
		t.Errorf("logged %v", line)
	}
	open()
	eventually(t, "Redis is used", func() bool {
		code, body := get(t, s.public+"/count")
		return code == http.StatusOK && body == "1"
	})
	s.await(t, "redis answers")
}

func TestAProcessStopsWhileItStillLooksForRedis(t *testing.T) {
	t.Parallel()
	address, _ := door(t, "tcp", "")
	config := localConfig()
	config.RedisAddrs = []string{address}
	s := start(t, config, counting("x"))
	s.stop()
	if err := s.end(t); err != nil {
		t.Error(err)
	}
}

func TestARedisThatIsUpIsThereWithTheFirstCall(t *testing.T) {
	t.Parallel()
	config := localConfig()
	config.RedisAddrs, config.RedisClientCaching = []string{infratest.Redis(t)}, infratest.RedisTracking(t)
	s := start(t, config, counting("app:"+rand.Text()))
	// Within its head start unless the machine is busy.
	eventually(t, "Redis is used", func() bool {
		code, _ := get(t, s.public+"/count")
		return code == http.StatusOK
	})
}

func TestEveryKindOfCallFailsBeforeTheConnection(t *testing.T) {
	t.Parallel()
	r, err := newLateRedis()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	ctx := t.Context()
	one := func() rueidis.Completed { return r.B().Get().Key("k").Build() }
	cached := func() rueidis.Cacheable { return r.B().Get().Key("k").Cache() }
	stream := r.DoStream(ctx, one())
	streams := r.DoMultiStream(ctx, one(), one())
	dedicated, release := r.Dedicate()
	defer release()
	hooked := dedicated.SetPubSubHooks(rueidis.PubSubHooks{OnMessage: func(rueidis.PubSubMessage) {}})
	for name, err := range map[string]error{
		"Do":            r.Do(ctx, one()).Error(),
		"DoMulti":       r.DoMulti(ctx, one(), one())[1].Error(),
		"DoCache":       r.DoCache(ctx, cached(), patience).Error(),
		"DoMultiCache":  r.DoMultiCache(ctx, rueidis.CT(cached(), patience))[0].Error(),
		"DoStream":      stream.Error(),
		"DoMultiStream": streams.Error(),
		"Receive":       r.Receive(ctx, r.B().Subscribe().Channel("c").Build(), func(rueidis.PubSubMessage) {}),
		"Dedicated":     r.Dedicated(func(c rueidis.DedicatedClient) error { return c.Do(ctx, c.B().Ping().Build()).Error() }),
		"Dedicate":      dedicated.Do(ctx, dedicated.B().Subscribe().Channel("c").Build()).Error(),
		"hooks":         <-hooked,
	} {
		if err == nil {
			t.Errorf("%s did not fail", name)
		}
	}
}

// A command that was built for a single Redis knows no slot. A cluster that
// came meanwhile must not look for a node of it.
func TestACommandBuiltBeforeAClusterWasReachedFails(t *testing.T) {
	t.Parallel()
	server := miniredis.RunT(t)
	r, err := newLateRedis()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	early := r.B().Incr().Key("k").Build().Pin()
	earlyCached := r.B().Get().Key("k").Cache().Pin()
	option, err := redisOption(&Config{RedisAddrs: []string{server.Addr(), server.Addr()}}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	connectRedis(t.Context(), r, option, slog.New(slog.DiscardHandler), func(error) {})
	if got := r.Mode(); got != rueidis.ClientModeCluster {
		t.Fatalf("several addresses are %v", got)
	}
	ctx := t.Context()
	if r.Do(ctx, early).Error() == nil || r.DoMulti(ctx, r.B().Incr().Key("k").Build(), early)[0].Error() == nil ||
		r.DoMultiCache(ctx, rueidis.CT(earlyCached, patience))[0].Error() == nil {
		t.Error("an early command was sent")
	}
	if n, err := r.Do(ctx, r.B().Incr().Key("k").Build()).AsInt64(); err != nil || n != 1 {
		t.Errorf("a later command: %d, %v", n, err)
	}
}
