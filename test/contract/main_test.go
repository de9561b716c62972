package contract_test

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"os"
	"strconv"
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

// uploadLimit is the largest upload the platform takes: a small one, so that
// both sides of it can be tried quickly, unless DOUYIN_UPLOAD_LIMIT says more.
// The platform's own is 256 MiB, 268435456.
func uploadLimit() (int, error) {
	limit, err := strconv.Atoi(cmp.Or(os.Getenv("DOUYIN_UPLOAD_LIMIT"), "4194304"))
	if err != nil {
		return 0, fmt.Errorf("DOUYIN_UPLOAD_LIMIT: %w", err)
	}
	return limit, nil
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
	key, err := harness.NewSigningKey()
	if err != nil {
		return 1, err
	}
	limit, err := uploadLimit()
	if err != nil {
		return 1, err
	}
	server, err := harness.Start(context.Background(), harness.Options{
		Dir: dir, SigningKey: key, Args: append(harness.DefaultArgs(), fmt.Sprintf("--gateway-max-upload-bytes=%d", limit)),
	})
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
