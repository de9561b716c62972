package kafkatest

import (
	"context"
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
)

const (
	clusterID = "ZG91eWluLWthZmthLXRlcw"
	// readyWithin is generous: a JVM on a busy machine takes its time.
	readyWithin = 90 * time.Second
	stopWithin  = 20 * time.Second
)

// Server is a broker with its data directory. It is not safe for concurrent use.
type Server struct {
	jars, dir        string
	port, controller int
	process          *exec.Cmd
	exited           chan error
}

// New prepares a broker with its data and logs under dir, on a port, or on a
// free one for 0. Start it.
func New(ctx context.Context, dir string, port int) (*Server, error) {
	lib, err := jars(ctx)
	if err != nil {
		return nil, err
	}
	dir, err = filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if port == 0 {
		if port, err = freePort(); err != nil {
			return nil, err
		}
	}
	controller, err := freePort()
	if err != nil {
		return nil, err
	}
	s := &Server{jars: lib, dir: dir, port: port, controller: controller}
	if err := s.configure(); err != nil {
		return nil, fmt.Errorf("configure kafka: %w", err)
	}
	format := s.java(ctx, "kafka.tools.StorageTool", "format", "--ignore-formatted", "--cluster-id", clusterID, "--config", s.path("server.properties"))
	if out, err := format.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("format kafka storage: %w: %s", err, out)
	}
	return s, nil
}

// Addr returns host:port.
func (s *Server) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// Exited reports the end of the process, once, after Start.
func (s *Server) Exited() <-chan error { return s.exited }

// Start starts the broker and returns when it answers.
func (s *Server) Start(ctx context.Context) error {
	log, err := os.OpenFile(s.path("console.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	s.process = s.java(context.WithoutCancel(ctx), "kafka.Kafka", s.path("server.properties"))
	s.process.Stdout, s.process.Stderr = log, log
	// A group of its own: ^C at the terminal reaches us, and we stop it.
	s.process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := s.process.Start(); err != nil {
		return fmt.Errorf("start kafka: %w", err)
	}
	s.exited = make(chan error, 1)
	go func() { s.exited <- s.process.Wait() }()
	if err := s.awaitReady(ctx); err != nil {
		return errors.Join(err, s.Kill())
	}
	return nil
}

// Stop ends the broker in order.
func (s *Server) Stop() error {
	if err := s.process.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stop kafka: %w", err)
	}
	select {
	case <-s.exited: // 143, for SIGTERM
		return nil
	case <-time.After(stopWithin):
		return s.Kill()
	}
}

// Kill ends the broker as a crash does.
func (s *Server) Kill() error {
	if err := s.process.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill kafka: %w", err)
	}
	<-s.exited
	return nil
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
		case err := <-s.exited:
			s.exited <- err
			return fmt.Errorf("kafka ended, see %s: %w", s.path("console.log"), err)
		case <-ticker.C:
			if s.answers() {
				return nil
			}
		}
	}
}

// answers asks for the brokers: the port opens before the broker has registered.
func (s *Server) answers() bool {
	conn, err := (&kafka.Dialer{Timeout: time.Second}).Dial("tcp", s.Addr())
	if err != nil {
		return false
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(2 * time.Second)) // a request shows it if the connection is gone
	brokers, err := conn.Brokers()
	return err == nil && len(brokers) > 0
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

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find free port: %w", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
