package stage

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"douyin.dev/test/bench/proc"
	"douyin.dev/test/harness"
)

// Options say what to start.
type Options struct {
	Mode harness.Mode
	// Dir keeps the data.
	Dir string
	// Bin is the directory of the binaries; empty for bin beside go.work.
	Bin string
	// Redis is "process" for a redis-server, "inprocess" for miniredis.
	Redis string
	// Args are added to the command line.
	Args []string
}

// Platform is a running platform.
type Platform struct {
	*harness.Server
	Mode harness.Mode
	// Host is the host:port of the public port.
	Host string
	// PID is the process the others are below of.
	PID int
	// AdminDSN reaches every schema in Postgres.
	AdminDSN string
	// Redis is its host:port.
	Redis string
	// Private are the base URLs of the private ports by process name.
	Private map[string]string
}

// RaisedLimits are the settings that let few connections act for many clients.
// The limits still work: each action is counted against a large budget. Videos get
// no renditions, whose processor time would be measured too.
func RaisedLimits() []string {
	return []string{
		"--gateway-action-burst=1000000", "--gateway-action-rate=100000", "--transcode-ffmpeg=none",
		"--gateway-login-burst=1000000", "--gateway-login-rate=100000",
	}
}

// Start starts a platform and finds its parts. Close it.
func Start(ctx context.Context, o Options) (*Platform, error) {
	if o.Bin != "" {
		if err := os.Setenv("DOUYIN_BIN", filepath.Join(o.Bin, string(o.Mode))); err != nil {
			return nil, fmt.Errorf("choose binary: %w", err)
		}
	}
	args := append(RaisedLimits(), o.Args...)
	if o.Redis == "inprocess" {
		args = append(args, "--redis-process=inprocess")
	}
	if o.Mode == harness.Standalone {
		args = append(args, "--no-seed")
	}
	server, err := harness.Start(ctx, harness.Options{Mode: o.Mode, Dir: o.Dir, Args: args})
	if err != nil {
		return nil, errors.Join(err, closeIf(server))
	}
	p := &Platform{Server: server, Mode: o.Mode}
	if err := p.find(o.Dir); err != nil {
		return nil, errors.Join(err, server.Close())
	}
	return p, nil
}

func closeIf(s *harness.Server) error {
	if s == nil {
		return nil
	}
	return s.Close()
}

var (
	postgresLine = regexp.MustCompile(`(?m)^postgres +(\S+)$`)
	redisLine    = regexp.MustCompile(`(?m)^redis +(\S+)$`)
	processLine  = regexp.MustCompile(`(?m)^([a-z-]+) +http://\S+ +private (http://\S+)$`)
)

// find learns from the first lines of the log where the parts are.
func (p *Platform) find(dir string) error {
	if p.External() {
		return errors.New("the benchmark starts the platform itself: unset DOUYIN_URL")
	}
	text, err := os.ReadFile(filepath.Join(dir, "platform.log"))
	if err != nil {
		return fmt.Errorf("read log: %w", err)
	}
	p.Host = strings.TrimPrefix(p.URL(), "http://")
	if p.PID, err = proc.Find("--data-dir", dir); err != nil {
		return err
	}
	if m := postgresLine.FindSubmatch(text); m != nil {
		p.AdminDSN = adminDSN(string(m[1]))
	}
	if m := redisLine.FindSubmatch(text); m != nil {
		p.Redis = string(m[1])
	}
	if p.AdminDSN == "" || p.Redis == "" {
		return fmt.Errorf("the log does not say where Postgres and Redis are:\n%s", p.LogTail())
	}
	p.Private = map[string]string{string(p.Mode): p.PrivateURL()}
	if p.Mode == harness.Mesh {
		p.Private = map[string]string{"gateway": p.PrivateURL()}
		for _, m := range processLine.FindAllSubmatch(text, -1) {
			p.Private[string(m[1])] = string(m[2])
		}
	}
	return nil
}

// adminDSN is the embedded server's connection string with its superuser for {service}.
func adminDSN(dsn string) string {
	return strings.NewReplacer("{service}", "postgres", url.PathEscape("{service}"), "postgres").Replace(dsn)
}

// Client speaks the /douyin dialect to the platform.
func (p *Platform) Client() *harness.Client { return harness.NewClient(p.URL()) }
