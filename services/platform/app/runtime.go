package app

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"connectrpc.com/connect"
	"github.com/redis/rueidis"

	"douyin.dev/services/platform/auth"
	"douyin.dev/services/platform/blob"
	"douyin.dev/services/platform/bus"
	"douyin.dev/services/platform/client"
	"douyin.dev/services/platform/id"
	"douyin.dev/services/platform/pg"
	"douyin.dev/services/platform/rpc"
)

// Component is a part of the platform that can run in a process.
type Component interface {
	// Mount opens what the component needs, registers its handlers and loops,
	// and returns. What it opened is closed by the Runtime.
	Mount(ctx context.Context, rt *Runtime) error
}

// Runtime is what a component gets from its process.
type Runtime struct {
	// Service is the component's name: of its schema, its role, its log lines.
	Service string
	// Config is the process's configuration.
	Config *Config
	// Log carries the service's name.
	Log *slog.Logger

	process *process
	mux     *http.ServeMux
	peers   *Peers // nil: the network
}

// Peers are the ways between components that share a process.
type Peers struct {
	// Transport carries every call; the host of its URL is the service's name.
	Transport http.RoundTripper
	// Local is the short way of unary calls; nil for none.
	Local *rpc.Local
}

// process is what the Runtimes of a process share.
type process struct {
	leaving    atomic.Bool // draining
	drainBegan time.Time   // of run alone

	// forClients is set where clients connect to the public port.
	forClients *client.ListenOptions

	config      *Config
	log         *slog.Logger
	loops       *loops
	credentials *rpc.Credentials // nil: without TLS

	mu      sync.Mutex
	closers []closer
	needs   []need
	drains  []func()
	redis   rueidis.Client
	bus     *bus.Bus
	blob    *blob.Store
	tokens  *auth.Verifier
	network *rpc.Balancer
	calls   connect.ClientOption
}

type closer struct {
	name string
	fn   func(context.Context) error
}

// Child returns a Runtime for another component in the same process. Its
// handlers go to mux, and its clients call over peers.
func (rt *Runtime) Child(service string, mux *http.ServeMux, peers *Peers) *Runtime {
	return &Runtime{
		Service: service, Config: rt.Config, Log: rt.process.log.With("component", service),
		process: rt.process, mux: mux, peers: peers,
	}
}

// Mux returns where Handle registers.
func (rt *Runtime) Mux() *http.ServeMux { return rt.mux }

// Handle registers a handler on the process's public port.
func (rt *Runtime) Handle(pattern string, h http.Handler) { rt.mux.Handle(pattern, h) }

// ServeClients makes the process's public port one that clients connect to, and
// not only services of the mesh: it counts their connections, and each of these
// carries fewer streams.
func (rt *Runtime) ServeClients(o client.ListenOptions) { rt.process.forClients = &o }

// Clock returns what tells the time.
func (rt *Runtime) Clock() func() time.Time { return time.Now }

// Go runs a loop until the process stops. A loop that ends with an error stops
// the process.
func (rt *Runtime) Go(name string, loop func(context.Context) error) {
	rt.process.loops.start(rt.Service+"/"+name, loop)
}

// OnStop registers what is closed when the process stops, after the loops, in
// reverse order.
func (rt *Runtime) OnStop(name string, fn func(context.Context) error) {
	rt.process.mu.Lock()
	defer rt.process.mu.Unlock()
	rt.process.closers = append(rt.process.closers, closer{rt.Service + "/" + name, fn})
}

// OnDrain registers what ends streams when the process begins to drain: calls
// that would otherwise hold it until the drain's timeout. fn must not block.
func (rt *Runtime) OnDrain(fn func()) {
	rt.process.mu.Lock()
	defer rt.process.mu.Unlock()
	rt.process.drains = append(rt.process.drains, fn)
}

// OnReady registers a dependency that /readyz, the log and a metric report while
// it does not answer. The process stays ready: what does not need the dependency goes on,
// and the others that share it would all be gone at the same moment.
func (rt *Runtime) OnReady(name string, ping func(context.Context) error) {
	rt.process.mu.Lock()
	defer rt.process.mu.Unlock()
	rt.process.needs = append(rt.process.needs, need{rt.Service, name, ping})
}

// IDs returns a generator of ids under a machine number leased for this process.
func (rt *Runtime) IDs(ctx context.Context, db *pg.DB) (*id.Generator, error) {
	owner := fmt.Sprintf("%s/%d/%d", hostname(), os.Getpid(), time.Now().UnixNano())
	lease, err := id.LeaseMachineID(ctx, db.RW(), owner)
	if err != nil {
		return nil, err
	}
	rt.Go("machine-id", lease.Keep)
	return id.New(lease), nil
}

// Blob returns the object store.
func (rt *Runtime) Blob(ctx context.Context) (*blob.Store, error) {
	p := rt.process
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.blob != nil {
		return p.blob, nil
	}
	c := rt.Config
	store, err := blob.Open(ctx, blob.Config{
		Endpoint: c.S3Endpoint, Region: c.S3Region, Bucket: c.S3Bucket,
		AccessKey: c.S3AccessKey, SecretKey: c.S3SecretKey, PathStyle: c.S3Endpoint != "",
	})
	if err != nil {
		return nil, err
	}
	p.blob = store
	return store, nil
}
