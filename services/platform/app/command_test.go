package app

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"

	"douyin.dev/services/platform/pg"
)

// shop is a component with a setting of its own.
type shop struct {
	Shelves int `help:"Shelves of the shop." default:"3"`
}

func (*shop) Mount(context.Context, *Runtime) error { return nil }

// mall is made of shops.
type mall struct {
	First  shop `embed:"" prefix:"first-"`
	Second shop `embed:"" prefix:"second-"`
}

func (*mall) Mount(context.Context, *Runtime) error { return nil }
func (*mall) Whole()                                {}

func TestPlainFlagsMeanRun(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"flags": {"--listen=:1", "--log-level=debug"}, "command": {"run", "--listen=:1", "--log-level=debug"},
	} {
		config, cmd, err := parse("shop", &shop{}, args)
		if err != nil {
			t.Fatal(name, err)
		}
		if cmd != "run" || config.Listen != ":1" || config.LogLevel != slog.LevelDebug {
			t.Errorf("%s: %s with %+v", name, cmd, config)
		}
	}
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	config, _, err := parse("shop", &shop{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := &Config{
		Listen: ":8080", PrivateListen: "127.0.0.1:9090", TraceRatio: 1, TraceRate: 100, TraceSpans: 4000, DrainTimeout: 20 * time.Second,
		PostgresMaxConns: 8, Migrate: "auto", RedisClientCaching: true, TLSServe: true, KafkaPartitions: 4, S3Region: "us-east-1", S3Bucket: "douyin",
		ServiceURL: "http://{service}:8080",
	}
	if diff := cmp.Diff(want, config); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestCommandsOfTheSchema(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"migrate", "wait-schema"} {
		config, cmd, err := parse("shop", &shop{}, []string{command, "--postgres-dsn=x"})
		if err != nil || cmd != command || config.PostgresDSN != "x" {
			t.Errorf("%s: %q %v", command, cmd, err)
		}
	}
}

// bakery is a component with tables and a command of its own.
type bakery struct{ shop }

func (*bakery) Schema() fs.FS { return nil }
func (*bakery) Commands() []Command {
	return []Command{{Name: "bake", Help: "Bake.", Do: func(_ context.Context, db *pg.DB, _ *slog.Logger) error {
		return errors.New("baked in " + db.Schema())
	}}}
}

func TestACommandOfAComponentWorksOnItsSchema(t *testing.T) {
	t.Parallel()
	config, cmd, err := parse("bakery", &bakery{}, []string{"bake", "--postgres-dsn=postgres://localhost/x"})
	if err != nil || cmd != "bake" {
		t.Fatalf("%q %v", cmd, err)
	}
	if err := do(t.Context(), cmd, "bakery", config, &bakery{}, io.Discard); err == nil || err.Error() != "baked in bakery" {
		t.Errorf("got %v", err)
	}
	if _, _, err := parse("shop", &shop{}, []string{"bake"}); err == nil {
		t.Error("a component without the command has it")
	}
}

// It sets the environment, so it runs alone.
func TestEnvironmentAndFlags(t *testing.T) {
	for name, value := range map[string]string{
		"DOUYIN_LISTEN": ":2", "DOUYIN_MIGRATE": "off", "DOUYIN_REDIS_ADDRS": "a:1,b:2", "DOUYIN_KAFKA_BROKERS": "k:9",
		"DOUYIN_PEERS": "user=http://u:1;video=http://v:2", "DOUYIN_S3_SECRET_KEY": "s", "DOUYIN_SHOP_SHELVES": "5",
		"DOUYIN_REDIS_CLIENT_CACHING": "false", "DOUYIN_SERVICE_URL": "http://{service}-headless:8080",
	} {
		t.Setenv(name, value)
	}
	var c shop
	config, _, err := parse("shop", &c, []string{"--listen=:3"})
	if err != nil {
		t.Fatal(err)
	}
	if c.Shelves != 5 {
		t.Errorf("the component's own setting is %d", c.Shelves)
	}
	got := map[string]any{
		"listen": config.Listen, "migrate": config.Migrate, "redis": config.RedisAddrs, "kafka": config.KafkaBrokers,
		"secret": config.S3SecretKey, "caching": config.RedisClientCaching,
		"user": config.url("user"), "feed": config.url("feed"),
	}
	want := map[string]any{
		"listen": ":3", "migrate": "off", "redis": []string{"a:1", "b:2"}, "kafka": []string{"k:9"}, "secret": "s", "caching": false,
		"user": "http://u:1", "feed": "http://feed-headless:8080",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWrongCommandLinesAreNamed(t *testing.T) {
	t.Parallel()
	for arg, want := range map[string]string{
		"bogus": "bogus", "--migrate=later": "--migrate", "--no-such": "--no-such", "--log-level=loud": "--log-level", "--shop-shelves=x": "--shop-shelves",
	} {
		if _, _, err := parse("shop", &shop{}, []string{arg}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", arg, err)
		}
	}
}

func TestHelpTellsCommandsSettingsAndVariables(t *testing.T) {
	t.Parallel()
	var help bytes.Buffer
	exited := -1
	_, _, _ = parse("shop", &shop{}, []string{"--help"}, kong.Writers(&help, &help), kong.Exit(func(code int) { exited = code }))
	if exited != 0 {
		t.Errorf("exit code %d", exited)
	}
	for _, want := range []string{"run", "migrate", "wait-schema", "--postgres-dsn", "$DOUYIN_POSTGRES_DSN", "--shop-shelves=3", "$DOUYIN_SHOP_SHELVES"} {
		if !strings.Contains(help.String(), want) {
			t.Errorf("--help says nothing of %s:\n%s", want, help.String())
		}
	}
}

func TestAWholeKeepsTheNamesOfItsPartsSettings(t *testing.T) {
	t.Parallel()
	settings, err := Settings("mall", &mall{})
	if err != nil {
		t.Fatal(err)
	}
	var own []Setting
	for _, s := range settings {
		if strings.Contains(s.Flag, "shelves") {
			own = append(own, s)
		}
	}
	want := []Setting{
		{Flag: "--first-shelves", Env: "DOUYIN_FIRST_SHELVES", Default: "3", Help: "Shelves of the shop."},
		{Flag: "--second-shelves", Env: "DOUYIN_SECOND_SHELVES", Default: "3", Help: "Shelves of the shop."},
	}
	if diff := cmp.Diff(want, own); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestSchemaCommandsOfAComponentWithoutTablesEndAtOnce(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"migrate", "wait-schema"} {
		if err := do(t.Context(), command, "shop", &Config{}, &shop{}, newJournal()); err != nil {
			t.Error(command, err)
		}
		if err := do(t.Context(), command, "mall", &Config{}, &mall{}, newJournal()); err == nil {
			t.Errorf("%s of a whole did nothing and said so to nobody", command)
		}
	}
}

func TestSchemaCommandsNeedADatabase(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"run", "migrate", "wait-schema"} {
		config := localConfig()
		err := do(t.Context(), command, "shop", config, tabled(fstest.MapFS{}), newJournal())
		if err == nil || !strings.Contains(err.Error(), "postgres-dsn") {
			t.Errorf("%s: %v", command, err)
		}
	}
}
