// Package fault is the error an RPC answers: a code, a message safe for
// clients, and optionally an enumerated reason and the fields at fault. What
// caused it stays in the process: it is logged, never sent.
package fault

import (
	"errors"
	"fmt"
	"strings"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Reason is a value of an owner's ErrorReason enum.
type Reason interface {
	protoreflect.Enum
	String() string
}

// Error is a fault. Make one with the functions of this package.
type Error struct {
	code       connect.Code
	reason     string
	domain     string
	message    string
	violations []Violation
	retryAfter int
	cause      error
}

// Violation names a field of a request and says what is wrong with it.
type Violation struct {
	// Field is the name clients know, for example "comment_text".
	Field string
	// Description continues the field's name: "must have 1 to 1000 characters".
	Description string
}

// New returns a fault with a message for the client.
func New(code connect.Code, message string) *Error {
	return &Error{code: code, message: message}
}

// Invalid says that a field of the request is wrong. Several fields: chain And.
func Invalid(field, description string) *Error {
	return (&Error{code: connect.CodeInvalidArgument}).And(field, description)
}

// NotFound says that what the request names does not exist.
func NotFound(message string) *Error { return New(connect.CodeNotFound, message) }

// Forbidden says that the viewer may not do this.
func Forbidden(message string) *Error { return New(connect.CodePermissionDenied, message) }

// LoginRequired says that the call needs a viewer.
func LoginRequired() *Error { return New(connect.CodeUnauthenticated, "login needed") }

// Unavailable says that something this call needs is down and that the call had
// no effect; the cause is kept for the log.
func Unavailable(cause error) *Error {
	return New(connect.CodeUnavailable, "temporarily unavailable, try again").Because(cause)
}

// The reason and its domain are the value OUTCOME_UNKNOWN of
// douyin.platform.v1.ErrorReason; the platform imports no generated code.
const (
	outcomeUnknown = "OUTCOME_UNKNOWN"
	platformDomain = "platform.douyin.dev"
)

// OutcomeUnknown says that a write may have happened, or may still happen:
// only a repetition with the same idempotency key finds out. What certainly had
// no effect is Unavailable instead. Its code is one that neither our clients nor
// the usual retry policies repeat by themselves.
func OutcomeUnknown(cause error) *Error {
	e := New(connect.CodeUnknown, "the outcome is not known, repeat with the same Idempotency-Key").Because(cause)
	e.reason, e.domain = outcomeUnknown, platformDomain
	return e
}

// IsOutcomeUnknown reports whether err says that a write may have happened.
func IsOutcomeUnknown(err error) bool {
	e, ok := As(err)
	return ok && e.reason == outcomeUnknown && e.domain == platformDomain
}

// TooMany says that the caller is over a limit and may try again after a number of seconds.
func TooMany(retryAfterSeconds int) *Error {
	e := New(connect.CodeResourceExhausted, "too many requests, try again later")
	e.retryAfter = max(retryAfterSeconds, 1)
	return e
}

// And adds a field violation.
func (e *Error) And(field, description string) *Error {
	e.violations = append(e.violations, Violation{Field: field, Description: description})
	if e.message == "" {
		e.message = field + " " + description
	} else {
		e.message += "; " + field + " " + description
	}
	return e
}

// For attaches the owner's reason. The enum's package gives the domain:
// douyin.user.v1.ErrorReason belongs to "user.douyin.dev".
func (e *Error) For(r Reason) *Error {
	d := r.Descriptor()
	value := d.Values().ByNumber(r.Number())
	if value == nil {
		panic(fmt.Sprintf("fault: %s has no value %d", d.FullName(), r.Number()))
	}
	e.reason = strings.TrimPrefix(string(value.Name()), "ERROR_REASON_")
	parts := strings.Split(string(d.FullName()), ".")
	e.domain = parts[1] + "." + parts[0] + ".dev"
	return e
}

// Because keeps a cause for the log. It is never sent.
func (e *Error) Because(cause error) *Error {
	e.cause = cause
	return e
}

// Error says everything, the cause included: for logs only.
func (e *Error) Error() string {
	s := e.code.String() + ": " + e.message
	if e.reason != "" {
		s += " (" + e.reason + ")"
	}
	if e.cause != nil {
		s += ": " + e.cause.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.cause }

// Code returns the RPC code.
func (e *Error) Code() connect.Code { return e.code }

// Message returns what the client may read.
func (e *Error) Message() string { return e.message }

// Reason returns the reason without its prefix, for example "USERNAME_TAKEN", or "".
func (e *Error) Reason() string { return e.reason }

// RetryAfter returns the seconds after which to try again, or 0.
func (e *Error) RetryAfter() int { return e.retryAfter }

// Violations returns the fields at fault.
func (e *Error) Violations() []Violation { return e.violations }

// As returns the fault in err's chain. A Connect error received from another
// service is read back into one; any other error gives false.
func As(err error) (*Error, bool) {
	var e *Error
	if errors.As(err, &e) {
		return e, true
	}
	var ce *connect.Error
	if !errors.As(err, &ce) {
		return nil, false
	}
	return received(ce), true
}

// CodeOf returns the code of err: Unknown for errors that are no faults.
func CodeOf(err error) connect.Code {
	if e, ok := As(err); ok {
		return e.code
	}
	return connect.CodeOf(err)
}

// HasReason reports whether err is a fault with this reason.
func HasReason(err error, r Reason) bool {
	e, ok := As(err)
	want := New(connect.CodeUnknown, "").For(r)
	return ok && e.reason == want.reason && e.domain == want.domain
}

// received reads a fault out of what another service answered.
func received(ce *connect.Error) *Error {
	e := &Error{code: ce.Code(), message: ce.Message(), cause: ce}
	if !connect.IsWireError(ce) {
		// Made on this side, by a failed dial for example: its text may hold inner addresses.
		e.message = wireUnknown(ce).Message()
		if e.code == connect.CodeUnavailable {
			e.message = Unavailable(nil).message
		}
	}
	for _, d := range ce.Details() {
		m, err := d.Value()
		if err != nil {
			continue
		}
		switch m := m.(type) {
		case *errdetails.ErrorInfo:
			e.reason, e.domain = m.GetReason(), m.GetDomain()
		case *errdetails.BadRequest:
			for _, v := range m.GetFieldViolations() {
				e.violations = append(e.violations, Violation{Field: v.GetField(), Description: v.GetDescription()})
			}
		case *errdetails.RetryInfo:
			e.retryAfter = int(m.GetRetryDelay().GetSeconds())
		}
	}
	return e
}
