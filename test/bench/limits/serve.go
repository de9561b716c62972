package limits

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// Paths of the server.
const (
	PathS = "/s"
	PathH = "/h"
)

// SmallJSON is the answer to H: 300 bytes.
func SmallJSON() []byte {
	const head, tail = `{"status_code":0,"status_msg":"success","text":"`, `"}`
	return []byte(head + strings.Repeat("x", 300-len(head)-len(tail)) + tail)
}

// Serve answers S with a page of so many bytes and H, prints its address to
// out, and returns when in ends: with the process that started it.
func Serve(ctx context.Context, pageBytes int, in io.Reader, out io.Writer) error {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("serve limits: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc(PathS, prepared([]byte(`{"status_code":0,"page":"`+strings.Repeat("x", max(pageBytes-27, 0))+`"}`)))
	mux.HandleFunc(PathH, prepared(SmallJSON()))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() { // ends with in
		_, _ = io.Copy(io.Discard, in)
		_ = server.Close()
	}()
	fmt.Fprintln(out, l.Addr())
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve limits: %w", err)
	}
	return nil
}

func prepared(body []byte) http.HandlerFunc {
	length := []string{strconv.Itoa(len(body))}
	contentType := []string{"application/json"}
	return func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h["Content-Type"], h["Content-Length"] = contentType, length
		_, _ = w.Write(body) // a client that left needs no answer
	}
}

// Server is Serve in a process of its own.
type Server struct {
	// Address is its host:port.
	Address string
	stop    io.Closer
	cmd     *exec.Cmd
}

// StartServer runs this binary with the arguments, which lead to Serve.
func StartServer(ctx context.Context, arguments ...string) (*Server, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("start limits server: %w", err)
	}
	cmd := exec.CommandContext(ctx, self, arguments...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start limits server: %w", err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start limits server: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start limits server: %w", err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start limits server: %w", err), in.Close(), cmd.Wait())
	}
	return &Server{Address: strings.TrimSpace(line), stop: in, cmd: cmd}, nil
}

// Close ends the server.
func (s *Server) Close() error { return errors.Join(s.stop.Close(), s.cmd.Wait()) }
