package app

import (
	"fmt"
	"log/slog"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"douyin.dev/services/platform/bus"
	"douyin.dev/services/platform/tlsfiles"
)

// Config is what operators set for every process. Each field is a flag and an
// environment variable; --help lists them.
type Config struct {
	Listen        string        `help:"Address of the public port: Connect, gRPC, gRPC-Web and, at the gateway, REST." default:":8080"`
	PrivateListen string        `help:"Address of the private port: health, metrics, traces, log level, profiles." default:"127.0.0.1:9090"`
	LogLevel      slog.Level    `help:"Least severe level logged: debug, info, warn, error. Changeable at run time on the private port." default:"info"`
	TraceRatio    float64       `help:"Share of traces recorded, 0 to 1." default:"1"`
	TraceRate     float64       `help:"Traces recorded per second at most, of those that begin in this process; 0 for no bound." default:"100"`
	TraceSpans    int           `help:"Newest spans kept for /traces on the private port, about 1 KiB each." default:"4000"`
	DrainDelay    time.Duration `help:"How long the process stays up, unready, before it stops accepting on SIGTERM." default:"0s"`
	DrainTimeout  time.Duration `help:"How long calls under way may take to finish on SIGTERM." default:"20s"`

	PostgresDSN      string `name:"postgres-dsn" help:"Postgres of the service's schema; {service} is replaced by its name."`
	PostgresReadDSN  string `name:"postgres-read-dsn" help:"Replica for reads that may lag; empty for the primary."`
	PostgresMaxConns int32  `help:"Most connections of a service's pool." default:"8"`
	Migrate          string `help:"Migrations on start: auto applies what is missing; off only checks that nothing is, for deployments that run the command migrate first." enum:"auto,off" default:"auto"`

	RedisAddrs            []string          `help:"Redis addresses, host:port or unix:/path of a socket; several are a cluster."`
	RedisCluster          bool              `help:"Whether one address in redis-addrs is that of a cluster, too: the configuration endpoint of a managed one."`
	RedisSentinelAddrs    []string          `help:"Addresses of Redis Sentinels, host:port, in place of redis-addrs; redis-tls is for them, too."`
	RedisSentinelMaster   string            `help:"Name by which the Sentinels know the primary."`
	RedisSentinelUsername string            `help:"User name at the Sentinels."`
	RedisSentinelPassword string            `help:"Password at the Sentinels."`
	RedisDB               int               `name:"redis-db" env:"DOUYIN_REDIS_DB" help:"Number of the Redis database; a cluster has 0 alone." default:"0"`
	RedisUsername         string            `help:"Redis user name."`
	RedisPassword         string            `help:"Redis password."`
	RedisClientCaching    bool              `help:"Whether the Redis supports CLIENT TRACKING." default:"true" negatable:""`
	RedisTLS              tlsfiles.Settings `embed:"" prefix:"redis-" envprefix:"DOUYIN_REDIS_" set:"server=Redis"`

	KafkaBrokers     []string   `help:"Kafka addresses, host:port."`
	KafkaPartitions  int        `help:"Partitions of a topic that is created." default:"4"`
	KafkaReplication int        `help:"Replicas of a topic that is created; 0 leaves it to the brokers." default:"0"`
	KafkaAccess      bus.Access `embed:"" prefix:"kafka-" envprefix:"DOUYIN_KAFKA_" set:"server=Kafka"`

	S3Endpoint  string `name:"s3-endpoint" env:"DOUYIN_S3_ENDPOINT" help:"S3 endpoint URL; empty for AWS."`
	S3Region    string `name:"s3-region" env:"DOUYIN_S3_REGION" help:"S3 region." default:"us-east-1"`
	S3Bucket    string `name:"s3-bucket" env:"DOUYIN_S3_BUCKET" help:"S3 bucket of videos and covers." default:"douyin"`
	S3AccessKey string `name:"s3-access-key" env:"DOUYIN_S3_ACCESS_KEY" help:"S3 access key."`
	S3SecretKey string `name:"s3-secret-key" env:"DOUYIN_S3_SECRET_KEY" help:"S3 secret key."`

	TLSCert  string `name:"tls-cert" env:"DOUYIN_TLS_CERT" help:"File with the process's certificate, PEM: mutual TLS between services. The public port then takes calls of the mesh alone, and service-url is https. Read again when it changes."`
	TLSKey   string `name:"tls-key" env:"DOUYIN_TLS_KEY" help:"File with the certificate's key, PEM."`
	TLSCA    string `name:"tls-ca" env:"DOUYIN_TLS_CA" help:"File with the CA that signs the certificates of the mesh, PEM; several while one replaces another."`
	TLSServe bool   `name:"tls-serve" env:"DOUYIN_TLS_SERVE" help:"Whether the public port speaks TLS when there is a certificate. A gateway's does not: it faces clients, behind what ends theirs." default:"true" negatable:""`

	ServiceURL string            `name:"service-url" help:"Base URL of the other services; {service} is replaced by a service's name." default:"http://{service}:8080"`
	Peers      map[string]string `help:"Base URLs of single services, in place of service-url: user=http://10.0.0.1:8080;video=…"`
}

