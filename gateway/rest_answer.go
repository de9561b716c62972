package gateway

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"

	"google.golang.org/protobuf/proto"

	"douyin.dev/gateway/numjson"
)

const (
	jsonType    = "application/json"
	successHead = `"status_code":0,"status_msg":"success"`
)

// writeJSON sends a whole answer.
func writeJSON(w http.ResponseWriter, httpStatus int, body []byte) {
	h := w.Header()
	h.Set("Content-Type", jsonType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(httpStatus)
	_, _ = w.Write(body) // a client that left needs no answer
}

// answerMessage answers a call with its message in the envelope. The request's
// context must come from the dialect.
func answerMessage(w http.ResponseWriter, r *http.Request, m proto.Message) {
	body, err := callFrom(r.Context()).face.encoder.Marshal(successHead, m)
	if err != nil {
		answerError(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, body)
}

// answerError answers a call that failed: HTTP 200, the envelope, and the keys
// of the path's answer with their zero values. The cause goes to the log.
func answerError(w http.ResponseWriter, r *http.Request, err error) {
	c := callFrom(r.Context())
	s := statusOf(err)
	if c.face != nil {
		c.face.logFailure(r.Context(), c, s, err)
	}
	if s.retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(s.retryAfter))
	}
	writeJSON(w, http.StatusOK, envelope(s, c.endpoint))
}

// envelope is the body of a failed answer. Without an endpoint it has no
// further keys.
func envelope(s status, e *endpoint) []byte {
	body := make([]byte, 0, 160)
	body = append(body, `{"status_code":`...)
	body = strconv.AppendInt(body, int64(s.code), 10)
	body = append(body, `,"status_msg":`...)
	body = numjson.AppendString(body, s.message)
	if e == nil {
		return append(body, '}')
	}
	return append(body, e.zeros...)
}

// logFailure logs what is not the client's doing. What a client did wrong is
// in its answer, and would only let it fill the log.
func (f *face) logFailure(ctx context.Context, c call, s status, err error) {
	level := slog.LevelError
	switch {
	case s.code < statusInternal:
		return
	case errors.Is(err, context.Canceled):
		level = slog.LevelDebug // the client left
	case s.code == statusUnavailable:
		level = slog.LevelWarn
	}
	f.logger.LogAttrs(ctx, level, "call failed",
		slog.String("procedure", procedureFrom(ctx)), slog.Int("status_code", s.code), slog.Any("error", err))
}

// answerNoPath answers a path that does not exist.
func answerNoPath(w http.ResponseWriter) {
	writeJSON(w, http.StatusNotFound, envelope(status{code: statusNoPath, message: "no such path"}, nil))
}

// answerWrongMethod answers a method the path does not have.
func answerWrongMethod(w http.ResponseWriter, p *path) {
	w.Header().Set("Allow", p.allowed())
	writeJSON(w, http.StatusMethodNotAllowed, envelope(status{code: statusNoPath, message: "no such method on this path"}, nil))
}

// answerOptions answers OPTIONS outside of CORS.
func answerOptions(w http.ResponseWriter, p *path) {
	w.Header().Set("Allow", p.allowed())
	w.WriteHeader(http.StatusNoContent)
}

// answerOverload sheds a request before anything was done for it. It is the
// one answer of the API that is HTTP 503, so that proxies see it too.
func answerOverload(w http.ResponseWriter) {
	w.Header().Set("Retry-After", "1")
	writeJSON(w, http.StatusServiceUnavailable, envelope(status{code: statusUnavailable, message: "overloaded, try again"}, nil))
}
