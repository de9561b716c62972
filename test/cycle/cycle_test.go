package cycle_test

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"douyin.dev/test/harness"
	"douyin.dev/test/media"
)

// uploadLimit is small, so that the suite can try both sides of it each time.
const uploadLimit = "4194304"

func TestCycle(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the whole suite three times")
	}
	cycles, err := strconv.Atoi(cmp.Or(os.Getenv("DOUYIN_CYCLES"), "1"))
	if err != nil {
		t.Fatalf("DOUYIN_CYCLES: %v", err)
	}
	if os.Getenv("DOUYIN_URL") != "" {
		t.Skip("kills the platform, and DOUYIN_URL names one that is not ours")
	}
	suite := build(t)
	key, err := harness.NewSigningKey()
	if err != nil {
		t.Fatal(err)
	}
	server := harness.ForTest(t, harness.Options{SigningKey: key, Args: append(harness.DefaultArgs(), "--gateway-max-upload-bytes="+uploadLimit)})
	witness := plant(t, server)
	for cycle := range cycles {
		run(t, suite, server, fmt.Sprintf("cycle %d: first run", cycle+1))
		transcoded(t, server)
		baseline := settled(t, server)
		run(t, suite, server, fmt.Sprintf("cycle %d: same data", cycle+1))
		transcoded(t, server)
		returns(t, server, baseline)
		began := time.Now()
		if err := server.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := server.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Logf("ready %s after SIGKILL", time.Since(began).Round(time.Millisecond))
		witness.check(t)
		run(t, suite, server, fmt.Sprintf("cycle %d: after SIGKILL", cycle+1))
	}
}

var waiting = regexp.MustCompile(`(?m)^douyin_video_transcode_waiting(?:\{.*\})? (\S+)$`)

// transcoded waits until no video waits for the transcode worker: a run's uploads
// would stand before the next one's, whose tests wait for theirs.
func transcoded(t *testing.T, server *harness.Server) {
	t.Helper()
	if !media.HasEncoder() {
		return
	}
	began := time.Now()
	urls, err := server.PrivateURLs()
	if err != nil {
		t.Fatal(err)
	}
	harness.Eventually(t, 10*time.Minute, func() error {
		asked := false
		for _, url := range urls {
			metrics, err := harness.Fetch(t.Context(), url+"/metrics")
			if err != nil {
				return err
			}
			for _, found := range waiting.FindAllSubmatch(metrics, -1) {
				if asked = true; string(found[1]) != "0" {
					return fmt.Errorf("%s videos wait", found[1])
				}
			}
		}
		if !asked {
			return errors.New("no process says how many videos wait")
		}
		return nil
	})
	t.Logf("all videos transcoded after %s more", time.Since(began).Round(time.Second))
}

// build compiles the suite once.
func build(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "contract.test")
	out, err := exec.CommandContext(t.Context(), "go", "test", "-c", "-o", binary, "../contract").CombinedOutput()
	if err != nil {
		t.Fatalf("build the suite: %v\n%s", err, out)
	}
	return binary
}

// run runs the suite against the server.
func run(t *testing.T, suite string, server *harness.Server, name string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	began := time.Now()
	cmd := exec.CommandContext(ctx, suite, "-test.timeout=9m")
	cmd.Env = append(slices.Clone(os.Environ()), "DOUYIN_URL="+server.URL(), "DOUYIN_PRIVATE_URL="+server.PrivateURL(),
		"DOUYIN_UPLOAD_LIMIT="+uploadLimit, "DOUYIN_LOG="+server.LogPath(), "DOUYIN_TEST_SIGNING_KEY="+base64.StdEncoding.EncodeToString(server.SigningKey().Seed()))
	out, err := cmd.CombinedOutput()
	t.Logf("%s: %s", name, time.Since(began).Round(time.Millisecond))
	if err != nil {
		t.Errorf("%s: %v\n%s", name, err, out)
	}
}

// witness is a session opened before everything, which must outlive it all.
type witness struct {
	client *harness.Client
	name   string
}

func plant(t *testing.T, server *harness.Server) witness {
	t.Helper()
	anonymous := harness.NewClient(server.URL())
	name := harness.Name("witness")
	answer, err := anonymous.Post(t.Context(), "/douyin/user/register/", "username", name, "password", "secret")
	if err != nil {
		t.Fatal(err)
	}
	token, _ := answer.Fields["token"].(string)
	if answer.Code() != 0 || token == "" {
		t.Fatalf("register: %s", answer)
	}
	return witness{client: anonymous.WithToken(token), name: name}
}

func (w witness) check(t *testing.T) {
	t.Helper()
	answer, err := w.client.Get(t.Context(), "/douyin/user/")
	if err != nil {
		t.Fatal(err)
	}
	user, _ := answer.Fields["user"].(map[string]any)
	if answer.Code() != 0 || user["name"] != w.name {
		t.Errorf("the session from before is gone: %s", answer)
	}
}
