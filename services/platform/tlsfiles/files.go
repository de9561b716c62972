package tlsfiles

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// Options says where the files are. All of them are PEM.
type Options struct {
	// Certificate and Key are paths of a chain, its own certificate first, and
	// of its key: both or neither.
	Certificate, Key string
	// CA is the path of the trusted authorities; empty for those of the system.
	CA string
	// Every is how long the files are taken to be unchanged; 0 for 5 seconds.
	Every time.Duration
	// Log gets a line for new files, and for files that cannot be used; nil for none.
	Log *slog.Logger
}

// Content is what was in the files.
type Content struct {
	// Certificate is nil without one.
	Certificate *tls.Certificate
	// Authorities are nil for those of the system.
	Authorities *x509.CertPool
}

// Certificates returns the certificate as a tls.Config has it.
func (c Content) Certificates() []tls.Certificate {
	if c.Certificate == nil {
		return nil
	}
	return []tls.Certificate{*c.Certificate}
}

// Files are the certificates of a process, read again when they change. Safe
// for concurrent use.
type Files struct {
	options Options

	mu      sync.Mutex
	readAt  time.Time
	raw     raw
	content Content
	failure string // why the files could not be used when last read
}

// raw is the bytes of the certificate, the key and the authorities.
type raw [3][]byte

// Load reads the files.
func Load(o Options) (*Files, error) {
	if o.Every <= 0 {
		o.Every = 5 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	f := &Files{options: o, readAt: time.Now()}
	var err error
	if f.raw, err = f.read(); err != nil {
		return nil, err
	}
	if f.content, err = f.raw.parse(); err != nil {
		return nil, err
	}
	return f, nil
}

func (f *Files) read() (r raw, err error) {
	for i, path := range []string{f.options.Certificate, f.options.Key, f.options.CA} {
		if path == "" {
			continue
		}
		if r[i], err = os.ReadFile(path); err != nil {
			return r, fmt.Errorf("tls credentials: %w", err)
		}
	}
	return r, nil
}

func (r raw) parse() (Content, error) {
	var c Content
	if r[0] != nil || r[1] != nil {
		pair, err := tls.X509KeyPair(r[0], r[1])
		if err != nil {
			return c, fmt.Errorf("tls certificate and key: %w", err)
		}
		c.Certificate = &pair
	}
	if r[2] != nil {
		c.Authorities = x509.NewCertPool()
		if !c.Authorities.AppendCertsFromPEM(r[2]) {
			return c, errors.New("tls ca: no certificate is in it")
		}
	}
	return c, nil
}

func (r raw) equal(other raw) bool {
	for i := range r {
		if !bytes.Equal(r[i], other[i]) {
			return false
		}
	}
	return true
}

// Current returns what is in the files, as it was at most options.Every ago.
func (f *Files) Current() Content {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := time.Now(); now.Sub(f.readAt) >= f.options.Every {
		f.readAt = now
		f.renew()
	}
	return f.content
}

// renew takes what is in the files if it is new. Several files are not replaced
// at once: those that do not fit together yet are read again.
func (f *Files) renew() {
	fresh, err := f.read()
	if err == nil && fresh.equal(f.raw) {
		f.failure = ""
		return
	}
	var content Content
	if err == nil {
		content, err = fresh.parse()
	}
	if err != nil {
		if reason := err.Error(); reason != f.failure {
			f.failure = reason
			f.options.Log.Warn("tls credentials cannot be used, keeping the last ones", "error", err)
		}
		return
	}
	f.raw, f.content, f.failure = fresh, content, ""
	log := f.options.Log
	if content.Certificate != nil {
		log = log.With("not_after", content.Certificate.Leaf.NotAfter)
	}
	log.Info("tls credentials renewed")
}
