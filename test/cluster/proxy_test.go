package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"douyin.dev/test/harness"
)

// proxyBudget is how many accounts a client may register at once in this step.
const proxyBudget = 3

// statusTooMany is the status_code of an answer to a client that is over a budget.
const statusTooMany = "10009"

// proxy puts nginx before the gateway: two clients of it have a budget each where the
// gateway trusts the proxy, and share one where it does not.
func (l *life) proxy(t *testing.T) {
	nginx, err := exec.LookPath("nginx")
	if err != nil {
		t.Skip("nginx is not installed")
	}
	ctx := t.Context()
	check(t, l.deploy(ctx, l.deployed(t, deployment{tag: firstTag, registrations: proxyBudget})))
	check(t, l.settle(ctx))
	front := startNginx(t, nginx, l.base(t))
	if got := registered(t, front, "127.0.0.51"); got != proxyBudget {
		t.Errorf("behind an unknown proxy the first client registered %d accounts, want %d", got, proxyBudget)
	}
	if got := registered(t, front, "127.0.0.52"); got != 0 {
		t.Errorf("behind an unknown proxy a second client registered %d accounts of the first one's budget", got)
	}
	hops, err := l.nodeAddresses(ctx)
	check(t, err)
	trusted := "gateway.trustedProxies={" + strings.Join(hops, ",") + "}"
	check(t, l.deploy(ctx, l.deployed(t, deployment{tag: firstTag, registrations: proxyBudget, set: []string{trusted}})))
	check(t, l.settle(ctx))
	for _, address := range []string{"127.0.0.53", "127.0.0.54"} {
		if got := registered(t, front, address); got != proxyBudget {
			t.Errorf("behind the trusted proxy %s registered %d accounts, want %d", address, got, proxyBudget)
		}
	}
	l.report.add("clients behind nginx", "a budget each", "%d accounts each where the proxy is trusted, %d for both where it is not", proxyBudget, proxyBudget)
}

// nodeAddresses are those by which the nodes' own connections arrive at pods.
func (k *kube) nodeAddresses(ctx context.Context) ([]string, error) {
	var list struct {
		Items []struct {
			Spec   struct{ PodCIDR string }
			Status struct {
				Addresses []struct{ Type, Address string }
			}
		}
	}
	if err := k.get(ctx, &list, "nodes"); err != nil {
		return nil, err
	}
	var all []string
	for _, node := range list.Items {
		if node.Spec.PodCIDR != "" { // a bridge on the node has the first of these
			all = append(all, node.Spec.PodCIDR)
		}
		for _, a := range node.Status.Addresses {
			if a.Type == "InternalIP" {
				all = append(all, a.Address+"/32")
			}
		}
	}
	return all, nil
}

// registered registers accounts from a loopback address until one is refused, at most
// two more than the budget, and returns how many there were.
func registered(t *testing.T, base, address string) int {
	t.Helper()
	client := harness.NewClientFrom(base, address, false)
	defer client.CloseIdle()
	for n := range proxyBudget + 2 {
		answer, err := client.Post(t.Context(), "/douyin/user/register/", "username", harness.Name("proxy"), "password", "correct horse")
		check(t, err)
		switch code, _ := answer.Fields["status_code"].(json.Number); code {
		case "0":
		case statusTooMany:
			return n
		default:
			t.Fatalf("registration %d from %s: %s", n, address, answer.Body)
		}
	}
	return proxyBudget + 2
}

// startNginx starts a reverse proxy before a URL, as docs/operations.md says, and
// returns its own.
func startNginx(t *testing.T, nginx, backend string) string {
	t.Helper()
	dir := t.TempDir()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	address := free.Addr().String()
	check(t, free.Close())
	config := filepath.Join(dir, "nginx.conf")
	check(t, os.WriteFile(config, fmt.Appendf(nil, `daemon off;
pid %[1]s/pid;
error_log stderr;
events {}
http {
  access_log off;
  client_body_temp_path %[1]s/body;
  proxy_temp_path %[1]s/proxy;
  fastcgi_temp_path %[1]s/fastcgi;
  uwsgi_temp_path %[1]s/uwsgi;
  scgi_temp_path %[1]s/scgi;
  server {
    listen %[2]s;
    location / {
      proxy_pass %[3]s;
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;
    }
  }
}
`, dir, address, backend), 0o600))
	cmd := exec.CommandContext(t.Context(), nginx, "-p", dir, "-c", config)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	check(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Wait() })
	harness.Eventually(t, 10*time.Second, func() error {
		c, err := net.DialTimeout("tcp", address, time.Second)
		if err != nil {
			return err
		}
		return c.Close()
	})
	return "http://" + address
}
