// Command devinfra runs a command with test infrastructure around it:
//
//	devinfra run -- go test ./...
//
// Postgres, Redis, Kafka and S3 are started in a temporary directory, the
// command finds them through DOUYIN_TEST_ variables, and they are gone when it
// ends. Its exit code becomes ours.
package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/alecthomas/kong"

	"douyin.dev/services/platform/infratest/runner"
)

func main() {
	var cli struct {
		Run runner.Command `cmd:"" help:"Run a command with Postgres, Redis, Kafka and S3 for tests."`
	}
	err := kong.Parse(&cli, kong.Name("devinfra"), kong.Description("Infrastructure for tests.")).Run()
	if err == nil {
		return
	}
	var exit runner.ExitError
	if !errors.As(err, &exit) {
		exit.Code = 1
	}
	// The command has said itself why it failed.
	if err.Error() != exit.Error() {
		fmt.Fprintln(os.Stderr, "devinfra:", err)
	}
	os.Exit(exit.Code)
}
