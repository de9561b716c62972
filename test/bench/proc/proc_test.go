package proc

import (
	"os"
	"os/exec"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestStatOfAnOddNameIsRead(t *testing.T) {
	t.Parallel()
	got, err := parseStat("42 (a) (b c) S 7 42 42 0 -1 4194560 1 2 3 4 150 50 30 20 20 0 1 0 9 1 1")
	if err != nil {
		t.Fatal(err)
	}
	want := process{pid: 42, parent: 7, name: "a) (b c", own: 2, ended: 0.5}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(process{})); diff != "" {
		t.Error(diff)
	}
	for _, bad := range []string{"", "42 (a", "42 (a) S 7", "x (a) S 7 42 42 0 -1 4194560 1 2 3 4 150 50 30 20 20"} {
		if _, err := parseStat(bad); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

func TestTreeHasAChildAndNotItsParent(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), "cat")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close(); _ = cmd.Wait() }()
	all, err := Tree(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if all["cat"].Processes == 0 || len(all) < 2 {
		t.Errorf("this process and its child are not both in %v", all)
	}
	alone, err := Tree(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	if len(alone) != 1 {
		t.Errorf("below the child is %v", alone)
	}
	if _, err := Tree(1 << 30); err == nil {
		t.Error("a process that is not there was found")
	}
}

func TestSelfGrows(t *testing.T) {
	t.Parallel()
	u, err := Self()
	if err != nil {
		t.Fatal(err)
	}
	if u.RSS <= 0 || u.PSS <= 0 || u.PSS > u.RSS {
		t.Errorf("%+v", u)
	}
}
