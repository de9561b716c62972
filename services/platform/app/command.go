package app

import (
	"context"
	"fmt"
	"io"
	"log/slog"

	"github.com/alecthomas/kong"

	"douyin.dev/services/platform/pg"
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

// Commander is an Owner with commands of its own, beside those of every process.
type Commander interface {
	Owner
	// Commands returns them, always the same ones.
	Commands() []Command
}

// Command is a command of a component: it works on the component's tables, and ends.
type Command struct {
	Name, Help string
	Do         func(context.Context, *pg.DB, *slog.Logger) error
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
	if own, ok := commandsOf(component)[cmd]; ok {
		return onSchema(ctx, schemaOf(name, owner), config, log, own.Do)
	}
	if cmd == commandMigrate {
		return migrate(ctx, schemaOf(name, owner), config, owner, log)
	}
	return waitSchema(ctx, schemaOf(name, owner), config, owner, log)
}

// commandsOf returns a component's own commands, by their names.
func commandsOf(component Component) map[string]Command {
	all := map[string]Command{}
	if commander, ok := component.(Commander); ok {
		for _, c := range commander.Commands() {
			all[c.Name] = c
		}
	}
	return all
}

// onSchema runs a component's own command on its schema.
func onSchema(ctx context.Context, schema string, c *Config, log *slog.Logger, do func(context.Context, *pg.DB, *slog.Logger) error) error {
	db, err := openPostgres(ctx, c, schema)
	if err != nil {
		return err
	}
	defer db.Close()
	return do(ctx, db, log)
}

// parse returns the configuration and the command of a command line and the
// environment, and fills the component's own settings. A component's flags
// begin with its name.
func parse(name string, component Component, args []string, more ...kong.Option) (*Config, string, error) {
	var c command
	for _, own := range commandsOf(component) {
		more = append(more, kong.DynamicCommand(own.Name, own.Help, "", &struct{}{}))
	}
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
