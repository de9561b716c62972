package rpc

import (
	"context"
	"net"
	"net/http"
)

// DialFor connects as the calls of a kind of content do.
func DialFor(ctx context.Context, kind, address string) (net.Conn, error) {
	req := &http.Request{Header: http.Header{"Content-Type": []string{kind}}}
	return newEndpoint(BalancerOptions{}, address).way(req).DialContext(ctx, "tcp", address)
}
