package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/segmentio/kafka-go"

	"douyin.dev/services/platform/bus"
)

const (
	clientID = "douyin-operator"
	// requestTimeout bounds one request; the pool sets no deadline of its own.
	requestTimeout = 10 * time.Second
	// metadataTTL bounds how long a change of topics goes unnoticed.
	metadataTTL = time.Second
	attempts    = 4
	pause       = 100 * time.Millisecond
)

// Config says how to reach Kafka.
type Config struct {
	// Brokers are host:port addresses to start from.
	Brokers []string
	// Security of the connections; the zero value for plain ones.
	Security bus.Security
	Log      *slog.Logger
}

// Broker is a connection to Kafka. It is safe for concurrent use.
type Broker struct {
	bus       *bus.Bus
	client    *kafka.Client
	transport *kafka.Transport
	stop      context.CancelFunc
}

// Connect returns a Broker. It does not wait for a Kafka that is down.
func Connect(ctx context.Context, config Config) (*Broker, error) {
	b, err := bus.Connect(ctx, bus.Config{
		Brokers: config.Brokers, ClientID: clientID, Log: config.Log, Security: config.Security,
	})
	if err != nil {
		return nil, err
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	transport := config.Security.NewTransport(running, clientID, metadataTTL)
	return &Broker{
		bus: b, client: &kafka.Client{Addr: kafka.TCP(config.Brokers...), Transport: transport}, transport: transport, stop: stop,
	}, nil
}

// CheckAccess returns bus.ErrRefused when Kafka refuses the operator.
func (b *Broker) CheckAccess(ctx context.Context) error { return b.bus.CheckAccess(ctx) }

// Close closes the connections.
func (b *Broker) Close() error {
	b.stop()
	b.transport.CloseIdleConnections()
	return b.bus.Close()
}

// again asks until Kafka has given its opinion, be it a refusal, or it is plain
// that it cannot be reached.
func again(ctx context.Context, ask func(context.Context) error) error {
	for attempt := 1; ; attempt++ {
		err := once(ctx, ask)
		if err == nil || refused(err) || attempt == attempts {
			return err
		}
		timer := time.NewTimer(pause * time.Duration(attempt))
		select {
		case <-ctx.Done():
			timer.Stop()
			return err
		case <-timer.C:
		}
	}
}

func once(ctx context.Context, ask func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	return ask(ctx)
}

// refused reports an answer that a repetition will not change.
func refused(err error) bool {
	var answer kafka.Error
	return errors.As(err, &answer) && !answer.Temporary()
}

// Ping returns nil when a broker answers.
func (b *Broker) Ping(ctx context.Context) error {
	return again(ctx, func(ctx context.Context) error {
		_, err := b.client.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{}})
		if err != nil {
			return fmt.Errorf("ask kafka: %w", err)
		}
		return nil
	})
}
