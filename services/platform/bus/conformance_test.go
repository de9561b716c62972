package bus_test

import (
	"io"
	"log/slog"
	"net"
	"os"
	"strconv"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"

	"douyin.dev/services/platform/bus"
	"douyin.dev/services/platform/bus/bustest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	// An external Kafka cannot be restarted here; kafkatest does that to its own.
	if addr := os.Getenv("DOUYIN_TEST_KAFKA"); addr != "" {
		bustest.Run(t, func(t *testing.T) *bus.Bus { return connect(t, addr) })
		return
	}
	addr := start(t, newBroker(t))
	bustest.Run(t, func(t *testing.T) *bus.Bus { return connect(t, addr) }, bustest.Restartable(restartable))
}

// broker is where tests publish to: the one DOUYIN_TEST_KAFKA names, or an own one.
func broker(t *testing.T) string {
	t.Helper()
	if addr := os.Getenv("DOUYIN_TEST_KAFKA"); addr != "" {
		return addr
	}
	return start(t, newBroker(t))
}

func connect(t *testing.T, addr string) *bus.Bus {
	t.Helper()
	b, err := bus.Connect(t.Context(), bus.Config{Brokers: []string{addr}, ClientID: "test", Log: testLog()})
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

// testLog shows the log when DOUYIN_TEST_LOG is set.
func testLog() *slog.Logger {
	to := io.Discard
	if os.Getenv("DOUYIN_TEST_LOG") != "" {
		to = os.Stderr
	}
	return slog.New(slog.NewTextHandler(to, nil))
}

// fake is an in-process broker that keeps its data over a restart.
type fake struct {
	cluster *kfake.Cluster
	port    int
	dir     string
}

func newBroker(t *testing.T) *fake {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return &fake{port: l.Addr().(*net.TCPAddr).Port, dir: t.TempDir()}
}

func (f *fake) start(t *testing.T) {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.Ports(f.port), kfake.DataDir(f.dir),
		kfake.BrokerConfigs(map[string]string{"group.initial.rebalance.delay.ms": "0"}))
	if err != nil {
		t.Fatal(err)
	}
	f.cluster = cluster
}

func start(t *testing.T, f *fake) string {
	t.Helper()
	f.start(t)
	t.Cleanup(func() { f.cluster.Close() })
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(f.port))
}

func restartable(t *testing.T) (*bus.Bus, func(func())) {
	f := newBroker(t)
	addr := start(t, f)
	return connect(t, addr), func(whileDown func()) {
		f.cluster.Close()
		whileDown()
		f.start(t)
	}
}
