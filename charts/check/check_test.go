package check

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// root of the project, seen from this package.
const root = "../.."

// tool is the path of a program that make chart-test builds.
func tool(t testing.TB, name string) string {
	t.Helper()
	dir := os.Getenv("DOUYIN_BIN")
	if dir == "" {
		dir = filepath.Join(root, "bin")
	}
	path, err := filepath.Abs(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%v: run make chart-test", err)
	}
	return path
}

// output runs a program in the project's root and returns what it prints.
func output(t testing.TB, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), tool(t, name), args...)
	cmd.Dir = root
	// Kustomize looks for helm by its name.
	cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(tool(t, "helm"))+":"+os.Getenv("PATH"))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, stderr.Bytes(), out)
	}
	return out
}

// chart renders the chart as release douyin in namespace douyin.
func chart(t testing.TB, args ...string) []object {
	t.Helper()
	return objects(t, output(t, "helm", append([]string{"template", "douyin", "charts/douyin", "--namespace", "douyin"}, args...)...))
}

// object is a Kubernetes object.
type object map[string]any

// name is how messages call it.
func (o object) name() string {
	meta, _ := o["metadata"].(map[string]any)
	return o.kind() + "/" + text(meta["name"])
}

func (o object) kind() string { return text(o["kind"]) }

func text(value any) string {
	s, _ := value.(string)
	return s
}

func objects(t testing.TB, stream []byte) []object {
	t.Helper()
	var all []object
	for _, doc := range strings.Split("\n"+string(stream), "\n---") {
		var o object
		if err := yaml.Unmarshal([]byte(doc), &o); err != nil {
			t.Fatalf("%v in\n%s", err, doc)
		}
		if len(o) > 0 {
			all = append(all, o)
		}
	}
	if len(all) == 0 {
		t.Fatal("nothing was rendered")
	}
	return all
}

// readYAML reads a file of the project.
func readYAML(t testing.TB, path string, into any) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(content, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// matching are the project's files that a pattern finds; none is a failure.
func matching(t testing.TB, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(root, pattern))
	if err != nil || len(found) == 0 {
		t.Fatalf("%s: nothing found, %v", pattern, err)
	}
	return found
}

// goModule is the directory of a module's version, downloaded where it is not there yet.
func goModule(ctx context.Context, t testing.TB, module string) string {
	t.Helper()
	cmd := exec.CommandContext(ctx, "go", "mod", "download", "-json", module)
	cmd.Env = append(os.Environ(), "GOWORK=off")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go mod download %s: %v\n%s", module, err, out)
	}
	var answer struct{ Dir string }
	if err := yaml.Unmarshal(out, &answer); err != nil {
		t.Fatal(err)
	}
	return answer.Dir
}
