package app

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"douyin.dev/services/platform/pause"
)

const (
	// pingTimeout bounds what /readyz asks of the dependencies. Probes wait a second
	// by default.
	pingTimeout = 500 * time.Millisecond
	// watchInterval is how often the process itself asks them, and watchTimeout how
	// long they may take: a busy one is not an absent one.
	watchInterval, watchTimeout = time.Second, 3 * time.Second
)

// need is a dependency of one component.
type need struct {
	component, name string
	ping            func(context.Context) error
}

// dependency is what components of the process need and do not have.
type dependency struct {
	name       string
	components []string
	reason     error // of the first of them
}

// String names the components and what they need.
func (d dependency) String() string { return strings.Join(d.components, ",") + "/" + d.name }

// absent asks every dependency and returns those that do not answer, by name.
func (p *process) absent(ctx context.Context, timeout time.Duration) []dependency {
	p.mu.Lock()
	needs := slices.Clone(p.needs)
	p.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	reasons := make([]error, len(needs))
	var pings sync.WaitGroup
	for i, n := range needs {
		pings.Go(func() { reasons[i] = n.ping(ctx) })
	}
	pings.Wait()
	var all []dependency
	for i, n := range needs {
		if reasons[i] == nil {
			continue
		}
		at := slices.IndexFunc(all, func(d dependency) bool { return d.name == n.name })
		if at < 0 {
			all = append(all, dependency{name: n.name, reason: reasons[i]})
			at = len(all) - 1
		}
		all[at].components = append(all[at].components, n.component)
	}
	for _, d := range all {
		slices.Sort(d.components) // mounted side by side, in no order
	}
	return all
}

// watch asks the dependencies until ctx ends. It logs what does not answer, which
// the log handler keeps to a few lines, and once that it answers again; the same
// is a metric.
func (p *process) watch(ctx context.Context) error {
	var up atomic.Pointer[map[string]bool]
	gauge, err := otel.Meter("douyin.dev/app").Int64ObservableGauge("douyin_app_dependency_up",
		metric.WithDescription("1 while a dependency of the process answers, 0 while it does not."))
	if err != nil {
		return fmt.Errorf("dependency metric: %w", err)
	}
	registration, err := otel.Meter("douyin.dev/app").RegisterCallback(func(_ context.Context, o metric.Observer) error {
		if known := up.Load(); known != nil {
			for name, answers := range *known {
				o.ObserveInt64(gauge, map[bool]int64{true: 1}[answers], metric.WithAttributes(attribute.String("dependency", name)))
			}
		}
		return nil
	}, gauge)
	if err != nil {
		return fmt.Errorf("dependency metric: %w", err)
	}
	defer func() { _ = registration.Unregister() }()
	down := map[string]time.Time{}
	for ; pause.For(ctx, watchInterval); up.Store(p.states(down)) {
		absent := p.absent(ctx, watchTimeout)
		if ctx.Err() != nil {
			break
		}
		now := map[string]bool{}
		for _, d := range absent {
			now[d.name] = true
			if _, known := down[d.name]; !known {
				down[d.name] = time.Now()
			}
			p.log.WarnContext(ctx, "a dependency does not answer", "dependency", d.name, "error", d.reason)
		}
		for name, since := range down {
			if !now[name] {
				delete(down, name)
				p.log.InfoContext(ctx, "a dependency answers again", "dependency", name, "after", time.Since(since).Round(time.Millisecond).String())
			}
		}
	}
	return nil
}

// states returns for each dependency whether it is up.
func (p *process) states(down map[string]time.Time) *map[string]bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := map[string]bool{}
	for _, n := range p.needs {
		_, isDown := down[n.name]
		all[n.name] = !isDown
	}
	return &all
}
