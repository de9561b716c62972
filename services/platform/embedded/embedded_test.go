package embedded

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// parentVar makes the test binary, started as a child, a parent itself.
const parentVar = "EMBEDDED_TEST_PARENT"

func TestMain(m *testing.M) {
	if os.Getenv(parentVar) != "" {
		os.Exit(beParent())
	}
	os.Exit(m.Run())
}

// beParent starts a child, says its id, and waits to be killed.
func beParent() int {
	c, err := StartChild(exec.Command("sleep", "300"), syscall.SIGKILL)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	// Threads come and go: only the one that forked matters, and it must stay.
	for range 100 {
		go func() {
			runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
			runtime.Gosched()
		}()
	}
	select {
	case <-c.Done():
		fmt.Println("the child ended early")
		return 1
	case <-time.After(200 * time.Millisecond):
	}
	fmt.Println(c.Pid())
	<-c.Done()
	return 0
}

func TestAChildEndsWithItsParentAndNotWithAThread(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux promises it")
	}
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	parent := exec.Command(binary)
	parent.Env = append(os.Environ(), parentVar+"=1")
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait() // killed
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		// An orphan nobody has waited for yet is dead, too.
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil || strings.Contains(string(stat), ") Z ") {
			return
		}
	}
	t.Error("the child lives on")
}

func TestStopInsists(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("sh", "-c", `trap '' TERM INT; echo ready; while :; do sleep 0.05; done`)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c, err := StartChild(cmd, syscall.SIGKILL)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := c.Stop(ctx, syscall.SIGTERM, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if c.Err() == nil {
		t.Error("a killed child ended well")
	}
	// Once more is harmless.
	if err := c.Stop(t.Context(), syscall.SIGTERM, syscall.SIGINT); err != nil {
		t.Error(err)
	}
	if err := c.SignalGroup(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
}

func TestAChildThatCannotStartIsSaid(t *testing.T) {
	t.Parallel()
	if _, err := StartChild(exec.Command("/no/such/command"), syscall.SIGKILL); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("err = %v", err)
	}
}

func TestADirectoryHasOneHolder(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	first, err := LockDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if fi, err := os.Stat(dir); err != nil || fi.Mode().Perm() != 0o700 {
		t.Errorf("%v %v", fi, err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, link} {
		if _, err := LockDir(path); !errors.Is(err, ErrInUse) {
			t.Errorf("%s: %v, want ErrInUse", path, err)
		}
	}
	inherited, err := syscall.Dup(int(first.file.Fd())) // as a child has it until it executes
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Close(inherited) }()
	if err := first.Release(); err != nil {
		t.Fatal(err)
	}
	second, err := LockDir(link)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = second.Release() }()
	if second.Dir() != first.Dir() || second.Path("a", "b") != filepath.Join(first.Dir(), "a", "b") {
		t.Errorf("%s and %s", first.Dir(), second.Dir())
	}
}

func TestAPortIsRememberedWhileItIsFree(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "port")
	first, err := Listen(file, 0)
	if err != nil {
		t.Fatal(err)
	}
	if second, err := Listen(file, PortOf(first)); err == nil {
		_ = second.Close()
		t.Error("a port that is taken was bound")
	}
	other, err := Listen(file, 0)
	if err != nil {
		t.Fatal(err)
	}
	if PortOf(other) == PortOf(first) {
		t.Error("one port twice")
	}
	want := PortOf(other)
	if err := errors.Join(first.Close(), other.Close()); err != nil {
		t.Fatal(err)
	}
	again, err := Listen(file, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = again.Close() }()
	if PortOf(again) != want {
		t.Errorf("port %d, had %d", PortOf(again), want)
	}
	for _, nonsense := range []string{"", "x", "-1", "70000"} {
		if err := os.WriteFile(file, []byte(nonsense), 0o600); err != nil {
			t.Fatal(err)
		}
		l, err := Listen(file, 0)
		if err != nil {
			t.Errorf("%q: %v", nonsense, err)
			continue
		}
		_ = l.Close()
	}
}

func TestFreePortsDifferAndAreBelowThoseOfOutgoingConnections(t *testing.T) {
	t.Parallel()
	const n = 20
	ports, err := FreePorts(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[int]bool{}
	for _, port := range ports {
		if seen[port] = true; port < 1024 || port >= 32_768 {
			t.Errorf("port %d", port)
		}
	}
	if len(seen) != n {
		t.Errorf("%d different ports, want %d", len(seen), n)
	}
}
