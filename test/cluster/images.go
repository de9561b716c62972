package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// loader returns the command that makes an archive known to the nodes; the
// archive's path follows it.
func loader(ctx context.Context) ([]string, error) {
	if words := strings.Fields(os.Getenv("IMAGE_LOAD")); len(words) > 0 {
		return words, nil
	}
	current, err := output(ctx, "", "kubectl", "config", "current-context")
	if err != nil {
		return nil, err
	}
	_, noSocket := os.Stat("/run/containerd/containerd.sock")
	_, noCtr := exec.LookPath("ctr")
	return loaderFor(strings.TrimSpace(current), noSocket == nil && noCtr == nil)
}

// loaderFor tells from the name of a context what kind of cluster it is.
func loaderFor(current string, containerd bool) ([]string, error) {
	switch {
	case strings.HasPrefix(current, "kind-"):
		return []string{"kind", "load", "image-archive", "--name", strings.TrimPrefix(current, "kind-")}, nil
	case strings.HasPrefix(current, "k3d-"):
		return []string{"k3d", "image", "import", "--cluster", strings.TrimPrefix(current, "k3d-")}, nil
	case current == "minikube":
		return []string{"minikube", "image", "load"}, nil
	case containerd:
		return []string{"ctr", "--namespace", "k8s.io", "images", "import"}, nil
	default:
		return nil, fmt.Errorf("no way known to load images into the cluster of context %q: set IMAGE_LOAD to a command that takes an archive", current)
	}
}

// load makes every archive of a directory known to the nodes.
func load(ctx context.Context, dir string) (int, error) {
	words, err := loader(ctx)
	if err != nil {
		return 0, err
	}
	archives, err := filepath.Glob(filepath.Join(dir, "images", "*.tar"))
	if err != nil {
		return 0, fmt.Errorf("look for images: %w", err)
	}
	if len(archives) == 0 {
		return 0, errors.New("no images in " + dir + ": run `make images images-dev`")
	}
	for _, archive := range archives {
		if _, err := output(ctx, "", words[0], append(words[1:], archive)...); err != nil {
			return 0, fmt.Errorf("load %s: %w", filepath.Base(archive), err)
		}
	}
	return len(archives), nil
}
