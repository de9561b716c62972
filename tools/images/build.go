package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// buildCommand is "build".
type buildCommand struct {
	Root       string   `default:"." type:"path" help:"Root of the source tree."`
	Out        string   `default:"dist" type:"path" help:"Directory of archives (images/) and bills of materials (sbom/)."`
	Cache      string   `default:"dist/cache" type:"path" help:"Directory of what was downloaded."`
	Repository string   `default:"localhost/douyin" help:"What image names begin with."`
	Tag        string   `default:"dev" help:"Tag of the images."`
	Version    string   `default:"dev" help:"Version the binaries report."`
	Arch       string   `help:"Architecture, as Go names it; this machine's when empty."`
	Binaries   string   `type:"path" help:"Pack the binaries of this directory instead of compiling them."`
	Dev        bool     `help:"Build what only development needs."`
	Reload     string   `type:"path" help:"Script to start instead of the binary, which can replace it while it runs. Adds a shell."`
	Names      []string `arg:"" optional:"" help:"Images to build; all when none is named."`
}

// arch is the architecture of the images.
func (c *buildCommand) arch() string {
	if c.Arch == "" {
		return runtime.GOARCH
	}
	return c.Arch
}

// Run builds the images, one after the other: the compiler uses all processors
// by itself.
func (c *buildCommand) Run(ctx context.Context) error {
	chosen, err := choose(c.Root, c.Names, c.Dev)
	if err != nil {
		return err
	}
	for _, dir := range []string{"images", "sbom", "bin"} {
		if err := os.MkdirAll(filepath.Join(c.Out, dir), 0o755); err != nil {
			return fmt.Errorf("make output directory: %w", err)
		}
	}
	if c.Binaries == "" {
		if err := c.compile(ctx, chosen); err != nil {
			return err
		}
	}
	for _, s := range chosen {
		if c.Reload != "" {
			s = s.withShell()
		}
		if err := c.pack(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s.Name, err)
		}
		fmt.Println(c.archive(s))
	}
	return nil
}

func (c *buildCommand) archive(s spec) string {
	return filepath.Join(c.Out, "images", s.Name+".tar")
}

func (c *buildCommand) binary(s spec) string {
	return filepath.Join(cmp.Or(c.Binaries, filepath.Join(c.Out, "bin")), filepath.Base(s.Package))
}

// compile builds all binaries at once: static, without paths or stamps of this
// machine, and with the time zones that a bare image lacks.
func (c *buildCommand) compile(ctx context.Context, chosen []spec) error {
	args := []string{
		"build", "-trimpath", "-buildvcs=false", "-tags", "timetzdata",
		"-ldflags", "-s -w -buildid= -X douyin.dev/services/platform/app.version=" + c.Version,
		"-o", filepath.Join(c.Out, "bin") + string(filepath.Separator),
	}
	n := len(args)
	for _, s := range chosen {
		if s.Package != "" {
			args = append(args, "./"+s.Package)
		}
	}
	if len(args) == n {
		return nil
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = c.Root
	// The workspace that the root has, whatever the environment says about ours.
	cmd.Env = append(os.Environ(), "GOWORK=", "GOFLAGS=", "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+c.arch())
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("compile: %w", err)
	}
	return nil
}

// pack writes the archive and the bill of materials of one image.
func (c *buildCommand) pack(ctx context.Context, s spec) error {
	var layers []v1.Layer
	bill := newBill(c.Repository+"/"+s.Name, c.Tag)
	config := v1.Config{
		User: fmt.Sprintf("%d:%d", nobody, nobody), WorkingDir: "/",
		Env: []string{"PATH=/usr/local/bin:/usr/bin:/bin"},
		Labels: map[string]string{
			"org.opencontainers.image.title":       s.Name,
			"org.opencontainers.image.description": s.Text,
			"org.opencontainers.image.version":     c.Version,
			"org.opencontainers.image.licenses":    licenses(s),
		},
	}
	base, err := baseLayer()
	if err != nil {
		return err
	}
	layers = append(layers, base)
	if s.Debian != nil {
		files, err := fetch(ctx, *s.Debian, c.Cache, c.arch())
		if err != nil {
			return err
		}
		if files.Path != "" {
			config.Env[0] = "PATH=" + files.Path + ":/usr/local/bin:/usr/bin:/bin"
		}
		bill.addPackages(files.Packages, c.arch())
		layers = append(layers, files.layer)
	}
	if s.Package != "" {
		layer, err := fileLayer(c.binary(s), entryPoint)
		if err != nil {
			return err
		}
		if err := bill.addBinary(c.binary(s), c.Version); err != nil {
			return err
		}
		text, err := notices(c.Root, c.binary(s))
		if err != nil {
			return err
		}
		licences, err := tree{noticesPath: {mode: 0o644, content: text}}.layer()
		if err != nil {
			return err
		}
		layers = append(layers, licences, layer)
		config.Entrypoint = []string{entryPoint}
	}
	if c.Reload != "" {
		layer, err := fileLayer(c.Reload, reloadPoint)
		if err != nil {
			return err
		}
		layers = append(layers, layer)
		config.Entrypoint = []string{"/bin/sh", reloadPoint}
	}
	if err := bill.write(filepath.Join(c.Out, "sbom", s.Name+".json")); err != nil {
		return err
	}
	return c.write(s, config, layers)
}

func licenses(s spec) string {
	if s.Licenses == "" {
		return "Apache-2.0"
	}
	return s.Licenses
}

// write puts the image into its archive, which appears whole or not at all.
// Its time of creation stays zero: it is the content that names an image.
func (c *buildCommand) write(s spec, config v1.Config, layers []v1.Layer) error {
	image, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{
		OS: "linux", Architecture: c.arch(), Config: config, RootFS: v1.RootFS{Type: "layers"},
	})
	if err != nil {
		return fmt.Errorf("configure image: %w", err)
	}
	if image, err = mutate.AppendLayers(image, layers...); err != nil {
		return fmt.Errorf("append layers: %w", err)
	}
	tag, err := name.NewTag(c.Repository + "/" + s.Name + ":" + c.Tag)
	if err != nil {
		return fmt.Errorf("name image: %w", err)
	}
	part := c.archive(s) + ".part"
	if err := tarball.WriteToFile(part, tag, image); err != nil {
		return fmt.Errorf("write archive: %w", err)
	}
	if err := os.Rename(part, c.archive(s)); err != nil {
		return fmt.Errorf("write archive: %w", err)
	}
	return nil
}
