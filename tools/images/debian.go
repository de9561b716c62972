package main

import (
	"archive/tar"
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// selection is what was taken from packages.
type selection struct {
	layer v1.Layer
	// Packages that something was taken from.
	Packages []pkg
	// Path is where programs are, besides the usual.
	Path string
}

// found is a file of a package.
type found struct {
	from   int // index of the package
	mode   int64
	link   string   // of a symbolic link
	needed []string // libraries an ELF file is linked with
	search []string // directories it names for them
	hard   string   // of a hard link: the other name
}

// archive is the files of many packages, without their content.
type archive struct {
	apt      *apt
	packages []pkg
	files    map[string]found
	byBase   map[string][]string // paths by last element
}

// applets are the tools a start script may use, and tar: tools for development
// put files into a running container with it.
var applets = strings.Fields("sh ash [ awk basename cat chmod cp cut date df dirname du echo env expr find grep head hostname id kill ln ls mkdir mktemp mv nc nslookup printf ps pwd rm rmdir sed sleep sort tail tar tee test touch tr true false uname wc wget which xargs")

const busybox = "/usr/bin/busybox"

// fetch downloads the packages of d and takes what d selects. What was selected
// once from the same packages is kept in the cache.
func fetch(ctx context.Context, d debian, cache, arch string) (*selection, error) {
	a, err := openApt(path.Join(cache, "apt-"+arch), arch)
	if err != nil {
		return nil, err
	}
	if d.Shell {
		d.Packages = append(slices.Clone(d.Packages), "busybox-static")
		d.Programs = append(slices.Clone(d.Programs), busybox)
	}
	packages, err := a.download(ctx, d.Packages)
	if err != nil {
		return nil, err
	}
	kept := keptAt(cache, d, packages)
	if s, err := kept.load(); !errors.Is(err, os.ErrNotExist) {
		return s, err
	}
	all, err := index(ctx, a, packages)
	if err != nil {
		return nil, err
	}
	s := &selection{}
	content, err := all.take(ctx, d, s)
	if err != nil {
		return nil, err
	}
	return s, kept.store(s, content)
}

// take reads what d selects, and adds what makes it a root directory.
func (a *archive) take(ctx context.Context, d debian, s *selection) (tree, error) {
	wanted, links, err := a.choose(d)
	if err != nil {
		return nil, err
	}
	content, used, err := a.read(ctx, wanted)
	if err != nil {
		return nil, err
	}
	s.Packages = used
	if d.Path != "" {
		s.Path = a.one(d.Path)
	}
	for at, to := range links {
		content[at] = entry{link: to}
	}
	// Programs are linked with a loader below /lib64, scripts begin with /bin/sh.
	for _, dir := range []string{"bin", "lib", "lib64", "sbin"} {
		content["/"+dir] = entry{link: "usr/" + dir}
	}
	if d.Shell {
		for _, name := range applets {
			content["/usr/bin/"+name] = entry{link: "busybox"}
		}
	}
	return content, nil
}

// merged puts what packages still have in /bin and /lib below /usr, where the
// rest of it is.
func merged(p string) string {
	p = path.Clean("/" + p)
	for _, dir := range []string{"/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"} {
		if p == dir || strings.HasPrefix(p, dir+"/") {
			return "/usr" + p
		}
	}
	return p
}

// each calls visit with every entry of a package.
func (a *apt) each(ctx context.Context, p pkg, visit func(at string, h *tar.Header, content io.Reader) error) (err error) {
	cmd := exec.CommandContext(ctx, "dpkg-deb", "--fsys-tarfile", a.path(p))
	out, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("open %s: %w", p.Name, err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("open %s: %w", p.Name, err)
	}
	r := tar.NewReader(out)
	for err == nil {
		var h *tar.Header
		if h, err = r.Next(); err == nil {
			err = visit(merged(h.Name), h, r)
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	_, drainErr := io.Copy(io.Discard, out)
	if err = errors.Join(err, drainErr, cmd.Wait()); err != nil {
		return fmt.Errorf("read %s: %w", p.Name, err)
	}
	return nil
}

// index reads the packages once for what is in them and what it is linked with.
func index(ctx context.Context, a *apt, packages []pkg) (*archive, error) {
	all := &archive{apt: a, packages: packages, files: map[string]found{}, byBase: map[string][]string{}}
	for i, p := range packages {
		err := a.each(ctx, p, func(at string, h *tar.Header, content io.Reader) error {
			f := found{from: i, mode: h.Mode & 0o777}
			switch h.Typeflag {
			case tar.TypeReg:
				b, err := io.ReadAll(content)
				if err != nil {
					return err
				}
				f.needed, f.search = linked(b, path.Dir(at))
			case tar.TypeSymlink:
				f.link = h.Linkname
			case tar.TypeLink:
				f.hard = merged(h.Linkname)
			default:
				return nil
			}
			all.files[at] = f
			all.byBase[path.Base(at)] = append(all.byBase[path.Base(at)], at)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	for _, paths := range all.byBase {
		slices.Sort(paths)
	}
	return all, nil
}

// linked returns the libraries an ELF file needs, and where it looks first.
func linked(content []byte, dir string) (needed, search []string) {
	f, err := elf.NewFile(bytes.NewReader(content))
	if err != nil {
		return nil, nil // no program
	}
	needed, err = f.ImportedLibraries()
	if err != nil {
		return nil, nil // static
	}
	for _, tag := range []elf.DynTag{elf.DT_RUNPATH, elf.DT_RPATH} {
		values, err := f.DynString(tag)
		if err != nil {
			continue
		}
		for _, v := range values {
			for one := range strings.SplitSeq(v, ":") {
				search = append(search, merged(strings.ReplaceAll(one, "$ORIGIN", dir)))
			}
		}
	}
	return needed, search
}
