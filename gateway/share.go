package gateway

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"net/http"

	"douyin.dev/services/platform/auth"
)

// shareable is the call whose whole answer is the same for everybody who has
// no session: the feed, which is what most clients ask for first.
const shareable = "/douyin.api.v1.FeedService/GetFeed"

// shareKey is all that such an answer depends on.
type shareKey struct{ baseURL, latestTime string }

// written is an answer as it goes to clients. It is not changed any more.
type written struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *written) Header() http.Header         { return w.header }
func (w *written) WriteHeader(status int)      { w.status = status }
func (w *written) Write(p []byte) (int, error) { return w.body.Write(p) }

var errNoAnswer = errors.New("shared call gave no answer")

// shared answers anonymous readers of the same page together, down to the
// bytes: in front of it each request was admitted, traced and read by itself.
func shared(next http.Handler) http.Handler {
	turns := newSharing[shareKey, *written]()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, known := auth.ViewerFrom(r.Context())
		if known || procedureFrom(r.Context()) != shareable {
			next.ServeHTTP(w, r)
			return
		}
		key := shareKey{originFrom(r.Context()).baseURL, r.Form.Get("latest_time")}
		answer, err := turns.do(r.Context(), key, func(ctx context.Context) (*written, error) {
			out := &written{header: http.Header{}, status: http.StatusOK}
			next.ServeHTTP(out, r.WithContext(ctx))
			if out.body.Len() == 0 {
				return nil, errNoAnswer
			}
			return out, nil
		})
		if err != nil {
			answerError(w, r, err)
			return
		}
		maps.Copy(w.Header(), answer.header)
		w.WriteHeader(answer.status)
		_, _ = w.Write(answer.body.Bytes()) // a client that left needs no answer
	})
}
