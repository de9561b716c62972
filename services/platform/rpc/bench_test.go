package rpc_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"syscall"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"douyin.dev/services/platform/memhttp"
	"douyin.dev/services/platform/rpc"
	"douyin.dev/services/platform/telemetry"
)

// BenchmarkCall measures a unary call in one process with everything a call of
// the mesh goes through: telemetry as it is by default, deadlines, retries, faults, and
// whose call it is.
func BenchmarkCall(b *testing.B) {
	memory := func(b *testing.B, h http.Handler, log *slog.Logger) (http.RoundTripper, string) {
		server := memhttp.NewServer(h, log)
		b.Cleanup(func() { _ = server.Close() })
		return server, "http://test"
	}
	network := func(http2 bool) func(*testing.B, http.Handler, *slog.Logger) (http.RoundTripper, string) {
		return func(b *testing.B, h http.Handler, _ *slog.Logger) (http.RoundTripper, string) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			server := rpc.NewServer(h)
			go func() { _ = server.Serve(l) }()
			b.Cleanup(func() { _ = server.Close() })
			if http2 {
				return rpc.NewStreamTransport(), "http://" + l.Addr().String()
			}
			return rpc.NewUnaryTransport(), "http://" + l.Addr().String()
		}
	}
	b.Run("memory", func(b *testing.B) { benchmarkCall(b, memory, false) })
	b.Run("local", func(b *testing.B) { benchmarkCall(b, memory, true) })
	b.Run("h2c", func(b *testing.B) { benchmarkCall(b, network(true), false) })
	b.Run("http1", func(b *testing.B) { benchmarkCall(b, network(false), false) })
}

func benchmarkCall(b *testing.B, connectTo func(*testing.B, http.Handler, *slog.Logger) (http.RoundTripper, string), short bool) {
	tel, err := telemetry.Start(b.Context(), telemetry.Config{Service: "bench", SampleRatio: 1, TracesPerSecond: 100, Spans: 2048, LogTo: io.Discard})
	if err != nil {
		b.Fatal(err)
	}
	tel.Install() // a benchmark runs alone
	b.Cleanup(func() { _ = tel.Shutdown(context.Background()) })
	log := slog.New(slog.DiscardHandler)
	procedure, mux := procedureOf(rpc.AccessOpen), http.NewServeMux()
	local := rpc.NewLocal()
	mux.Handle(procedure, connect.NewUnaryHandlerSimple(procedure, func(_ context.Context, m *text) (*text, error) { return m, nil },
		local.HandlerOption(),
		connect.WithHandlerOptions(must(rpc.HandlerOptions(rpc.HandlerDeps{Log: log, Verifier: tokens{}}))...),
		connect.WithSchema(methods()[rpc.AccessOpen])))
	transport, base := connectTo(b, mux, log)
	client := connect.NewClient[text, text](rpc.Direct{RoundTripper: transport}, base+procedure,
		append(must(rpc.ClientOptions()), local.ClientOption(), connect.WithSchema(methods()[rpc.AccessOpen]))...)
	if short {
		local.Open()
	}
	message := wrapperspb.String("hello")
	b.SetParallelism(16)
	b.ReportAllocs()
	before := processorTime(b)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := client.CallUnary(context.Background(), connect.NewRequest(message)); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64((processorTime(b)-before).Nanoseconds())/float64(b.N), "cpu-ns/op")
}

// processorTime is what the process has used: unlike the clock's time it says
// something on a busy machine too.
func processorTime(tb testing.TB) time.Duration {
	tb.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
