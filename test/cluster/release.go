package cluster

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/yaml"
)

const (
	// release is the name of the Helm release, and of the charts' objects.
	release = "douyin"
	charts  = "../../charts"
	// readyWithin is what an install may take once the images are there.
	readyWithin = 3 * time.Minute
	// helmLimit bounds a command of helm: longer, so that it is ours that speaks first.
	helmLimit = "6m"
)

// edge is the service that clients call.
const edge = "gateway"

// chartServices returns the names of the services that the chart deploys, and of
// those among them that answer calls of others inside the mesh.
func chartServices() (all, called []string, err error) {
	content, err := os.ReadFile(filepath.Join(charts, "douyin", "values.yaml"))
	if err != nil {
		return nil, nil, fmt.Errorf("services of the chart: %w", err)
	}
	var values struct {
		Services map[string]struct {
			Service struct{ Enabled *bool }
		}
	}
	if err := yaml.Unmarshal(content, &values); err != nil {
		return nil, nil, fmt.Errorf("services of the chart: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(values.Services)) {
		all = append(all, name)
		if enabled := values.Services[name].Service.Enabled; name != edge && (enabled == nil || *enabled) {
			called = append(called, name)
		}
	}
	return all, called, nil
}

// deployment is how the release is set up.
type deployment struct {
	class    string // storage class, empty for the default
	tag      string // of the images
	replicas int    // of every service and worker
	gateways int
	// unlimited takes away the limits on what one user may do: the few clients
	// of a load stand for many.
	unlimited bool
	set       []string // further values, name=value
	// registrations is how many accounts a client may register at once; 0 for more
	// than a suite does.
	registrations int
	// taking takes over fields that others have set, the operator the replicas.
	taking bool
	// unwatched returns as soon as the objects are written: what follows is to be seen.
	unwatched bool
}

// arguments are those of helm for the deployment.
func (d deployment) arguments() []string {
	args := []string{
		"--set", "dev.enabled=true", "--set", "dev.storageClassName=" + d.class,
		"--set", "image.tag=" + d.tag,
		"--set", fmt.Sprintf("defaults.replicas=%d", max(d.replicas, 1)),
		"--set", fmt.Sprintf("services.gateway.replicas=%d", max(d.gateways, 1)),
		// A suite logs in more often than people do.
		"--set-string", "services.gateway.config.DOUYIN_GATEWAY_LOGIN_BURST=2000",
		"--set-string", "services.gateway.config.DOUYIN_GATEWAY_LOGIN_RATE=200",
		"--set-string", fmt.Sprintf("services.gateway.config.DOUYIN_GATEWAY_REGISTER_BURST=%d", cmp.Or(d.registrations, 100000)),
		"--set-string", "services.gateway.config.DOUYIN_GATEWAY_CLIENT_CALLS=4000",
		"--set-string", "services.gateway.config.DOUYIN_GATEWAY_CLIENT_PASSWORDS=0",
		"--set-string", "services.user.config.DOUYIN_USER_PASSWORD_WAIT=30s",
		"--set-string", "services.gateway.config.DOUYIN_GATEWAY_CLIENT_STREAMS=4000",
		"--set-string", "services.gateway.config.DOUYIN_GATEWAY_CLIENT_CONNECTIONS=4000",
		"--set-string", "services.gateway.config.DOUYIN_GATEWAY_CLIENT_DOWNLOADS=4000",
	}
	if d.unlimited {
		args = append(args, "--set-string", "services.gateway.config.DOUYIN_GATEWAY_ACTION_BURST=0")
	}
	for _, value := range d.set {
		args = append(args, "--set", value)
	}
	if d.taking {
		args = append(args, "--force-conflicts")
	}
	if !d.unwatched {
		args = append(args, "--wait")
	}
	return args
}

// installKinds installs the operator's kinds so that they go with the release,
// unless another namespace's release has brought them.
func (k *kube) installKinds(ctx context.Context) error {
	owner, err := output(ctx, "", "kubectl", "get", "crd", "--selector", "app.kubernetes.io/part-of=douyin", "-o",
		`jsonpath={.items[*].metadata.annotations.meta\.helm\.sh/release-namespace}`)
	if err != nil {
		return err
	}
	for _, namespace := range strings.Fields(owner) {
		if namespace != k.namespace {
			return nil
		}
	}
	_, err = k.helm(ctx, "upgrade", "--install", release+"-crds", charts+"/douyin-crds", "--set", "keep=false", "--wait")
	return err
}

// deploy installs or upgrades the release and, unless it is to be unwatched,
// waits until it is rolled out.
func (k *kube) deploy(ctx context.Context, d deployment) error {
	args := append([]string{"upgrade", "--install", release, charts + "/douyin", "--timeout", helmLimit}, d.arguments()...)
	_, err := k.helm(ctx, args...)
	return err
}

// settle waits until what a change left behind is gone, too.
func (k *kube) settle(ctx context.Context) error { return k.allReady(ctx, readyWithin) }

// makeNamespace replaces the namespace by a new one in which nothing runs that
// Pod Security "restricted" forbids.
func (k *kube) makeNamespace(ctx context.Context) error {
	if err := k.deleteNamespace(ctx, k.namespace); err != nil {
		return err
	}
	return k.apply(ctx, fmt.Sprintf(`apiVersion: v1
kind: Namespace
metadata:
  name: %s
  labels:
    pod-security.kubernetes.io/enforce: restricted
    pod-security.kubernetes.io/warn: restricted
`, k.namespace))
}

// gateway returns the base URL of the gateway's Service, which must be reachable
// from here: a forwarded port leads to one pod and would end with it.
func (k *kube) gateway(ctx context.Context) (string, error) {
	out, err := k.ctl(ctx, "get", "service", release+"-gateway", "-o", "jsonpath={.spec.clusterIP}:{.spec.ports[0].port}")
	if err != nil {
		return "", err
	}
	base := "http://" + strings.TrimSpace(out)
	probe, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/ping", nil)
	if err != nil {
		return "", fmt.Errorf("gateway: %w", err)
	}
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(probe)
	if err != nil {
		return "", fmt.Errorf("the gateway's address is not reachable from here; run this on a node, or in a pod: %w", err)
	}
	return base, res.Body.Close()
}

// leftovers are objects of the release that are still there, other than claims.
func (k *kube) leftovers(ctx context.Context) ([]string, error) {
	var left []string
	for _, scope := range []string{"--namespaced=true", "--namespaced=false"} {
		kinds, err := output(ctx, "", "kubectl", "api-resources", "--verbs=list", scope, "-o", "name")
		if err != nil {
			return nil, err
		}
		var wanted []string
		for _, kind := range strings.Fields(kinds) {
			if kind != "persistentvolumeclaims" && !strings.HasPrefix(kind, "events") && !strings.HasSuffix(kind, "metrics.k8s.io") {
				wanted = append(wanted, kind)
			}
		}
		out, err := k.ctl(ctx, "get", strings.Join(wanted, ","), "--selector", "app.kubernetes.io/instance="+release, "--ignore-not-found", "-o", "name")
		if err != nil {
			return nil, err
		}
		left = append(left, strings.Fields(out)...)
	}
	kinds, err := output(ctx, "", "kubectl", "get", "crd", "--selector", "app.kubernetes.io/part-of=douyin", "-o",
		`jsonpath={range .items[?(@.metadata.annotations.meta\.helm\.sh/release-namespace=="`+k.namespace+`")]}{.metadata.name} {end}`)
	if err != nil {
		return nil, err
	}
	return append(left, strings.Fields(kinds)...), nil
}
