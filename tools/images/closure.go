package main

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
)

// choose returns the paths that d selects with every library they are linked
// with, and links to make for libraries that are not where they are looked for.
func (a *archive) choose(d debian) (wanted map[string]bool, links map[string]string, err error) {
	c := &closure{archive: a, wanted: map[string]bool{}, links: map[string]string{}}
	for _, program := range d.Programs {
		at := a.one(program)
		if at == "" {
			return nil, nil, fmt.Errorf("no package of %q has %s", d.Packages, program)
		}
		c.add(at)
	}
	for _, p := range slices.Sorted(maps.Keys(a.files)) {
		if within(p, d.Trees) && !within(p, d.Without) {
			c.add(p)
		}
	}
	if len(c.missing) > 0 {
		return nil, nil, fmt.Errorf("no package has the libraries %q", slices.Compact(slices.Sorted(slices.Values(c.missing))))
	}
	return c.wanted, c.links, nil
}

// within reports whether p is, or is below, a path that matches a pattern.
func within(p string, patterns []string) bool {
	for _, pattern := range patterns {
		for at := p; at != "/"; at = path.Dir(at) {
			if ok, err := path.Match(pattern, at); err == nil && ok {
				return true
			}
		}
	}
	return false
}

// one returns the first path that matches, of files or of directories.
func (a *archive) one(pattern string) string {
	for _, p := range slices.Sorted(maps.Keys(a.files)) {
		for at := p; at != "/"; at = path.Dir(at) {
			if ok, err := path.Match(pattern, at); err == nil && ok {
				return at
			}
		}
	}
	return ""
}

// closure grows by what its files need.
type closure struct {
	*archive
	wanted  map[string]bool
	links   map[string]string
	missing []string
}

func (c *closure) add(at string) {
	f, known := c.files[at]
	if !known || c.wanted[at] {
		return
	}
	c.wanted[at] = true
	switch {
	case f.link != "":
		c.add(merged(resolve(at, f.link)))
	case f.hard != "":
		c.add(f.hard)
	}
	for _, library := range f.needed {
		c.library(at, library, f.search)
	}
}

func resolve(at, link string) string {
	if path.IsAbs(link) {
		return link
	}
	return path.Join(path.Dir(at), link)
}

// library finds a library as the loader would: where the file says, then in the
// standard directories. One that only a package's installation script would
// link there, is linked there.
func (c *closure) library(of, library string, search []string) {
	if strings.HasPrefix(library, "linux-vdso") {
		return
	}
	for _, dir := range append(slices.Clone(search), c.standard()...) {
		at := path.Join(dir, library)
		if _, known := c.files[at]; known {
			c.add(at)
			return
		}
	}
	elsewhere := c.byBase[library]
	if len(elsewhere) == 0 {
		c.missing = append(c.missing, library+" of "+of)
		return
	}
	c.links[path.Join(c.standard()[0], library)] = elsewhere[0]
	c.add(elsewhere[0])
}

// standard are the loader's own directories, those of the architecture first.
func (c *closure) standard() []string {
	dirs := []string{"/usr/lib64", "/usr/lib"}
	if libc := c.byBase["libc.so.6"]; len(libc) > 0 {
		return append([]string{path.Dir(libc[0])}, dirs...)
	}
	return dirs
}

// read reads the packages again for the content of what is wanted, and for the
// licences of the packages it came from.
func (a *archive) read(ctx context.Context, wanted map[string]bool) (tree, []pkg, error) {
	// The loader is named by every program and needed by none.
	for _, paths := range a.byBase {
		for _, p := range paths {
			if strings.HasPrefix(path.Base(p), "ld-linux") {
				wanted[p] = true
			}
		}
	}
	from := map[int]bool{}
	for p := range wanted {
		from[a.files[p].from] = true
	}
	content, used := tree{}, []pkg{}
	for i, p := range a.packages {
		if !from[i] {
			continue
		}
		used = append(used, p)
		licence := "/usr/share/doc/" + p.Name + "/copyright"
		err := a.apt.each(ctx, p, func(at string, h *tar.Header, r io.Reader) error {
			if !wanted[at] && at != licence {
				return nil
			}
			f := a.files[at]
			switch {
			case f.link != "":
				content[at] = entry{link: f.link}
				return nil
			case f.hard != "":
				content[at] = entry{link: f.hard}
				return nil
			}
			b, err := io.ReadAll(r)
			if err != nil {
				return err
			}
			content[at] = entry{mode: f.mode, content: b}
			return nil
		})
		if err != nil {
			return nil, nil, err
		}
	}
	slices.SortFunc(used, func(x, y pkg) int { return strings.Compare(x.Name, y.Name) })
	return content, used, nil
}
