package rpc_test

import (
	"context"
	"io"
	"log/slog"
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
// the mesh goes through: telemetry that records, deadlines, retries, faults, and
// whose call it is.
func BenchmarkCall(b *testing.B) {
	b.Run("transport", func(b *testing.B) { benchmarkCall(b, false) })
	b.Run("local", func(b *testing.B) { benchmarkCall(b, true) })
}

func benchmarkCall(b *testing.B, short bool) {
	tel, err := telemetry.Start(b.Context(), telemetry.Config{Service: "bench", SampleRatio: 1, Spans: 2048, LogTo: io.Discard})
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
	server := memhttp.NewServer(mux, log)
	b.Cleanup(func() { _ = server.Close() })
	client := connect.NewClient[text, text](rpc.Direct{RoundTripper: server}, "http://test"+procedure,
		append(must(rpc.ClientOptions()), local.ClientOption(), connect.WithSchema(methods()[rpc.AccessOpen]))...)
	if short {
		local.Open()
	}
	message := wrapperspb.String("hello")
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
