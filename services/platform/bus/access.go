package bus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"

	"douyin.dev/services/platform/tlsfiles"
)

// Access is the settings by which a process and the brokers know each other.
// Its fields are kong's: embed it with the prefix kafka-, the envprefix
// DOUYIN_KAFKA_ and the variable server.
type Access struct {
	tlsfiles.Settings `embed:""`

	SASLMechanism string `name:"sasl-mechanism" env:"SASL_MECHANISM" help:"How the process logs in to Kafka: PLAIN, which wants TLS, SCRAM-SHA-256 or SCRAM-SHA-512; empty for no login." enum:",PLAIN,SCRAM-SHA-256,SCRAM-SHA-512" default:""`
	SASLUser      string `name:"sasl-user" env:"SASL_USER" help:"Kafka user name."`
	SASLPassword  string `name:"sasl-password" env:"SASL_PASSWORD" help:"Kafka password."`
}

// Security is how connections to the brokers are secured; the zero value for
// plain ones. Safe for concurrent use.
type Security struct {
	TLS  tlsfiles.Dialer
	SASL sasl.Mechanism // nil for no login
}

// Security reads the files that the settings name. prefix begins their names in
// errors.
func (a *Access) Security(prefix string, log *slog.Logger) (Security, error) {
	mechanism, err := a.mechanism(prefix)
	if err != nil {
		return Security{}, err
	}
	dialer, err := a.Dialer(prefix, log)
	if err != nil {
		return Security{}, err
	}
	return Security{TLS: *dialer, SASL: mechanism}, nil
}

func (a *Access) mechanism(prefix string) (sasl.Mechanism, error) {
	for _, s := range []struct{ name, value string }{
		{"sasl-mechanism", a.SASLMechanism}, {"sasl-user", a.SASLUser}, {"sasl-password", a.SASLPassword},
	} {
		if s.value == "" && a.SASLMechanism+a.SASLUser+a.SASLPassword != "" {
			return nil, fmt.Errorf("%[1]s%[2]s is needed: %[1]ssasl-mechanism, %[1]ssasl-user and %[1]ssasl-password go together", prefix, s.name)
		}
	}
	algorithm := scram.SHA512
	switch a.SASLMechanism {
	case "":
		return nil, nil
	case "PLAIN":
		return plain.Mechanism{Username: a.SASLUser, Password: a.SASLPassword}, nil
	case scram.SHA256.Name():
		algorithm = scram.SHA256
	}
	m, err := scram.Mechanism(algorithm, a.SASLUser, a.SASLPassword)
	if err != nil {
		// Not the error's text, which may quote what it could not take.
		return nil, fmt.Errorf("%[1]ssasl-user or %[1]ssasl-password has a character that SCRAM forbids", prefix)
	}
	return m, nil
}

// enabled reports whether a broker that is up can refuse the process.
func (s *Security) enabled() bool { return s.TLS.TLS() || s.SASL != nil }

// dial connects to a broker. The login is kafka-go's.
func (s *Security) dial(ctx context.Context, _, address string) (net.Conn, error) {
	conn, err := s.TLS.DialContext(ctx, &net.Dialer{Timeout: dialTimeout}, address)
	if err != nil || s.SASL == nil {
		return conn, err
	}
	return &loginConn{Conn: conn}, nil
}

// NewTransport returns a pool of connections to the brokers, which live until
// they are closed or ctx ends.
func (s *Security) NewTransport(ctx context.Context, clientID string, metadataTTL time.Duration) *kafka.Transport {
	return &kafka.Transport{
		Dial: s.dial, DialTimeout: dialTimeout, SASL: s.SASL,
		MetadataTTL: metadataTTL, ClientID: clientID, Context: ctx,
	}
}

// loginConn bounds the login, and reports how it ended. kafka-go takes the
// deadline away before the login and sets one for every request after it, so a
// broker that stopped in the middle would hold the pool's metadata for ever. A
// connection that ends then is how some brokers refuse.
type loginConn struct {
	net.Conn
	unbounded atomic.Bool // kafka-go set no deadline
}

// errLoginClosed is what a login ends with that the broker cut off.
var errLoginClosed = errors.New("the broker closed the connection during the login")

// Read implements net.Conn.
func (c *loginConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if errors.Is(err, io.EOF) && c.unbounded.Load() {
		err = errLoginClosed
	}
	return n, err
}

// SetDeadline implements net.Conn.
func (c *loginConn) SetDeadline(t time.Time) error { return c.Conn.SetDeadline(c.bounded(t)) }

// SetReadDeadline implements net.Conn.
func (c *loginConn) SetReadDeadline(t time.Time) error { return c.Conn.SetReadDeadline(c.bounded(t)) }

// SetWriteDeadline implements net.Conn.
func (c *loginConn) SetWriteDeadline(t time.Time) error {
	return c.Conn.SetWriteDeadline(c.bounded(t))
}

func (c *loginConn) bounded(deadline time.Time) time.Time {
	c.unbounded.Store(deadline.IsZero())
	if deadline.IsZero() {
		return time.Now().Add(dialTimeout)
	}
	return deadline
}

// ErrRefused says that a broker is up and does not let the process in.
var ErrRefused = errors.New("kafka refuses this process")

// CheckAccess returns ErrRefused when a broker refuses the process by its
// certificate or its login, or is one that the process does not trust. It returns
// nil when a broker let the process in, and when none answered: neither a start
// nor a test of the settings needs a broker that is up.
func (b *Bus) CheckAccess(ctx context.Context) error {
	if !b.config.Security.enabled() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 2*dialTimeout)
	defer cancel()
	_, err := b.client.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{}})
	if refused(err) {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return nil
}

func refused(err error) bool {
	for _, answer := range []kafka.Error{kafka.SASLAuthenticationFailed, kafka.UnsupportedSASLMechanism, kafka.IllegalSASLState} {
		if errors.Is(err, answer) {
			return true
		}
	}
	return errors.Is(err, errLoginClosed) || tlsfiles.Refused(err)
}
