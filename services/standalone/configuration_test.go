package standalone_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"douyin.dev/services/platform/app"
	"douyin.dev/services/standalone"
)

var update = flag.Bool("update", false, "rewrite docs/configuration.md")

const head = `# Configuration

Every setting is a flag and an environment variable. A service's own settings begin with its name; a process of the mesh
has the first part and those of its component, the standalone has all. This page is generated from the configuration
structs: ` + "`go test ./services/standalone -run Configuration -update`" + `.

| flag | environment | default | |
|---|---|---|---|
`

func TestConfigurationPageIsTrue(t *testing.T) {
	t.Parallel()
	settings, err := app.Settings("standalone", &standalone.Component{})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString(head)
	for _, s := range settings {
		def := s.Default
		if wd, err := os.Getwd(); err == nil {
			def = strings.ReplaceAll(def, wd, ".")
		}
		if def != "" {
			def = "`" + def + "`"
		}
		fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s |\n", s.Flag, s.Env, def, strings.ReplaceAll(s.Help, "|", `\|`))
	}
	const page = "../../docs/configuration.md"
	if *update {
		if err := os.WriteFile(page, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(b.String(), string(got)); diff != "" {
		t.Errorf("docs/configuration.md is stale; run with -update:\n%s", diff)
	}
}
