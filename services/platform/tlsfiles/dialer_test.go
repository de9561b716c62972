package tlsfiles

import (
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"testing"

	"douyin.dev/services/platform/certtest"
)

// serveTLS accepts TLS connections of clients with any certificate, asks verify
// about each, and closes them.
func serveTLS(t *testing.T, files certtest.Files, verify func(net.Conn) error) (address string) {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(files.Certificate, files.Key)
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		return &tls.Config{
			Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAnyClientCert,
			VerifyConnection: func(tls.ConnectionState) error { return verify(hello.Conn) },
		}, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				_ = conn.(*tls.Conn).HandshakeContext(t.Context())
				_ = conn.Close()
			}()
		}
	}()
	return l.Addr().String()
}

func dial(t *testing.T, files certtest.Files, address string) net.Conn {
	t.Helper()
	settings := Settings{TLS: true, CA: files.CA, Cert: files.Certificate, Key: files.Key}
	d, err := settings.Dialer("", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	conn, err := d.DialContext(t.Context(), &net.Dialer{}, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// What the client sent lies unread at the server when it refuses the
// certificate, so that a reset reaches the client in place of the alert.
func TestARefusedCertificateIsToldAlsoAfterAReset(t *testing.T) {
	t.Parallel()
	files := certtest.New(t).Issue(t, t.TempDir(), "127.0.0.1")
	first, sent := make(chan struct{}, 1), make(chan struct{})
	first <- struct{}{}
	address := serveTLS(t, files, func(conn net.Conn) error {
		select {
		case <-first:
			<-sent
			_ = conn.(*net.TCPConn).SetLinger(0)
			_ = conn.Close() // a reset
		default:
		}
		return errors.New("refused")
	})
	conn := dial(t, files, address)
	if _, err := conn.Write([]byte("HELLO")); err != nil {
		t.Fatal(err)
	}
	close(sent)
	if _, err := conn.Read(make([]byte, 1)); !Refused(err) {
		t.Errorf("not told as a refusal: %v", err)
	}
}

func TestAServerThatOnlyEndsIsNoRefusal(t *testing.T) {
	t.Parallel()
	files := certtest.New(t).Issue(t, t.TempDir(), "127.0.0.1")
	conn := dial(t, files, serveTLS(t, files, func(net.Conn) error { return nil }))
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("got %v", err)
	}
}
