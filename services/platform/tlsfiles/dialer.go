package tlsfiles

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
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
	content := d.files.Current()
	conn, err := (&tls.Dialer{NetDialer: network, Config: &tls.Config{
		MinVersion:   tls.VersionTLS12,
		ServerName:   d.serverName, // empty: the host of the address
		Certificates: content.Certificates(),
		RootCAs:      content.Authorities,
	}}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("tls with %s: %w", address, err)
	}
	return conn, nil
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