// EnvPrefix begins the name of every environment variable.
const EnvPrefix = "DOUYIN"

func options(name string, component any) []kong.Option {
	all := []kong.Option{
		kong.Name(name),
		kong.Description("Part of the douyin mesh. Every flag is also an environment variable."),
		kong.DefaultEnvars(EnvPrefix),
		kong.UsageOnError(),
	}
	if hasFields(component) {
		prefix := name + "-"
		if _, whole := component.(Whole); whole {
			prefix = ""
		}
		all = append(all, kong.Embed(component, fmt.Sprintf(`prefix:"%s"`, prefix)))
	}
	return all
}

// Setting is one setting, for the documentation.
type Setting struct {
	Flag, Env, Default, Help string
}

// Settings lists the settings of a process that runs the component, in order.
func Settings(name string, component any) ([]Setting, error) {
	parser, err := kong.New(&command{}, options(name, component)...)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	var all []Setting
	for _, f := range parser.Model.Flags {
		if f.Name == "help" {
			continue
		}
		s := Setting{Flag: "--" + f.Name, Default: f.Default, Help: f.Help}
		if len(f.Envs) > 0 {
			s.Env = f.Envs[0]
		}
		all = append(all, s)
	}
	return all, nil
}

// Environment returns the settings whose flags begin with one of the prefixes as
// environment variables, NAME=value, for another process. It leaves out those
// that are empty and would be so there.
func Environment(c *Config, prefixes ...string) ([]string, error) {
	parser, err := kong.New(&command{Config: *c}, options("environment", nil)...)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	var all []string
	for _, f := range parser.Model.Flags {
		ours := slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(f.Name, p) })
		if !ours || f.Target.IsZero() && f.Default == "" {
			continue
		}
		value := fmt.Sprint(f.Target.Interface())
		if list, ok := f.Target.Interface().([]string); ok {
			value = kong.JoinEscaped(list, ',')
		}
		all = append(all, f.Envs[0]+"="+value)
	}
	return all, nil
}

// Whole is a component made of others: their settings keep their own names.
type Whole interface {
	Component
	// Whole marks the type.
	Whole()
}

func hasFields(component any) bool {
	t := reflect.TypeOf(component)
	return t != nil && t.Kind() == reflect.Pointer && t.Elem().Kind() == reflect.Struct && t.Elem().NumField() > 0
}

// NamesRedis reports whether the configuration says where Redis is.
func (c *Config) NamesRedis() bool { return len(c.RedisAddrs)+len(c.RedisSentinelAddrs) > 0 }

// url returns the base URL of a service.
func (c *Config) url(service string) string {
	if u := c.Peers[service]; u != "" {
		return u
	}
	return strings.ReplaceAll(c.ServiceURL, "{service}", service)
}

func hostname() string {
	if h, err := os.Hostname(); err == nil {
		return h
	}
	return "unknown"
}
