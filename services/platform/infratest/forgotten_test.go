package infratest_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

func TestAForgottenMainIsExplained(t *testing.T) {
	t.Parallel()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary)
	cmd.Env = append(os.Environ(), "INFRATEST_WITHOUT_MAIN=1")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "func TestMain(m *testing.M) { infratest.Main(m) }") {
		t.Errorf("%v: %s", err, out)
	}
}
