package rpc_test

import (
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"douyin.dev/services/platform/certtest"
	"douyin.dev/services/platform/rpc"
)

// load returns credentials that look at their files for each connection.
func load(t *testing.T, f certtest.Files, to io.Writer) *rpc.Credentials {
	t.Helper()
	c, err := rpc.LoadCredentials(rpc.CredentialOptions{
		Certificate: f.Certificate, Key: f.Key, CA: f.CA, Every: time.Nanosecond, Log: slog.New(slog.NewJSONHandler(to, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// issued returns the credentials of a process of the authority's mesh.
func issued(t *testing.T, a *certtest.Authority, name string) *rpc.Credentials {
	t.Helper()
	return load(t, a.Issue(t, t.TempDir(), name), io.Discard)
}

// try makes a call and returns how it failed.
func (f *fleet) try(t *testing.T, transport http.RoundTripper) error {
	t.Helper()
	res, err := transport.RoundTrip(f.request(t.Context(), t, nil))
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	return err
}

// dial leads every name to the first pod.
func (f *fleet) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, network, net.JoinHostPort(f.pods[0].host, strconv.Itoa(f.port)))
}

func TestCallsOverTLSSpreadOverAllAddresses(t *testing.T) {
	t.Parallel()
	mesh := certtest.New(t)
	f := newTLSFleet(t, 3, issued(t, mesh, "video"), issued(t, mesh, "feed"), func(p *pod, w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != protoOf(r) || r.TLS.Version != tls.VersionTLS13 || r.TLS.PeerCertificates[0].DNSNames[0] != "feed" {
			http.Error(w, "not as it should be", http.StatusBadRequest)
			return
		}
		name(p, w, r)
	})
	for i := range 60 {
		if got := f.callAs(t, kinds[i%2], nil); !strings.HasPrefix(got, "127.0.0.") {
			t.Fatalf("answered %q", got)
		}
	}
	for _, p := range f.pods {
		if n := p.served.Load(); n != 20 {
			t.Errorf("%s served %d of 60", p.host, n)
		}
	}
}

func TestStrangersAreRefused(t *testing.T) {
	t.Parallel()
	mesh, other := certtest.New(t), certtest.New(t)
	f := newTLSFleet(t, 2, issued(t, mesh, "video"), issued(t, mesh, "feed"), name)
	balanced := func(c *rpc.Credentials) http.RoundTripper {
		b := rpc.NewBalancer(rpc.BalancerOptions{Resolver: f.names, Credentials: c})
		t.Cleanup(func() { _ = b.Close() })
		return b
	}
	theirs := other.Issue(t, t.TempDir(), "feed")
	trusted := mesh.Issue(t, t.TempDir(), "feed")
	// This one knows the mesh, and shows a certificate only others would trust.
	liar := certtest.Files{Certificate: theirs.Certificate, Key: theirs.Key, CA: trusted.CA}
	shown, err := tls.LoadX509KeyPair(trusted.Certificate, trusted.Key)
	if err != nil {
		t.Fatal(err)
	}
	for what, transport := range map[string]http.RoundTripper{
		"no certificate":              &http.Transport{TLSClientConfig: &tls.Config{RootCAs: mesh.Pool(), ServerName: "video"}},
		"a certificate of another CA": balanced(load(t, liar, io.Discard)),
		"TLS 1.2": &http.Transport{TLSClientConfig: &tls.Config{
			RootCAs: mesh.Pool(), ServerName: "video", Certificates: []tls.Certificate{shown}, MaxVersion: tls.VersionTLS12,
		}},
	} {
		if h, ok := transport.(*http.Transport); ok {
			h.DialContext = f.dial
			defer h.CloseIdleConnections()
		}
		if err := f.try(t, transport); err == nil {
			t.Errorf("with %s: served", what)
		} else {
			t.Logf("with %s: %v", what, err)
		}
	}
	res, err := http.Get("http://127.0.0.1:" + strconv.Itoa(f.port) + "/")
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusBadRequest {
		t.Errorf("without TLS: status %d", res.StatusCode)
	}
	for _, p := range f.pods {
		if p.served.Load() != 0 {
			t.Errorf("%s served", p.host)
		}
	}
	if err := f.try(t, f.balancer); err != nil {
		t.Errorf("one of the mesh: %v", err)
	}
}

func TestImpostorsAreNotCalled(t *testing.T) {
	t.Parallel()
	mesh := certtest.New(t)
	for what, serves := range map[string]*rpc.Credentials{
		"another name": issued(t, mesh, "user"), "another CA": issued(t, certtest.New(t), "video"),
	} {
		f := newTLSFleet(t, 2, serves, issued(t, mesh, "feed"), name)
		err := f.try(t, f.balancer)
		if !rpc.NotSent(err) {
			t.Errorf("%s: got %v, want that nothing was sent", what, err)
		}
		if f.pods[0].served.Load()+f.pods[1].served.Load() != 0 {
			t.Errorf("%s: was served", what)
		}
	}
}

func TestRenewedFilesAreUsedFromTheNextConnection(t *testing.T) {
	t.Parallel()
	before, after := certtest.New(t), certtest.New(t)
	there, here := t.TempDir(), t.TempDir()
	f := newTLSFleet(t, 1, load(t, before.Issue(t, there, "video"), io.Discard), load(t, before.Issue(t, here, "feed"), io.Discard), name)
	f.call(t, nil)
	again := func() error {
		f.balancer.CloseIdleConnections()
		return f.try(t, f.balancer)
	}
	after.Issue(t, there, "video")
	eventually(t, "the caller to refuse the new authority", func() bool { return again() != nil })
	after.Issue(t, here, "feed")
	eventually(t, "the caller to know it", func() bool { return again() == nil })
}

func TestFilesThatDoNotFitLeaveTheLastOnes(t *testing.T) {
	t.Parallel()
	mesh, dir, said := certtest.New(t), t.TempDir(), &journal{}
	files := mesh.Issue(t, dir, "video")
	f := newTLSFleet(t, 1, load(t, files, said), issued(t, mesh, "feed"), name)
	f.call(t, nil)
	whole, err := os.ReadFile(files.Key)
	if err != nil {
		t.Fatal(err)
	}
	mesh.Issue(t, dir, "video", "video.douyin")
	fresh, err := os.ReadFile(files.Key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(files.Key, whole, 0o600); err != nil { // its own key is still to come
		t.Fatal(err)
	}
	connect := func() {
		f.balancer.CloseIdleConnections()
		f.call(t, nil)
	}
	eventually(t, "a look at the files", func() bool { connect(); return said.has("keeping the last ones") })
	if err := os.WriteFile(files.Key, fresh, 0o600); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the new ones", func() bool { connect(); return said.has("renewed") })
	if n := strings.Count(said.String(), "keeping"); n != 1 {
		t.Errorf("said %d times that they do not fit", n)
	}
}

func TestUnusableFilesAreRefusedAtOnce(t *testing.T) {
	t.Parallel()
	mesh := certtest.New(t)
	good, other := mesh.Issue(t, t.TempDir(), "video"), mesh.Issue(t, t.TempDir(), "video")
	for want, files := range map[string]certtest.Files{
		"no such file":              {Certificate: good.Certificate, Key: good.Key, CA: good.CA + "x"},
		"private key does not":      {Certificate: good.Certificate, Key: other.Key, CA: good.CA},
		"no certificate is in it":   {Certificate: good.Certificate, Key: good.Key, CA: good.Key},
		"tls certificate and key: ": {Certificate: good.Key, Key: good.Key, CA: good.CA},
	} {
		_, err := rpc.LoadCredentials(rpc.CredentialOptions{Certificate: files.Certificate, Key: files.Key, CA: files.CA})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// journal is a log as text.
type journal struct {
	mu   sync.Mutex
	text strings.Builder
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

func (j *journal) has(s string) bool { return strings.Contains(j.String(), s) }
