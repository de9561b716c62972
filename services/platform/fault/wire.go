package fault

import (
	"context"
	"errors"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
)

// ToWire returns what is sent for err: the fault's code, message, reason and
// violations, and for anything that is no fault a code without a story.
func ToWire(err error) *connect.Error {
	e, ok := As(err)
	if !ok {
		return wireUnknown(err)
	}
	out := connect.NewError(e.code, errors.New(e.message))
	if e.reason != "" {
		addDetail(out, &errdetails.ErrorInfo{Reason: e.reason, Domain: e.domain})
	}
	if len(e.violations) > 0 {
		bad := &errdetails.BadRequest{}
		for _, v := range e.violations {
			bad.FieldViolations = append(bad.FieldViolations, &errdetails.BadRequest_FieldViolation{Field: v.Field, Description: v.Description})
		}
		addDetail(out, bad)
	}
	if e.retryAfter > 0 {
		addDetail(out, &errdetails.RetryInfo{RetryDelay: durationpb.New(time.Duration(e.retryAfter) * time.Second)})
	}
	return out
}

func wireUnknown(err error) *connect.Error {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return connect.NewError(connect.CodeDeadlineExceeded, errors.New("took too long, try again"))
	case errors.Is(err, context.Canceled):
		return connect.NewError(connect.CodeCanceled, errors.New("canceled"))
	default:
		return connect.NewError(connect.CodeInternal, errors.New("internal error"))
	}
}

func addDetail(e *connect.Error, m proto.Message) {
	if d, err := connect.NewErrorDetail(m); err == nil {
		e.AddDetail(d)
	}
}
