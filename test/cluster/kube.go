package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// kube is a namespace of the cluster that KUBECONFIG names.
type kube struct{ namespace string }

// output runs a command and returns what it printed. An error holds what it
// said.
func output(ctx context.Context, stdin, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if stdin != "" {
		cmd.Stdin = strings.NewReader(stdin)
	}
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(said.String()))
	}
	return out.String(), nil
}

// ctl runs kubectl in the namespace.
func (k *kube) ctl(ctx context.Context, args ...string) (string, error) {
	return output(ctx, "", "kubectl", append([]string{"--namespace", k.namespace}, args...)...)
}

// apply applies objects. Namespaced ones say their namespace themselves.
func (k *kube) apply(ctx context.Context, manifests string) error {
	_, err := output(ctx, manifests, "kubectl", "apply", "--server-side", "-f", "-")
	return err
}

// helm runs helm in the namespace.
func (k *kube) helm(ctx context.Context, args ...string) (string, error) {
	return output(ctx, "", "helm", append([]string{"--namespace", k.namespace}, args...)...)
}

// get decodes objects.
func (k *kube) get(ctx context.Context, into any, args ...string) error {
	out, err := k.ctl(ctx, append([]string{"get", "-o", "json"}, args...)...)
	if err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(out), into); err != nil {
		return fmt.Errorf("read %v: %w", args, err)
	}
	return nil
}

// meta is what objects have in common.
type meta struct {
	Name      string            `json:"name"`
	Namespace string            `json:"namespace"`
	Labels    map[string]string `json:"labels"`
	Deleted   string            `json:"deletionTimestamp"`
}

// component is the part of the platform an object belongs to.
func (m meta) component() string { return m.Labels["app.kubernetes.io/component"] }

type pod struct {
	Metadata meta `json:"metadata"`
	Spec     struct {
		NodeName   string `json:"nodeName"`
		Containers []struct {
			Image string `json:"image"`
		} `json:"containers"`
	} `json:"spec"`
	Status struct {
		Phase      string `json:"phase"`
		Conditions []struct {
			Type   string `json:"type"`
			Status string `json:"status"`
		} `json:"conditions"`
		ContainerStatuses []struct {
			RestartCount int `json:"restartCount"`
		} `json:"containerStatuses"`
	} `json:"status"`
}

// ready reports whether the pod serves and nobody has deleted it.
func (p pod) ready() bool {
	for _, c := range p.Status.Conditions {
		if c.Type == "Ready" {
			return c.Status == "True" && p.Metadata.Deleted == ""
		}
	}
	return false
}

// long reports whether the pod is one that runs until told to stop: not a Job's
// and not a test's.
func (p pod) long() bool {
	switch c := p.Metadata.component(); c {
	case "smoke", "demo":
		return false
	default:
		return !strings.HasSuffix(c, "-migrate")
	}
}

// stores are the components that dev.enabled adds.
var stores = map[string]bool{"postgres": true, "redis": true, "kafka": true, "s3": true}

// pods returns the pods of the release that run until told to stop.
func (k *kube) pods(ctx context.Context) ([]pod, error) {
	var list struct{ Items []pod }
	if err := k.get(ctx, &list, "pods", "--selector", "app.kubernetes.io/instance="+release); err != nil {
		return nil, err
	}
	var long []pod
	for _, p := range list.Items {
		if p.long() {
			long = append(long, p)
		}
	}
	return long, nil
}

// allReady waits until there are pods and every one is ready and none is on its
// way out.
func (k *kube) allReady(ctx context.Context, within time.Duration) error {
	return poll(ctx, within, func(ctx context.Context) error {
		pods, err := k.pods(ctx)
		if err != nil {
			return err
		}
		var waiting []string
		for _, p := range pods {
			if !p.ready() {
				waiting = append(waiting, p.Metadata.Name)
			}
		}
		if len(pods) == 0 || len(waiting) > 0 {
			return fmt.Errorf("%d of %d pods are not ready: %s", len(waiting), len(pods), strings.Join(waiting, " "))
		}
		return nil
	})
}

// poll calls check once a second until it answers nil; its last error when
// time is up.
func poll(ctx context.Context, within time.Duration, check func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		err := check(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not within %s: %w", within, err)
		case <-tick.C:
		}
	}
}

// env returns a variable or what it is without one.
func env(name, fallback string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return fallback
}
