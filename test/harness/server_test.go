package harness_test

import (
	"context"
	"errors"
	"flag"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"douyin.dev/test/harness"
)

// TestMain lets this test binary stand in for the platform's: the harness
// starts whatever takes its flags and becomes ready.
func TestMain(m *testing.M) {
	if os.Getenv("HARNESS_TEST_SERVE") != "" {
		os.Exit(serveStub())
	}
	os.Exit(m.Run())
}

func serveStub() int {
	flags := flag.NewFlagSet("stub", flag.ExitOnError)
	dir := flags.String("data-dir", "", "")
	listen := flags.String("listen", "", "")
	private := flags.String("private-listen", "", "")
	_ = flags.Parse(os.Args[1:])
	if _, err := os.Stat(filepath.Join(*dir, "refuse")); err == nil {
		return 1
	}
	if seed, set := os.LookupEnv("DOUYIN_SEED"); set {
		_ = os.WriteFile(filepath.Join(*dir, "seed"), []byte(seed), 0o600)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	for _, address := range []string{*listen, *private} {
		go func() { // ends with the process
			_ = http.ListenAndServe(address, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		}()
	}
	<-ctx.Done()
	_ = os.WriteFile(filepath.Join(*dir, "stopped"), nil, 0o600)
	return 0
}

func startStub(t *testing.T, dir string) (*harness.Server, error) {
	t.Helper()
	t.Setenv("HARNESS_TEST_SERVE", "1")
	t.Setenv("DOUYIN_BIN", os.Args[0])
	t.Setenv("DOUYIN_URL", "")
	t.Setenv("DOUYIN_TEST_INFRA", "")
	return harness.Start(t.Context(), harness.Options{Dir: dir, ReadyWithin: 20 * time.Second})
}

func TestServerKeepsItsAddressThroughKillAndRestart(t *testing.T) {
	dir := t.TempDir()
	server, err := startStub(t, dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	url := server.URL()
	client := harness.NewClient(url)
	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Get(t.Context(), "/ping"); !harness.NotSent(err) {
		t.Errorf("after Kill: got %v, want a dial error", err)
	}
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Get(t.Context(), "/ping"); err != nil || server.URL() != url {
		t.Errorf("after Restart: %s answers %v, want %s", server.URL(), err, url)
	}
}

// What sets a suite is not a setting of the platform under test.
func TestThePlatformDoesNotInheritTheSuitesSettings(t *testing.T) {
	t.Setenv("DOUYIN_SEED", "7")
	dir := t.TempDir()
	server, err := startStub(t, dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	if seed, err := os.ReadFile(filepath.Join(dir, "seed")); err == nil {
		t.Errorf("the platform has seen DOUYIN_SEED=%s", seed)
	}
}

func TestOnlyStopLetsTheServerFinish(t *testing.T) {
	dir := t.TempDir()
	server, err := startStub(t, dir)
	if err != nil {
		t.Fatal(err)
	}
	mark := filepath.Join(dir, "stopped")
	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(mark); err == nil {
		t.Error("the server finished in spite of Kill")
	}
	if err := errors.Join(server.Restart(t.Context()), server.Stop()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(mark); err != nil {
		t.Errorf("the server did not finish on Stop: %v", err)
	}
}

func TestServerThatEndsAtOnceIsNotWaitedFor(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "refuse"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	server, err := startStub(t, dir)
	if err == nil {
		t.Error("Start succeeded")
	}
	if err := server.Close(); err != nil {
		t.Error(err)
	}
}

func TestExternalServerIsLeftAlone(t *testing.T) {
	own, err := startStub(t, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = own.Close() })
	t.Setenv("DOUYIN_URL", own.URL()+"/")
	server, err := harness.Start(t.Context(), harness.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Kill(); !errors.Is(err, harness.ErrExternal) {
		t.Errorf("Kill answers %v", err)
	}
	if server.URL() != own.URL() || server.Close() != nil {
		t.Errorf("got URL %s, want %s", server.URL(), own.URL())
	}
}
