package check

import (
	"os"
	"testing"

	"sigs.k8s.io/yaml"
)

func writeYAML(t testing.TB, path string, value any) {
	t.Helper()
	content, err := yaml.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}
