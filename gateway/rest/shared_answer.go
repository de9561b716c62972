package rest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync"

	"github.com/klauspost/compress/gzhttp"
	"github.com/klauspost/compress/gzip"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"douyin.dev/gateway/rest/numjson"
	apiv1 "douyin.dev/gen/douyin/api/v1"
	"douyin.dev/services/platform/auth"
	"douyin.dev/services/platform/coalesce"
)

// The public feed is what most clients ask for first, and its answer is the
// same for everybody, but for the fields of a viewer: which videos they like and
// whose authors they follow. So the answer is made once for all who ask at the
// same time, down to the bytes, and a viewer's is that answer with their fields
// set in a copy.

// sharedProcedure is the call whose answer is shared.
const sharedProcedure = "/douyin.api.v1.FeedService/GetFeed"

// sharedKey is all that the answer depends on besides the viewer.
type sharedKey struct {
	base       Base
	latestTime string
}

// sharedAnswer is an answer as it goes to clients. Once it is made many callers
// share it and none changes it.
type sharedAnswer struct {
	header     http.Header
	httpStatus int
	statusCode int
	body       []byte
	// message is what the body says, and fields where in the body viewer fields stand;
	// nil when the call failed.
	message proto.Message
	fields  []viewerField

	// page is the answer with its viewer fields; nil when the call failed. It and gzip
	// are made for the first caller that needs them.
	page func() *sharedPage
	gzip func() []byte
}

func (a *sharedAnswer) Header() http.Header       { return a.header }
func (a *sharedAnswer) WriteHeader(status int)    { a.httpStatus = status }
func (a *sharedAnswer) recordStatusCode(code int) { a.statusCode = code }

func (a *sharedAnswer) Write(p []byte) (int, error) {
	a.body = append(a.body, p...)
	return len(p), nil
}

// marshal returns the body, and keeps where in it viewer fields stand.
func (a *sharedAnswer) marshal(encoder *numjson.Encoder) ([]byte, error) {
	if feed, ok := a.message.(*apiv1.GetFeedResponse); ok {
		a.fields = make([]viewerField, 0, 2*len(feed.GetVideoList())) // its author's and its own
	}
	return encoder.MarshalLocated(successHead, a.message, func(of protoreflect.Message, at int) {
		a.fields = append(a.fields, viewerFieldOf(of, at))
	})
}

var errNoAnswer = errors.New("shared call gave no answer")

// shareFeed answers callers of the same page together: in front of it each
// request was admitted, traced and read by itself.
func shareFeed(next Handler, viewerFields ViewerFields, log *slog.Logger) Handler {
	answers := coalesce.NewShare[sharedKey, *sharedAnswer](log)
	buffers := &sync.Pool{New: func() any { return new([]byte) }}
	return func(ctx context.Context, w http.ResponseWriter, r *http.Request) {
		c := CallFrom(ctx)
		if c.Procedure != sharedProcedure {
			next(ctx, w, r)
			return
		}
		key := sharedKey{c.Origin.Base, c.params.Get("latest_time")}
		answer, err := answers.Do(ctx, key, func(ctx context.Context) (*sharedAnswer, error) { return makeShared(ctx, next, r) })
		if err != nil {
			AnswerError(ctx, w, err)
			return
		}
		recordStatusCode(w, answer.statusCode)
		viewer, known := auth.ViewerFrom(ctx)
		if !known || answer.page == nil {
			answer.send(w)
			return
		}
		page := answer.page()
		liked, followed := viewerFields(ctx, viewer, slices.Clone(page.videos), slices.Clone(page.authors))
		buf := buffers.Get().(*[]byte)
		*buf = page.appendFor((*buf)[:0], liked, followed)
		if sendJSON(w, http.StatusOK, *buf) == nil {
			buffers.Put(buf)
		}
	}
}

// makeShared makes a call without a viewer and keeps its answer.
func makeShared(ctx context.Context, next Handler, r *http.Request) (*sharedAnswer, error) {
	c := *CallFrom(ctx)
	c.Token = ""
	out := &sharedAnswer{header: http.Header{}, httpStatus: http.StatusOK}
	c.shared = out
	next(WithCall(auth.Anonymous(ctx), &c), out, r)
	if len(out.body) == 0 {
		return nil, errNoAnswer
	}
	if out.message != nil {
		out.page = sync.OnceValue(func() *sharedPage { return newSharedPage(out.body, out.fields) })
	}
	out.gzip = sync.OnceValue(func() []byte { return gzipped(out.body) })
	return out, nil
}

// send sends the answer as it is.
func (a *sharedAnswer) send(to http.ResponseWriter) {
	h, body := to.Header(), a.body
	maps.Copy(h, a.header)
	if _, asked := to.(*gzhttp.GzipResponseWriter); asked && len(body) >= minCompressed {
		body = a.gzip() // compressed already, it passes the compressor as it is
		h["Content-Encoding"] = []string{"gzip"}
		h["Content-Length"] = []string{strconv.Itoa(len(body))}
	}
	to.WriteHeader(a.httpStatus)
	_, _ = to.Write(body) // a client that left needs no answer
}

// gzipWriters are compressors that are used again: one takes more than half a
// megabyte, and a lone caller's page is an answer of its own.
var gzipWriters = sync.Pool{New: func() any {
	z, _ := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed) // the level exists
	return z
}}

func gzipped(body []byte) []byte {
	var out bytes.Buffer
	z := gzipWriters.Get().(*gzip.Writer)
	z.Reset(&out)
	_, _ = z.Write(body) // a buffer takes everything
	_ = z.Close()
	z.Reset(io.Discard) // the pool must not hold the answer
	gzipWriters.Put(z)
	return out.Bytes()
}
