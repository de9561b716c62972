package main

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

const root = "../.."

// buildInto builds one small image from a tree.
func buildInto(t *testing.T, from, name string) string {
	t.Helper()
	c := buildCommand{Root: from, Out: t.TempDir(), Repository: "localhost/douyin", Tag: "test", Version: "1.2.3", Names: []string{name}}
	if err := c.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	return c.Out
}

func read(t *testing.T, elem ...string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(elem...))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestTwoBuildsFromTwoPlacesAreEqual(t *testing.T) {
	t.Parallel()
	const name = "deadletter"
	here := buildInto(t, root, name)
	elsewhere := filepath.Join(t.TempDir(), "some", "other", "place")
	if err := os.MkdirAll(elsewhere, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"go.work", "gen", "gateway", "services", "test"} {
		if out, err := exec.CommandContext(t.Context(), "cp", "-r", filepath.Join(root, part), elsewhere).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	there := buildInto(t, elsewhere, name)
	for _, file := range []string{"images/" + name + ".tar", "sbom/" + name + ".json"} {
		if !bytes.Equal(read(t, here, file), read(t, there, file)) {
			t.Errorf("%s differs", file)
		}
	}
	if bytes.Contains(read(t, here, "bin", name), []byte(os.Getenv("HOME")+"/")) {
		t.Error("the binary holds a path of this machine")
	}
}

func TestAnImageHoldsItsProgramAndSaysWhatItIs(t *testing.T) {
	t.Parallel()
	out := buildInto(t, root, "deadletter")
	image, err := tarball.ImageFromPath(filepath.Join(out, "images", "deadletter.tar"), nil)
	if err != nil {
		t.Fatal(err)
	}
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"/app"}, config.Config.Entrypoint); diff != "" {
		t.Errorf("entry point (-want +got):\n%s", diff)
	}
	if config.Config.User != "65532:65532" || config.Config.Labels["org.opencontainers.image.version"] != "1.2.3" || !config.Created.IsZero() {
		t.Errorf("%+v, created %v", config.Config, config.Created)
	}
	files := map[string]int64{}
	layers, err := image.Layers()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range layers {
		content, err := l.Uncompressed()
		if err != nil {
			t.Fatal(err)
		}
		for r := tar.NewReader(content); ; {
			h, err := r.Next()
			if err == io.EOF {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			if h.Uid != 0 || h.Mode&0o022 != 0 && h.Name != "tmp/" {
				t.Errorf("%s: owner %d, mode %o", h.Name, h.Uid, h.Mode)
			}
			files[h.Name] = h.Mode
		}
	}
	for name, mode := range map[string]int64{"app": 0o755, "tmp/": 0o1777, "etc/ssl/certs/ca-certificates.crt": 0o644, "etc/passwd": 0o644, "licenses/NOTICES.txt": 0o644} {
		if files[name] != mode {
			t.Errorf("%s: mode %o, want %o", name, files[name], mode)
		}
	}
	if strings.Count(string(read(t, out, "sbom", "deadletter.json")), `"type": "library"`) < 10 {
		t.Error("the bill of materials is too short")
	}
}

