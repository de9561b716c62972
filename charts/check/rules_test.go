package check

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// ruleFile is what a PrometheusRule holds, and a rule file of Prometheus.
type ruleFile struct {
	Groups []struct {
		Name  string `json:"name"`
		Rules []rule `json:"rules"`
	} `json:"groups"`
}

type rule struct {
	Alert       string            `json:"alert,omitempty"`
	Record      string            `json:"record,omitempty"`
	Expr        string            `json:"expr"`
	For         string            `json:"for,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// rules are those the chart renders for a release in the namespace shop.
func rules(t testing.TB) ruleFile {
	t.Helper()
	rendered := objects(t, output(t, "helm", "template", "douyin", "charts/douyin", "--namespace", "shop",
		"--set", "dev.enabled=true,telemetry.rules.enabled=true", "--show-only", "templates/observability/rules.yaml"))
	content, err := json.Marshal(rendered[0]["spec"])
	if err != nil {
		t.Fatal(err)
	}
	var file ruleFile
	if err := json.Unmarshal(content, &file); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestAlertsFireWhenTheyShould(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeYAML(t, filepath.Join(dir, "rules.yaml"), rules(t))
	tests, err := os.ReadFile(filepath.Join(root, "charts/douyin/tests/rules/alerts.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "alerts.yaml"), tests, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"check", "rules", "--lint-fatal", "rules.yaml"}, {"test", "rules", "alerts.yaml"}} {
		cmd := exec.CommandContext(t.Context(), tool(t, "promtool"), args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("promtool %v: %v\n%s", args, err, out)
		}
	}
}

// An alert without a test could be one that never fires.
func TestEveryAlertHasATest(t *testing.T) {
	t.Parallel()
	tests, err := os.ReadFile(filepath.Join(root, "charts/douyin/tests/rules/alerts.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range rules(t).Groups {
		for _, r := range g.Rules {
			if r.Alert != "" && !bytes.Contains(tests, []byte(r.Alert)) {
				t.Errorf("no test for %s", r.Alert)
			}
		}
	}
}
