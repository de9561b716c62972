package app

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"douyin.dev/services/platform/certtest"
)

// certified returns a configuration with credentials for the names.
func certified(t *testing.T, mesh *certtest.Authority, names ...string) *Config {
	t.Helper()
	files, c := mesh.Issue(t, t.TempDir(), names...), localConfig()
	c.TLSCert, c.TLSKey, c.TLSCA, c.TLSServe = files.Certificate, files.Key, files.CA, true
	return c
}

// edge mounts a door for clients that asks the service "user".
func edge(_ context.Context, rt *Runtime) error {
	client, base := rt.HTTPClient("user")
	rt.Handle("/", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		req, err := http.NewRequestWithContext(r.Context(), http.MethodGet, base+"/who", nil)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		res, err := client.Do(req)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer res.Body.Close()
		w.WriteHeader(res.StatusCode)
		_, _ = io.Copy(w, res.Body)
	}))
	return nil
}

func TestProcessesCallEachOtherOverMutualTLS(t *testing.T) {
	t.Parallel()
	mesh := certtest.New(t)
	user := start(t, certified(t, mesh, "localhost"), component(func(_ context.Context, rt *Runtime) error {
		rt.Handle("/who", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, r.Proto, " ", r.TLS.PeerCertificates[0].DNSNames[0])
		}))
		return nil
	}))
	address := strings.TrimPrefix(user.public, "http://")
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	if status, body := get(t, user.public+"/who"); status != http.StatusBadRequest {
		t.Errorf("without TLS: status %d, %s", status, body)
	}
	if status, _ := get(t, user.private+"/livez"); status != http.StatusOK {
		t.Errorf("private port: status %d", status)
	}

	config := certified(t, mesh, "gateway")
	config.TLSServe, config.ServiceURL = false, "https://localhost:"+port
	gateway := start(t, config, component(edge))
	if status, body := get(t, gateway.public); status != http.StatusOK || body != "HTTP/1.1 gateway" {
		t.Errorf("through the mesh: status %d, %q", status, body)
	}

	config = certified(t, certtest.New(t), "gateway")
	config.TLSServe, config.ServiceURL = false, "https://localhost:"+port
	stranger := start(t, config, component(edge))
	if status, body := get(t, stranger.public); status != http.StatusBadGateway || !strings.Contains(body, "unknown authority") {
		t.Errorf("from a stranger: status %d, %q", status, body)
	}
}

func TestAPartOfTheCredentialsIsAMistake(t *testing.T) {
	t.Parallel()
	files := certtest.New(t).Issue(t, t.TempDir(), "user")
	for missing, config := range map[string]Config{
		"tls-cert": {TLSKey: files.Key, TLSCA: files.CA},
		"tls-key":  {TLSCert: files.Certificate, TLSCA: files.CA},
		"tls-ca":   {TLSCert: files.Certificate, TLSKey: files.Key},
	} {
		config.Listen, config.PrivateListen = "127.0.0.1:0", "127.0.0.1:0"
		err := run(t.Context(), "shop", &config, component(edge), newJournal())
		if want := "configuration: " + missing + " is needed"; err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
