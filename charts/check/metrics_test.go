package check

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// metric finds the names of an expression: what a selector or a range follows.
var metric = regexp.MustCompile(`\b([a-z][a-z0-9_:]*_[a-z0-9_:]+)\{`)

// suffixes are what the exporter puts after an instrument's name.
var suffixes = regexp.MustCompile(`(_bucket|_count|_sum|_total)$`)

// A counter is on no page before it counts. These count what should not
// happen, so a process that works has none of them: their names are looked for
// in the sources instead.
var rare = map[string][]string{
	"douyin_bus_publish_failed_messages": {`"douyin_bus_"`, `"publish_failed_messages"`},
	"douyin_bus_stalls":                  {`"douyin_bus_"`, `"stalls"`},
	"douyin_bus_dead_letters":            {`"douyin_bus_"`, `"dead_letters"`},
	"douyin_bus_retried_batches":         {`"douyin_bus_"`, `"retried_batches"`},
	"douyin_counter_drift":               {`"douyin_counter_drift"`},
}

func TestMetricsOfAlertsAndDashboardsExist(t *testing.T) {
	t.Parallel()
	exported, code := page(t)+recorded(t), sources(t)
	for where, expressions := range queries(t) {
		for _, expression := range expressions {
			for _, found := range metric.FindAllStringSubmatch(expression, -1) {
				name := found[1]
				if strings.Contains(exported, "\n"+name+"{") {
					continue
				}
				literals, ok := rare[suffixes.ReplaceAllString(name, "")]
				if !ok {
					t.Errorf("%s asks for %s, which no process exports", where, name)
				}
				for _, literal := range literals {
					if !strings.Contains(code, literal) {
						t.Errorf("%s asks for %s, but the sources have no %s", where, name, literal)
					}
				}
			}
		}
	}
}

// queries are all expressions, by the file or rule they are in.
func queries(t testing.TB) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for _, g := range rules(t).Groups {
		for _, r := range g.Rules {
			all[r.Alert+r.Record] = append(all[r.Alert+r.Record], r.Expr)
		}
	}
	for _, path := range matching(t, "charts/douyin/files/dashboards/*.json") {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var board struct {
			Panels []struct {
				Title   string
				Targets []struct{ Expr string }
			}
		}
		if err := json.Unmarshal(content, &board); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		for _, panel := range board.Panels {
			for _, target := range panel.Targets {
				where := filepath.Base(path) + " " + panel.Title
				all[where] = append(all[where], target.Expr)
			}
		}
	}
	return all
}

// page is what a standalone exports after one walk through it.
func page(t testing.TB) string {
	t.Helper()
	public, private := freeAddress(t), freeAddress(t)
	server := exec.CommandContext(t.Context(), tool(t, "standalone"),
		"--listen", public, "--private-listen", private, "--data-dir", t.TempDir(), "--no-seed")
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	server.Stdout, server.Stderr = log, log
	server.Cancel = func() error { return server.Process.Signal(syscall.SIGTERM) }
	server.WaitDelay = time.Minute
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Signal(syscall.SIGTERM)
		_ = server.Wait() // how it ends is another test's matter
	})
	output(t, "smoke", "http://"+public)
	res, err := http.Get("http://" + private + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	// The last is Prometheus's own.
	return "\n" + string(body) + "\nup{"
}

// recorded are the names that recording rules make.
func recorded(t testing.TB) string {
	t.Helper()
	var names strings.Builder
	for _, g := range rules(t).Groups {
		for _, r := range g.Rules {
			if r.Record != "" {
				names.WriteString("\n" + r.Record + "{")
			}
		}
	}
	return names.String()
}

func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// sources are all of the services, as one text.
func sources(t testing.TB) string {
	t.Helper()
	var all strings.Builder
	for _, dir := range []string{"services/*/*.go", "services/platform/*/*.go"} {
		for _, path := range matching(t, dir) {
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			all.Write(content)
		}
	}
	return all.String()
}
