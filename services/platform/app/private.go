package app

import (
	"fmt"
	"net/http"
	"net/http/pprof"
	"sync/atomic"

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
		fmt.Fprintln(w, "ok")
		for _, d := range p.absent(r.Context(), pingTimeout) {
			fmt.Fprintf(w, "without %s: %v\n", d, d.reason)
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
