package rest

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"

	"google.golang.org/protobuf/proto"

	"douyin.dev/gateway/rest/numjson"
	"douyin.dev/services/platform/fault"
)

// The refusals of a call before anything was done for it.
var (
	// ErrOverloaded is for a call beyond what all clients together may have under way.
	ErrOverloaded = fault.Unavailable(errors.New("too many calls under way"))
	// ErrTooManyCalls is for a call beyond what its client may have under way.
	ErrTooManyCalls = fault.TooMany(1).Because(errors.New("too many calls of a client under way"))
)

const (
	jsonType    = "application/json"
	successHead = `"status_code":0,"status_msg":"success"`
)

// writeJSON sends a whole answer. A client that left needs none.
func writeJSON(w http.ResponseWriter, httpStatus int, body []byte) {
	_ = sendJSON(w, httpStatus, body)
}

// sendJSON is writeJSON for callers that would use the body's memory again: after
// an error the connection may still be reading it.
func sendJSON(w http.ResponseWriter, httpStatus int, body []byte) error {
	h := w.Header()
	h["Content-Type"] = jsonTypes
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(httpStatus)
	_, err := w.Write(body)
	return err
}

// writeStatus sends what is not a success: the envelope, and the keys of the
// endpoint's answer.
func writeStatus(w http.ResponseWriter, httpStatus int, s status, e *endpoint) {
	recordStatusCode(w, s.code)
	writeJSON(w, httpStatus, envelope(s, e))
}

// AnswerMessage answers a call with its message in the envelope. The context
// must come from the dialect.
func AnswerMessage(ctx context.Context, w http.ResponseWriter, m proto.Message) {
	body, err := CallFrom(ctx).face.encoder.Marshal(successHead, m)
	if err != nil {
		AnswerError(ctx, w, err)
		return
	}
	recordStatusCode(w, statusOK)
	writeJSON(w, http.StatusOK, body)
}

// MarshalMessage returns m as JSON, as answers hold it. The context must come from
// the dialect, and m be of a type that an answer contains.
func MarshalMessage(ctx context.Context, m proto.Message) ([]byte, error) {
	return CallFrom(ctx).face.encoder.Marshal("", m)
}

// AnswerError answers a call that failed: HTTP 200, the envelope, and the keys
// of the path's answer with their zero values. The cause goes to the log.
// ErrOverloaded is answered as AnswerOverload does.
func AnswerError(ctx context.Context, w http.ResponseWriter, err error) {
	if errors.Is(err, ErrOverloaded) {
		AnswerOverload(ctx, w)
		return
	}
	c := CallFrom(ctx)
	s := statusOf(err)
	if c.face != nil {
		c.face.logFailure(ctx, s, err)
	}
	if s.retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(s.retryAfter))
	}
	writeStatus(w, http.StatusOK, s, c.endpoint)
}

// HTTPStatus is the status of an answer outside of the dialect to a call that failed.
func HTTPStatus(err error) int { return statusOf(err).http }

// AnswerText answers a call outside of the dialect that failed: with an HTTP status
// and what AnswerError says, as plain text.
func AnswerText(w http.ResponseWriter, err error) {
	s := statusOf(err)
	if s.retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(s.retryAfter))
	}
	http.Error(w, s.message, s.http)
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
func (f *face) logFailure(ctx context.Context, s status, err error) {
	level := slog.LevelError
	switch {
	case s.code < statusInternal:
		return
	case errors.Is(err, context.Canceled), left(ctx):
		level = slog.LevelDebug // the client left
	case s.code == statusUnavailable, s.code == statusOutcomeUnknown:
		level = slog.LevelWarn
	}
	f.logger.LogAttrs(ctx, level, "call failed",
		slog.String("procedure", CallFrom(ctx).Procedure), slog.Int("status_code", s.code), slog.Any("error", err))
}

// AnswerNoPath answers a path that does not exist.
func AnswerNoPath(w http.ResponseWriter) {
	writeStatus(w, http.StatusNotFound, status{code: statusNoPath, message: "no such path"}, nil)
}

// answerWrongMethod answers a method the path does not have.
func answerWrongMethod(w http.ResponseWriter, p *path) {
	w.Header().Set("Allow", p.allowed())
	writeStatus(w, http.StatusMethodNotAllowed, status{code: statusNoPath, message: "no such method on this path"}, nil)
}

// answerOptions answers OPTIONS outside of CORS.
func answerOptions(w http.ResponseWriter, p *path) {
	w.Header().Set("Allow", p.allowed())
	w.WriteHeader(http.StatusNoContent)
}

// AnswerOverload sheds a request before anything was done for it. It is the
// one answer of the API that is HTTP 503, so that proxies see it too. Outside of
// the dialect it has no further keys.
func AnswerOverload(ctx context.Context, w http.ResponseWriter) {
	w.Header().Set("Retry-After", "1")
	writeStatus(w, http.StatusServiceUnavailable, status{code: statusUnavailable, message: "overloaded, try again"}, CallFrom(ctx).endpoint)
}
