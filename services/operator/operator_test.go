package operator

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"douyin.dev/services/operator/eventstream"
	"douyin.dev/services/operator/workerpool"
)

func TestParse(t *testing.T) {
	t.Parallel()
	c, err := Parse([]string{"--kafka-brokers=a:1,b:2", "--namespace=shop", "--pool-interval=1s", "--no-leader-election"})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.KafkaBrokers) != 2 || c.Namespace != "shop" || c.PoolInterval != time.Second || c.LeaderElection || c.WorkPort != 9090 {
		t.Errorf("%+v", c)
	}
	for name, args := range map[string][]string{
		"no brokers":       {},
		"unknown flag":     {"--kafka-brokers=a:1", "--color"},
		"no pause":         {"--kafka-brokers=a:1", "--stream-interval=0s"},
		"lease too short":  {"--kafka-brokers=a:1", "--lease-duration=1s"},
		"not a log level":  {"--kafka-brokers=a:1", "--log-level=loud"},
		"an odd work port": {"--kafka-brokers=a:1", "--work-port=many"},
	} {
		if _, err := Parse(args); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestThePodsNamespaceIsTheDefault(t *testing.T) {
	t.Parallel()
	if got := ownNamespace(func(string) ([]byte, error) { return []byte("shop\n"), nil }); got != "shop" {
		t.Errorf("in a pod: %q", got)
	}
	if got := ownNamespace(func(string) ([]byte, error) { return nil, errors.New("no such file") }); got != "default" {
		t.Errorf("outside: %q", got)
	}
}

type silence struct{}

func (silence) Log() *slog.Logger      { return slog.New(slog.DiscardHandler) }
func (silence) LogLevel() http.Handler { return http.NotFoundHandler() }

func TestPrivatePort(t *testing.T) {
	t.Parallel()
	registry := newRegistry()
	eventstream.NewMetrics(registry)
	workerpool.NewMetrics(registry)
	ready := errors.New("the objects are not read yet")
	server := httptest.NewServer(privateHandler(registry, silence{}, func(context.Context) error { return ready }))
	defer server.Close()
	get := func(path string) (int, string) {
		res, err := http.Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, _ := io.ReadAll(res.Body)
		return res.StatusCode, string(body)
	}
	if code, _ := get("/livez"); code != http.StatusOK {
		t.Errorf("/livez %d", code)
	}
	if code, body := get("/readyz"); code != http.StatusServiceUnavailable || !strings.Contains(body, "not read") {
		t.Errorf("/readyz %d %s", code, body)
	}
	ready = nil
	if code, _ := get("/readyz"); code != http.StatusOK {
		t.Errorf("/readyz %d when ready", code)
	}
	registered := prometheus.NewCounter(prometheus.CounterOpts{Name: "douyin_operator_test_total"})
	registry.MustRegister(registered)
	// Ours, and those of the library.
	for _, name := range []string{"douyin_operator_test_total", "controller_runtime_"} {
		if code, body := get("/metrics"); code != http.StatusOK || !strings.Contains(body, name) {
			t.Errorf("/metrics %d lacks %s: %.300s", code, name, body)
		}
	}
}
