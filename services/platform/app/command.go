package app

import (
	"context"
	"fmt"
	"io"
	"log/slog"

	"github.com/alecthomas/kong"

	"douyin.dev/services/platform/telemetry"
)

// Commands of every process. Plain flags mean run.
const (
	commandRun        = "run"
	commandMigrate    = "migrate"
	commandWaitSchema = "wait-schema"
)

// command is the command line of a process.
type command struct {
	Config `embed:""`

	Serve      struct{} `cmd:"" name:"run" default:"1" help:"Serve until told to stop. The default."`
	Upgrade    struct{} `cmd:"" name:"migrate" help:"Bring the component's schema up to date, and end."`
	WaitSchema struct{} `cmd:"" name:"wait-schema" help:"Wait until the schema is at least what this program needs, and end."`
}

// do runs a command. The commands about the schema end at once for a component
// without tables, so that whoever deploys need not know which have some.
func do(ctx context.Context, cmd, name string, config *Config, component Component, logTo io.Writer) error {
	if cmd == commandRun {
		return run(ctx, name, config, component, logTo)
	}
	log := slog.New(telemetry.NewLogHandler(logTo, config.LogLevel)).With("service", name)
	if _, whole := component.(Whole); whole {
		return fmt.Errorf("%s: %s brings its schemas up to date when it starts", cmd, name)
	}
	owner, ok := component.(Owner)
	if !ok {
		log.InfoContext(ctx, "no schema to care for", "command", cmd)
		return nil
	}
	if cmd == commandMigrate {
		return migrate(ctx, schemaOf(name, owner), config, owner, log)
	}
	return waitSchema(ctx, schemaOf(name, owner), config, owner, log)
}

// parse returns the configuration and the command of a command line and the
// environment, and fills the component's own settings. A component's flags
// begin with its name.
func parse(name string, component Component, args []string, more ...kong.Option) (*Config, string, error) {
	var c command
	parser, err := kong.New(&c, append(options(name, component), more...)...)
	if err != nil {
		return nil, "", fmt.Errorf("configuration: %w", err)
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		return nil, "", fmt.Errorf("configuration: %w", err)
	}
	return &c.Config, parsed.Command(), nil
}
