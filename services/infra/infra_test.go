package infra_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/segmentio/kafka-go"

	"douyin.dev/services/infra"
	"douyin.dev/services/platform/app"
	"douyin.dev/services/platform/bus"
)

// others names every store but Kafka, so that its twin alone is started.
func others() app.Config {
	return app.Config{PostgresDSN: "postgres://p", RedisAddrs: []string{"r:1"}, S3Endpoint: "http://s"}
}

func quiet(string, ...any) {}

func TestTheEmbeddedKafkaTakesItsOwnProcessAlone(t *testing.T) {
	t.Parallel()
	log := slog.New(slog.DiscardHandler)
	config := others()
	running, err := infra.Start(t.Context(), infra.Settings{DataDir: t.TempDir()}, &config, log, quiet)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := running.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	check := func(access bus.Access) error {
		security, err := access.Security("kafka-", log)
		if err != nil {
			t.Fatal(err)
		}
		b, err := bus.Connect(t.Context(), bus.Config{Brokers: config.KafkaBrokers, ClientID: "test", Log: log, Security: security})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = b.Close() })
		return b.CheckAccess(t.Context())
	}
	if err := check(config.KafkaAccess); err != nil {
		t.Errorf("the process itself: %v", err)
	}
	guess := config.KafkaAccess
	guess.SASLPassword = "guess"
	if err := check(guess); !errors.Is(err, bus.ErrRefused) {
		t.Errorf("a guess: %v, want that it is refused", err)
	}
	transport := &kafka.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	stranger := &kafka.Client{Addr: kafka.TCP(config.KafkaBrokers...), Transport: transport}
	if _, err := stranger.Metadata(t.Context(), &kafka.MetadataRequest{}); err == nil {
		t.Error("a stranger without a login reads the topics")
	}
}

func TestALoginNeedsABrokerToLogInTo(t *testing.T) {
	t.Parallel()
	config := others()
	config.KafkaAccess = bus.Access{SASLMechanism: "PLAIN", SASLUser: "me", SASLPassword: "secret"}
	running, err := infra.Start(t.Context(), infra.Settings{DataDir: t.TempDir()}, &config, slog.New(slog.DiscardHandler), quiet)
	if err == nil {
		t.Fatal("started", errors.Join(running.Stop(context.Background())))
	}
	if !strings.Contains(err.Error(), "kafka-brokers is needed") {
		t.Errorf("%v does not say what is needed", err)
	}
}
