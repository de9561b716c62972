package rest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	interactionv1 "douyin.dev/gen/douyin/interaction/v1"
	messagev1 "douyin.dev/gen/douyin/message/v1"
	relationv1 "douyin.dev/gen/douyin/relation/v1"
	userv1 "douyin.dev/gen/douyin/user/v1"
	videov1 "douyin.dev/gen/douyin/video/v1"
	"douyin.dev/services/platform/fault"
)

func TestStatusCodes(t *testing.T) {
	t.Parallel()
	coded := func(c connect.Code, r fault.Reason) error { return fault.New(c, "said").For(r) }
	for _, tt := range []struct {
		err  error
		want status
	}{
		{coded(connect.CodeAlreadyExists, userv1.ErrorReason_ERROR_REASON_USERNAME_TAKEN), status{10001, "said", 0, 400}},
		{coded(connect.CodeUnauthenticated, userv1.ErrorReason_ERROR_REASON_WRONG_CREDENTIALS), status{10002, "said", 0, 401}},
		{coded(connect.CodeNotFound, userv1.ErrorReason_ERROR_REASON_USER_NOT_FOUND), status{10013, "said", 0, 404}},
		{coded(connect.CodeNotFound, relationv1.ErrorReason_ERROR_REASON_USER_NOT_FOUND), status{10013, "said", 0, 404}},
		{coded(connect.CodeNotFound, messagev1.ErrorReason_ERROR_REASON_USER_NOT_FOUND), status{10013, "said", 0, 404}},
		{coded(connect.CodeResourceExhausted, videov1.ErrorReason_ERROR_REASON_FILE_TOO_LARGE), status{10014, "said", 0, 429}},
		{coded(connect.CodeInvalidArgument, videov1.ErrorReason_ERROR_REASON_NOT_PLAYABLE), status{10015, "said", 0, 400}},
		{coded(connect.CodeNotFound, videov1.ErrorReason_ERROR_REASON_VIDEO_NOT_FOUND), status{10016, "said", 0, 404}},
		{coded(connect.CodeNotFound, interactionv1.ErrorReason_ERROR_REASON_VIDEO_NOT_FOUND), status{10016, "said", 0, 404}},
		{coded(connect.CodeNotFound, interactionv1.ErrorReason_ERROR_REASON_COMMENT_NOT_FOUND), status{10017, "said", 0, 404}},
		{coded(connect.CodeInvalidArgument, relationv1.ErrorReason_ERROR_REASON_SELF_FOLLOW), status{10018, "said", 0, 400}},
		{coded(connect.CodeInvalidArgument, messagev1.ErrorReason_ERROR_REASON_SELF_MESSAGE), status{10018, "said", 0, 400}},
		{fault.LoginRequired(), status{10004, "login needed", 0, 401}},
		{fault.Forbidden("not yours"), status{10005, "not yours", 0, 403}},
		{fault.TooMany(7), status{10009, tellTooMany, 7, 429}},
		{fault.New(connect.CodeResourceExhausted, "message of 10.0.0.3 is too large"), status{10009, tellTooMany, 1, 429}},
		{fault.Invalid("content", "must have 1 to 1000 characters"), status{40002, "content must have 1 to 1000 characters", 0, 400}},
		{fault.NotFound("no such thing"), status{40002, "no such thing", 0, 404}},
		{fault.New(connect.CodeFailedPrecondition, ""), status{40002, "failed_precondition", 0, 400}},
		{fault.Unavailable(errors.New("dial 10.0.0.3")), status{50002, tellUnavailable, 0, 503}},
		{connect.NewError(connect.CodeUnavailable, errors.New("dial 10.0.0.3")), status{50002, tellUnavailable, 0, 503}},
		{connect.NewError(connect.CodeInternal, errors.New("nil pointer in store.go")), status{50001, tellInternal, 0, 500}},
		{connect.NewError(connect.CodeUnimplemented, errors.New("404 page not found")), status{50001, tellInternal, 0, 500}},
		{fmt.Errorf("like: %w", fault.LoginRequired()), status{10004, "login needed", 0, 401}},
		{fmt.Errorf("like: %w", context.DeadlineExceeded), status{50002, tellUnavailable, 0, 503}},
		{errors.New("SELECT broke"), status{50001, tellInternal, 0, 500}},
		{fmt.Errorf("like: %w", fault.OutcomeUnknown(errors.New("COMMIT at 10.0.0.3"))), status{50003, "the outcome is not known, repeat with the same Idempotency-Key", 0, 500}},
		{fault.OutcomeUnknown(context.DeadlineExceeded), status{50003, "the outcome is not known, repeat with the same Idempotency-Key", 0, 500}},
		{fault.Unavailable(fault.OutcomeUnknown(errors.New("of another call"))), status{50002, tellUnavailable, 0, 503}},
	} {
		if got := statusOf(tt.err); got != tt.want {
			t.Errorf("%v is told as %+v, want %+v", tt.err, got, tt.want)
		}
		// What a service answers over the wire means the same as in process.
		if f := (*fault.Error)(nil); errors.As(tt.err, &f) {
			if got := statusOf(fault.ToWire(tt.err)); got.code != tt.want.code || got.retryAfter != tt.want.retryAfter {
				t.Errorf("%v is told over the wire as %+v, want %+v", tt.err, got, tt.want)
			}
		}
	}
}

