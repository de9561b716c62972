package client

import (
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"go.opentelemetry.io/otel/metric/noop"
)

// Without the bound, the system takes several megabytes for a client nearby.
func TestTheSystemTakesLittleOfAnAnswerThatIsNotRead(t *testing.T) {
	t.Parallel()
	inner, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l, err := Listen(inner, ListenOptions{Meters: noop.NewMeterProvider()})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err := new(net.Dialer).DialContext(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	_ = server.SetWriteDeadline(time.Now().Add(time.Second))
	n, err := server.Write(make([]byte, 32<<20))
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("wrote %d bytes: %v", n, err)
	}
	if most := 4 * maxUnsent; n > most {
		t.Errorf("the system took %d bytes that nobody reads, want at most %d", n, most)
	}
}
