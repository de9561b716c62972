package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// kept is a selection in the cache: a layer, and what it was made of. Its name
// is made of what was asked for and of the versions of all packages.
type kept string

func keptAt(cache string, d debian, packages []pkg) kept {
	sum := sha256.Sum256(fmt.Appendf(nil, "%+v %+v %q", d, packages, applets))
	return kept(filepath.Join(cache, "layers", fmt.Sprintf("%x", sum[:12])))
}

// load returns the selection, or an error that is os.ErrNotExist.
func (k kept) load() (*selection, error) {
	b, err := os.ReadFile(string(k) + ".json")
	if err != nil {
		return nil, fmt.Errorf("read cache: %w", err)
	}
	var s selection
	if err := json.Unmarshal(b, &s); err != nil {
		return nil, fmt.Errorf("read cache: %w", err)
	}
	s.layer, err = tarball.LayerFromFile(string(k) + ".tar.gz")
	if err != nil {
		return nil, fmt.Errorf("read cache: %w", err)
	}
	return &s, nil
}

// store writes the layer and then its description, by which it is found.
func (k kept) store(s *selection, content tree) error {
	if err := os.MkdirAll(filepath.Dir(string(k)), 0o755); err != nil {
		return fmt.Errorf("make cache: %w", err)
	}
	var packed bytes.Buffer
	z, err := gzip.NewWriterLevel(&packed, gzip.DefaultCompression)
	if err != nil {
		return fmt.Errorf("compress layer: %w", err)
	}
	if err := content.writeTo(z); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("compress layer: %w", err)
	}
	description, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("describe layer: %w", err)
	}
	for _, file := range []struct {
		end     string
		content []byte
	}{{".tar.gz", packed.Bytes()}, {".json", description}} {
		if err := os.WriteFile(string(k)+".part", file.content, 0o644); err != nil {
			return fmt.Errorf("write cache: %w", err)
		}
		if err := os.Rename(string(k)+".part", string(k)+file.end); err != nil {
			return fmt.Errorf("write cache: %w", err)
		}
	}
	s.layer, err = tarball.LayerFromFile(string(k) + ".tar.gz")
	if err != nil {
		return fmt.Errorf("read cache: %w", err)
	}
	return nil
}
