package rpc

import (
	"net/http"
	"time"
)

const (
	// headerTimeout bounds how long a request's header may take, from the accepted
	// connection on for the first one.
	headerTimeout = 5 * time.Second
	// idleTimeout is how long a server keeps a connection that carries nothing.
	idleTimeout = 60 * time.Second
)

// MaxMessageBytes bounds a request message.
const MaxMessageBytes = 1 << 20

// NewServer returns a server with the limits every server of the mesh has,
// speaking HTTP/1.1 and HTTP/2 without TLS. There is no WriteTimeout: streams
// and uploads bound themselves.
func NewServer(h http.Handler) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Server{
		Handler:           h,
		Protocols:         protocols,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    32 << 10,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams:          1000,
			MaxReceiveBufferPerConnection: 1 << 20,
			MaxReceiveBufferPerStream:     512 << 10,
			SendPingTimeout:               30 * time.Second,
		},
	}
}

const (
	// maxClientStreams bounds the calls under way over one connection of a client:
	// what RFC 9113 calls enough for any.
	maxClientStreams = 128
	// writeTimeout bounds how long a connection of a client may take nothing of
	// what is sent over it, whatever its streams wait for.
	writeTimeout = 5 * time.Second
)

// ForClients makes a server one that clients connect to: other than services of
// the mesh they may stop reading, or open streams and do nothing with them.
func ForClients(s *http.Server) *http.Server {
	s.HTTP2.MaxConcurrentStreams = maxClientStreams
	s.HTTP2.WriteByteTimeout = writeTimeout
	return s
}

// maxUnaryConns bounds the connections for unary calls to one address; more
// calls than that wait for one.
const maxUnaryConns = 512

// NewUnaryTransport returns a client transport over HTTP/1.1, for one address:
// unary calls cost little more than half of what they do over HTTP/2, and need a
// connection each while they are under way. It closes idle connections before
// the server would, even those that were made and not needed, so that no call
// meets one that is just being closed.
func NewUnaryTransport() *http.Transport {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Transport{
		Protocols:           protocols,
		DisableCompression:  true,
		IdleConnTimeout:     headerTimeout - time.Second,
		MaxIdleConnsPerHost: maxUnaryConns,
		MaxConnsPerHost:     maxUnaryConns,
	}
}

// NewStreamTransport returns a client transport over HTTP/2, for one address. A
// connection whose other end has fallen silent is given up after eight seconds.
func NewStreamTransport() *http.Transport {
	protocols := new(http.Protocols)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Transport{
		Protocols:          protocols,
		DisableCompression: true,
		IdleConnTimeout:    idleTimeout,
		HTTP2:              &http.HTTP2Config{SendPingTimeout: 5 * time.Second, PingTimeout: 3 * time.Second},
	}
}

// Direct makes a transport a client for generated code: what http.Client adds,
// redirects and cookies, no RPC has.
type Direct struct{ http.RoundTripper }

// Do implements connect.HTTPClient.
func (d Direct) Do(req *http.Request) (*http.Response, error) { return d.RoundTrip(req) }
