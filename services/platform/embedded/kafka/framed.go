package kafka

import (
	"encoding/binary"
	"fmt"
	"net"
)

// maxRequestBytes is the length of the longest request that is read: more than any
// client of ours sends, since a batch is at most maxMessageBytes.
const maxRequestBytes = 4 * maxMessageBytes

// bounded is a listener whose connections end before a request that is too long. The
// library allocates what the first four bytes of a request announce before it knows who
// sends them: "GET " announces 1.2 GB.
type bounded struct{ net.Listener }

func (b bounded) Accept() (net.Conn, error) {
	conn, err := b.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &framed{Conn: conn}, nil
}

// framed follows the frames of what is read: the length of a request in four bytes,
// and the request. It is read by one goroutine at a time, as the library does.
type framed struct {
	net.Conn
	length [4]byte
	known  int // bytes of length that were read
	left   int // bytes of the request that were not
}

func (f *framed) Read(p []byte) (int, error) {
	n, err := f.Conn.Read(p)
	for rest := p[:n]; len(rest) > 0; {
		if f.left > 0 {
			skipped := min(f.left, len(rest))
			f.left, rest = f.left-skipped, rest[skipped:]
			continue
		}
		copied := copy(f.length[f.known:], rest)
		f.known, rest = f.known+copied, rest[copied:]
		if f.known < len(f.length) {
			continue
		}
		length := binary.BigEndian.Uint32(f.length[:])
		if length > maxRequestBytes {
			return 0, fmt.Errorf("a request of %d bytes, more than %d", length, maxRequestBytes)
		}
		f.known, f.left = 0, int(length)
	}
	return n, err
}
