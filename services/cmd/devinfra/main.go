// Command devinfra is infrastructure for tests and development.
//
// It runs a command with servers around it: Postgres, Redis, Kafka and S3 are
// started in a temporary directory, the command finds them through
// DOUYIN_TEST_ variables, and they are gone when it ends. Its exit code becomes
// ours.
//
//	devinfra run -- go test ./...
//
// Or it is a broker or an object store, for a cluster that has none:
//
//	devinfra serve kafka --data-dir /data --advertise kafka-0.kafka:9092
//	devinfra serve s3 --data-dir /data --access-key … --secret-key …
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
		Run   runner.Command `cmd:"" help:"Run a command with Postgres, Redis, Kafka and S3 for tests."`
		Serve serveCommand   `cmd:"" help:"Be a server until told to stop."`
	}
	err := kong.Parse(&cli, kong.Name("devinfra"), kong.Description("Infrastructure for tests and development.")).Run()
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
