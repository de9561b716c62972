package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	segment "github.com/segmentio/kafka-go"

	"douyin.dev/services/platform/blob"
	"douyin.dev/services/platform/infratest"
)

// serveArgs is the command line of "serve" that the test binary, started as a
// child, runs.
const serveArgs = "DEVINFRA_TEST_SERVE"

func TestMain(m *testing.M) {
	if s := os.Getenv(serveArgs); s != "" {
		os.Exit(runServe(strings.Fields(s)))
	}
	os.Exit(m.Run())
}

func runServe(args []string) int {
	var s serveCommand
	parser, err := kong.New(&s)
	if err == nil {
		var c *kong.Context
		if c, err = parser.Parse(args); err == nil {
			err = c.Run()
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// server is a child that serves.
type server struct {
	cmd    *exec.Cmd
	health string
}

// startServer runs "serve <args>" and waits until it says that it is ready.
func startServer(t *testing.T, args ...string) *server {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s := &server{cmd: exec.Command(binary), health: infratest.FreeAddress(t)}
	s.cmd.Env = append(os.Environ(), serveArgs+"="+strings.Join(append(args, "--health="+s.health), " "))
	var out bytes.Buffer
	s.cmd.Stderr = &out
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.cmd.Process.Kill(); _ = s.cmd.Wait() })
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if s.answers("/readyz") == http.StatusOK && s.answers("/livez") == http.StatusOK {
			return s
		}
	}
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
	t.Fatalf("not ready in time:\n%s", out.String())
	return nil
}

func (s *server) answers(path string) int {
	res, err := http.Get("http://" + s.health + path)
	if err != nil {
		return 0
	}
	_ = res.Body.Close()
	return res.StatusCode
}

// kill is a kill -9.
func (s *server) kill(t *testing.T) {
	t.Helper()
	if err := s.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = s.cmd.Wait() // killed
}

// stop asks it to end, which must go well.
func (s *server) stop(t *testing.T) {
	t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Wait(); err != nil {
		t.Errorf("stopped with %v", err)
	}
}

const advertisedName = "kafka-0.kafka.example:9092"

// byName is a client that reaches the broker at one address and knows its
// advertised name too, as DNS would tell it.
func byName(address string) *segment.Transport {
	return &segment.Transport{Dial: func(ctx context.Context, network, asked string) (net.Conn, error) {
		if asked == advertisedName {
			asked = address
		} else if asked != address {
			return nil, fmt.Errorf("the client was sent to %s", asked)
		}
		return new(net.Dialer).DialContext(ctx, network, asked)
	}}
}

func TestKafkaServesUnderItsAdvertisedNameAndSurvivesKill(t *testing.T) {
	t.Parallel()
	dir, address := t.TempDir(), infratest.FreeAddress(t)
	args := []string{"kafka", "--listen=" + address, "--advertise=" + advertisedName, "--data-dir=" + dir}
	first := startServer(t, args...)
	transport := byName(address)
	t.Cleanup(transport.CloseIdleConnections)
	client := &segment.Client{Addr: segment.TCP(address), Transport: transport, Timeout: 10 * time.Second}
	meta, err := client.Metadata(t.Context(), &segment.MetadataRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprintf("%s:%d", meta.Brokers[0].Host, meta.Brokers[0].Port); got != advertisedName {
		t.Errorf("clients are sent to %s, want %s", got, advertisedName)
	}
	if _, err := client.CreateTopics(t.Context(), &segment.CreateTopicsRequest{
		Topics: []segment.TopicConfig{{Topic: "likes", NumPartitions: 1, ReplicationFactor: 1}},
	}); err != nil {
		t.Fatal(err)
	}
	w := &segment.Writer{Addr: segment.TCP(address), Topic: "likes", Transport: transport, RequiredAcks: segment.RequireAll, BatchTimeout: time.Millisecond}
	if err := w.WriteMessages(t.Context(), segment.Message{Value: []byte("kept")}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	first.kill(t)

	second := startServer(t, args...)
	transport.CloseIdleConnections()
	again := &segment.Client{Addr: segment.TCP(address), Transport: byName(address), Timeout: 10 * time.Second}
	got, err := again.Fetch(t.Context(), &segment.FetchRequest{Topic: "likes", MinBytes: 1, MaxBytes: 1 << 20, MaxWait: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	record, err := got.Records.ReadRecord()
	if err != nil {
		t.Fatal(err)
	}
	value, err := io.ReadAll(record.Value)
	if err != nil || string(value) != "kept" {
		t.Errorf("read %q, %v", value, err)
	}
	second.stop(t)
}

func TestS3ServesWithGivenKeysAndSurvivesKill(t *testing.T) {
	t.Parallel()
	dir, address := t.TempDir(), infratest.FreeAddress(t)
	args := []string{"s3", "--listen=" + address, "--data-dir=" + dir, "--bucket=videos", "--access-key=someone", "--secret-key=secret-enough"}
	first := startServer(t, args...)
	config := blob.Config{Endpoint: "http://" + address, Region: "us-east-1", Bucket: "videos", PathStyle: true, AccessKey: "someone", SecretKey: "secret-enough"}
	store, err := blob.Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Put(t.Context(), "a/b", strings.NewReader("kept"), 4, "text/plain"); err != nil {
		t.Fatal(err)
	}
	first.kill(t)

	second := startServer(t, args...)
	object, err := store.Get(t.Context(), "a/b", "")
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(object.Body)
	if err != nil || string(content) != "kept" {
		t.Errorf("read %q, %v", content, err)
	}
	_ = object.Body.Close()
	config.SecretKey = "another-secret"
	stranger, err := blob.Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stranger.Get(t.Context(), "a/b", ""); err == nil {
		t.Error("a wrong secret was accepted")
	}
	second.stop(t)
}

func TestAServerThatCannotStartSaysSo(t *testing.T) {
	t.Parallel()
	for _, args := range []string{
		"kafka --data-dir=" + t.TempDir() + " --listen=256.0.0.1:1 --health=127.0.0.1:0",
		"kafka --data-dir=" + t.TempDir() + " --listen=127.0.0.1:0 --advertise=noport --health=127.0.0.1:0",
		"s3 --data-dir=" + t.TempDir() + " --access-key=a --listen=127.0.0.1:0",
	} {
		binary, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(binary)
		cmd.Env = append(os.Environ(), serveArgs+"="+args)
		out, err := cmd.CombinedOutput()
		if err == nil || len(out) == 0 {
			t.Errorf("%s: err %v, said %q", args, err, out)
		}
	}
}
