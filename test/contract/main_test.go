package contract_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"testing"

	"douyin.dev/test/harness"
)

// platform is what the suite runs against. One server serves all tests: a
// start costs more than the whole suite.
var platform *harness.Server

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

// parallel is how many tests run at once, unless -parallel says otherwise:
// they wait for the server more than they compute.
const parallel = "8"

func run(m *testing.M) (int, error) {
	given := false
	flag.Parse()
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		if err := flag.Set("test.parallel", parallel); err != nil {
			return 1, err
		}
	}
	dir, err := os.MkdirTemp("", "douyin-contract-")
	if err != nil {
		return 1, err
	}
	server, err := harness.Start(context.Background(), harness.Options{Dir: dir, Args: harness.DefaultArgs()})
	platform = server
	code := 1
	if err == nil {
		code = m.Run()
	}
	if server != nil {
		if closeErr := server.Close(); closeErr != nil {
			code, err = 1, closeErr
		}
	}
	if code != 0 {
		fmt.Fprintln(os.Stderr, "log and data are kept in", dir)
		return code, err
	}
	return 0, os.RemoveAll(dir)
}
