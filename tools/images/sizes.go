package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// sizesCommand is "sizes".
type sizesCommand struct {
	Out  string `default:"dist" type:"path" help:"Directory of the images."`
	Page string `type:"path" help:"Write the table into this page, between its marks, in place of printing it."`
}

// The table stands between these lines of a page.
const (
	beginMark = "<!-- sizes -->"
	endMark   = "<!-- /sizes -->"
)

// Run measures every archive there is.
func (c *sizesCommand) Run() error {
	archives, err := filepath.Glob(filepath.Join(c.Out, "images", "*.tar"))
	if err != nil {
		return fmt.Errorf("look for images: %w", err)
	}
	if len(archives) == 0 {
		return errors.New("there are no images; build them first")
	}
	slices.Sort(archives)
	var b strings.Builder
	b.WriteString("| image | compressed MB | unpacked MB | layers |\n|---|---|---|---|\n")
	for _, file := range archives {
		s, err := measure(file)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		fmt.Fprintf(&b, "| %s | %.1f | %.1f | %d |\n", strings.TrimSuffix(filepath.Base(file), ".tar"), megabytes(s.compressed), megabytes(s.unpacked), s.layers)
	}
	if c.Page == "" {
		_, err := os.Stdout.WriteString(b.String())
		return err
	}
	return replaceTable(c.Page, b.String())
}

func megabytes(bytes int64) float64 { return float64(bytes) / 1e6 }

type size struct {
	compressed, unpacked int64
	layers               int
}

func measure(file string) (s size, err error) {
	image, err := tarball.ImageFromPath(file, nil)
	if err != nil {
		return s, err
	}
	layers, err := image.Layers()
	if err != nil {
		return s, err
	}
	for _, l := range layers {
		compressed, err := l.Size()
		if err != nil {
			return s, err
		}
		content, err := l.Uncompressed()
		if err != nil {
			return s, err
		}
		unpacked, err := io.Copy(io.Discard, content)
		if err := errors.Join(err, content.Close()); err != nil {
			return s, err
		}
		s.compressed, s.unpacked, s.layers = s.compressed+compressed, s.unpacked+unpacked, s.layers+1
	}
	return s, nil
}

// replaceTable puts a table between the marks of a page.
func replaceTable(page, table string) error {
	old, err := os.ReadFile(page)
	if err != nil {
		return fmt.Errorf("read page: %w", err)
	}
	before, rest, ok := strings.Cut(string(old), beginMark)
	_, after, ok2 := strings.Cut(rest, endMark)
	if !ok || !ok2 {
		return fmt.Errorf("%s lacks the lines %s and %s", page, beginMark, endMark)
	}
	text := before + beginMark + "\n" + table + endMark + after
	if err := os.WriteFile(page, []byte(text), 0o644); err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	return nil
}
