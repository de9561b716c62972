package gateway

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync"

	"github.com/klauspost/compress/gzhttp"
	"github.com/klauspost/compress/gzip"
	"google.golang.org/protobuf/proto"

	apiv1 "douyin.dev/gen/douyin/api/v1"
	"douyin.dev/services/platform/auth"
)

// The public feed is what most clients ask for first, and its answer is the
// same for everybody, but for the marks of a viewer: which videos they like and
// whose authors they follow. So the answer is made once for all who ask at the
// same time, down to the bytes, and a viewer's is that answer with their marks
// in it.

// shareable is the call whose answer is shared.
const shareable = "/douyin.api.v1.FeedService/GetFeed"

// shareKey is all that the answer depends on besides the viewer.
type shareKey struct {
	base       base
	latestTime string
}

// written is an answer as it goes to clients. Once its turn is over many
// readers share it and nobody changes it.
type written struct {
	header  http.Header
	status  int
	code    int
	body    []byte
	message proto.Message // what the body says; nil when the call failed

	// page is the answer with its marks found; nil when it shows no videos. It
	// and gzip are made for the first who needs them.
	page func() (*writtenPage, error)
	gzip func() []byte
}

func (w *written) Header() http.Header    { return w.header }
func (w *written) WriteHeader(status int) { w.status = status }
func (w *written) told(code int)          { w.code = code }

func (w *written) Write(p []byte) (int, error) {
	w.body = append(w.body, p...)
	return len(p), nil
}

var errNoAnswer = errors.New("shared call gave no answer")

// shared answers readers of the same page together: in front of it each
// request was admitted, traced and read by itself.
func (g *Gateway) shared(next Handler) Handler {
	turns := newSharing[shareKey, *written](g.Log)
	buffers := &sync.Pool{New: func() any { return new([]byte) }}
	return func(ctx context.Context, w http.ResponseWriter, r *http.Request) {
		c := callFrom(ctx)
		if c.endpoint.procedure != shareable {
			next(ctx, w, r)
			return
		}
		key := shareKey{c.origin.base, c.params.Get("latest_time")}
		answer, err := turns.do(ctx, key, func(ctx context.Context) (*written, error) { return write(ctx, next, r) })
		if err != nil {
			answerError(ctx, w, err)
			return
		}
		tell(w, answer.code)
		viewer, known := auth.ViewerFrom(ctx)
		if !known || answer.page == nil {
			answer.send(w)
			return
		}
		page, err := answer.page()
		if err != nil { // a page whose marks are not where they are looked for is made for its viewer alone
			g.Log.WarnContext(ctx, "shared page has no marks", "error", err)
			next(ctx, w, r)
			return
		}
		liked, followed := g.marks(ctx, viewer, slices.Clone(page.videos), slices.Clone(page.authors))
		buf := buffers.Get().(*[]byte)
		*buf = page.marked((*buf)[:0], liked, followed)
		if sendJSON(w, http.StatusOK, *buf) == nil {
			buffers.Put(buf)
		}
	}
}

// write makes a call as nobody and keeps its answer.
func write(ctx context.Context, next Handler, r *http.Request) (*written, error) {
	c := *callFrom(ctx)
	c.token = ""
	out := &written{header: http.Header{}, status: http.StatusOK}
	next(withCall(auth.Anonymous(ctx), &c), out, r)
	if len(out.body) == 0 {
		return nil, errNoAnswer
	}
	if feed, ok := out.message.(*apiv1.GetFeedResponse); ok {
		out.page = sync.OnceValues(func() (*writtenPage, error) { return newWrittenPage(out.body, feed.GetVideoList()) })
	}
	out.gzip = sync.OnceValue(func() []byte { return compressed(out.body) })
	return out, nil
}

// send sends the answer as it is.
func (w *written) send(to http.ResponseWriter) {
	h, body := to.Header(), w.body
	maps.Copy(h, w.header)
	if _, asked := to.(*gzhttp.GzipResponseWriter); asked && len(body) >= minCompressed {
		body = w.gzip() // packed already, it passes the compressor as it is
		h["Content-Encoding"] = []string{"gzip"}
		h["Content-Length"] = []string{strconv.Itoa(len(body))}
	}
	to.WriteHeader(w.status)
	_, _ = to.Write(body) // a client that left needs no answer
}

// packers are compressors that are used again: one takes more than half a
// megabyte, and a lone reader's page has a turn of its own.
var packers = sync.Pool{New: func() any {
	z, _ := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed) // the level exists
	return z
}}

func compressed(body []byte) []byte {
	var out bytes.Buffer
	z := packers.Get().(*gzip.Writer)
	z.Reset(&out)
	_, _ = z.Write(body) // a buffer takes everything
	_ = z.Close()
	z.Reset(io.Discard) // the pool must not hold the answer
	packers.Put(z)
	return out.Bytes()
}
