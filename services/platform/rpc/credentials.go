package rpc

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

// CredentialOptions says where the credentials of a process are. All files are PEM.
type CredentialOptions struct {
	Certificate string // path of the chain, its own certificate first
	Key         string // path of its key
	CA          string // path of the certificates that sign those of the mesh
	// Every is how long the files are believed; 0 for 5 seconds.
	Every time.Duration
	// Log is told of new files, and of files that cannot be used.
	Log *slog.Logger
}

// Credentials are what a process of the mesh shows to the others and trusts
// them by. Files that change are used from the next connection on; while they
// cannot be used, the last ones stay. Safe for concurrent use.
type Credentials struct {
	options CredentialOptions

	mu     sync.Mutex
	looked time.Time
	held   *held
	failed string // why the files could not be used when last looked at
}

// held is what was in the files.
type held struct {
	content     [3][]byte // certificate, key, CA
	certificate tls.Certificate
	authorities *x509.CertPool
}

// LoadCredentials reads the files.
func LoadCredentials(o CredentialOptions) (*Credentials, error) {
	if o.Every <= 0 {
		o.Every = 5 * time.Second
	}
	c := &Credentials{options: o, looked: time.Now()}
	content, err := c.read()
	if err != nil {
		return nil, err
	}
	c.held, err = hold(content)
	if err != nil {
		return nil, err
	}
	return c, nil
}

func (c *Credentials) read() (content [3][]byte, err error) {
	for i, path := range []string{c.options.Certificate, c.options.Key, c.options.CA} {
		if content[i], err = os.ReadFile(path); err != nil {
			return content, fmt.Errorf("tls credentials: %w", err)
		}
	}
	return content, nil
}

func hold(content [3][]byte) (*held, error) {
	certificate, err := tls.X509KeyPair(content[0], content[1])
	if err != nil {
		return nil, fmt.Errorf("tls certificate and key: %w", err)
	}
	authorities := x509.NewCertPool()
	if !authorities.AppendCertsFromPEM(content[2]) {
		return nil, errors.New("tls ca: no certificate is in it")
	}
	return &held{content: content, certificate: certificate, authorities: authorities}, nil
}

// now returns what is in the files, as it was at most options.Every ago.
func (c *Credentials) now() *held {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.looked) >= c.options.Every {
		c.looked = now
		c.renew()
	}
	return c.held
}

// renew takes what is in the files if it is new. Three files are not replaced at
// once: what does not fit together yet is looked at again.
func (c *Credentials) renew() {
	content, err := c.read()
	if err == nil && same(content, c.held.content) {
		c.failed = ""
		return
	}
	var fresh *held
	if err == nil {
		fresh, err = hold(content)
	}
	if err != nil {
		if reason := err.Error(); reason != c.failed {
			c.failed = reason
			c.options.Log.Warn("tls credentials cannot be used, keeping the last ones", "error", err)
		}
		return
	}
	c.held, c.failed = fresh, ""
	c.options.Log.Info("tls credentials renewed", "not_after", fresh.certificate.Leaf.NotAfter)
}

func same(a, b [3][]byte) bool {
	for i := range a {
		if !bytes.Equal(a[i], b[i]) {
			return false
		}
	}
	return true
}

// server is how connections are taken: TLS 1.3, from whoever shows a certificate
// of the mesh. Sessions are not resumed, so that each connection is judged by the
// CA of the moment. A busy connection stays, so handshakes are few beside calls.
func (c *Credentials) server() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			now := c.now()
			return &tls.Config{
				MinVersion:             tls.VersionTLS13,
				Certificates:           []tls.Certificate{now.certificate},
				ClientAuth:             tls.RequireAndVerifyClientCert,
				ClientCAs:              now.authorities,
				NextProtos:             []string{"h2", "http/1.1"},
				SessionTicketsDisabled: true,
			}, nil
		},
	}
}

// dial connects to an address, to speak a protocol there, and makes sure that the
// mesh vouches for the name. An address that cannot be trusted is one that cannot be reached:
// nothing of a request has left.
func (c *Credentials) dial(ctx context.Context, dialer *net.Dialer, network, address, name, protocol string) (net.Conn, error) {
	now := c.now()
	conn, err := (&tls.Dialer{NetDialer: dialer, Config: &tls.Config{
		MinVersion:   tls.VersionTLS13,
		ServerName:   name,
		Certificates: []tls.Certificate{now.certificate},
		RootCAs:      now.authorities,
		NextProtos:   []string{protocol},
	}}).DialContext(ctx, network, address)
	if err != nil && !NotSent(err) {
		err = &net.OpError{Op: "dial", Net: network, Err: fmt.Errorf("tls with %s as %s: %w", address, name, err)}
	}
	return conn, err
}

// NewTLSServer returns a server as NewServer does, but one that speaks HTTP/1.1
// and HTTP/2 over TLS alone, and only to processes of the mesh.
func NewTLSServer(h http.Handler, c *Credentials) *http.Server {
	s := NewServer(h)
	s.Protocols = new(http.Protocols)
	s.Protocols.SetHTTP1(true)
	s.Protocols.SetHTTP2(true)
	s.TLSConfig = c.server()
	return s
}
