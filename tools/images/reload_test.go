package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// reloaded is tilt/run.sh at work on small programs that write down when they
// start and that end when they are asked to.
type reloaded struct {
	dir, log string
	script   *exec.Cmd
}

// program writes a program called version to a path.
func (r *reloaded) program(t *testing.T, path, version string) {
	t.Helper()
	text := fmt.Sprintf("#!/bin/sh\ntrap 'exit 0' TERM\necho %s >>%s\nwhile :; do sleep 0.05 & wait $!; done\n", version, r.log)
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

// started waits until these versions have started, in order.
func (r *reloaded) started(t *testing.T, want ...string) {
	t.Helper()
	var got []string
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		log, _ := os.ReadFile(r.log) // not there before the first start
		if got = strings.Fields(string(log)); strings.Join(got, " ") == strings.Join(want, " ") {
			return
		}
	}
	t.Fatalf("started %v, want %v", got, want)
}

func startReloaded(t *testing.T) *reloaded {
	t.Helper()
	dir := t.TempDir()
	r := &reloaded{dir: dir, log: filepath.Join(dir, "log")}
	app := filepath.Join(dir, "app")
	r.program(t, app, "image")
	r.script = exec.CommandContext(t.Context(), "sh", filepath.Join(root, "tilt", "run.sh"))
	r.script.Env = append(os.Environ(), "RELOAD_APP="+app, "RELOAD_DIR="+dir)
	r.script.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := r.script.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(-r.script.Process.Pid, syscall.SIGKILL) })
	r.started(t, "image")
	return r
}

func (r *reloaded) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := r.script.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

func TestANewProgramReplacesTheOldOneAtOnce(t *testing.T) {
	t.Parallel()
	r := startReloaded(t)
	r.program(t, filepath.Join(r.dir, "next"), "second")
	began := time.Now()
	r.signal(t, syscall.SIGHUP)
	r.started(t, "image", "second")
	t.Logf("replaced after %v", time.Since(began))
	r.program(t, filepath.Join(r.dir, "next"), "third")
	r.signal(t, syscall.SIGHUP)
	r.started(t, "image", "second", "third")
	r.signal(t, syscall.SIGTERM)
	if err := r.script.Wait(); err != nil {
		t.Errorf("ended with %v", err)
	}
}

// A program that is still being copied is nobody's business until SIGHUP says
// that it is whole.
func TestAProgramThatEndsIsStartedAgainAsItWas(t *testing.T) {
	t.Parallel()
	r := startReloaded(t)
	r.program(t, filepath.Join(r.dir, "next"), "half")
	out, err := exec.CommandContext(t.Context(), "pkill", "-TERM", "-P", fmt.Sprint(r.script.Process.Pid)).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	r.started(t, "image", "image")
}
