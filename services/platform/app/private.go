package app

import (
	"context"
	"fmt"
	"net/http"
	"net/http/pprof"
	"sync/atomic"
	"time"

	"douyin.dev/services/platform/telemetry"
)

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
		if name, err := p.unready(r.Context()); err != nil {
			http.Error(w, name+": "+err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
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

// unready returns the first check that fails.
func (p *process) unready(ctx context.Context) (string, error) {
	p.mu.Lock()
	checks := p.ready
	p.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	for _, c := range checks {
		if err := c.fn(ctx); err != nil {
			return c.name, err
		}
	}
	return "", nil
}
