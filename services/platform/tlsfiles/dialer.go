package tlsfiles

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Settings say how a process speaks TLS to a store. Its fields are kong's:
// embed them with a prefix for the flags, an envprefix, and the variable server
// for the help.
type Settings struct {
	TLS        bool   `name:"tls" env:"TLS" help:"Whether ${server} is spoken to over TLS."`
	CA         string `name:"tls-ca" env:"TLS_CA" help:"File with the CA of ${server}'s certificates, PEM; empty for those the system trusts. Read again when it changes."`
	Cert       string `name:"tls-cert" env:"TLS_CERT" help:"File with the certificate shown to ${server}, PEM; empty for none. Read again when it changes."`
	Key        string `name:"tls-key" env:"TLS_KEY" help:"File with that certificate's key, PEM."`
	ServerName string `name:"tls-server-name" env:"TLS_SERVER_NAME" help:"Name in ${server}'s certificates, where it is not the host of the address."`
}

// Dialer returns what dials by the settings. prefix begins their names in
// errors.
func (s *Settings) Dialer(prefix string, log *slog.Logger) (*Dialer, error) {
	if !s.TLS {
		for _, set := range []struct{ name, value string }{
			{"tls-ca", s.CA}, {"tls-cert", s.Cert}, {"tls-key", s.Key}, {"tls-server-name", s.ServerName},
		} {
			if set.value != "" {
				return nil, fmt.Errorf("%[1]stls is needed: %[1]s%[2]s goes with it", prefix, set.name)
			}
		}
		return &Dialer{}, nil
	}
	if s.Cert == "" && s.Key != "" {
		return nil, fmt.Errorf("%[1]stls-cert is needed: %[1]stls-key goes with it", prefix)
	}
	if s.Cert != "" && s.Key == "" {
		return nil, fmt.Errorf("%[1]stls-key is needed: %[1]stls-cert goes with it", prefix)
	}
	files, err := Load(Options{Certificate: s.Cert, Key: s.Key, CA: s.CA, Log: log})
	if err != nil {
		return nil, fmt.Errorf("%stls: %w", prefix, err)
	}
	return &Dialer{files: files, serverName: s.ServerName}, nil
}

// Dialer opens connections to a store: over TLS, and plain ones as the zero
// value. Safe for concurrent use.
type Dialer struct {
	files      *Files // nil without TLS
	serverName string
}

// TLS reports whether connections are over TLS.
func (d *Dialer) TLS() bool { return d.files != nil }

// DialContext connects to an address, TLS handshake included, within the
// timeout of the network's dialer.
func (d *Dialer) DialContext(ctx context.Context, network *net.Dialer, address string) (net.Conn, error) {
	if d.files == nil {
		return network.DialContext(ctx, "tcp", address)
	}
	conn, err := d.dialTLS(ctx, network, address)
	if err != nil {
		return nil, fmt.Errorf("tls with %s: %w", address, err)
	}
	return &unheardConn{Conn: conn, refusal: func() error { return d.refusal(network, address) }}, nil
}

func (d *Dialer) dialTLS(ctx context.Context, network *net.Dialer, address string) (net.Conn, error) {
	content := d.files.Current()
	return (&tls.Dialer{NetDialer: network, Config: &tls.Config{
		MinVersion:   tls.VersionTLS12,
		ServerName:   d.serverName, // empty: the host of the address
		Certificates: content.Certificates(),
		RootCAs:      content.Authorities,
	}}).DialContext(ctx, "tcp", address)
}

// refusalWait is how long a server has to say that it refuses a connection on
// which nothing is said.
const refusalWait = 2 * time.Second

// refusal connects to address, says nothing, and returns the alert with which
// the server ends the connection; nil when none comes.
func (d *Dialer) refusal(network *net.Dialer, address string) error {
	ctx, cancel := context.WithTimeout(context.Background(), refusalWait)
	defer cancel()
	conn, err := d.dialTLS(ctx, network, address)
	if err == nil {
		defer func() { _ = conn.Close() }() // it is of no use any more
		deadline, _ := ctx.Deadline()
		_ = conn.SetReadDeadline(deadline) // fails on a closed connection, as the read does
		_, err = conn.Read(make([]byte, 1))
	}
	if Refused(err) {
		return fmt.Errorf("tls with %s: %w", address, err)
	}
	return nil
}

// unheardConn is a TLS connection that tells why it ended before the server
// said anything.
//
// In TLS 1.3 a client is done with the handshake before the server has looked
// at its certificate. The alert of a server that refuses it is lost when the
// client has already sent something: the server closes with unread bytes, so
// the client's system answers reads and writes with a reset in place of the
// alert. A second connection, on which nothing is sent, gets the alert.
type unheardConn struct {
	net.Conn
	refusal func() error
	heard   atomic.Bool
	asked   sync.Once
	refused error
}

// Read implements net.Conn.
func (c *unheardConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 {
		c.heard.Store(true)
	}
	return n, c.reason(err)
}

// Write implements net.Conn.
func (c *unheardConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	return n, c.reason(err)
}

func (c *unheardConn) reason(err error) error {
	ended := errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
	if !ended || c.heard.Load() {
		return err
	}
	c.asked.Do(func() { c.refused = c.refusal() })
	if c.refused != nil {
		return c.refused
	}
	return err
}

// Refused reports errors of a server that is up and with which no TLS
// connection is possible as both are configured: certificates that are not
// trusted here or there, or no TLS.
func Refused(err error) bool {
	var untrusted *tls.CertificateVerificationError
	var plain tls.RecordHeaderError
	var network *net.OpError
	return errors.As(err, &untrusted) || errors.As(err, &plain) ||
		errors.As(err, &network) && network.Op == "remote error" // an alert
}
