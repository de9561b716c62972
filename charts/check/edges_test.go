package check

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// packages are the sources a service is made of, and the services made of them.
var packages = map[string][]string{
	"gateway":              {"gateway"},
	"services/user":        {"user"},
	"services/video":       {"video"},
	"services/feed":        {"feed", "fanout"},
	"services/interaction": {"interaction"},
	"services/relation":    {"relation"},
	"services/message":     {"message"},
	"services/counter":     {"counter", "counter-worker"},
}

// signs show in the source what a service calls or uses.
var (
	calls = []*regexp.Regexp{
		regexp.MustCompile(`\b(?:HTTP)?Client\("([a-z]+)"\)`),
		regexp.MustCompile(`ServiceClient\(at\("([a-z]+)"\)\)`),
	}
	// Every handler asks the user service for the keys of viewer tokens.
	handlers = regexp.MustCompile(`\brt\.HandlerOptions\(`)
	uses     = map[string]*regexp.Regexp{
		"postgres": regexp.MustCompile(`\brt\.Postgres\(`),
		"redis":    regexp.MustCompile(`\brt\.Redis\(`),
		"kafka":    regexp.MustCompile(`\brt\.(Bus|Outbox|EnsureTopics)\(`),
		"s3":       regexp.MustCompile(`\brt\.Blob\(`),
	}
)

type service struct{ Calls, Uses []string }

func values(t testing.TB) map[string]service {
	t.Helper()
	var v struct {
		Services map[string]service `json:"services"`
	}
	readYAML(t, "charts/douyin/values.yaml", &v)
	return v.Services
}

func source(t testing.TB, dir string) string {
	t.Helper()
	var all strings.Builder
	for _, path := range matching(t, filepath.Join(dir, "*.go")) {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(content)
	}
	return all.String()
}

func TestEdgesAreTheClientsOfTheCode(t *testing.T) {
	t.Parallel()
	deployed := values(t)
	for dir, names := range packages {
		code := source(t, dir)
		called, used := set{}, set{}
		for _, sign := range calls {
			for _, found := range sign.FindAllStringSubmatch(code, -1) {
				called.add(found[1])
			}
		}
		if handlers.MatchString(code) {
			called.add("user")
		}
		for store, sign := range uses {
			if sign.MatchString(code) {
				used.add(store)
			}
		}
		allowed, given := set{}, set{}
		for _, name := range names {
			s, ok := deployed[name]
			if !ok {
				t.Errorf("values.yaml has no service %s", name)
			}
			allowed.add(s.Calls...)
			given.add(s.Uses...)
		}
		if want, got := called.sorted(), allowed.sorted(); !slices.Equal(want, got) {
			t.Errorf("%s calls %v, services.%s.calls say %v", dir, want, strings.Join(names, "/"), got)
		}
		if want, got := used.sorted(), given.sorted(); !slices.Equal(want, got) {
			t.Errorf("%s uses %v, services.%s.uses say %v", dir, want, strings.Join(names, "/"), got)
		}
	}
}

func TestEveryDeployedServiceHasSources(t *testing.T) {
	t.Parallel()
	known := set{}
	for _, names := range packages {
		known.add(names...)
	}
	for name := range values(t) {
		if !known[name] {
			t.Errorf("no sources are known for services.%s", name)
		}
	}
}

type set map[string]bool

func (s set) add(names ...string) {
	for _, name := range names {
		s[name] = true
	}
}

func (s set) sorted() []string {
	all := make([]string, 0, len(s))
	for name := range s {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}
