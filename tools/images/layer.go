package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/pem"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// nobody is the user and the group of every image.
const nobody = 65532

// tree is the content of a layer by absolute path. Directories on the way are
// made by themselves.
type tree map[string]entry

type entry struct {
	mode    int64  // permissions
	content []byte // of a file
	link    string // target of a symbolic link
	dir     bool
}

// writeTo writes the tree as a tar whose bytes depend on nothing else: sorted,
// owned by root, without times.
func (t tree) writeTo(w io.Writer) error {
	all := maps.Clone(t)
	for p := range t {
		for dir := path.Dir(p); dir != "/"; dir = path.Dir(dir) {
			if _, known := all[dir]; !known {
				all[dir] = entry{mode: 0o755, dir: true}
			}
		}
	}
	out := tar.NewWriter(w)
	for _, p := range slices.Sorted(maps.Keys(all)) {
		e := all[p]
		h := &tar.Header{Name: p[1:], Mode: e.mode, Format: tar.FormatPAX}
		switch {
		case e.dir:
			h.Typeflag, h.Name = tar.TypeDir, h.Name+"/"
		case e.link != "":
			h.Typeflag, h.Linkname, h.Mode = tar.TypeSymlink, e.link, 0o777
		default:
			h.Typeflag, h.Size = tar.TypeReg, int64(len(e.content))
		}
		if err := out.WriteHeader(h); err != nil {
			return fmt.Errorf("write %s: %w", p, err)
		}
		if _, err := out.Write(e.content); err != nil {
			return fmt.Errorf("write %s: %w", p, err)
		}
	}
	return out.Close()
}

// layer compresses the tree.
func (t tree) layer() (v1.Layer, error) {
	var b bytes.Buffer
	if err := t.writeTo(&b); err != nil {
		return nil, err
	}
	return layerOf(b.Bytes())
}

func layerOf(content []byte) (v1.Layer, error) {
	layer, err := tarball.LayerFromOpener(
		func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil },
		tarball.WithCompressionLevel(gzip.DefaultCompression), tarball.WithCompressedCaching,
	)
	if err != nil {
		return nil, fmt.Errorf("make layer: %w", err)
	}
	return layer, nil
}

// baseLayer is what a bare image lacks: a user with a name, the certificates of
// public authorities, a directory for temporary files.
func baseLayer() (v1.Layer, error) {
	roots, err := certificates()
	if err != nil {
		return nil, err
	}
	return tree{
		"/etc/passwd":                        file("root:x:0:0:root:/:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/tmp:/sbin/nologin\n"),
		"/etc/group":                         file("root:x:0:\nnonroot:x:65532:\n"),
		"/etc/ssl/certs/ca-certificates.crt": {mode: 0o644, content: roots},
		"/tmp":                               {mode: 0o1777, dir: true},
	}.layer()
}

func file(content string) entry { return entry{mode: 0o644, content: []byte(content)} }

// certificates returns Mozilla's list as the Go project keeps it. Those that
// are trusted only in part are left out: a file cannot say so.
func certificates() ([]byte, error) {
	var b bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint != nil {
			continue
		}
		if err := pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}); err != nil {
			return nil, fmt.Errorf("encode certificate: %w", err)
		}
	}
	return b.Bytes(), nil
}

// fileLayer is a program of this machine under another name.
func fileLayer(from, to string) (v1.Layer, error) {
	content, err := os.ReadFile(from)
	if err != nil {
		return nil, fmt.Errorf("read program: %w", err)
	}
	return tree{to: {mode: 0o755, content: content}}.layer()
}
