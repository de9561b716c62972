package imports

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

const root = "douyin.dev/"

// rule says what the packages below a path may import of ours, and why.
type rule struct {
	of      string
	allowed []string
	why     string
}

var rules = []rule{
	{"gen", []string{"gen"}, "generated code stands alone"},
	{"services/platform", []string{"services/platform"}, "the kit knows no domain"},
	{"gateway", []string{"gateway", "gen", "services/platform"}, "the edge asks services through generated clients"},
	{"services/standalone", []string{"services", "gateway", "gen"}, ""},
	{"services/catalog", nil, "the list of services needs none of them"},
	{"services/cmd", []string{"services", "gateway"}, ""},
	{"services/localmesh", []string{"services/localmesh", "services/catalog", "services/infra", "services/platform"}, "the mesh starts binaries, it links none of them"},
	{"services/infra", []string{"services/infra", "services/catalog", "services/platform"}, "infrastructure knows no domain"},
	{"test", []string{"test", "gen"}, "the suites know the API and nothing else"},
}

// serviceRule is for every services/<name> that no other rule names.
func serviceRule(pkg string) rule {
	parts := strings.SplitN(strings.TrimPrefix(pkg, "services/"), "/", 2)
	own := "services/" + parts[0]
	return rule{own, []string{own, "gen", "services/platform"}, "a service never imports another: it calls it through a generated client, or listens to its events"}
}

func ruleFor(pkg string) rule {
	best := rule{}
	for _, r := range rules {
		if below(pkg, r.of) && len(r.of) > len(best.of) {
			best = r
		}
	}
	if best.of == "" {
		return serviceRule(pkg)
	}
	return best
}

func below(pkg, dir string) bool { return pkg == dir || strings.HasPrefix(pkg, dir+"/") }

// broken answers a sentence for each import a rule forbids.
func broken(pkg string, imports []string) []string {
	r := ruleFor(pkg)
	var sentences []string
	for _, imp := range imports {
		ours, ok := strings.CutPrefix(imp, root)
		if !ok {
			continue
		}
		allowed := false
		for _, a := range r.allowed {
			allowed = allowed || below(ours, a)
		}
		if !allowed {
			sentences = append(sentences, pkg+" must not import "+ours+": "+r.why)
		}
	}
	return sentences
}

func TestPackagesImportOnlyWhatTheyMay(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports,TestImports,XTestImports",
		"./gen/...", "./gateway/...", "./services/...", "./services/platform/...", "./test/...")
	cmd.Dir = "../.."
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	seen := 0
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			ImportPath                         string
			Imports, TestImports, XTestImports []string
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		seen++
		all := append(append(p.Imports, p.TestImports...), p.XTestImports...)
		for _, sentence := range broken(strings.TrimPrefix(p.ImportPath, root), all) {
			t.Error(sentence)
		}
	}
	if seen < 20 {
		t.Errorf("go list found only %d packages", seen)
	}
}

func TestABrokenRuleIsNoticed(t *testing.T) {
	t.Parallel()
	for pkg, imp := range map[string]string{
		"services/user":           "services/relation",
		"services/platform/pg":    "gen/douyin/user/v1",
		"gateway":                 "services/user",
		"test/contract":           "services/platform/pg",
		"services/localmesh":      "services/user",
		"gen/douyin/user/v1":      "services/platform/fault",
		"services/feed/migration": "services/video",
	} {
		if len(broken(pkg, []string{root + imp})) != 1 {
			t.Errorf("%s may import %s, but must not", pkg, imp)
		}
	}
}
