package browser

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"testing"

	"douyin.dev/test/harness"
)

func TestTheWebClientInABrowser(t *testing.T) {
	server := harness.ForTest(t, harness.Options{Args: []string{"--gateway-action-burst=0"}})
	run := exec.CommandContext(t.Context(), "npm", "run", "--silent", "e2e")
	run.Dir = "../../web"
	run.Env = append(os.Environ(), "DOUYIN_BASE="+server.URL(), "CI=true", "NO_COLOR=1")
	out, in := io.Pipe()
	run.Stdout, run.Stderr = in, in
	if err := run.Start(); err != nil {
		t.Fatalf("start the tests: %v", err)
	}
	ended := make(chan error, 1)
	go func() {
		ended <- run.Wait()
		_ = in.Close()
	}()
	for lines := bufio.NewScanner(out); lines.Scan(); {
		t.Log(lines.Text())
	}
	if err := <-ended; err != nil {
		t.Errorf("web/e2e: %v", err)
	}
}
