package app

import (
	"context"
	"fmt"
	"net/http"
	"net/http/pprof"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"douyin.dev/services/platform/telemetry"
)

// pingTimeout bounds what /readyz asks of the dependencies. Probes wait a second
// by default.
const pingTimeout = 500 * time.Millisecond

// privateHandler serves what operators need: never reachable for clients.
// Liveness never asks a dependency: a dead one is no reason to restart.
func privateHandler(p *process, tel *telemetry.Telemetry, ready *atomic.Bool) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if !ready.Load() {
			http.Error(w, "starting or draining", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
		for _, line := range p.missing(r.Context()) {
			fmt.Fprintln(w, line)
		}
	})
	mux.HandleFunc("GET /work", p.work)
	mux.Handle("/metrics", tel.Metrics())
	mux.Handle("/loglevel", tel.LogLevel())
	mux.Handle("/traces", tel.Traces())
	mux.Handle("/traces/", tel.Traces())
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}

// work tells whoever removes processes how much this one has in hand: the
// records its consumers are handling at this moment.
func (p *process) work(w http.ResponseWriter, _ *http.Request) {
	p.mu.Lock()
	b := p.bus
	p.mu.Unlock()
	var busy int64
	if b != nil {
		busy = b.Busy()
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, "{\"busy\":%d}\n", busy)
}

// missing returns a line for each dependency that does not answer.
func (p *process) missing(ctx context.Context) []string {
	p.mu.Lock()
	needs := p.needs
	p.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	lines := make([]string, len(needs))
	var pings sync.WaitGroup
	for i, n := range needs {
		pings.Go(func() {
			if err := n.ping(ctx); err != nil {
				lines[i] = fmt.Sprintf("without %s: %v", n.name, err)
			}
		})
	}
	pings.Wait()
	return slices.DeleteFunc(lines, func(line string) bool { return line == "" })
}
