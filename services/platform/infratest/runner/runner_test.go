package runner

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"douyin.dev/services/platform/infratest/rig"
)

// script is what the test binary, started as a child, gives to a shell by way
// of Command.
const script = "RUNNER_TEST_SCRIPT"

func TestMain(m *testing.M) {
	if s := os.Getenv(script); s != "" {
		os.Exit(runScript(s))
	}
	os.Exit(m.Run())
}

func runScript(s string) int {
	c := &Command{Infra: "usual", Command: []string{"--", "sh", "-c", s}}
	err := c.Run()
	var exit ExitError
	if err != nil && !errors.As(err, &exit) {
		fmt.Fprintln(os.Stderr, err)
		return 99
	}
	return exit.Code
}

// command is a process that runs the script; with everything configured it
// starts no servers.
func command(t *testing.T, s string, configured bool) *exec.Cmd {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary)
	cmd.Env = append(os.Environ(), script+"="+s)
	cmd.Stderr = os.Stderr
	if configured {
		cmd.Env = append(cmd.Env, rig.PostgresVar+"=postgres://x/y", rig.RedisVar+"=x:1", rig.KafkaVar+"=x:2", rig.S3EndpointVar+"=http://x")
	}
	return cmd
}

func TestTheExitCodeOfTheCommandIsOurs(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]int{"exit 0": 0, "exit 3": 3, "kill -TERM $$": 143, "kill -KILL $$": 137} {
		cmd := command(t, s, true)
		_ = cmd.Run() // its code says all
		if got := cmd.ProcessState.ExitCode(); got != want {
			t.Errorf("%s: exit code %d, want %d", s, got, want)
		}
	}
}

func TestACommandThatDoesNotExistIsSaid(t *testing.T) {
	t.Parallel()
	err := run([]string{"/no/such/command"}, nil, nil)
	var exit ExitError
	if !errors.As(err, &exit) || exit.Code != 127 || !strings.Contains(err.Error(), "/no/such/command") {
		t.Errorf("err = %v", err)
	}
	if err := (&Command{Command: []string{"--"}}).Run(); err == nil {
		t.Error("no command was accepted")
	}
}

func TestTheCommandFindsTheServersAndTheyGoWithIt(t *testing.T) {
	t.Parallel()
	cmd := command(t, `echo "$DOUYIN_TEST_POSTGRES_DSN|$DOUYIN_TEST_KAFKA|$DOUYIN_TEST_S3_ENDPOINT|$DOUYIN_TEST_REDIS"`, false)
	// Servers this test itself was given would be used instead of new ones.
	cmd.Env = slices.DeleteFunc(cmd.Environ(), func(v string) bool { return strings.HasPrefix(v, "DOUYIN_TEST_") })
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	values := strings.Split(strings.TrimSpace(string(out)), "|")
	if len(values) != 4 {
		t.Fatalf("%q", values)
	}
	for _, v := range values {
		if v == "" {
			t.Errorf("a variable is empty: %q", values)
		}
	}
	if _, dir, ok := strings.Cut(values[0], "host="); ok {
		dir, _, _ = strings.Cut(strings.ReplaceAll(dir, "%2F", "/"), "&")
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %v", dir, err)
		}
	}
}

// begin starts a script that prints "ready" and its process id.
func begin(t *testing.T, s string) (cmd *exec.Cmd, out *bufio.Reader, pid int) {
	t.Helper()
	cmd = command(t, s, true)
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	out = bufio.NewReader(pipe)
	line, err := out.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	if pid, err = strconv.Atoi(strings.TrimPrefix(strings.TrimSpace(line), "ready ")); err != nil {
		t.Fatal(err)
	}
	return cmd, out, pid
}

func TestSignalsReachTheCommand(t *testing.T) {
	t.Parallel()
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
		cmd, out, _ := begin(t, `trap 'echo got; exit 7' TERM INT HUP; echo ready $$; while :; do sleep 0.05; done`)
		if err := cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		rest, err := io.ReadAll(out)
		if err != nil || strings.TrimSpace(string(rest)) != "got" {
			t.Errorf("%v: %q %v", sig, rest, err)
		}
		_ = cmd.Wait() // its code says all
		if got := cmd.ProcessState.ExitCode(); got != 7 {
			t.Errorf("%v: exit code %d", sig, got)
		}
	}
}

func TestTheCommandEndsWithUs(t *testing.T) {
	t.Parallel()
	cmd, _, pid := begin(t, `echo ready $$; exec sleep 300`)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		// An orphan nobody has waited for yet is dead, too.
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil || strings.Contains(string(stat), ") Z ") {
			return
		}
	}
	t.Error("the command lives on")
}
