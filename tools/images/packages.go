package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// pkg is a Debian package of a certain version.
type pkg struct{ Name, Version, Arch string }

// file is the name of its archive.
func (p pkg) file() string {
	return p.Name + "_" + strings.ReplaceAll(p.Version, ":", "%3a") + "_" + p.Arch + ".deb"
}

// apt is apt-get with a state of its own: it needs no root, and what this
// machine has installed has no influence.
type apt struct{ dir, arch string }

// openApt prepares the state below dir.
func openApt(dir, arch string) (*apt, error) {
	for _, need := range []string{"apt-get", "dpkg-deb"} {
		if _, err := exec.LookPath(need); err != nil {
			return nil, fmt.Errorf("%w: images with Debian packages are built on Debian or Ubuntu; elsewhere use the Dockerfile", err)
		}
	}
	a := &apt{dir: dir, arch: arch}
	for _, sub := range []string{"lists/partial", "archives/partial"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return nil, fmt.Errorf("make package cache: %w", err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "status"), nil, 0o644); err != nil {
		return nil, fmt.Errorf("make package cache: %w", err)
	}
	return a, nil
}

// download fetches packages with all they depend on, and says which those are.
// Lists that name files which are gone are read anew once.
func (a *apt) download(ctx context.Context, names []string) ([]pkg, error) {
	all, err := a.tryDownload(ctx, names)
	if err == nil {
		return all, nil
	}
	if _, updateErr := a.run(ctx, "update"); updateErr != nil {
		return nil, errors.Join(err, updateErr)
	}
	return a.tryDownload(ctx, names)
}

// install is a line of a simulated installation: Inst ffmpeg (7:5.1.6-0 Debian:12 [amd64])
var install = regexp.MustCompile(`(?m)^Inst (\S+) \((\S+) .*\[(\S+)\]\)`)

func (a *apt) tryDownload(ctx context.Context, names []string) ([]pkg, error) {
	out, err := a.run(ctx, append([]string{"--simulate", "install"}, names...)...)
	if err != nil {
		return nil, err
	}
	var all []pkg
	missing := false
	for _, m := range install.FindAllStringSubmatch(out, -1) {
		p := pkg{m[1], m[2], m[3]}
		all = append(all, p)
		if _, err := os.Stat(a.path(p)); err != nil {
			missing = true
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("apt-get would install nothing for %q", names)
	}
	if missing {
		if _, err := a.run(ctx, append([]string{"--download-only", "install"}, names...)...); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (a *apt) path(p pkg) string { return filepath.Join(a.dir, "archives", p.file()) }

func (a *apt) run(ctx context.Context, args ...string) (string, error) {
	set := []string{"-y", "-q", "--no-install-recommends"}
	for _, o := range []string{
		"Dir::State::lists=" + filepath.Join(a.dir, "lists"), "Dir::State::status=" + filepath.Join(a.dir, "status"),
		"Dir::Cache::archives=" + filepath.Join(a.dir, "archives"),
		"Dir::Cache::pkgcache=", "Dir::Cache::srcpkgcache=",
		"APT::Architecture=" + a.arch, "APT::Architectures=" + a.arch, "APT::Sandbox::User=root", "Debug::NoLocking=1",
	} {
		set = append(set, "-o", o)
	}
	cmd := exec.CommandContext(ctx, "apt-get", append(set, args...)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive")
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("apt-get %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(said.String()))
	}
	return out.String(), nil
}
