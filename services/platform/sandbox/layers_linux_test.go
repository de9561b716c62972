package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const everyLayer = Namespaces | Landlock | Seccomp

// attempts runs a program that tries to escape in a sandbox of some layers, and
// returns what each attempt met. The test is skipped where the kernel lacks one.
func attempts(t *testing.T, used Layer) map[string]string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s := New(quiet(), everyLayer&^used)
	out, err := outputOf(t.Context(), t, s, time.Minute, 1<<20, self, escapeArgument, secret, listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range layers {
		if used&l != 0 && !s.uses(l) {
			t.Skipf("no %s here", l)
		}
	}
	met := map[string]string{}
	if err := json.Unmarshal([]byte(out), &met); err != nil {
		t.Fatalf("%v: %q", err, out)
	}
	return met
}

// Each layer refuses by itself what it is for.
func TestEachLayerOfTheSandboxHolds(t *testing.T) {
	t.Parallel()
	refusedBy := map[Layer][]string{
		0:                  nil,
		Namespaces:         {"tcp"},
		Landlock:           {"file", "environment", "memory"},
		Seccomp:            {"socket", "tcp"},
		Landlock | Seccomp: {"file", "environment", "memory", "socket", "tcp"},
		everyLayer:         {"file", "environment", "memory", "socket", "tcp"},
	}
	if rules, err := landlockRules(); err == nil {
		add := func(attempt string) {
			for _, l := range []Layer{Landlock, Landlock | Seccomp, everyLayer} {
				refusedBy[l] = append(refusedBy[l], attempt)
			}
		}
		if rules.Handled_access_net != 0 {
			refusedBy[Landlock] = append(refusedBy[Landlock], "tcp")
		}
		if rules.Scoped&unix.LANDLOCK_SCOPE_SIGNAL != 0 {
			add("signal")
		}
	}
	for used, refused := range refusedBy {
		t.Run(fmt.Sprintf("layers %03b", used), func(t *testing.T) {
			t.Parallel()
			met := attempts(t, used)
			for _, attempt := range slices.Sorted(maps.Keys(met)) {
				if slices.Contains(refused, attempt) && met[attempt] == "" {
					t.Errorf("%s is possible", attempt)
				}
			}
			// Shows that the attempts work where nothing refuses them.
			if used == 0 && os.Getuid() == 0 && (met["file"] != "" || met["tcp"] != "" || met["socket"] != "") {
				t.Errorf("refused without a layer: %v", met)
			}
		})
	}
}

// hiddenEnv makes a test run in a process that is hidden, as the service is.
const hiddenEnv = "DOUYIN_TEST_HIDDEN"

// Where no layer holds, a hidden process keeps its environment and memory from
// others of the same user; and the layers hold for users without rights, too.
func TestHiddenProcessOfAnyUser(t *testing.T) {
	if os.Getenv(hiddenEnv) != "" {
		if err := HideProcess(); err != nil {
			t.Fatal(err)
		}
		for used, refused := range map[Layer][]string{
			0:                  {"environment", "memory"},
			Landlock | Seccomp: {"environment", "memory", "file", "socket", "tcp"},
			everyLayer:         {"environment", "memory", "file", "socket", "tcp"},
		} {
			t.Run(fmt.Sprintf("layers %03b", used), func(t *testing.T) {
				met := attempts(t, used)
				for _, attempt := range refused {
					if met[attempt] == "" {
						t.Errorf("%s is possible", attempt)
					}
				}
			})
		}
		return
	}
	t.Parallel()
	user := os.Getuid()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestHiddenProcessOfAnyUser$", "-test.v")
	if user == 0 { // root may read every process
		user = 65534
		cmd = exec.CommandContext(t.Context(), copyForAll(t), cmd.Args[1:]...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(user), Gid: uint32(user)}}
	}
	cmd.Env = append(os.Environ(), hiddenEnv+"=1")
	cmd.Dir = os.TempDir()
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestHiddenProcessOfAnyUser/layers_000") {
		t.Errorf("as user %d: %v\n%s", user, err, out)
	}
}

// copyForAll copies this test's program to where every user may run it.
func copyForAll(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "test")
	from, err := os.Open(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	syscall.ForkLock.RLock() // as script does
	defer syscall.ForkLock.RUnlock()
	to, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(to, from)
	if err = errors.Join(err, to.Close(), os.Chmod(dir, 0o755)); err != nil {
		t.Fatal(err)
	}
	return path
}

// What confines a program confines nothing else of this process.
func TestSandboxLeavesThisProcessAlone(t *testing.T) {
	t.Parallel()
	for range 20 {
		if _, err := outputOf(t.Context(), t, New(quiet()), time.Minute, 1<<20, "/bin/true"); err != nil {
			t.Fatal(err)
		}
	}
	for range 50 {
		done := make(chan error)
		go func() {
			_, err := os.CreateTemp(t.TempDir(), "")
			listener, listenErr := net.Listen("tcp", "127.0.0.1:0")
			if listenErr == nil {
				listenErr = listener.Close()
			}
			done <- errors.Join(err, listenErr)
		}()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
}
