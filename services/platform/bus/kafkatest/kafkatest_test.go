package kafkatest_test

import (
	"errors"
	"log/slog"
	"os"
	"testing"

	"douyin.dev/services/platform/bus"
	"douyin.dev/services/platform/bus/bustest"
	"douyin.dev/services/platform/bus/kafkatest"
	"douyin.dev/services/platform/certtest"
	"douyin.dev/services/platform/tlsfiles"
)

// TestConformanceOnApacheKafka needs Java, Maven and a minute: make test-infra
// sets DOUYIN_TEST_KAFKA_START to run it.
func TestConformanceOnApacheKafka(t *testing.T) {
	if os.Getenv("DOUYIN_TEST_KAFKA_START") == "" {
		t.Skip("DOUYIN_TEST_KAFKA_START is not set")
	}
	t.Parallel()
	shared := start(t)
	bustest.Run(t, func(t *testing.T) *bus.Bus { return connect(t, shared) },
		bustest.Restartable(func(t *testing.T) (*bus.Bus, func(func())) {
			own := start(t)
			return connect(t, own), func(whileDown func()) {
				if err := own.Kill(); err != nil {
					t.Fatal(err)
				}
				whileDown()
				if err := own.Start(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		}))
}

// TestGuardedApacheKafka is as expensive as the one above.
func TestGuardedApacheKafka(t *testing.T) {
	if os.Getenv("DOUYIN_TEST_KAFKA_START") == "" {
		t.Skip("DOUYIN_TEST_KAFKA_START is not set")
	}
	t.Parallel()
	authority := certtest.New(t)
	files, client := authority.Issue(t, t.TempDir(), "127.0.0.1"), authority.Issue(t, t.TempDir(), "client")
	stranger := certtest.New(t).Issue(t, t.TempDir(), "client")
	server := start(t, kafkatest.Guarded(kafkatest.Guard{
		Certificate: files.Certificate, Key: files.Key, CA: files.CA, User: "douyin", Password: "publishes",
	}))
	login := func(mechanism string) bus.Access {
		return bus.Access{
			Settings:      tlsfiles.Settings{TLS: true, CA: files.CA},
			SASLMechanism: mechanism, SASLUser: "douyin", SASLPassword: "publishes",
		}
	}
	mutual := bus.Access{Settings: tlsfiles.Settings{TLS: true, CA: files.CA, Cert: client.Certificate, Key: client.Key}}
	for _, m := range []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"} {
		t.Run(m, func(t *testing.T) {
			t.Parallel()
			bustest.Run(t, func(t *testing.T) *bus.Bus { return connectAs(t, server.Addr(), login(m)) }, bustest.Short())
		})
		for name, change := range map[string]func(*bus.Access){
			"wrong password": func(a *bus.Access) { a.SASLPassword = "guessed" },
			"unknown user":   func(a *bus.Access) { a.SASLUser = "stranger" },
			"wrong CA":       func(a *bus.Access) { a.CA = stranger.CA },
		} {
			t.Run(m+" with a "+name, func(t *testing.T) {
				t.Parallel()
				a := login(m)
				change(&a)
				if err := connectAs(t, server.Addr(), a).CheckAccess(t.Context()); !errors.Is(err, bus.ErrRefused) {
					t.Errorf("got %v, want a refusal", err)
				}
			})
		}
	}
	t.Run("certificate", func(t *testing.T) {
		t.Parallel()
		bustest.Run(t, func(t *testing.T) *bus.Bus { return connectAs(t, server.MutualAddr(), mutual) }, bustest.Short())
	})
	t.Run("without a certificate", func(t *testing.T) {
		t.Parallel()
		a := mutual
		a.Cert, a.Key = "", ""
		if err := connectAs(t, server.MutualAddr(), a).CheckAccess(t.Context()); !errors.Is(err, bus.ErrRefused) {
			t.Errorf("got %v, want a refusal", err)
		}
	})
}

// connectAs connects with settings.
func connectAs(t *testing.T, address string, a bus.Access) *bus.Bus {
	t.Helper()
	security, err := a.Security("kafka-", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return open(t, bus.Config{Brokers: []string{address}, ClientID: "test", Security: security})
}

func start(t *testing.T, options ...kafkatest.Option) *kafkatest.Server {
	t.Helper()
	s, err := kafkatest.New(t.Context(), t.TempDir(), 0, options...)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func connect(t *testing.T, s *kafkatest.Server) *bus.Bus {
	t.Helper()
	return open(t, bus.Config{Brokers: []string{s.Addr()}, ClientID: "test"})
}

func open(t *testing.T, config bus.Config) *bus.Bus {
	t.Helper()
	b, err := bus.Connect(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}
