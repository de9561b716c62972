package rpc

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"douyin.dev/services/platform/tlsfiles"
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
type Credentials struct{ files *tlsfiles.Files }

// LoadCredentials reads the files.
func LoadCredentials(o CredentialOptions) (*Credentials, error) {
	files, err := tlsfiles.Load(tlsfiles.Options{Certificate: o.Certificate, Key: o.Key, CA: o.CA, Every: o.Every, Log: o.Log})
	if err != nil {
		return nil, err
	}
	return &Credentials{files}, nil
}

// server is how connections are taken: TLS 1.3, from whoever shows a certificate
// of the mesh. Sessions are not resumed, so that each connection is judged by the
// CA of the moment. A busy connection stays, so handshakes are few beside calls.
func (c *Credentials) server() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			now := c.files.Current()
			return &tls.Config{
				MinVersion:             tls.VersionTLS13,
				Certificates:           now.Certificates(),
				ClientAuth:             tls.RequireAndVerifyClientCert,
				ClientCAs:              now.Authorities,
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
	now := c.files.Current()
	conn, err := (&tls.Dialer{NetDialer: dialer, Config: &tls.Config{
		MinVersion:   tls.VersionTLS13,
		ServerName:   name,
		Certificates: now.Certificates(),
		RootCAs:      now.Authorities,
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
