package sandbox

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"syscall"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == escapeArgument {
		tryToEscape(os.Args[2:])
		return
	}
	os.Exit(m.Run())
}

// escapeArgument makes the test's program one that tries to leave its sandbox.
const escapeArgument = "try-to-escape"

// tryToEscape tries what a decoder that was taken over would, and prints what
// each attempt met: "" for nothing.
func tryToEscape(args []string) {
	secret, address := args[0], args[1]
	parent := os.Getppid()
	met := map[string]string{}
	try := func(attempt string, err error) {
		met[attempt] = ""
		if err != nil {
			met[attempt] = err.Error()
		}
	}
	_, err := os.ReadFile(secret)
	try("file", err)
	_, err = os.ReadFile(fmt.Sprintf("/proc/%d/environ", parent))
	try("environment", err)
	memory, err := os.Open(fmt.Sprintf("/proc/%d/mem", parent))
	try("memory", err)
	_ = memory.Close()
	try("signal", syscall.Kill(parent, 0))
	_, err = syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM, 0)
	try("socket", err)
	conn, err := net.DialTimeout("tcp", address, 5*time.Second)
	try("tcp", err)
	if err == nil {
		_ = conn.Close()
	}
	_ = json.NewEncoder(os.Stdout).Encode(met)
}
