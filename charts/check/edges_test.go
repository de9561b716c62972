package check

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// made is what each service is made of.
var made = map[string]origin{
	"gateway":     {dir: "gateway"},
	"user":        {dir: "services/user"},
	"video":       {dir: "services/video", component: "Component"},
	"transcode":   {dir: "services/video", component: "Transcoder"},
	"feed":        {dir: "services/feed", component: "Component"},
	"fanout":      {dir: "services/feed", component: "Fanout"},
	"interaction": {dir: "services/interaction"},
	"relation":    {dir: "services/relation"},
	"message":     {dir: "services/message"},
	"counter":     {dir: "services/counter", component: "Component", without: "c.Apply"},
	// It has handlers, but no Service by which they are called.
	"counter-worker": {dir: "services/counter", component: "Component"},
}

// origin is a package, or the part of it that one of its services runs.
type origin struct {
	dir string
	// component whose Mount it is; empty for all of the package.
	component string
	// without is a setting that is off.
	without string
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
		"postgres": regexp.MustCompile(`\brt\.Postgres(Of)?\(`),
		"redis":    regexp.MustCompile(`\brt\.Redis\(`),
		"kafka":    regexp.MustCompile(`\brt\.(Bus|Outbox|EnsureTopics)\(`),
		"s3":       regexp.MustCompile(`\brt\.Blob\(`),
	}
)

type service struct {
	Calls, Uses []string
	Service     struct{ Enabled *bool }
}

// called reports whether others may call it.
func (s service) called() bool { return s.Service.Enabled == nil || *s.Service.Enabled }

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

// mounted are the calls that a component's Mount makes, and the functions beside
// it that it calls; but for those that are made only with a setting on.
func mounted(t testing.TB, s origin) string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, s.dir, "mount.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	functions := map[string]*ast.FuncDecl{}
	for _, d := range file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok {
			name := f.Name.Name
			if f.Recv != nil {
				name = strings.TrimPrefix(types.ExprString(f.Recv.List[0].Type), "*") + "." + name
			}
			functions[name] = f
		}
	}
	var found strings.Builder
	var read func(name string)
	read = func(name string) {
		f, ok := functions[name]
		if !ok {
			return
		}
		delete(functions, name) // once
		ast.Inspect(f.Body, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.IfStmt:
				return s.without == "" || !strings.Contains(types.ExprString(n.Cond), s.without)
			case *ast.CallExpr:
				found.WriteString(types.ExprString(n) + "\n")
			case *ast.Ident:
				read(n.Name)
			}
			return true
		})
	}
	read(s.component + ".Mount")
	if found.Len() == 0 {
		t.Errorf("%s has no %s.Mount", s.dir, s.component)
	}
	return found.String()
}

func TestEdgesAreTheClientsOfTheCode(t *testing.T) {
	t.Parallel()
	deployed := values(t)
	for name, s := range made {
		has, ok := deployed[name]
		if !ok {
			t.Errorf("values.yaml has no service %s", name)
		}
		code := ""
		if s.component == "" {
			code = source(t, s.dir)
		} else {
			code = mounted(t, s)
		}
		called, used := set{}, set{}
		for _, sign := range calls {
			for _, found := range sign.FindAllStringSubmatch(code, -1) {
				called.add(found[1])
			}
		}
		if has.called() && handlers.MatchString(code) {
			called.add("user")
		}
		for store, sign := range uses {
			if sign.MatchString(code) {
				used.add(store)
			}
		}
		if want, got := called.sorted(), slices.Sorted(slices.Values(has.Calls)); !slices.Equal(want, got) {
			t.Errorf("%s calls %v, services.%s.calls say %v", s.dir, want, name, got)
		}
		if want, got := used.sorted(), slices.Sorted(slices.Values(has.Uses)); !slices.Equal(want, got) {
			t.Errorf("%s uses %v, services.%s.uses say %v", s.dir, want, name, got)
		}
	}
}

func TestEveryDeployedServiceHasSources(t *testing.T) {
	t.Parallel()
	for name := range values(t) {
		if _, ok := made[name]; !ok {
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
