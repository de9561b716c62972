package main

import (
	"cmp"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
)

// bill is a CycloneDX 1.6 bill of materials: what an image is made of. It
// carries no time, so that it is the same whenever it is made.
type bill struct {
	Format     string      `json:"bomFormat"`
	Spec       string      `json:"specVersion"`
	Serial     string      `json:"serialNumber"`
	Version    int         `json:"version"`
	Metadata   metadata    `json:"metadata"`
	Components []component `json:"components"`
}

type metadata struct {
	Component component `json:"component"`
}

type component struct {
	Type    string `json:"type"`
	Ref     string `json:"bom-ref"`
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
	PURL    string `json:"purl,omitempty"`
	Hashes  []hash `json:"hashes,omitempty"`
}

type hash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

func newBill(image, tag string) *bill {
	return &bill{
		Format: "CycloneDX", Spec: "1.6", Version: 1,
		Metadata:   metadata{component{Type: "container", Ref: image, Name: image, Version: tag}},
		Components: []component{},
	}
}

// addBinary adds a Go binary, its modules and the standard library.
func (b *bill) addBinary(file, version string) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read binary: %w", err)
	}
	info, err := buildinfo.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read build information: %w", err)
	}
	b.Components = append(b.Components, component{
		Type: "application", Ref: info.Path, Name: info.Path, Version: version,
		Hashes: []hash{{"SHA-256", fmt.Sprintf("%x", sha256.Sum256(content))}},
	})
	b.add("library", "std", strings.TrimPrefix(info.GoVersion, "go"), "pkg:golang/std")
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		v := m.Version
		if v == "(devel)" || v == "" {
			v = version // a module of this tree
		}
		b.add("library", m.Path, v, "pkg:golang/"+m.Path)
	}
	return nil
}

// addPackages adds Debian packages.
func (b *bill) addPackages(packages []pkg, arch string) {
	for _, p := range packages {
		b.add("library", p.Name, p.Version, "pkg:deb/debian/"+p.Name)
		last := &b.Components[len(b.Components)-1]
		last.PURL += "?arch=" + arch
		last.Ref = last.PURL
	}
}

func (b *bill) add(kind, name, version, purl string) {
	purl += "@" + url.PathEscape(version)
	b.Components = append(b.Components, component{Type: kind, Ref: purl, Name: name, Version: version, PURL: purl})
}

// write sorts the bill, names it after its content, and writes it.
func (b *bill) write(to string) error {
	slices.SortFunc(b.Components, func(x, y component) int {
		return cmp.Or(cmp.Compare(x.Type, y.Type), cmp.Compare(x.Ref, y.Ref))
	})
	plain, err := json.Marshal(b)
	if err != nil {
		return fmt.Errorf("encode bill of materials: %w", err)
	}
	sum := sha256.Sum256(plain)
	sum[6], sum[8] = sum[6]&0x0f|0x80, sum[8]&0x3f|0x80 // a UUID of the kind that says "made from content"
	b.Serial = fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
	out, err := json.MarshalIndent(b, "", "  ")
	if err != nil {
		return fmt.Errorf("encode bill of materials: %w", err)
	}
	if err := os.WriteFile(to, append(out, '\n'), 0o644); err != nil {
		return fmt.Errorf("write bill of materials: %w", err)
	}
	return nil
}
