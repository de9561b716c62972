package kafka

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/scram"

	"douyin.dev/services/platform/embedded"
)

// serveDir names the directory in which the test binary, started as a child,
// runs a broker until it is killed.
const serveDir = "DOUYIN_TEST_SERVE_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(serveDir); dir != "" {
		serveUntilKilled(dir)
	}
	os.Exit(m.Run())
}

func serveUntilKilled(dir string) {
	srv, err := Start(context.Background(), Options{Dir: dir})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	fmt.Println("ready", srv.Brokers()[0])
	select {}
}

func startIn(t *testing.T, dir string) *Server {
	t.Helper()
	began := time.Now()
	srv, err := Start(t.Context(), Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("ready after %v", time.Since(began).Round(time.Millisecond))
	return srv
}

func stop(t *testing.T, srv *Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := srv.Stop(ctx); err != nil {
		t.Error(err)
	}
}

// broker is a client of one address with connections of its own.
type broker struct {
	address   string
	login     sasl.Mechanism
	client    *kafka.Client
	transport *kafka.Transport
}

func dial(t *testing.T, address, password string) *broker {
	t.Helper()
	login, err := scram.Mechanism(scram.SHA256, User, password)
	if err != nil {
		t.Fatal(err)
	}
	return dialAs(t, address, login)
}

// dialAs is dial with another login, nil for none.
func dialAs(t *testing.T, address string, login sasl.Mechanism) *broker {
	t.Helper()
	transport := &kafka.Transport{SASL: login}
	t.Cleanup(transport.CloseIdleConnections)
	return &broker{
		address: address, transport: transport, login: login,
		client: &kafka.Client{Addr: kafka.TCP(address), Transport: transport, Timeout: 10 * time.Second},
	}
}

func (b *broker) create(t *testing.T, topic string) {
	t.Helper()
	res, err := b.client.CreateTopics(t.Context(), &kafka.CreateTopicsRequest{
		Topics: []kafka.TopicConfig{{Topic: topic, NumPartitions: 2, ReplicationFactor: 1}},
	})
	if err == nil {
		err = res.Errors[topic]
	}
	if err != nil {
		t.Fatalf("create topic: %v", err)
	}
}

func (b *broker) write(t *testing.T, topic string, values ...string) error {
	t.Helper()
	w := &kafka.Writer{
		Addr: kafka.TCP(b.address), Topic: topic, Transport: b.transport, RequiredAcks: kafka.RequireAll,
		BatchTimeout: time.Millisecond, Balancer: kafka.Murmur2Balancer{Consistent: true}, MaxAttempts: 1,
	}
	defer func() { _ = w.Close() }()
	msgs := make([]kafka.Message, len(values))
	for i, v := range values {
		msgs[i] = kafka.Message{Key: []byte("one"), Value: []byte(v)}
	}
	return w.WriteMessages(t.Context(), msgs...)
}

// read takes n records as a member of the group and commits them.
func (b *broker) read(t *testing.T, topic, group string, n int) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	r := kafka.NewReader(kafka.ReaderConfig{
		Brokers: []string{b.address}, Topic: topic, GroupID: group, StartOffset: kafka.FirstOffset,
		MaxWait: 200 * time.Millisecond, Dialer: &kafka.Dialer{Timeout: 10 * time.Second, SASLMechanism: b.login},
	})
	defer func() { _ = r.Close() }()
	var got []string
	for range n {
		m, err := r.FetchMessage(ctx)
		if err != nil {
			t.Fatalf("fetch after %q: %v", got, err)
		}
		if err := r.CommitMessages(ctx, m); err != nil {
			t.Fatalf("commit: %v", err)
		}
		got = append(got, string(m.Value))
	}
	return got
}

func numbers(from, to int) []string {
	var s []string
	for i := from; i < to; i++ {
		s = append(s, strconv.Itoa(i))
	}
	return s
}

