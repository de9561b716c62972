package check

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// open are the objects of the schema whose keys are not ours to know.
var open = map[string]bool{
	"global":          true, // Helm's own
	"nodeAffinity":    true, // Kubernetes types, which the API server checks
	"podAffinity":     true,
	"podAntiAffinity": true,
}

// A misspelt value is refused, wherever it is.
func TestSchemaClosesEveryObject(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile(filepath.Join(root, "charts/douyin/values.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	var schema map[string]any
	if err := json.Unmarshal(content, &schema); err != nil {
		t.Fatal(err)
	}
	closed := 0
	walk("values", "", schema, func(path, key string, s map[string]any) {
		if s["type"] != "object" || open[key] {
			return
		}
		switch more := s["additionalProperties"].(type) {
		case bool:
			if more {
				t.Errorf("%s takes any key", path)
			}
		case map[string]any: // a map of something
		default:
			t.Errorf("%s does not say which keys it takes", path)
		}
		closed++
	})
	if closed < 30 {
		t.Errorf("found %d objects in the schema, want all of them", closed)
	}
}

// walk visits every schema in a schema.
func walk(path, key string, value any, visit func(path, key string, s map[string]any)) {
	switch v := value.(type) {
	case map[string]any:
		visit(path, key, v)
		for name, child := range v {
			walk(path+"."+name, name, child, visit)
		}
	case []any:
		for _, child := range v {
			walk(path, key, child, visit)
		}
	}
}

// stores are sets of examples that together are whole, one of each kind.
var stores = [][]string{
	{"cloudnative-pg", "valkey", "strimzi", "seaweedfs"},
	{"aws", "valkey", "strimzi"},
	{"aws", "managed"},
}

func TestStoresRenderTogether(t *testing.T) {
	t.Parallel()
	tried := set{}
	for _, chosen := range stores {
		var args []string
		for _, store := range chosen {
			args = append(args, "--values", "docs/deploy/stores/"+store+"/values.yaml")
			tried.add(store)
		}
		chart(t, args...)
	}
	for _, path := range matching(t, "docs/deploy/stores/*/values.yaml") {
		if store := filepath.Base(filepath.Dir(path)); !tried[store] {
			t.Errorf("%s is in no set", store)
		}
	}
}

// A process reads its configuration once: a change of it replaces its pods, and
// nobody else's.
func TestPodsFollowTheirConfiguration(t *testing.T) {
	t.Parallel()
	args := []string{"--set", "dev.enabled=true", "--show-only", "templates/deployment.yaml"}
	before := byName(chart(t, args...))
	after := byName(chart(t, append(args, "--set", "services.counter.config.DOUYIN_LOG_LEVEL=debug")...))
	changed := set{}
	for name := range before {
		if !cmp.Equal(before[name], after[name]) {
			changed.add(name)
		}
	}
	if diff := cmp.Diff([]string{"Deployment/douyin-counter"}, changed.sorted()); diff != "" {
		t.Errorf("what a service's configuration replaces (-want +got):\n%s", diff)
	}
}

// Each example is a whole set of values: it renders, and lint finds nothing.
func TestExamplesRender(t *testing.T) {
	t.Parallel()
	for _, path := range matching(t, "charts/douyin/examples/*.yaml") {
		path, err := filepath.Rel(root, path)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			output(t, "helm", "lint", "--strict", "charts/douyin", "--values", path)
			chart(t, "--values", path)
		})
	}
}
