package rest

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// The dialect is everything that clients of the /douyin API may write
// differently, brought into the one shape the mux knows. Each habit is a
// function; this file is the order they are applied in.

// dialect is what stands in front of the calls.
type dialect struct {
	face *face
	now  func() time.Time
	next Handler
}

// of returns what answers a path.
func (d *dialect) of(p *path) Handler {
	return func(ctx context.Context, w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodOptions:
			answerOptions(w, p)
		case !methodFits(p, r.Method):
			answerWrongMethod(w, p)
		default:
			d.dispatch(ctx, w, r, p)
		}
	}
}

// dispatch finds the endpoint and its parameters and passes the call on. A
// refusal knows the answer's shape even when no endpoint was found.
func (d *dialect) dispatch(ctx context.Context, w http.ResponseWriter, r *http.Request, p *path) {
	c := CallFrom(ctx)
	c.callTo(p.emptyAnswer())
	g := gathering{known: p.names, lists: p.lists, found: c.room[:0]}
	err := g.gather(w, r, p)
	if err == nil {
		c.Token = tokenOf(g.found, r.Header)
		var chosen *endpoint
		if chosen, c.params, err = d.translate(p, g.found, r.Header); chosen != nil {
			c.callTo(chosen)
		}
	}
	if p.rawBody {
		c.fields = g
	}
	if err != nil {
		AnswerError(ctx, w, err)
		return
	}
	d.next(ctx, w, r)
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
func (g *gathering) gather(w http.ResponseWriter, r *http.Request, p *path) error {
	if err := g.urlencoded(r.URL.RawQuery); err != nil || p.rawBody {
		return err
	}
	return g.body(w, r)
}

// methodFits lets POST and HEAD in where GET is meant: some clients post lists.
func methodFits(p *path, method string) bool {
	return method == p.method || method == http.MethodPost || (method == http.MethodHead && p.method == http.MethodGet)
}

// tokenOf returns the token: as a parameter, or else from the headers.
func tokenOf(given params, h http.Header) string {
	if token := given.value(TokenParam); token != "" {
		return token
	}
	return HeaderToken(h)
}
