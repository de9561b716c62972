package gateway

import (
	"net/http"
	"net/url"
	"strings"
	"time"
)

// The dialect is everything that clients of the /douyin API may write
// differently, brought into the one shape the mux knows. Each habit is a
// function; this file is the order they are applied in.

// dialect is the handler in front of the mux.
type dialect struct {
	face *face
	now  func() time.Time
	next http.Handler
}

func (d *dialect) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p, ok := d.face.paths[trimSlash(r.URL.Path)]
	if !ok {
		answerNoPath(w)
		return
	}
	if r.Method == http.MethodOptions {
		answerOptions(w, p)
		return
	}
	if !methodFits(p, r.Method) {
		answerWrongMethod(w, p)
		return
	}
	d.dispatch(w, r, p)
}

// dispatch finds the endpoint and its parameters and passes on a request in
// the mux's shape. A refusal knows the answer's shape even when no endpoint
// was found.
func (d *dialect) dispatch(w http.ResponseWriter, r *http.Request, p *path) {
	c := call{face: d.face, endpoint: p.shape()}
	given, err := gather(w, r, p)
	if err != nil {
		answerError(w, r.WithContext(withCall(r.Context(), c)), err)
		return
	}
	c.token = tokenOf(given, r.Header)
	target, values, err := d.translate(p, given, r.Header)
	if target != nil {
		c.endpoint = target
	}
	ctx := withCall(r.Context(), c)
	if err != nil {
		answerError(w, r.WithContext(ctx), err)
		return
	}
	out := r.WithContext(ctx)
	out.URL = &url.URL{Path: target.target, RawQuery: withoutToken(r.URL.RawQuery)}
	out.RequestURI = ""
	if !p.rawBody {
		out.Form, out.PostForm = values, url.Values{}
		out.Method, out.Body, out.ContentLength = p.method, http.NoBody, 0
	}
	d.next.ServeHTTP(w, out)
}

// translate chooses the endpoint and writes its parameters canonically.
func (d *dialect) translate(p *path, given params, h http.Header) (*endpoint, url.Values, error) {
	e, err := p.chooseEndpoint(given)
	if err != nil || p.rawBody {
		return e, nil, err
	}
	values, err := e.canonicalize(withIdempotencyKey(given, h), d.now())
	return e, values, err
}

// gather collects the parameters from the query and then the body; of several
// values the first non-empty one wins.
func gather(w http.ResponseWriter, r *http.Request, p *path) (params, error) {
	g := gathering{known: p.names, found: make(params, 0, 8)}
	if err := g.urlencoded(r.URL.RawQuery); err != nil {
		return nil, err
	}
	if p.rawBody {
		return g.found, nil
	}
	err := g.body(w, r)
	return g.found, err
}

// trimSlash makes a path work with and without its trailing slash.
func trimSlash(path string) string {
	if len(path) > 1 {
		return strings.TrimSuffix(path, "/")
	}
	return path
}

// methodFits lets POST in where GET is meant: some clients post lists.
func methodFits(p *path, method string) bool {
	return method == p.method || method == http.MethodPost
}

// tokenOf returns the token: as a parameter, or else from the headers.
func tokenOf(given params, h http.Header) string {
	if token := given.value(tokenParam); token != "" {
		return token
	}
	return headerToken(h)
}

const idempotencyParam = "idempotency_key"

// withIdempotencyKey takes the key from its header when no parameter has it.
func withIdempotencyKey(given params, h http.Header) params {
	key := h.Get("Idempotency-Key")
	if key == "" || given.value(idempotencyParam) != "" {
		return given
	}
	for i := range given {
		if given[i].name == idempotencyParam {
			given[i].value = key
			return given
		}
	}
	return append(given, pair{idempotencyParam, key})
}
