package harness

import (
	"cmp"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// Mode says as what the platform runs.
type Mode string

const (
	// Standalone is every service in one process.
	Standalone Mode = "standalone"
	// Mesh is one process per service, started by one that watches over them.
	Mesh Mode = "mesh"
)

// Infra says what stands for Redis and Kafka behind the platform.
type Infra string

const (
	// Usual is redis-server where there is one, and the embedded broker.
	Usual Infra = ""
	// Embedded is the Redis in process and the embedded broker: no other program.
	Embedded Infra = "embedded"
	// Real is redis-server or valkey-server, and Apache Kafka. The broker is
	// not the platform's child: it outlives kills and restarts.
	Real Infra = "real"
)

// DefaultArgs returns what a suite adds to the command line: budgets of a client
// that would stop a suite's users, who all come from one address, a share of
// the cores for passwords that is small on a busy machine, a rate of actions that
// also a busy machine exceeds, and several transcodes at once: clips of tests are too
// small for one to use all cores.
func DefaultArgs() []string {
	return []string{"--gateway-login-burst=2000", "--gateway-login-rate=200", "--gateway-register-burst=100000", "--gateway-client-calls=4000", "--gateway-client-passwords=0",
		"--gateway-client-streams=4000", "--gateway-client-connections=4000", "--gateway-client-downloads=4000", "--gateway-action-rate=5", "--user-password-share=1", "--user-password-wait=30s",
		"--transcode-at-once=4"}
}

// LoadArgs returns what a load generator adds to DefaultArgs: no limit on
// actions, because its 64 clients do the work of thousands, and no renditions of
// the videos it publishes.
func LoadArgs() []string { return []string{"--gateway-action-burst=0", "--transcode-ffmpeg=none"} }

// Options say what to start. The zero value is a fresh standalone.
type Options struct {
	// Mode is DOUYIN_MODE, else Standalone, when empty.
	Mode Mode
	// Infra is DOUYIN_TEST_INFRA when empty.
	Infra Infra
	// SigningKey signs the platform's tokens; DOUYIN_TEST_SIGNING_KEY, a seed in
	// base64, when nil. Without both the platform makes its own.
	SigningKey ed25519.PrivateKey
	// Dir keeps the data; it outlives restarts.
	Dir string
	// Args follow the harness's own flags.
	Args []string
	// ReadyWithin bounds each start; three minutes when 0. A first start may create databases.
	ReadyWithin time.Duration
}

func (o Options) withDefaults() (Options, error) {
	o.Mode = cmp.Or(o.Mode, Mode(os.Getenv("DOUYIN_MODE")), Standalone)
	o.Infra = cmp.Or(o.Infra, Infra(os.Getenv("DOUYIN_TEST_INFRA")))
	o.ReadyWithin = cmp.Or(o.ReadyWithin, 3*time.Minute)
	var err error
	if o.SigningKey == nil {
		o.SigningKey, err = signingKeyFrom(os.Getenv)
	}
	return o, err
}

// args are the flags that follow from the options, before Args.
func (o Options) args() ([]string, error) {
	args := []string{"--data-dir", o.Dir}
	if o.SigningKey != nil {
		args = append(args, "--user-signing-key="+base64.StdEncoding.EncodeToString(o.SigningKey.Seed()))
	}
	switch o.Infra {
	case Usual:
	case Embedded:
		args = append(args, "--redis-process=inprocess")
	case Real:
		if !onPath("redis-server") && !onPath("valkey-server") {
			return nil, errors.New("infrastructure real needs redis-server or valkey-server on PATH")
		}
	default:
		return nil, fmt.Errorf("infrastructure %q is neither real nor embedded", o.Infra)
	}
	return args, nil
}

func onPath(name string) bool {
	_, err := exec.LookPath(name)
	return err == nil
}

// binary finds what to start: DOUYIN_BIN, else bin/<mode> beside go.work.
func binary(m Mode) (string, error) {
	if m != Standalone && m != Mesh {
		return "", fmt.Errorf("mode %q is neither standalone nor mesh", m)
	}
	if path := os.Getenv("DOUYIN_BIN"); path != "" {
		return path, nil
	}
	root, err := Root()
	if err != nil {
		return "", err
	}
	path := filepath.Join(root, "bin", string(m))
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("there is no %s: run `go build -o bin/ ./services/cmd/%s` in %s, or set DOUYIN_BIN or DOUYIN_URL", path, m, root)
	}
	return path, nil
}

// Root returns the repository's root: the first directory upwards with a go.work.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find root: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("find root: no go.work upwards from the working directory")
		}
		dir = parent
	}
}
