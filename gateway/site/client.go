package site

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"douyin.dev/gateway/rest"
)

// The web client is a handful of built files (gen/web). The gateway serves them
// from memory; a path that is no file and that a browser asks for as a page is a
// page of the client, which routes it itself.

// pageFile is a file of the web client as it is sent.
type pageFile struct {
	contentType string
	etag        string
	// immutable files have a hash of their content in their name.
	immutable bool
	plain     []byte
	// gzip is nil where packing does not pay.
	gzip []byte
}

// webClient serves the web client.
type webClient struct {
	files  map[string]*pageFile
	index  *pageFile
	policy string
	// mediaSources is where pictures and videos come from, as a Content-Security-Policy names it.
	mediaSources string
	// beforeTitle and afterTitle are the index without its title and description.
	beforeTitle, afterTitle []byte
}

// newWebClient returns the web client out of files, which must hold index.html.
// Pictures and videos may come from publicURL besides the page's own origin.
func newWebClient(files fs.FS, publicURL string) (*webClient, error) {
	media := mediaSources(publicURL)
	p := &webClient{files: map[string]*pageFile{}, policy: contentPolicy(media), mediaSources: media}
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		body, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		p.files["/"+name], err = newPageFile(name, body)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("web client: %w", err)
	}
	p.index = p.files["/index.html"]
	if p.index == nil {
		return nil, fmt.Errorf("web client: there is no index.html")
	}
	title := ownTitle.FindIndex(p.index.plain)
	if title == nil {
		return nil, fmt.Errorf("web client: index.html has no title")
	}
	p.beforeTitle = ownDescription.ReplaceAll(p.index.plain[:title[0]], nil)
	p.afterTitle = ownDescription.ReplaceAll(p.index.plain[title[1]:], nil)
	return p, nil
}

// The parts of index.html in whose place a link's page says what the link shows.
var (
	ownTitle       = regexp.MustCompile(`<title>[^<]*</title>`)
	ownDescription = regexp.MustCompile(`\s*<meta name="description"[^>]*>`)
)

func newPageFile(name string, body []byte) (*pageFile, error) {
	sum := sha256.Sum256(body)
	f := &pageFile{
		contentType: mime.TypeByExtension(filepath.Ext(name)), etag: `"` + hex.EncodeToString(sum[:8]) + `"`,
		immutable: strings.HasPrefix(name, "assets/"), plain: body,
	}
	if strings.HasSuffix(name, ".webmanifest") {
		f.contentType = "application/manifest+json"
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write(body); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	if packed.Len() < len(body)*9/10 {
		f.gzip = packed.Bytes()
	}
	return f, nil
}

// mediaSources are the origins of pictures and videos.
func mediaSources(publicURL string) string {
	if u, err := url.Parse(publicURL); err == nil && u.Host != "" {
		return "'self' " + u.Scheme + "://" + u.Host
	}
	return "'self'"
}

// contentPolicy is the page's Content-Security-Policy: everything but media comes from its
// own origin, nothing is inline, and no other site may frame it.
func contentPolicy(media string) string {
	return strings.Join([]string{
		"default-src 'none'", "script-src 'self'", "style-src 'self'", "font-src 'self'", "manifest-src 'self'", "worker-src 'self'",
		"connect-src " + media, "img-src data: blob: " + media, "media-src blob: " + media, "base-uri 'none'", "form-action 'self'", "frame-ancestors 'none'",
	}, "; ")
}

// ServeHTTP answers what find finds.
func (p *webClient) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f := p.find(r)
	if f == nil {
		rest.AnswerNoPath(w)
		return
	}
	h := w.Header()
	h.Set("Content-Type", f.contentType)
	h.Set("ETag", f.etag)
	p.secure(h)
	h.Add("Vary", "Accept-Encoding")
	if f == p.index {
		h.Add("Vary", "Accept")
	}
	h.Set("Cache-Control", "no-cache") // may be kept, and is asked for again by its ETag
	if f.immutable {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	if strings.Contains(r.Header.Get("If-None-Match"), f.etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	body := f.plain
	if f.gzip != nil && rest.AcceptsGzip(r) {
		h.Set("Content-Encoding", "gzip")
		body = f.gzip
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method == http.MethodHead {
		return
	}
	_, _ = w.Write(body) // a client that left needs no answer
}

// secure sets what holds for every file of the web client.
func (p *webClient) secure(h http.Header) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Content-Security-Policy", p.policy)
}

// answer sends a page that was made for one link.
func (p *webClient) answer(w http.ResponseWriter, r *http.Request, status int, body []byte) {
	h := w.Header()
	h.Set("Content-Type", p.index.contentType)
	h.Set("Cache-Control", "no-cache")
	p.secure(h)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // a client that left needs no answer
	}
}

// find returns the file that answers a request; nil where the API is to answer.
func (p *webClient) find(r *http.Request) *pageFile {
	if r.Method != http.MethodGet && r.Method != http.MethodHead || strings.HasPrefix(r.URL.Path, "/douyin/") {
		return nil
	}
	if f, ok := p.files[r.URL.Path]; ok {
		return f
	}
	// A browser asks for a page with text/html first; API clients do not ask for it.
	if strings.HasPrefix(r.URL.Path, "/assets/") || !strings.Contains(r.Header.Get("Accept"), "text/html") || r.URL.Path == "/ping" ||
		r.URL.Path == "/openapi.json" || strings.HasPrefix(r.URL.Path, "/docs") {
		return nil
	}
	return p.index
}
