package gateway

import (
	"bufio"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"

	"douyin.dev/gateway/rest"
	"douyin.dev/gen/douyin/message/v1/messagev1connect"
	"douyin.dev/gen/douyin/user/v1/userv1connect"
	"douyin.dev/services/platform/rpc"
)

// BenchmarkStreamMemory is what a push stream costs while nothing is pushed: the
// gateway's side and the message service's, which are one process here, over a
// loopback network. Its client is a bare connection.
func BenchmarkStreamMemory(b *testing.B) {
	listen := func(h http.Handler) string {
		l, err := new(net.ListenConfig).Listen(b.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		server := rpc.NewServer(h)
		go func() { _ = server.Serve(l) }()
		b.Cleanup(func() { _ = server.Close() })
		return l.Addr().String()
	}
	mux := http.NewServeMux()
	mux.Handle(userv1connect.NewUserServiceHandler(&logins{}))
	box := &mailbox{}
	mux.Handle(messagev1connect.NewMessageServiceHandler(box))
	mesh := "http://" + listen(mux)
	options, err := rpc.ClientOptions()
	if err != nil {
		b.Fatal(err)
	}
	transport := rpc.Direct{RoundTripper: rpc.NewStreamTransport()}
	g := New(Deps{
		User:    userv1connect.NewUserServiceClient(transport, mesh, options...),
		Message: messagev1connect.NewMessageServiceClient(transport, mesh, connect.WithClientOptions(options...)),
		Log:     slog.New(slog.DiscardHandler), Now: time.Now, Settings: Settings{SessionRecheck: time.Hour},
	})
	public := http.NewServeMux()
	if err := g.handle(rest.Signals{}, public.Handle); err != nil {
		b.Fatal(err)
	}
	address := listen(public)
	var open []net.Conn
	b.Cleanup(func() {
		for _, c := range open {
			_ = c.Close()
		}
	})
	before := memoryInUse()
	for b.Loop() {
		c, err := new(net.Dialer).DialContext(b.Context(), "tcp", address)
		if err != nil {
			b.Fatal(err)
		}
		open = append(open, c)
		if _, err := c.Write([]byte("GET /douyin/message/stream?token=t HTTP/1.1\r\nHost: x\r\n\r\n")); err != nil {
			b.Fatal(err)
		}
		answer := bufio.NewReader(c)
		for line := ""; !strings.HasPrefix(line, "data:"); {
			if line, err = answer.ReadString('\n'); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(memoryInUse()-before)/float64(len(open))/1024, "KiB/stream")
}

// memoryInUse is the heap and the stacks.
func memoryInUse() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}
