package app

import (
	"fmt"
	"log/slog"
	"net/http"

	"douyin.dev/services/platform/rpc"
)

// credentials are those the process shows to other services; nil when it has
// none. A part of them is a mistake: it would serve without.
func (c *Config) credentials(log *slog.Logger) (*rpc.Credentials, error) {
	if c.TLSCert == "" && c.TLSKey == "" && c.TLSCA == "" {
		return nil, nil
	}
	for _, file := range []struct{ name, path string }{
		{"tls-cert", c.TLSCert}, {"tls-key", c.TLSKey}, {"tls-ca", c.TLSCA},
	} {
		if file.path == "" {
			return nil, fmt.Errorf("configuration: %s is needed: tls-cert, tls-key and tls-ca go together", file.name)
		}
	}
	credentials, err := rpc.LoadCredentials(rpc.CredentialOptions{Certificate: c.TLSCert, Key: c.TLSKey, CA: c.TLSCA, Log: log})
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	return credentials, nil
}

// server returns the server of the public port.
func (p *process) server(h http.Handler) *http.Server {
	if p.credentials != nil && p.config.TLSServe {
		return rpc.NewTLSServer(h, p.credentials)
	}
	return rpc.NewServer(h)
}
