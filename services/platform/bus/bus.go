package bus

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/segmentio/kafka-go"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
)

const (
	dialTimeout = 3 * time.Second
	// requestTimeout bounds one request to a broker. The pool itself sets no
	// deadline, so a half-open connection would hold a request for ever.
	requestTimeout = 10 * time.Second
	// metadataTTL bounds how long a moved leader or a new topic goes unnoticed.
	metadataTTL = 2 * time.Second
)

// Config says how to reach the brokers.
type Config struct {
	// Brokers are host:port addresses to start from; one that is up is enough.
	Brokers []string
	// ClientID names the process in the brokers' logs and quotas.
	ClientID string
	Log      *slog.Logger

	// Security of the connections; the zero value for plain ones.
	Security Security

	// TracerProvider and MeterProvider default to those of the process.
	TracerProvider trace.TracerProvider
	MeterProvider  metric.MeterProvider
}

// Bus is a Publisher and a Consumer. It is safe for concurrent use.
type Bus struct {
	config    Config
	log       *slog.Logger
	transport *kafka.Transport
	client    *kafka.Client
	tracer    trace.Tracer
	metrics   *metrics

	// running ends with Close, and with it every Consume and every request.
	running context.Context
	stop    context.CancelFunc
	// consumers counts the calls of Consume. mu keeps one from starting while Close waits.
	mu        sync.Mutex
	consumers sync.WaitGroup
	// busy counts the messages that handlers have now.
	busy atomic.Int64
}

var (
	_ Publisher = (*Bus)(nil)
	_ Consumer  = (*Bus)(nil)
)

// ErrClosed is returned by a Bus that was closed.
var ErrClosed = errors.New("bus is closed")

// Connect returns a Bus. It does not wait for a broker: one that is down is
// tried again by whatever needs it. The Bus lives until Close, not until ctx
// ends, so that what runs in the last moments of a process can still publish.
func Connect(ctx context.Context, config Config) (*Bus, error) {
	if len(config.Brokers) == 0 {
		return nil, errors.New("connect to kafka: no broker configured")
	}
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	if config.TracerProvider == nil {
		config.TracerProvider = otel.GetTracerProvider()
	}
	if config.MeterProvider == nil {
		config.MeterProvider = otel.GetMeterProvider()
	}
	m, err := newMetrics(config.MeterProvider.Meter(scope))
	if err != nil {
		return nil, err
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	b := &Bus{
		config:  config,
		log:     config.Log,
		tracer:  config.TracerProvider.Tracer(scope),
		metrics: m,
		running: running,
		stop:    stop,
	}
	b.client, b.transport = b.newClient()
	return b, nil
}

// newClient returns a client that knows nothing of the brokers yet. Its
// connections live until they are closed or the Bus is.
func (b *Bus) newClient() (*kafka.Client, *kafka.Transport) {
	transport := b.config.Security.NewTransport(b.running, b.config.ClientID, metadataTTL)
	return &kafka.Client{Addr: kafka.TCP(b.config.Brokers...), Transport: transport}, transport
}

// Close ends every Consume, waits for their handlers, and closes the connections.
func (b *Bus) Close() error {
	b.mu.Lock()
	b.stop()
	b.mu.Unlock()
	b.consumers.Wait()
	b.transport.CloseIdleConnections()
	return nil
}

// Busy returns how many messages the process's consumers are handling at this
// moment: delivered and not yet settled.
func (b *Bus) Busy() int64 { return b.busy.Load() }

// enter counts a consumer in and derives its context, which also ends with the Bus.
func (b *Bus) enter(ctx context.Context) (context.Context, func(), error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.running.Err() != nil {
		return nil, nil, ErrClosed
	}
	b.consumers.Add(1)
	ctx, cancel := context.WithCancel(ctx)
	unhook := context.AfterFunc(b.running, cancel)
	return ctx, func() { unhook(); cancel(); b.consumers.Done() }, nil
}

// backoff waits longer each time it is asked, up to max, with jitter: half of
// each wait is random, so that consumers that failed together part.
type backoff struct {
	min, max time.Duration
	next     time.Duration
}

// wait returns false when ctx ended.
func (b *backoff) wait(ctx context.Context) bool {
	b.next = min(max(b.next*2, b.min), b.max)
	t := time.NewTimer(b.next/2 + rand.N(b.next/2+1))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

func (b *backoff) reset() { b.next = 0 }
