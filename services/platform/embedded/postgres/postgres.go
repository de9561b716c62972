package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"douyin.dev/services/platform/embedded"
)

const (
	superuser = "postgres"
	database  = "douyin"
	// port names the socket file; nothing listens on it.
	port = 5432
	// startLimit bounds a start; recovery after a crash is the slow case.
	startLimit = 60 * time.Second
)

// Options say where and how the server runs.
type Options struct {
	// Dir holds the clusters. Created if missing.
	Dir string
	// Log gets the server's own log lines. Nil discards them.
	Log *slog.Logger
	// Services get a role and a schema each: lower case letters, digits, "_".
	Services []string
	// MaxConnections is the server's limit; 0 means 200.
	MaxConnections int
	// NoSync gives up durability for speed. For tests only.
	NoSync bool
	// NoDownload fails where no Postgres is installed instead of fetching one.
	NoDownload bool
}

// Server is a running Postgres. Safe for concurrent use.
type Server struct {
	lock   *embedded.Lock
	log    *lineLog
	opts   Options
	inst   installation
	id     identity
	socket string // directory of the socket

	mu    sync.Mutex
	child *embedded.Child // of the present run
}

var _ embedded.Server = (*Server)(nil)

// Start runs Postgres in opts.Dir and returns when it answers and every
// service has its schema. ctx bounds the start, not the server's life.
func Start(ctx context.Context, opts Options) (*Server, error) {
	return start(ctx, opts, identities())
}

// start tries the identities in order: which of them works depends on how this
// process is confined.
func start(ctx context.Context, opts Options, ids []identity) (_ *Server, err error) {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if err := checkServices(opts.Services); err != nil {
		return nil, err
	}
	lock, err := embedded.LockDir(opts.Dir)
	if err != nil {
		return nil, fmt.Errorf("embedded postgres: %w", err)
	}
	s := &Server{lock: lock, log: newLineLog(opts.Log), opts: opts}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("embedded postgres: %w", err), s.abandon())
		}
	}()
	if s.inst, err = locate(ctx, lock.Dir(), opts); err != nil {
		return nil, err
	}
	if s.id, err = usable(ctx, ids, s.inst, lock.Dir()); err != nil {
		return nil, err
	}
	if err := s.boot(ctx); err != nil {
		return nil, err
	}
	if err := s.prepare(ctx, opts.Services); err != nil {
		return nil, err
	}
	s.log.ready()
	return s, nil
}

// Restart runs a server that has ended once more on the same cluster. The
// processes that a killed one left behind are waited for.
func (s *Server) Restart(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	s.log.stopping()
	s.log.forget()
	if err := s.boot(ctx); err != nil {
		return fmt.Errorf("embedded postgres: %w", err)
	}
	s.log.ready()
	return nil
}

// boot prepares the directories, starts the server and waits until it answers.
// One that does not answer is ended.
func (s *Server) boot(ctx context.Context) error {
	data := s.lock.Path(s.inst.dataName())
	if err := stopStale(ctx, data); err != nil {
		return err
	}
	if err := s.makeSocketDir(s.id); err != nil {
		return err
	}
	hba := s.lock.Path("pg_hba.conf")
	if err := os.WriteFile(hba, []byte("local all all trust\n"), 0o600); err != nil {
		return fmt.Errorf("write pg_hba.conf: %w", err)
	}
	if err := s.id.own(s.lock.Dir()); err != nil {
		return err
	}
	if err := initCluster(ctx, s.inst, s.id, data); err != nil {
		return err
	}
	args := append([]string{"-D", data}, settings(s.opts, s.socket, hba)...)
	for {
		cmd := s.id.command(s.inst.bin("postgres"), args...)
		cmd.Dir, cmd.Stdout, cmd.Stderr = s.lock.Dir(), s.log, s.log
		// SIGINT is Postgres's fast shutdown: connections are cut, all is written.
		child, err := embedded.StartChild(cmd, syscall.SIGINT)
		if err != nil {
			return err
		}
		err = s.await(ctx, child)
		if err == nil {
			s.setChild(child)
			return nil
		}
		if err := errors.Join(err, child.Stop(expired(), syscall.SIGQUIT, syscall.SIGQUIT)); !s.log.mentions("shared memory block") {
			return err
		}
		// The processes of a killed server notice within moments.
		s.log.forget()
		if err := pause(ctx); err != nil {
			return err
		}
	}
}

// await returns when the server answers, and with its reason when it ends.
func (s *Server) await(ctx context.Context, child *embedded.Child) error {
	for {
		conn, err := pgx.Connect(ctx, s.dsn(superuser, superuser))
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-child.Done():
			return fmt.Errorf("server ended while starting (%w):\n%s", child.Err(), s.log.reason())
		default:
		}
		if perr := pause(ctx); perr != nil {
			return fmt.Errorf("server does not answer: %w", errors.Join(perr, err))
		}
	}
}

func (s *Server) setChild(c *embedded.Child) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.child = c
}

func (s *Server) present() *embedded.Child {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.child
}

// DSN returns the services' connection string; "{service}" stands for the name
// of the service.
func (s *Server) DSN() string { return s.dsn("{service}", database) }

// AdminDSN returns the connection string of the superuser.
func (s *Server) AdminDSN() string { return s.dsn(superuser, database) }

func (s *Server) dsn(user, db string) string {
	return "postgres://" + user + "@/" + db + "?" + url.Values{
		"host":    {s.socket},
		"port":    {strconv.Itoa(port)},
		"sslmode": {"disable"},
	}.Encode()
}

// Done is closed when the present run has ended, asked to or not.
func (s *Server) Done() <-chan struct{} { return s.present().Done() }

// Err is how the present run ended, with the reason the server gave; nil while
// it goes on.
func (s *Server) Err() error {
	err := s.present().Err()
	if reason := s.log.fatal(); err != nil && reason != "" {
		return fmt.Errorf("%w: %s", err, reason)
	}
	return err
}

// Stop shuts the server down: connections are cut, all is written. When ctx
// ends first it is aborted, which the next start recovers from. Call it once.
func (s *Server) Stop(ctx context.Context) error {
	s.log.stopping()
	err := s.present().Stop(ctx, syscall.SIGINT, syscall.SIGQUIT)
	return errors.Join(err, s.removeSocketDir(), s.lock.Release())
}

// abandon undoes a start that failed.
func (s *Server) abandon() error {
	var err error
	if child := s.present(); child != nil {
		err = child.Stop(expired(), syscall.SIGQUIT, syscall.SIGQUIT)
	}
	return errors.Join(err, s.removeSocketDir(), s.lock.Release())
}

// expired returns a context that has ended.
func expired() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// pause waits until a poll looks again.
func pause(ctx context.Context) error {
	t := time.NewTimer(15 * time.Millisecond)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}
