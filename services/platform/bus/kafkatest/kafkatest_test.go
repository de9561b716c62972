package kafkatest_test

import (
	"os"
	"testing"

	"douyin.dev/services/platform/bus"
	"douyin.dev/services/platform/bus/bustest"
	"douyin.dev/services/platform/bus/kafkatest"
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

func start(t *testing.T) *kafkatest.Server {
	t.Helper()
	s, err := kafkatest.New(t.Context(), t.TempDir(), 0)
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
	b, err := bus.Connect(t.Context(), bus.Config{Brokers: []string{s.Addr()}, ClientID: "test"})
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
