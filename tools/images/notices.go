package main

import (
	"bytes"
	"debug/buildinfo"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/mod/module"
)

// noticesPath is where an image has the licences of everything its binary is
// linked with: most of them ask that a copy goes along.
const noticesPath = "/licenses/NOTICES.txt"

// noticesCommand is "notices".
type noticesCommand struct {
	Root   string `default:"." type:"path" help:"Root of the source tree."`
	Binary string `arg:"" type:"path" help:"A Go binary."`
}

// Run prints the notices.
func (c *noticesCommand) Run() error {
	text, err := notices(c.Root, c.Binary)
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(text)
	return err
}

// own begins the module paths of this tree.
const own = "douyin.dev/"

// licenceFile matches the files of a module that say under what it is given.
var licenceFile = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|unlicense)([-.].*)?$`)

// notices returns the licence files of a binary's modules, of Go itself, and of
// this project, which is at root. A module without one is an error: it must not
// be in an image.
func notices(root, binary string) ([]byte, error) {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return nil, fmt.Errorf("read build information: %w", err)
	}
	places, err := goPlaces("GOROOT", "GOMODCACHE")
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := appendNotices(&out, own, root); err != nil {
		return nil, err
	}
	if err := appendNotices(&out, "Go "+strings.TrimPrefix(info.GoVersion, "go"), places[0]); err != nil {
		return nil, err
	}
	for _, m := range info.Deps {
		if strings.HasPrefix(m.Path, own) {
			continue
		}
		if m.Replace != nil {
			m = m.Replace
		}
		dir, err := licencedDir(places[1], m.Path, m.Version)
		if err != nil {
			return nil, err
		}
		if err := appendNotices(&out, m.Path+" "+m.Version, dir); err != nil {
			return nil, err
		}
	}
	return out.Bytes(), nil
}

// goPlaces asks the go command for settings of this machine.
func goPlaces(names ...string) ([]string, error) {
	out, err := exec.Command("go", append([]string{"env"}, names...)...).Output()
	if err != nil {
		return nil, fmt.Errorf("go env: %w", err)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n"), nil
}

// licencedDir returns the directory with a module's licence: its own, or that
// of the module around it in the same repository.
func licencedDir(cache, modulePath, version string) (string, error) {
	own, err := moduleDir(cache, modulePath, version)
	if err != nil {
		return "", err
	}
	if names, err := licenceFiles(own); err != nil || len(names) > 0 {
		return own, err
	}
	for around := path.Dir(modulePath); strings.Contains(around, "/"); around = path.Dir(around) {
		escaped, err := module.EscapePath(around)
		if err != nil {
			break
		}
		versions, err := filepath.Glob(filepath.Join(cache, filepath.FromSlash(escaped)) + "@*")
		if err != nil {
			return "", err
		}
		for _, dir := range versions {
			if names, err := licenceFiles(dir); err == nil && len(names) > 0 {
				return dir, nil
			}
		}
	}
	return "", fmt.Errorf("module %s %s has no licence file", modulePath, version)
}

func moduleDir(cache, modulePath, version string) (string, error) {
	escapedPath, err := module.EscapePath(modulePath)
	if err != nil {
		return "", err
	}
	escapedVersion, err := module.EscapeVersion(version)
	if err != nil {
		return "", err
	}
	return filepath.Join(cache, filepath.FromSlash(escapedPath)+"@"+escapedVersion), nil
}

// licenceFiles returns the names of a directory's licence files, in order.
func licenceFiles(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read module: %w", err)
	}
	var names []string
	for _, e := range entries {
		if e.Type().IsRegular() && licenceFile.MatchString(e.Name()) {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}

// appendNotices appends the licence files of a directory under a heading.
func appendNotices(out *bytes.Buffer, heading, dir string) error {
	names, err := licenceFiles(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return fmt.Errorf("read licence: %w", err)
		}
		fmt.Fprintf(out, "==== %s: %s\n\n%s\n\n", heading, name, bytes.TrimSpace(content))
	}
	return nil
}
