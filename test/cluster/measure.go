package cluster

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// privatePort is where pods tell their metrics.
const privatePort = 9090

// metrics returns a pod's metrics, through the API server: pods need not be
// reachable from here.
func (k *kube) metrics(ctx context.Context, name string) (string, error) {
	return output(ctx, "", "kubectl", "get", "--raw",
		fmt.Sprintf("/api/v1/namespaces/%s/pods/%s:%d/proxy/metrics", k.namespace, name, privatePort))
}

// served are the counters of calls a pod has served, the first that it has:
// gateways count HTTP requests, services calls.
var served = []string{"http_server_request_duration_seconds_count", "rpc_server_duration_milliseconds_count", "rpc_server_call_duration_seconds_count"}

// servedCalls sums a pod's counters of served calls. One that nobody has called
// yet has none.
func servedCalls(text string) (float64, error) {
	for _, name := range served {
		sum, found, err := sumOf(text, name)
		if err != nil || found {
			return sum, err
		}
	}
	return 0, nil
}

// sumOf adds a metric's values over all labels.
func sumOf(text, name string) (sum float64, found bool, err error) {
	for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
		rest, ours := strings.CutPrefix(lines.Text(), name)
		if !ours || rest == "" || rest[0] != '{' && rest[0] != ' ' {
			continue
		}
		// A label's value may hold spaces and braces, the number cannot.
		value := rest[strings.LastIndexAny(rest, " }")+1:]
		v, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return 0, false, fmt.Errorf("metric %s: %w", name, err)
		}
		sum, found = sum+v, true
	}
	return sum, found, nil
}

// spread is how far the busiest is above the least busy: 0.2 is 20 %.
func spread(loads map[string]float64) float64 {
	least, most, first := 0.0, 0.0, true
	for _, v := range loads {
		if first {
			least, most, first = v, v, false
		}
		least, most = min(least, v), max(most, v)
	}
	switch {
	case most == 0:
		return 0
	case least == 0:
		return most
	default:
		return most/least - 1
	}
}

// usage is the memory of a pod in bytes. Resident is what its processes have
// allocated; the working set has the pages of their files in it, too, and is what
// counts against its limit.
type usage struct{ resident, workingSet int64 }

// memory returns the memory of every pod of the namespace, as the kubelets
// count it.
func (k *kube) memory(ctx context.Context) (map[string]usage, error) {
	nodes, err := output(ctx, "", "kubectl", "get", "nodes", "-o", "jsonpath={.items[*].metadata.name}")
	if err != nil {
		return nil, err
	}
	used := map[string]usage{}
	for _, node := range strings.Fields(nodes) {
		out, err := output(ctx, "", "kubectl", "get", "--raw", "/api/v1/nodes/"+node+"/proxy/stats/summary")
		if err != nil {
			return nil, err
		}
		if err := addUsage(used, out, k.namespace); err != nil {
			return nil, fmt.Errorf("node %s: %w", node, err)
		}
	}
	return used, nil
}

func addUsage(to map[string]usage, summary, namespace string) error {
	var s struct {
		Pods []struct {
			PodRef     struct{ Name, Namespace string }
			Containers []struct {
				Memory struct{ RSSBytes, WorkingSetBytes int64 }
			}
		}
	}
	if err := json.Unmarshal([]byte(summary), &s); err != nil {
		return fmt.Errorf("read summary: %w", err)
	}
	for _, p := range s.Pods {
		if p.PodRef.Namespace != namespace {
			continue
		}
		for _, c := range p.Containers {
			u := to[p.PodRef.Name]
			to[p.PodRef.Name] = usage{u.resident + c.Memory.RSSBytes, u.workingSet + c.Memory.WorkingSetBytes}
		}
	}
	return nil
}
