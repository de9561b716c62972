package check

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

// variants and the components each is built with.
var variants = map[string][]string{
	"base": nil,
	"dev":  nil,
	"prod": {"monitoring", "tracing", "gateway-api", "mtls"},
}

// What Kustomize builds is what the chart renders with the same values, and the
// namespace: it adds nothing of its own and loses nothing.
func TestKustomizeBuildsTheChart(t *testing.T) {
	t.Parallel()
	for name, components := range variants {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			common := filepath.Join(t.TempDir(), "common.yaml")
			writeYAML(t, common, inline(t, "kustomize/chart/douyin.yaml"))
			args := []string{"--no-hooks", "--values", common}
			for _, component := range components {
				path := filepath.Join(t.TempDir(), component+".yaml")
				writeYAML(t, path, patched(t, "kustomize/components/"+component+"/kustomization.yaml"))
				args = append(args, "--values", path)
			}
			args = append(args, "--values", "kustomize/"+name+"/values.yaml")
			want := byName(chart(t, args...))
			got := byName(objects(t, output(t, "kustomize", "build", "--enable-helm", "kustomize/"+name)))
			if _, ok := got["Namespace/douyin"]; !ok {
				t.Error("no namespace")
			}
			delete(got, "Namespace/douyin")
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("chart (-) and kustomize/%s (+) differ:\n%s", name, diff)
			}
		})
	}
}

// Every component is a part of some variant: one that is not would never be built.
func TestEveryComponentIsBuilt(t *testing.T) {
	t.Parallel()
	for _, dir := range matching(t, "kustomize/components/*") {
		if name := filepath.Base(dir); !slices.Contains(variants["prod"], name) {
			t.Errorf("component %s is in no variant", name)
		}
	}
}

func byName(all []object) map[string]object {
	found := map[string]object{}
	for _, o := range all {
		found[o.name()] = o
	}
	return found
}

// inline are the values in a generator.
func inline(t testing.TB, path string) any {
	t.Helper()
	var generator struct {
		ValuesInline map[string]any `json:"valuesInline"`
	}
	readYAML(t, path, &generator)
	return generator.ValuesInline
}

// patched are the values that a component's patch sets.
func patched(t testing.TB, path string) any {
	t.Helper()
	var component struct {
		Patches []struct{ Patch string }
	}
	readYAML(t, path, &component)
	if len(component.Patches) != 1 {
		t.Fatalf("%s has %d patches, want 1", path, len(component.Patches))
	}
	var patch struct {
		ValuesInline map[string]any `json:"valuesInline"`
	}
	if err := yaml.Unmarshal([]byte(component.Patches[0].Patch), &patch); err != nil {
		t.Fatal(err)
	}
	return patch.ValuesInline
}
