package main

import (
	"cmp"
	"fmt"
	"go/doc"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// spec says what an image holds.
type spec struct {
	// Name of the image, and of the archive.
	Name string
	// Text is its description.
	Text string
	// Package is the command that is its entry point, relative to the root.
	Package string
	// Debian is what it takes from Debian packages; nil for nothing.
	Debian *debian
	// Dev marks what only development needs.
	Dev bool
	// Licenses as an SPDX expression.
	Licenses string
}

// debian is a selection of files from Debian packages: programs, trees, and
// every library that one of them is linked with. Patterns are those of
// path.Match, on paths with /bin, /lib and /sbin below /usr.
type debian struct {
	// Packages whose dependencies are searched, too.
	Packages []string
	// Programs are files that must be there.
	Programs []string
	// Trees are directories taken whole.
	Trees []string
	// Without are files and directories left out of trees.
	Without []string
	// Path is put before the search path of programs. A pattern.
	Path string
	// Shell adds a small shell and its tools.
	Shell bool
}

// entryPoint is where every image has its binary: tools that replace it in a
// running container need not know which service it is.
const entryPoint = "/app"

// reloadPoint is where a script is that starts it instead.
const reloadPoint = "/reload.sh"

// helpers lists the images of our binaries that are no services: commands below
// services/cmd, where nothing else is said.
var helpers = []spec{
	{Name: "deadletter"},
	{Name: "operator"},
	{Name: "smoke", Package: "test/smoke"},
	{Name: "demo"},
	{Name: "devinfra", Dev: true},
}

// withFFmpeg are the services that call ffmpeg.
var withFFmpeg = []string{"video", "transcode"}

// services returns the images of the services that the chart deploys.
func services(root string) ([]spec, error) {
	content, err := os.ReadFile(filepath.Join(root, "charts/douyin/values.yaml"))
	if err != nil {
		return nil, fmt.Errorf("read the list of services: %w", err)
	}
	var values struct {
		Services map[string]struct {
			Image struct{ Name string }
		}
	}
	if err := yaml.Unmarshal(content, &values); err != nil {
		return nil, fmt.Errorf("read the list of services: %w", err)
	}
	var all []spec
	for name, service := range values.Services {
		s := spec{Name: cmp.Or(service.Image.Name, name)}
		if slices.Contains(withFFmpeg, s.Name) {
			s.Debian, s.Licenses = &ffmpeg, "Apache-2.0 AND GPL-2.0-or-later"
		}
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b spec) int { return strings.Compare(a.Name, b.Name) })
	return slices.CompactFunc(all, func(a, b spec) bool { return a.Name == b.Name }), nil
}

// describe returns the first sentence of a command's documentation.
func describe(dir string) (string, error) {
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, "main.go"), nil, parser.PackageClauseOnly|parser.ParseComments)
	if err != nil {
		return "", fmt.Errorf("describe the image: %w", err)
	}
	text := new(doc.Package).Synopsis(file.Doc.Text())
	if text == "" {
		return "", fmt.Errorf("%s has no documentation, which is its image's description", dir)
	}
	return text, nil
}

// thirdParty lists the images that development clusters need besides.
var thirdParty = []spec{
	{Name: "postgres", Text: "PostgreSQL for development.", Dev: true, Licenses: "PostgreSQL", Debian: &debian{
		Packages: []string{"postgresql", "libc-bin", "tzdata"},
		Programs: []string{"/usr/lib/postgresql/*/bin/postgres", "/usr/lib/postgresql/*/bin/psql"},
		Trees: []string{
			"/usr/lib/postgresql/*/bin", "/usr/lib/postgresql/*/lib", "/usr/share/postgresql/*",
			"/usr/share/zoneinfo", "/usr/lib/locale/C.utf8",
		},
		Without: []string{
			// Compiling queries at run time would add the whole of LLVM.
			"/usr/lib/postgresql/*/lib/llvmjit.so", "/usr/lib/postgresql/*/lib/bitcode",
			"/usr/lib/postgresql/*/lib/pgxs", "/usr/share/postgresql/*/man", "/usr/share/zoneinfo/right", "/usr/share/zoneinfo/posix",
		},
		Path:  "/usr/lib/postgresql/*/bin",
		Shell: true,
	}},
	{Name: "redis", Text: "Redis for development.", Dev: true, Licenses: "BSD-3-Clause", Debian: &debian{
		Packages: []string{"redis-server"},
		Programs: []string{"/usr/bin/redis-server", "/usr/bin/redis-cli"},
		Shell:    true,
	}},
}

// ffmpeg is the program and what it is linked with: a quarter of what its
// packages would install.
var ffmpeg = debian{
	Packages: []string{"ffmpeg"},
	Programs: []string{"/usr/bin/ffmpeg", "/usr/bin/ffprobe"},
}

// choose returns the images asked for: by name, or all of a kind. A binary
// that this tree does not have is left out unless it was named.
func choose(root string, names []string, dev bool) ([]spec, error) {
	all, err := services(root)
	if err != nil {
		return nil, err
	}
	all = append(all, helpers...)
	for i := range all {
		s := &all[i]
		s.Package = cmp.Or(s.Package, "services/cmd/"+s.Name)
		if !s.exists(root) {
			continue
		}
		if s.Text, err = describe(filepath.Join(root, s.Package)); err != nil {
			return nil, err
		}
	}
	all = append(all, thirdParty...)
	if len(names) == 0 {
		return slices.DeleteFunc(all, func(s spec) bool { return s.Dev != dev || !s.exists(root) }), nil
	}
	var chosen []spec
	for _, name := range names {
		i := slices.IndexFunc(all, func(s spec) bool { return s.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no image %q", name)
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}

// withShell returns the same image with a shell.
func (s spec) withShell() spec {
	var d debian
	if s.Debian != nil {
		d = *s.Debian
	}
	d.Shell = true
	s.Debian, s.Licenses = &d, "Apache-2.0 AND GPL-2.0-or-later"
	return s
}

func (s spec) exists(root string) bool {
	if s.Package == "" {
		return true
	}
	_, err := os.Stat(filepath.Join(root, s.Package))
	return err == nil
}
