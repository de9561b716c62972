package app

import (
	"context"
	"net/http"
	"time"

	"connectrpc.com/connect"

	"douyin.dev/services/platform/auth"
	"douyin.dev/services/platform/pg"
	"douyin.dev/services/platform/rpc"
)

// keysTimeout bounds one look for the keys that sign tokens.
const keysTimeout = 5 * time.Second

// way returns the transport to a service and its base URL.
func (rt *Runtime) way(service string) (http.RoundTripper, string) {
	if rt.peers != nil {
		return rt.peers.Transport, "http://" + service
	}
	p := rt.process
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.network == nil {
		network := rpc.NewBalancer(rpc.BalancerOptions{Credentials: p.credentials})
		p.network = network
		p.closers = append(p.closers, closer{"clients", func(context.Context) error { return network.Close() }})
	}
	return p.network, rt.Config.url(service)
}

// HTTPClient returns a client for plain HTTP to a service, and its base URL.
func (rt *Runtime) HTTPClient(service string) (*http.Client, string) {
	transport, base := rt.way(service)
	return &http.Client{Transport: transport}, base
}

// Client returns what a generated client of a service is made with.
func (rt *Runtime) Client(service string) (connect.HTTPClient, string) {
	transport, base := rt.way(service)
	return rpc.Direct{RoundTripper: transport}, base
}

// NewClient returns a generated client of a service; make is its constructor.
func NewClient[C any](rt *Runtime, service string, make func(connect.HTTPClient, string, ...connect.ClientOption) C) C {
	client, base := rt.Client(service)
	return make(client, base, rt.ClientOptions())
}

// ClientOptions returns the options of every generated client. All clients of a
// process share what they know of the services they call.
func (rt *Runtime) ClientOptions() connect.ClientOption {
	options := rt.process.calls
	if local := rt.local(); local != nil {
		return connect.WithClientOptions(options, local.ClientOption())
	}
	return options
}

// local is the short way to the components of the same process; nil for none.
func (rt *Runtime) local() *rpc.Local {
	if rt.peers == nil {
		return nil
	}
	return rt.peers.Local
}

// HandleService registers a generated handler of a service on the process's public
// port; make is its constructor.
func HandleService[S any](rt *Runtime, make func(S, ...connect.HandlerOption) (string, http.Handler), service S) error {
	options, err := rt.handlerOptions()
	if err != nil {
		return err
	}
	rt.Handle(make(service, options))
	return nil
}

// handlerOptions returns the options of every generated handler.
func (rt *Runtime) handlerOptions() (connect.HandlerOption, error) {
	tokens, err := rt.tokens()
	if err != nil {
		return nil, err
	}
	options, err := rpc.HandlerOptions(rpc.HandlerDeps{Log: rt.Log, Verifier: tokens, Classify: pg.Fault})
	if err != nil {
		return nil, err
	}
	if local := rt.local(); local != nil {
		options = append([]connect.HandlerOption{local.HandlerOption()}, options...)
	}
	return connect.WithHandlerOptions(options...), nil
}

// tokens returns the process's verifier of viewer tokens: components that share
// a process share what it remembers.
func (rt *Runtime) tokens() (*auth.Verifier, error) {
	client, base := rt.HTTPClient("user")
	client.Timeout = keysTimeout
	p := rt.process
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.tokens != nil {
		return p.tokens, nil
	}
	verifier, err := auth.NewVerifier(auth.VerifierOptions{
		Keys: auth.RemoteKeys(client, base+auth.PathJWKS), Audience: auth.AudienceMesh, Now: rt.Clock(),
	})
	if err != nil {
		return nil, err
	}
	p.tokens = verifier
	return verifier, nil
}