func TestRecordsAndOffsetsSurviveKillOfTheProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	child, address := serveChild(t, dir)
	before := dial(t, address, passwordIn(t, dir))
	before.create(t, "likes")
	if err := before.write(t, "likes", numbers(0, 100)...); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(numbers(0, 40), before.read(t, "likes", "counter", 40)); diff != "" {
		t.Fatalf("before (-want +got):\n%s", diff)
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait()

	srv := startIn(t, dir)
	defer stop(t, srv)
	if diff := cmp.Diff([]string{address}, srv.Brokers()); diff != "" {
		t.Errorf("the address moved (-want +got):\n%s", diff)
	}
	after := dial(t, address, srv.Password())
	if err := after.write(t, "likes", "100"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(numbers(40, 101), after.read(t, "likes", "counter", 61)); diff != "" {
		t.Errorf("after (-want +got):\n%s", diff)
	}
}

func TestRecordsAndOffsetsSurviveAStop(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := startIn(t, dir)
	b := dial(t, first.Brokers()[0], first.Password())
	b.create(t, "likes")
	if err := b.write(t, "likes", "a", "b"); err != nil {
		t.Fatal(err)
	}
	b.read(t, "likes", "counter", 1)
	stop(t, first)

	second := startIn(t, dir)
	defer stop(t, second)
	if diff := cmp.Diff([]string{"b"}, dial(t, second.Brokers()[0], second.Password()).read(t, "likes", "counter", 1)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAMisspelledTopicIsNotMade(t *testing.T) {
	t.Parallel()
	srv := startIn(t, t.TempDir())
	defer stop(t, srv)
	b := dial(t, srv.Brokers()[0], srv.Password())
	if err := b.write(t, "lieks", "a"); !errors.Is(err, kafka.UnknownTopicOrPartition) {
		t.Errorf("err = %v, want unknown topic", err)
	}
	// Also for a client that asks for it.
	w := &kafka.Writer{Addr: kafka.TCP(b.address), Topic: "lieks", AllowAutoTopicCreation: true, MaxAttempts: 1, Transport: b.transport}
	defer func() { _ = w.Close() }()
	if err := w.WriteMessages(t.Context(), kafka.Message{Value: []byte("a")}); err == nil {
		t.Error("the topic was made")
	}
}

// failing is a listener that is out of file descriptors for a while.
type failing struct {
	net.Listener
	failures int
}

func (f *failing) Accept() (net.Conn, error) {
	if f.failures--; f.failures >= 0 {
		return nil, syscall.EMFILE
	}
	return f.Listener.Accept()
}

func TestAFailureToAcceptIsNotTheEnd(t *testing.T) {
	t.Parallel()
	bound, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := lasting{&failing{bound, 3}, slog.New(slog.DiscardHandler)}
	go func() {
		if conn, err := net.Dial("tcp", bound.Addr().String()); err == nil {
			_ = conn.Close()
		}
	}()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a closed listener says %v", err)
	}
}

func TestRetentionIsSevenDays(t *testing.T) {
	t.Parallel()
	srv := startIn(t, t.TempDir())
	defer stop(t, srv)
	b := dial(t, srv.Brokers()[0], srv.Password())
	b.create(t, "likes")
	res, err := b.client.DescribeConfigs(t.Context(), &kafka.DescribeConfigsRequest{
		Resources: []kafka.DescribeConfigRequestResource{{
			ResourceType: kafka.ResourceTypeTopic, ResourceName: "likes", ConfigNames: []string{"retention.ms", "retention.bytes"},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, e := range res.Resources[0].ConfigEntries {
		got[e.ConfigName] = e.ConfigValue
	}
	if diff := cmp.Diff(map[string]string{"retention.ms": "604800000", "retention.bytes": "-1"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestADirectoryInUseIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	srv := startIn(t, dir)
	defer stop(t, srv)
	if _, err := Start(t.Context(), Options{Dir: dir}); !errors.Is(err, embedded.ErrInUse) {
		t.Errorf("second start: %v", err)
	}
}

func TestAPortThatIsTakenIsRefusedWhenConfiguredAndReplacedWhenRemembered(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := startIn(t, dir)
	taken := first.Brokers()[0]
	stop(t, first)
	l, err := net.Listen("tcp", taken)
	if err != nil {
		t.Skip("another process was faster")
	}
	defer func() { _ = l.Close() }()
	if _, err := Start(t.Context(), Options{Dir: dir, Port: embedded.PortOf(l)}); err == nil {
		t.Error("a configured port that is taken was accepted")
	}
	second := startIn(t, dir)
	defer stop(t, second)
	if second.Brokers()[0] == taken {
		t.Error("two listeners on one port")
	}
}

// serveChild runs a broker in another process of this binary.
func serveChild(t *testing.T, dir string) (*exec.Cmd, string) {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary)
	cmd.Env = append(os.Environ(), serveDir+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	line, err := bufio.NewReader(out).ReadString('\n')
	word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
	if err != nil || word != "ready" {
		t.Fatalf("child said %q: %v", line, err)
	}
	return cmd, rest
}
