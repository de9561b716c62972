package check

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// started matches the line of a command that starts a component.
var started = regexp.MustCompile(`app\.Main\("[a-z-]+", &([a-z]+)\.([A-Za-z]+)\{\}\)`)

// imported matches the package of a component.
var imported = regexp.MustCompile(`"douyin\.dev/((?:[a-z]+/)*([a-z]+))"`)

// origin is a component of a package.
type origin struct{ dir, component string }

// made returns what the commands below services/cmd start, by their names. The
// standalone is not deployed.
func made(t testing.TB) map[string]origin {
	t.Helper()
	all := map[string]origin{}
	for _, path := range matching(t, "services/cmd/*/main.go") {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		component := started.FindStringSubmatch(string(content))
		name := filepath.Base(filepath.Dir(path))
		if component == nil || name == "standalone" {
			continue
		}
		for _, found := range imported.FindAllStringSubmatch(string(content), -1) {
			if found[2] == component[1] {
				all[name] = origin{found[1], component[2]}
			}
		}
		if all[name].dir == "" {
			t.Errorf("%s does not import the package of its component", path)
		}
	}
	return all
}

// signs show in the source what a service calls or uses.
var (
	calls = []*regexp.Regexp{
		regexp.MustCompile(`\bapp\.NewClient\(rt, "([a-z-]+)"`),
		regexp.MustCompile(`ServiceClient\(at\("([a-z]+)"\)\)`),
	}
	// Every handler asks the user service for the keys of viewer tokens.
	handlers = regexp.MustCompile(`\bapp\.HandleService\[`)
	// Who registers handlers has a Service by which they are called.
	registers = regexp.MustCompile(`\b(rt\.Handle|app\.HandleService)\b`)
	uses      = map[string]*regexp.Regexp{
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

// mounted returns what a component's Mount says.
func mounted(t testing.TB, s origin) string {
	t.Helper()
	mount := regexp.MustCompile(`(?s)\nfunc \([a-z]* ?\*` + s.component + `\) Mount\(.*?\n}\n`).FindString(source(t, s.dir))
	if mount == "" {
		t.Errorf("%s has no %s.Mount", s.dir, s.component)
	}
	return mount
}

// code returns where a component says what it calls and uses: its package, or its
// Mount where the package has another component, too.
func code(t testing.TB, all map[string]origin, name string) string {
	t.Helper()
	for other, o := range all {
		if other != name && o.dir == all[name].dir {
			return mounted(t, all[name])
		}
	}
	return source(t, all[name].dir)
}

func TestEdgesAreTheClientsOfTheCode(t *testing.T) {
	t.Parallel()
	deployed, all := values(t), made(t)
	if len(all) < 11 {
		t.Errorf("found only %d commands of services", len(all))
	}
	for name, s := range all {
		has, ok := deployed[name]
		if !ok {
			t.Errorf("services/cmd has %s, values.yaml has no service of that name", name)
		}
		code := code(t, all, name)
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
		if want := registers.MatchString(code); want != has.called() {
			t.Errorf("%s registers handlers: %t, services.%s.service.enabled says %t", s.dir, want, name, has.called())
		}
		if want, got := used.sorted(), slices.Sorted(slices.Values(has.Uses)); !slices.Equal(want, got) {
			t.Errorf("%s uses %v, services.%s.uses say %v", s.dir, want, name, got)
		}
	}
}

func TestEveryDeployedServiceHasACommand(t *testing.T) {
	t.Parallel()
	commands := made(t)
	for name := range values(t) {
		if _, ok := commands[name]; !ok {
			t.Errorf("there is no services/cmd/%s for services.%s", name, name)
		}
	}
}

// The schema of the values repeats their names, so that a misspelt one is refused.
func TestTheSchemaNamesEveryService(t *testing.T) {
	t.Parallel()
	var schema struct {
		Properties struct {
			Services struct{ Properties map[string]any }
		}
		Defs struct {
			Service struct {
				Properties struct {
					Calls struct{ Items struct{ Enum []string } }
				}
			}
		} `json:"$defs"`
	}
	readYAML(t, "charts/douyin/values.schema.json", &schema)
	want := slices.Sorted(maps.Keys(values(t)))
	if got := slices.Sorted(maps.Keys(schema.Properties.Services.Properties)); !slices.Equal(want, got) {
		t.Errorf("values.yaml has the services %v, its schema %v", want, got)
	}
	if got := slices.Sorted(slices.Values(schema.Defs.Service.Properties.Calls.Items.Enum)); !slices.Equal(want, got) {
		t.Errorf("values.yaml has the services %v, its schema lets them call %v", want, got)
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

// event matches a message of an events.proto.
var event = regexp.MustCompile(`(?m)^message (\w+) \{`)

// A topic that the chart does not declare is not kept by the operator.
func TestEveryEventHasAStream(t *testing.T) {
	t.Parallel()
	want := set{}
	for _, path := range matching(t, "proto/douyin/*/v1/events.proto") {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		domain := filepath.Base(filepath.Dir(filepath.Dir(path)))
		for _, found := range event.FindAllStringSubmatch(string(content), -1) {
			want.add("douyin." + domain + ".v1." + found[1])
		}
	}
	var v struct {
		Operator struct{ Streams map[string]any }
	}
	readYAML(t, "charts/douyin/values.yaml", &v)
	if got := slices.Sorted(maps.Keys(v.Operator.Streams)); !slices.Equal(want.sorted(), got) {
		t.Errorf("the protos have the events %v, operator.streams has %v", want.sorted(), got)
	}
}