// reason is a value of any ErrorReason enum.
type reason struct {
	protoreflect.Enum
	name string
}

func (r reason) String() string { return r.name }

// TestEveryReasonHasAStatus fails when an owner adds a reason that clients
// would not be told about.
func TestEveryReasonHasAStatus(t *testing.T) {
	t.Parallel()
	seen := 0
	protoregistry.GlobalFiles.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		for i := range file.Enums().Len() {
			enum := file.Enums().Get(i)
			if enum.Name() != "ErrorReason" || !strings.HasPrefix(string(enum.FullName()), "douyin.") {
				continue
			}
			for j := range enum.Values().Len() {
				value := enum.Values().Get(j)
				if value.Number() == 0 {
					continue
				}
				seen++
				r := reason{dynamicpb.NewEnumType(enum).New(value.Number()), string(value.Name())}
				if _, ok := statusOfReason(fault.New(connect.CodeUnknown, "").For(r)); !ok {
					t.Errorf("%s has no status_code", value.FullName())
				}
			}
		}
		return true
	})
	if seen < 12 {
		t.Errorf("found %d reasons, the test looks in the wrong place", seen)
	}
}

func TestTooManyRequestsSaysWhenToRetry(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.fail = fault.TooMany(7)
	got := b.get("/douyin/feed/")
	b.refused(got, "10009", "too many")
	if got.Header.Get("Retry-After") != "7" {
		t.Errorf("Retry-After %q", got.Header.Get("Retry-After"))
	}
}

func TestTheCauseGoesToTheLogOnly(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, err := range []error{fault.Unavailable(errors.New("canary")), errors.New("canary")} {
		b.fail = err
		b.log.Reset()
		got := b.get("/douyin/user/?token=canary-token")
		if strings.Contains(string(got.Text), "canary") || !strings.HasSuffix(string(got.Text), `,"user":null}`) {
			t.Errorf("answered %s", got.Text)
		}
		if log := b.log.String(); !strings.Contains(log, "canary") || !strings.Contains(log, "/douyin.api.v1.UserService/GetUser") || strings.Contains(log, "canary-token") {
			t.Errorf("logged %q", log)
		}
	}
}

func TestWhatAClientDidWrongIsNotLogged(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.fail = fault.NotFound("no such user")
	b.get("/douyin/user/")
	b.get("/douyin/user/?user_id=x")
	if b.log.Len() > 0 {
		t.Errorf("logged %q", b.log)
	}
}

func TestAPanicIsAnInternalErrorInShape(t *testing.T) {
	t.Parallel()
	b := setup(t)
	got := b.get("/douyin/user/?user_id=666")
	b.refused(got, "50001", "internal error")
	if !strings.HasSuffix(string(got.Text), `,"user":null}`) || !strings.Contains(b.log.String(), "a bug") {
		t.Errorf("answered %s, logged %q", got.Text, b.log)
	}
}

func TestOverloadIs503(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	AnswerOverload(t.Context(), w)
	var v map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
		t.Fatal(err)
	}
	if w.Code != http.StatusServiceUnavailable || v["status_code"] != 50002.0 || w.Header().Get("Retry-After") != "1" || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("HTTP %d %s %v", w.Code, w.Body, w.Header())
	}
}

func TestOutsideOfTheDialectTheStatusIsOfHTTP(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		err         error
		status      int
		text, retry string
	}{
		{fault.NotFound("no such video"), http.StatusNotFound, "no such video\n", ""},
		{fault.TooMany(7), http.StatusTooManyRequests, tellTooMany + "\n", "7"},
		{errors.New("SELECT broke"), http.StatusInternalServerError, tellInternal + "\n", ""},
	} {
		w := httptest.NewRecorder()
		AnswerText(w, tt.err)
		if w.Code != tt.status || w.Body.String() != tt.text || w.Header().Get("Retry-After") != tt.retry || HTTPStatus(tt.err) != tt.status {
			t.Errorf("%v: HTTP %d %q %v", tt.err, w.Code, w.Body, w.Header())
		}
	}
}

func TestAnUnknownOutcomeIsAnsweredAs50003(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.fail = fault.OutcomeUnknown(errors.New("canary"))
	got := b.post("/douyin/favorite/action/?action_type=1&video_id=1", "", "")
	b.refused(got, "50003", "repeat with the same Idempotency-Key")
	if strings.Contains(string(got.Text), "canary") {
		t.Errorf("answered %s", got.Text)
	}
}