func TestAnImageForDevelopmentStartsTheScriptThatReplacesItsProgram(t *testing.T) {
	t.Parallel()
	script := filepath.Join(t.TempDir(), "run.sh")
	if err := os.WriteFile(script, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	s, err := choose(root, []string{"video"}, false)
	if err != nil {
		t.Fatal(err)
	}
	with := s[0].withShell()
	if !with.Debian.Shell || s[0].Debian.Shell || !slices.Equal(with.Debian.Programs, s[0].Debian.Programs) {
		t.Errorf("with shell %+v, before %+v", with.Debian, s[0].Debian)
	}
	if !slices.Contains(applets, "tar") {
		t.Error("no tar, by which files come into a running container")
	}
	layer, err := fileLayer(script, reloadPoint)
	if err != nil {
		t.Fatal(err)
	}
	content, err := layer.Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	if h, err := tar.NewReader(content).Next(); err != nil || "/"+h.Name != reloadPoint || h.Mode != 0o755 {
		t.Errorf("%+v, %v", h, err)
	}
}

func TestCertificatesAreThere(t *testing.T) {
	t.Parallel()
	b, err := certificates()
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(b, []byte("BEGIN CERTIFICATE")); n < 100 {
		t.Errorf("%d certificates", n)
	}
}

// packages is an archive as index makes it.
func packages(files map[string]found) *archive {
	a := &archive{files: files, byBase: map[string][]string{}}
	for p := range files {
		a.byBase[filepath.Base(p)] = append(a.byBase[filepath.Base(p)], p)
	}
	return a
}

func TestAProgramBringsItsLibraries(t *testing.T) {
	t.Parallel()
	const lib = "/usr/lib/x86_64-linux-gnu/"
	a := packages(map[string]found{
		"/usr/bin/play":           {link: "play-1"},
		"/usr/bin/play-1":         {needed: []string{"liba.so.1", "linux-vdso.so.1"}},
		"/usr/bin/other":          {needed: []string{"libunused.so"}},
		lib + "libc.so.6":         {},
		lib + "liba.so.1":         {link: "liba.so.1.2"},
		lib + "liba.so.1.2":       {needed: []string{"libblas.so.3", "libp.so", "libc.so.6"}, search: []string{lib + "private"}},
		lib + "private/libp.so":   {},
		lib + "blas/libblas.so.3": {}, // linked into place by an installation
		lib + "libunused.so":      {},
		"/usr/share/t/a":          {}, "/usr/share/t/b/c": {}, "/usr/share/t/no/d": {},
	})
	wanted, links, err := a.choose(debian{Programs: []string{"/usr/bin/play"}, Trees: []string{"/usr/share/t"}, Without: []string{"/usr/share/*/no"}})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{
		"/usr/bin/play": true, "/usr/bin/play-1": true, lib + "libc.so.6": true, lib + "liba.so.1": true, lib + "liba.so.1.2": true,
		lib + "private/libp.so": true, lib + "blas/libblas.so.3": true, "/usr/share/t/a": true, "/usr/share/t/b/c": true,
	}
	if diff := cmp.Diff(want, wanted); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{lib + "libblas.so.3": lib + "blas/libblas.so.3"}, links); diff != "" {
		t.Errorf("links (-want +got):\n%s", diff)
	}
	if _, _, err := packages(map[string]found{"/usr/bin/x": {needed: []string{"libgone.so"}}}).choose(debian{Programs: []string{"/usr/bin/x"}}); err == nil || !strings.Contains(err.Error(), "libgone.so") {
		t.Errorf("a missing library: %v", err)
	}
	if _, _, err := a.choose(debian{Programs: []string{"/usr/bin/absent"}}); err == nil {
		t.Error("a missing program was accepted")
	}
}

func TestATreeIsTheSameWhateverTheOrder(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := (tree{"/z": file("z"), "/a/b/c": file("c"), "/l": {link: "z"}}).writeTo(&b); err != nil {
		t.Fatal(err)
	}
	var names []string
	for r := tar.NewReader(&b); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		names = append(names, h.Name)
		if !h.ModTime.IsZero() && h.ModTime.Unix() != 0 {
			t.Errorf("%s: time %v", h.Name, h.ModTime)
		}
	}
	if diff := cmp.Diff([]string{"a/", "a/b/", "a/b/c", "l", "z"}, names); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestImagesAreChosenByNameOrKind(t *testing.T) {
	t.Parallel()
	names := func(all []spec) (names []string) {
		for _, s := range all {
			names = append(names, s.Name)
		}
		return names
	}
	ours, err := choose(root, nil, false)
	want := []string{
		"counter", "counter-worker", "fanout", "feed", "gateway", "interaction", "message", "relation", "search", "transcode", "user", "video",
		"deadletter", "operator", "smoke", "demo",
	}
	if diff := cmp.Diff(want, names(ours)); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	for _, s := range ours {
		if !strings.HasPrefix(s.Text, "Command "+s.Name+" ") {
			t.Errorf("the image of %s is described as %q", s.Name, s.Text)
		}
	}
	dev, err := choose(root, nil, true)
	if diff := cmp.Diff([]string{"devinfra", "postgres", "redis"}, names(dev)); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if _, err := choose(root, []string{"gatway"}, false); err == nil {
		t.Error("a misspelled image was accepted")
	}
}

func TestTheTableOfAPageIsReplaced(t *testing.T) {
	t.Parallel()
	page := filepath.Join(t.TempDir(), "page.md")
	if err := os.WriteFile(page, []byte("before\n"+beginMark+"\nold\n"+endMark+"\nafter\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := replaceTable(page, "new\n"); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff("before\n"+beginMark+"\nnew\n"+endMark+"\nafter\n", string(read(t, page))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestABillNamesItselfAfterItsContent(t *testing.T) {
	t.Parallel()
	serial := func(version string) string {
		b := newBill("localhost/douyin/x", "dev")
		b.addPackages([]pkg{{"libc6", version, "amd64"}}, "amd64")
		to := filepath.Join(t.TempDir(), "x.json")
		if err := b.write(to); err != nil {
			t.Fatal(err)
		}
		var got bill
		if err := json.Unmarshal(read(t, to), &got); err != nil {
			t.Fatal(err)
		}
		return got.Serial
	}
	if serial("1") != serial("1") || serial("1") == serial("2") {
		t.Error("the serial number does not follow the content")
	}
}
