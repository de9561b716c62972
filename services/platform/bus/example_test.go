package bus_test

import (
	"errors"
	"fmt"

	"douyin.dev/services/platform/bus"
)

// A message that can never be handled goes to the dead letters, and those behind it are handled; for any other error the
// partition waits and the message is delivered again.
func ExamplePoison() {
	broken := fmt.Errorf("apply: %w", bus.Poison(errors.New("not an event")))
	fmt.Println(bus.IsPoison(broken), bus.IsPoison(errors.New("postgres is away")))
	// Output: true false
}
