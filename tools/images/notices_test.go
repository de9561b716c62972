package main

import (
	"bytes"
	"debug/buildinfo"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The test's own binary is linked with modules, so it is one to look into.
func TestNoticesNameEveryLinkedModule(t *testing.T) {
	t.Parallel()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	text, err := notices(root, binary)
	if err != nil {
		t.Fatal(err)
	}
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	headings := 2 // the project and Go
	for _, m := range info.Deps {
		headings++
		if !bytes.Contains(text, []byte("==== "+m.Path+" "+m.Version+": ")) {
			t.Errorf("nothing of %s", m.Path)
		}
	}
	if len(info.Deps) == 0 || bytes.Count(text, []byte("\n==== "))+1 < headings {
		t.Errorf("%d headings for %d modules", bytes.Count(text, []byte("==== ")), len(info.Deps))
	}
	for _, heading := range []string{"==== douyin.dev/: LICENSE", "==== Go "} {
		if !bytes.Contains(text, []byte(heading)) {
			t.Errorf("no %q", heading)
		}
	}
}

func TestAModuleWithoutALicenceIsRefused(t *testing.T) {
	t.Parallel()
	cache := t.TempDir()
	write := func(name string) {
		t.Helper()
		path := filepath.Join(cache, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("text"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("example.com/!shop/bare@v1.0.0/main.go")
	write("example.com/!shop/around@v1.2.0/LICENSE.md")
	write("example.com/!shop/around/inner@v1.3.0/inner.go")
	if dir, err := licencedDir(cache, "example.com/Shop/bare", "v1.0.0"); err == nil || !strings.Contains(err.Error(), "example.com/Shop/bare v1.0.0 has no licence file") {
		t.Errorf("%q, %v", dir, err)
	}
	dir, err := licencedDir(cache, "example.com/Shop/around/inner", "v1.3.0")
	if err != nil || dir != filepath.Join(cache, "example.com", "!shop", "around@v1.2.0") {
		t.Errorf("%q, %v", dir, err)
	}
}
