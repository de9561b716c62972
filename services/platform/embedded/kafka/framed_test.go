package kafka

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/iotest"
	"time"
)

// request returns n bytes with their length before them.
func request(n int) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(n)), bytes.Repeat([]byte{7}, n)...)
}

// pipe returns the broker's end of a connection on which a client sent these bytes.
func pipe(sent io.Reader) net.Conn {
	ours, theirs := net.Pipe()
	go func() {
		_, _ = io.Copy(theirs, sent) // the broker's end may be closed first
		_ = theirs.Close()
	}()
	return ours
}

func TestRequestsAreReadUpToTheLongestAllowed(t *testing.T) {
	t.Parallel()
	sent := append(append(request(0), request(maxRequestBytes)...), request(3)...)
	for name, reader := range map[string]io.Reader{
		"whole": bytes.NewReader(sent), "in halves": iotest.HalfReader(bytes.NewReader(sent)),
		"length in pieces": io.MultiReader(iotest.OneByteReader(bytes.NewReader(sent[:12])), bytes.NewReader(sent[12:])),
	} {
		got, err := io.ReadAll(&framed{Conn: pipe(reader)})
		if err != nil || !bytes.Equal(got, sent) {
			t.Errorf("%s: %d bytes of %d, %v", name, len(got), len(sent), err)
		}
	}
}

func TestALongerRequestIsNotRead(t *testing.T) {
	t.Parallel()
	for name, head := range map[string][]byte{
		"one byte too long":   binary.BigEndian.AppendUint32(nil, maxRequestBytes+1),
		"HTTP":                []byte("GET / HTTP/1.1\r\n\r\n"),
		"behind a good one":   append(request(5), "GET "...),
		"the longest of them": {0xff, 0xff, 0xff, 0xff},
	} {
		conn := &framed{Conn: pipe(iotest.OneByteReader(bytes.NewReader(head)))}
		got, err := io.ReadAll(conn)
		if err == nil {
			t.Errorf("%s: read %q", name, got)
		}
	}
}

// A broker ends a connection that speaks HTTP at once: it would wait for 1.2 GB otherwise.
func TestTheBrokerEndsWhatIsNotKafka(t *testing.T) {
	t.Parallel()
	srv := startIn(t, t.TempDir())
	defer stop(t, srv)
	conn, err := net.Dial("tcp", srv.Brokers()[0])
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte("GET / HTTP/1.1\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); !ended(err) {
		t.Errorf("the connection ended with %v, want it closed", err)
	}
}

// ended reports whether err is that of a connection whose other end was closed.
func ended(err error) bool {
	return err != nil && !errors.Is(err, os.ErrDeadlineExceeded)
}
