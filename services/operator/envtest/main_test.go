//go:build envtest

package envtest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"douyin.dev/services/platform/infratest"
)

const (
	// A busy machine starts an API server slowly.
	startTimeout = 3 * time.Minute
	// patience bounds every wait of the suite.
	patience = 3 * time.Minute
)

// shared is what all tests use. It is a global because TestMain and the tests
// meet nowhere else.
var shared struct {
	config     *rest.Config
	kubeconfig string
	binary     string
}

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "envtest:", err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		return 1, fmt.Errorf("KUBEBUILDER_ASSETS must name a directory with kube-apiserver, etcd and kubectl")
	}
	dir, err := os.MkdirTemp("", "douyin-envtest-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	shared.binary = filepath.Join(dir, "operator")
	build := exec.Command("go", "build", "-o", shared.binary, "douyin.dev/services/cmd/operator")
	if out, err := build.CombinedOutput(); err != nil {
		return 1, fmt.Errorf("build operator: %w: %s", err, out)
	}
	env := &envtest.Environment{
		CRDDirectoryPaths:        []string{filepath.Join("..", "..", "..", "charts", "douyin-crds", "files")},
		ErrorIfCRDPathMissing:    true,
		ControlPlaneStartTimeout: startTimeout,
		ControlPlaneStopTimeout:  time.Minute,
	}
	shared.config, err = env.Start()
	if err != nil {
		return 1, fmt.Errorf("start API server: %w", err)
	}
	defer func() {
		if stopErr := env.Stop(); stopErr != nil && err == nil {
			err = fmt.Errorf("stop API server: %w", stopErr)
		}
	}()
	shared.kubeconfig = filepath.Join(dir, "kubeconfig")
	if err := os.WriteFile(shared.kubeconfig, env.KubeConfig, 0o600); err != nil {
		return 1, err
	}
	return infratest.Run(m), nil
}

// eventually asks until ask is content.
func eventually(t *testing.T, ask func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
	defer cancel()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := ask(ctx)
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("after %v: %v", patience, err)
		case <-ticker.C:
		}
	}
}
