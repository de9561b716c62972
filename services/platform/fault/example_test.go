package fault_test

import (
	"errors"
	"fmt"

	"connectrpc.com/connect"

	"douyin.dev/services/platform/fault"
)

// A refusal names the field and what is wrong with it, so that a client can show it there.
func ExampleInvalid() {
	err := fault.Invalid("title", "must not be empty").And("page_size", "must be at most 50")
	fmt.Println(err.Code())
	for _, v := range err.Violations() {
		fmt.Println(v.Field, v.Description)
	}
	// Output:
	// invalid_argument
	// title must not be empty
	// page_size must be at most 50
}

// The cause is for the log; the client learns only that it may try again.
func ExampleUnavailable() {
	err := fault.Unavailable(errors.New("dial 10.0.0.7: connection refused"))
	fmt.Println(err.Code(), err.Message())
	fmt.Println(errors.Unwrap(err))
	// Output:
	// unavailable temporarily unavailable, try again
	// dial 10.0.0.7: connection refused
}

// A fault keeps its code however often it is wrapped.
func ExampleCodeOf() {
	err := fmt.Errorf("like video: %w", fault.NotFound("no such video"))
	fmt.Println(fault.CodeOf(err) == connect.CodeNotFound)
	// Output: true
}
