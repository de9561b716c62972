package rest

import (
	"context"
	"errors"
	"net/http"

	"connectrpc.com/connect"
	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"

	interactionv1 "douyin.dev/gen/douyin/interaction/v1"
	messagev1 "douyin.dev/gen/douyin/message/v1"
	platformv1 "douyin.dev/gen/douyin/platform/v1"
	relationv1 "douyin.dev/gen/douyin/relation/v1"
	userv1 "douyin.dev/gen/douyin/user/v1"
	videov1 "douyin.dev/gen/douyin/video/v1"
	"douyin.dev/services/platform/fault"
)

// The status_code values clients know. They are never renumbered.
const (
	statusOK               = 0
	statusUsernameTaken    = 10001
	statusWrongCredentials = 10002
	statusLoginNeeded      = 10004
	statusForbidden        = 10005
	statusTooMany          = 10009
	statusNoUser           = 10013
	statusFileTooLarge     = 10014
	statusNotPlayable      = 10015
	statusNoVideo          = 10016
	statusNoComment        = 10017
	statusYourself         = 10018
	statusNoPath           = 40001
	statusBadParameter     = 40002
	statusInternal         = 50001
	statusUnavailable      = 50002 // nothing happened
	statusOutcomeUnknown   = 50003
)

// status is how an error is told to a client.
type status struct {
	code       int
	message    string
	retryAfter int // seconds; 0 for none
	http       int // outside of the dialect, in whose answers it is 200
}

// statusOfReason is the table of the mesh's reasons. A test fails when an
// owner adds a reason that is not here.
func statusOfReason(f *fault.Error) (int, bool) {
	for _, row := range [...]struct {
		reason fault.Reason
		code   int
	}{
		{platformv1.ErrorReason_ERROR_REASON_OUTCOME_UNKNOWN, statusOutcomeUnknown},
		{userv1.ErrorReason_ERROR_REASON_USERNAME_TAKEN, statusUsernameTaken},
		{userv1.ErrorReason_ERROR_REASON_WRONG_CREDENTIALS, statusWrongCredentials},
		{userv1.ErrorReason_ERROR_REASON_USER_NOT_FOUND, statusNoUser},
		{relationv1.ErrorReason_ERROR_REASON_USER_NOT_FOUND, statusNoUser},
		{relationv1.ErrorReason_ERROR_REASON_SELF_FOLLOW, statusYourself},
		{messagev1.ErrorReason_ERROR_REASON_USER_NOT_FOUND, statusNoUser},
		{messagev1.ErrorReason_ERROR_REASON_SELF_MESSAGE, statusYourself},
		{videov1.ErrorReason_ERROR_REASON_VIDEO_NOT_FOUND, statusNoVideo},
		{videov1.ErrorReason_ERROR_REASON_NOT_PLAYABLE, statusNotPlayable},
		{videov1.ErrorReason_ERROR_REASON_FILE_TOO_LARGE, statusFileTooLarge},
		{interactionv1.ErrorReason_ERROR_REASON_VIDEO_NOT_FOUND, statusNoVideo},
		{interactionv1.ErrorReason_ERROR_REASON_COMMENT_NOT_FOUND, statusNoComment},
	} {
		if fault.HasReason(f, row.reason) {
			return row.code, true
		}
	}
	return 0, false
}

// ofCode is what a code means without a known reason.
type ofCode struct {
	code int
	http int
	// own replaces the fault's message. Codes that the transport between
	// services makes up by itself have one: their message may name addresses.
	own string
}

const (
	tellInternal    = "internal error"
	tellUnavailable = "temporarily unavailable, try again"
	tellTooMany     = "too many requests, try again later"
)

func statusOfCode(c connect.Code) ofCode {
	switch c {
	case connect.CodeNotFound:
		return ofCode{code: statusBadParameter, http: http.StatusNotFound}
	case connect.CodeInvalidArgument, connect.CodeOutOfRange, connect.CodeFailedPrecondition, connect.CodeAlreadyExists:
		return ofCode{code: statusBadParameter, http: http.StatusBadRequest}
	case connect.CodeUnauthenticated:
		return ofCode{code: statusLoginNeeded, http: http.StatusUnauthorized}
	case connect.CodePermissionDenied:
		return ofCode{code: statusForbidden, http: http.StatusForbidden}
	case connect.CodeResourceExhausted:
		return ofCode{statusTooMany, http.StatusTooManyRequests, tellTooMany}
	case connect.CodeUnavailable, connect.CodeDeadlineExceeded, connect.CodeCanceled, connect.CodeAborted:
		return ofCode{statusUnavailable, http.StatusServiceUnavailable, tellUnavailable}
	default:
		return ofCode{statusInternal, http.StatusInternalServerError, tellInternal}
	}
}

// statusOf turns any error into what the client is told.
func statusOf(err error) status {
	f, ok := fault.As(err)
	if !ok {
		return statusOfOther(err)
	}
	row := statusOfCode(f.Code())
	message := f.Message()
	if row.own != "" {
		message = row.own
	}
	if code, known := statusOfReason(f); known {
		return status{code: code, message: said(f.Message(), f.Reason()), http: row.http}
	}
	s := status{code: row.code, message: said(message, f.Code().String()), http: row.http}
	if s.code == statusTooMany {
		s.retryAfter = max(f.RetryAfter(), 1)
	}
	return s
}

// said makes sure that a client reads something.
func said(message, otherwise string) string {
	if message == "" {
		return otherwise
	}
	return message
}

// statusOfOther is for errors that are no faults: time that ran out, what
// grpc-gateway says about parameters, and everything nobody thought of.
func statusOfOther(err error) status {
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return status{code: statusUnavailable, message: tellUnavailable, http: http.StatusServiceUnavailable}
	case grpcstatus.Code(err) == codes.InvalidArgument:
		return status{code: statusBadParameter, message: "a parameter is not valid", http: http.StatusBadRequest}
	default:
		return status{code: statusInternal, message: tellInternal, http: http.StatusInternalServerError}
	}
}
