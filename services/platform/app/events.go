package app

import (
	"context"
	"fmt"

	"douyin.dev/services/platform/bus"
	"douyin.dev/services/platform/inbox"
	"douyin.dev/services/platform/outbox"
	"douyin.dev/services/platform/pg"
)

// ConnectBus gives the process its bus, once the brokers are known: Main does,
// and a component that starts its own broker.
func (rt *Runtime) ConnectBus(ctx context.Context) error {
	p := rt.process
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bus != nil || len(rt.Config.KafkaBrokers) == 0 {
		return nil
	}
	security, err := rt.Config.KafkaAccess.Security("kafka-", p.log)
	if err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	b, err := bus.Connect(ctx, bus.Config{Brokers: rt.Config.KafkaBrokers, ClientID: "douyin-" + rt.Service, Log: p.log, Security: security})
	if err != nil {
		return fmt.Errorf("kafka: %w", err)
	}
	p.bus = b
	p.closers = append(p.closers, closer{"kafka", func(context.Context) error { return b.Close() }})
	return b.CheckAccess(ctx)
}

// Bus returns the process's connection to Kafka.
func (rt *Runtime) Bus() *bus.Bus {
	p := rt.process
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.bus
}

// EnsureTopics creates missing topics in the background: a Kafka that is down
// delays events, not the start. What a spec leaves out is as configured; events
// can be replayed for half the time for which consumers remember them.
func (rt *Runtime) EnsureTopics(specs ...bus.TopicSpec) {
	for i := range specs {
		if specs[i].Partitions == 0 {
			specs[i].Partitions = rt.Config.KafkaPartitions
		}
		if specs[i].Replication == 0 {
			specs[i].Replication = rt.Config.KafkaReplication
		}
		if specs[i].Retention == 0 {
			specs[i].Retention = inbox.Keep / 2
		}
	}
	rt.Go("topics", func(ctx context.Context) error { return rt.Bus().EnsureTopics(ctx, specs...) })
}

// Outbox starts the relay of the service's events and returns it.
func (rt *Runtime) Outbox(db *pg.DB) *outbox.Relay {
	relay := outbox.NewRelay(rt.Service, db, rt.Bus(), rt.Log)
	rt.Go("outbox", relay.Run)
	return relay
}
