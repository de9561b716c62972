package fault_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"github.com/google/go-cmp/cmp"

	"douyin.dev/services/platform/fault"
)

func TestTheCauseIsLoggedAndNeverSent(t *testing.T) {
	t.Parallel()
	err := fmt.Errorf("put like: %w", fault.Unavailable(errors.New("dial tcp 10.0.0.7:5432")))
	if !strings.Contains(err.Error(), "10.0.0.7") {
		t.Error("the log does not see the cause")
	}
	if wire := fault.ToWire(err); wire.Code() != connect.CodeUnavailable || strings.Contains(wire.Error(), "10.0.0.7") {
		t.Errorf("sent: %v", wire)
	}
}

func TestWhatIsNoFaultTellsNothing(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]connect.Code{
		errors.New("secret"): connect.CodeInternal,
		fmt.Errorf("secret: %w", context.DeadlineExceeded): connect.CodeDeadlineExceeded,
		fmt.Errorf("secret: %w", context.Canceled):         connect.CodeCanceled,
	} {
		if wire := fault.ToWire(err); wire.Code() != want || strings.Contains(wire.Error(), "secret") {
			t.Errorf("%v became %v", err, wire)
		}
	}
}

func TestAnErrorOfTheTransportTellsNoAddress(t *testing.T) {
	t.Parallel()
	err := connect.NewError(connect.CodeUnavailable, errors.New("dial tcp 10.0.0.7:8080: refused"))
	if wire := fault.ToWire(err); wire.Code() != connect.CodeUnavailable || strings.Contains(wire.Error(), "10.0.0.7") {
		t.Errorf("sent: %v", wire)
	}
}

func TestAnUnknownOutcomeStaysOneOverTheWire(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]bool{
		fault.OutcomeUnknown(errors.New("commit")):                                       true,
		fmt.Errorf("like: %w", fault.OutcomeUnknown(errors.New("commit"))):               true,
		fault.Unavailable(fault.OutcomeUnknown(errors.New("of a call beside this one"))): false,
		errors.New("else"): false,
	} {
		if fault.IsOutcomeUnknown(err) != want || fault.IsOutcomeUnknown(fault.ToWire(err)) != want {
			t.Errorf("%v: want %t here and over the wire", err, want)
		}
	}
	// What clients and proxies repeat by themselves.
	switch code := fault.OutcomeUnknown(nil).Code(); code {
	case connect.CodeUnavailable, connect.CodeDeadlineExceeded, connect.CodeAborted, connect.CodeResourceExhausted, connect.CodeCanceled, connect.CodeInternal:
		t.Errorf("%v is repeated", code)
	}
}

func TestViolationsNameTheirFields(t *testing.T) {
	t.Parallel()
	f := fault.Invalid("title", "is too long").And("data", "is empty")
	want := []fault.Violation{{Field: "title", Description: "is too long"}, {Field: "data", Description: "is empty"}}
	if diff := cmp.Diff(want, f.Violations()); diff != "" {
		t.Error(diff)
	}
	if f.Message() != "title is too long; data is empty" {
		t.Errorf("message %q", f.Message())
	}
}
