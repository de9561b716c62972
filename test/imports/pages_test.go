package imports

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const repository = "../.."

// pages are those that name files of the repository in backquotes.
var pages = []string{"docs/architecture.md", "docs/extending.md", "CONTRIBUTING.md"}

var (
	// quoted is a path in backquotes, without placeholders.
	quoted = regexp.MustCompile("`([a-z]+(?:/[A-Za-z0-9_.-]+)+/?)`")
	link   = regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`)
)

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func TestFilesThatPagesNameExist(t *testing.T) {
	t.Parallel()
	for _, page := range pages {
		text := read(t, page)
		found := quoted.FindAllStringSubmatch(text, -1)
		if len(found) < 10 {
			t.Errorf("%s names %d files, this test looks wrong", page, len(found))
		}
		for _, path := range found {
			if !exists(filepath.Join(repository, path[1])) && !exists(filepath.Join(repository, "proto/douyin", path[1])) && !exists(filepath.Join(repository, filepath.Dir(page), path[1])) {
				t.Errorf("%s names %s, which is not there", page, path[1])
			}
		}
	}
}

func TestLinksOfPagesLeadSomewhere(t *testing.T) {
	t.Parallel()
	var all []string
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/*/*.md", "docs/*/*/*.md", "services/platform/README.md", "web/README.md"} {
		found, err := filepath.Glob(filepath.Join(repository, pattern))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, found...)
	}
	for _, page := range all {
		name, _ := filepath.Rel(repository, page)
		for _, to := range link.FindAllStringSubmatch(read(t, name), -1) {
			if !exists(filepath.Join(filepath.Dir(page), to[1])) {
				t.Errorf("%s links to %s, which is not there", name, to[1])
			}
		}
	}
}

// A step that names the test which fails without it would be worth nothing once the
// test has another name.
func TestTestsThatPagesNameExist(t *testing.T) {
	t.Parallel()
	named := regexp.MustCompile("`(Test[A-Z][A-Za-z0-9]+)`").FindAllStringSubmatch(read(t, "docs/extending.md"), -1)
	if len(named) < 15 {
		t.Fatalf("docs/extending.md names %d tests, this test looks wrong", len(named))
	}
	tests := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	for _, dir := range []string{"gateway", "services", "test", "charts/check"} {
		err := filepath.WalkDir(filepath.Join(repository, dir), func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, "_test.go") {
				return err
			}
			source, err := os.ReadFile(path)
			for _, found := range declared.FindAllSubmatch(source, -1) {
				tests[string(found[1])] = true
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range named {
		if !tests[name[1]] {
			t.Errorf("docs/extending.md names %s, which is no test", name[1])
		}
	}
}

func TestTheListsOfPagesAreComplete(t *testing.T) {
	t.Parallel()
	for list, pattern := range map[string]string{
		"docs/decisions/README.md":    "docs/decisions/0*.md",
		"services/platform/README.md": "services/platform/*/",
	} {
		text := read(t, list)
		found, err := filepath.Glob(filepath.Join(repository, pattern))
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: %v, %v", pattern, found, err)
		}
		for _, path := range found {
			name := filepath.Base(path)
			if strings.HasPrefix(name, "go.") || name == "README.md" {
				continue
			}
			if !strings.Contains(text, "("+name+")") {
				t.Errorf("%s does not list %s", list, name)
			}
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(repository, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
