package kafkatest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl/plain"

	"douyin.dev/services/platform/embedded"
)

const (
	clusterID = "ZG91eWluLWthZmthLXRlcw"
	// readyWithin is generous: a JVM on a busy machine takes its time.
	readyWithin = 4 * time.Minute
	stopWithin  = 20 * time.Second
)

// Server is a broker with its data directory. It is not safe for concurrent use.
type Server struct {
	jars, dir        string
	port, controller int
	guard            *Guard
	mutual           int // port for clients with a certificate
	process          *embedded.Child
}

// Option changes what New prepares.
type Option func(*Server)

// Guarded makes a broker that lets in only clients it knows, over TLS.
func Guarded(g Guard) Option { return func(s *Server) { s.guard = &g } }

// New prepares a broker with its data and logs under dir, on a port, or on a
// free one for 0. Start it.
func New(ctx context.Context, dir string, port int, options ...Option) (*Server, error) {
	lib, err := jars(ctx)
	if err != nil {
		return nil, err
	}
	dir, err = filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	free, err := embedded.FreePorts(ctx, 3)
	if err != nil {
		return nil, err
	}
	if port == 0 {
		port = free[2]
	}
	s := &Server{jars: lib, dir: dir, port: port, controller: free[0], mutual: free[1]}
	for _, o := range options {
		o(s)
	}
	if err := s.configure(); err != nil {
		return nil, fmt.Errorf("configure kafka: %w", err)
	}
	arguments := []string{"format", "--ignore-formatted", "--cluster-id", clusterID, "--config", s.path("server.properties")}
	if s.guard != nil {
		arguments = append(arguments, s.guard.users()...)
	}
	format := s.java(ctx, "kafka.tools.StorageTool", arguments...)
	if out, err := format.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("format kafka storage: %w: %s", err, out)
	}
	return s, nil
}

// Addr returns host:port.
func (s *Server) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// MutualAddr returns host:port for clients with a certificate, of a guarded broker.
func (s *Server) MutualAddr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.mutual)) }

// Done is closed when the process has ended, asked to or not. Call it after Start.
func (s *Server) Done() <-chan struct{} { return s.process.Done() }

// Start starts the broker and returns when it answers. It ends with this process.
func (s *Server) Start(ctx context.Context) error {
	log, err := os.OpenFile(s.path("console.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	server := s.java(context.WithoutCancel(ctx), "kafka.Kafka", s.path("server.properties"))
	server.Stdout, server.Stderr = log, log
	if s.process, err = embedded.StartChild(server, syscall.SIGKILL); err != nil {
		return fmt.Errorf("start kafka: %w", err)
	}
	if err := s.awaitReady(ctx); err != nil {
		return errors.Join(err, s.Kill())
	}
	return nil
}

// Stop ends the broker in order.
func (s *Server) Stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	return s.process.Stop(ctx, syscall.SIGTERM, syscall.SIGKILL)
}

// Kill ends the broker as a crash does.
func (s *Server) Kill() error {
	return s.process.Stop(context.Background(), syscall.SIGKILL, syscall.SIGKILL)
}

func (s *Server) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return fmt.Errorf("kafka is not ready, see %s: %w", s.path("console.log"), ctx.Err())
		case <-s.process.Done():
			return fmt.Errorf("kafka ended, see %s: %w", s.path("console.log"), s.process.Err())
		case <-ticker.C:
			if s.answers() {
				return nil
			}
		}
	}
}

// answers asks for the brokers: the port opens before the broker has registered.
func (s *Server) answers() bool {
	dialer, err := s.dialer()
	if err != nil {
		return false
	}
	conn, err := dialer.Dial("tcp", s.Addr())
	if err != nil {
		return false
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(2 * time.Second)) // a request shows it if the connection is gone
	brokers, err := conn.Brokers()
	return err == nil && len(brokers) > 0
}

// dialer connects to the broker as its user.
func (s *Server) dialer() (*kafka.Dialer, error) {
	if s.guard == nil {
		return &kafka.Dialer{Timeout: time.Second}, nil
	}
	ca, err := os.ReadFile(s.guard.CA)
	if err != nil {
		return nil, err
	}
	authorities := x509.NewCertPool()
	authorities.AppendCertsFromPEM(ca)
	return &kafka.Dialer{
		Timeout: 5 * time.Second, TLS: &tls.Config{RootCAs: authorities, MinVersion: tls.VersionTLS12},
		SASLMechanism: plain.Mechanism{Username: s.guard.User, Password: s.guard.Password},
	}, nil
}

func (s *Server) java(ctx context.Context, class string, args ...string) *exec.Cmd {
	all := append([]string{
		"-Xms128m", "-Xmx384m", "-XX:+UseSerialGC",
		"-Dlog4j2.configurationFile=" + s.path("log4j2.properties"),
		"-cp", filepath.Join(s.jars, "*"), class,
	}, args...)
	return exec.CommandContext(ctx, "java", all...)
}

func (s *Server) path(name string) string { return filepath.Join(s.dir, name) }
