package memhttp_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"douyin.dev/services/platform/memhttp"
)

const benchProcedure = "/bench.v1.Bench/Echo"

// BenchmarkCall measures a unary call of 100 bytes and one of 4,000, without
// interceptors: what the way between caller and handler costs.
func BenchmarkCall(b *testing.B) {
	mux := http.NewServeMux()
	mux.Handle(benchProcedure, connect.NewUnaryHandlerSimple(benchProcedure,
		func(_ context.Context, m *wrapperspb.StringValue) (*wrapperspb.StringValue, error) { return m, nil }))
	for _, way := range []struct {
		name string
		open func(testing.TB, http.Handler) http.RoundTripper
	}{
		{"tcp-http2", overTCP}, {"tcp-http1", overTCP1}, {"pipe-http2", overPipe}, {"pipe-http1", overPipe1}, {"direct", directly},
	} {
		for name, size := range map[string]int{"100B": 100, "4kB": 4000} {
			b.Run(way.name+"/"+name, func(b *testing.B) {
				client := connect.NewClient[wrapperspb.StringValue, wrapperspb.StringValue](
					&http.Client{Transport: way.open(b, mux)}, "http://bench"+benchProcedure,
					connect.WithAcceptCompression("gzip", nil, nil))
				message := wrapperspb.String(strings.Repeat("x", size))
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
			})
		}
	}
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

func overPipe1(tb testing.TB, h http.Handler) http.RoundTripper {
	tb.Helper()
	listener := memhttp.NewListener()
	serve(tb, h, listener)
	t := &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}
	t.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) { return listener.Dial(ctx) }
	tb.Cleanup(t.CloseIdleConnections)
	return t
}

func overTCP1(tb testing.TB, h http.Handler) http.RoundTripper {
	tb.Helper()
	address := listenTCP(tb, h)
	t := &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}
	t.DialContext = dialTo(address)
	tb.Cleanup(t.CloseIdleConnections)
	return t
}

var discard = slog.New(slog.NewTextHandler(io.Discard, nil))
