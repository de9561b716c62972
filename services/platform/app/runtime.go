package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"time"

	"connectrpc.com/connect"
	"github.com/redis/rueidis"

	"douyin.dev/services/platform/auth"
	"douyin.dev/services/platform/blob"
	"douyin.dev/services/platform/bus"
	"douyin.dev/services/platform/id"
	"douyin.dev/services/platform/outbox"
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
	peers   http.RoundTripper // nil: the network
}

// process is what the Runtimes of a process share.
type process struct {
	config *Config
	log    *slog.Logger
	loops  *loops

	mu      sync.Mutex
	closers []closer
	ready   []check
	drains  []func()
	redis   rueidis.Client
	bus     *bus.Bus
	blob    *blob.Store
}

type closer struct {
	name string
	fn   func(context.Context) error
}

type check struct {
	name string
	fn   func(context.Context) error
}

// Child returns a Runtime for another component in the same process. Its
// handlers go to mux, and its clients call over peers.
func (rt *Runtime) Child(service string, mux *http.ServeMux, peers http.RoundTripper) *Runtime {
	return &Runtime{
		Service: service, Config: rt.Config, Log: rt.process.log.With("component", service),
		process: rt.process, mux: mux, peers: peers,
	}
}

// Mux returns where Handle registers.
func (rt *Runtime) Mux() *http.ServeMux { return rt.mux }

// Handle registers a handler on the process's public port.
func (rt *Runtime) Handle(pattern string, h http.Handler) { rt.mux.Handle(pattern, h) }

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

// OnReady registers a check of /readyz.
func (rt *Runtime) OnReady(name string, fn func(context.Context) error) {
	rt.process.mu.Lock()
	defer rt.process.mu.Unlock()
	rt.process.ready = append(rt.process.ready, check{rt.Service + "/" + name, fn})
}

// migrateTimeout bounds how long a start waits for Postgres.
const migrateTimeout = 2 * time.Minute

// Postgres returns the service's database, migrated. It waits for a Postgres
// that is not up yet.
func (rt *Runtime) Postgres(ctx context.Context, migrations fs.FS) (*pg.DB, error) {
	db, err := pg.Open(ctx, pg.Config{
		DSN: rt.Config.PostgresDSN, ReadDSN: rt.Config.PostgresReadDSN,
		Service: rt.Service, MaxConns: rt.Config.PostgresMaxConns,
	})
	if err != nil {
		return nil, err
	}
	rt.OnStop("postgres", func(context.Context) error { db.Close(); return nil })
	ctx, cancel := context.WithTimeout(ctx, migrateTimeout)
	defer cancel()
	for {
		err := pg.Migrate(ctx, db, migrations)
		if err == nil {
			return db, nil
		}
		if connectionTrouble := pg.Fault(err) != err; !connectionTrouble {
			return nil, err
		}
		rt.Log.WarnContext(ctx, "waiting for postgres", "error", err)
		select {
		case <-ctx.Done():
			return nil, errors.Join(err, ctx.Err())
		case <-time.After(time.Second):
		}
	}
}

// Redis returns the process's Redis client.
func (rt *Runtime) Redis(ctx context.Context) (rueidis.Client, error) {
	p := rt.process
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.redis != nil {
		return p.redis, nil
	}
	client, err := openRedis(ctx, rt.Config, p.log)
	if err != nil {
		return nil, err
	}
	p.redis = client
	p.closers = append(p.closers, closer{"redis", func(context.Context) error { client.Close(); return nil }})
	return client, nil
}

// Bus returns the process's connection to Kafka.
func (rt *Runtime) Bus() *bus.Bus {
	p := rt.process
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.bus
}

// EnsureTopics creates missing topics in the background: a Kafka that is down
// delays events, not the start.
func (rt *Runtime) EnsureTopics(_ context.Context, specs ...bus.TopicSpec) error {
	for i := range specs {
		if specs[i].Partitions == 0 {
			specs[i].Partitions = rt.Config.KafkaPartitions
		}
		if specs[i].Replication == 0 {
			specs[i].Replication = rt.Config.KafkaReplication
		}
	}
	rt.Go("topics", func(ctx context.Context) error {
		err := rt.Bus().EnsureTopics(ctx, specs...)
		if ctx.Err() != nil {
			return nil
		}
		return err
	})
	return nil
}

// Outbox starts the relay of the service's events and returns it.
func (rt *Runtime) Outbox(db *pg.DB) *outbox.Relay {
	relay := outbox.NewRelay(rt.Service, db, rt.Bus(), rt.Log)
	rt.Go("outbox", relay.Run)
	return relay
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

// HTTPClient returns a client for plain HTTP to a service, and its base URL.
func (rt *Runtime) HTTPClient(service string) (*http.Client, string) {
	if rt.peers != nil {
		return &http.Client{Transport: rt.peers}, "http://" + service
	}
	return &http.Client{Transport: rpc.NewTransport()}, rt.Config.url(service)
}

// Client returns what a generated client of a service is made with.
func (rt *Runtime) Client(service string) (connect.HTTPClient, string) {
	return rt.HTTPClient(service)
}

// ClientOptions returns the options of every generated client.
func (rt *Runtime) ClientOptions() connect.ClientOption {
	options, err := rpc.ClientOptions()
	if err != nil {
		panic(err) // only for options that contradict each other: a mistake of ours
	}
	return connect.WithClientOptions(options...)
}

// HandlerOptions returns the options of every generated handler.
func (rt *Runtime) HandlerOptions() connect.HandlerOption {
	client, base := rt.HTTPClient("user")
	client.Timeout = 5 * time.Second
	verifier, err := auth.NewVerifier(auth.VerifierOptions{
		Keys: auth.RemoteKeys(client, base+"/.well-known/jwks.json"), Audience: auth.AudienceMesh, Now: rt.Clock(),
	})
	if err != nil {
		panic(err) // as above
	}
	options, err := rpc.HandlerOptions(rpc.HandlerDeps{Log: rt.Log, Verifier: verifier, Classify: pg.Fault})
	if err != nil {
		panic(err)
	}
	return connect.WithHandlerOptions(options...)
}
