package rpc

import (
	"context"
	"io"
	"net"
	"net/http"
)

// DialFor connects as the calls of a kind of content do.
func DialFor(ctx context.Context, kind, address string) (net.Conn, error) {
	req := &http.Request{Header: http.Header{"Content-Type": []string{kind}}}
	return newEndpoint(BalancerOptions{}, address).way(req).DialContext(ctx, "tcp", address)
}

// Attempts are the bodies that n addresses would be sent of one request.
func Attempts(req *http.Request, n int) ([]string, error) {
	whole, err := inMemory(req)
	if err != nil {
		return nil, err
	}
	var bodies []string
	for range n {
		body, err := io.ReadAll(again(whole).Body)
		if err != nil {
			return nil, err
		}
		bodies = append(bodies, string(body))
	}
	return bodies, nil
}
