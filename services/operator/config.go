package operator

import (
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"douyin.dev/services/platform/bus"
)

// Config is what operators set. Each field is a flag and an environment variable.
type Config struct {
	PrivateListen string     `help:"Address of the private port: health, metrics, log level." default:"127.0.0.1:9090"`
	LogLevel      slog.Level `help:"Least severe level logged: debug, info, warn, error. Changeable at run time on the private port." default:"info"`
	KafkaBrokers  []string   `help:"Kafka addresses, host:port." required:""`
	Kafka         bus.Access `embed:"" prefix:"kafka-" envprefix:"DOUYIN_KAFKA_" set:"server=Kafka"`

	Namespace      string        `help:"Namespace whose objects are looked after; empty for that of the pod, or default outside of one."`
	AllNamespaces  bool          `help:"Look after the objects of all namespaces; the namespace still holds the lease."`
	LeaderElection bool          `help:"Whether operators take turns by a lease. Off only where there is never a second one." default:"true" negatable:""`
	LeaseDuration  time.Duration `help:"How long a leader that is gone keeps its lease." default:"15s"`
	StreamInterval time.Duration `help:"Pause between two looks at a stream." default:"10s"`
	PoolInterval   time.Duration `help:"Pause between two looks at a pool." default:"5s"`
	WorkPort       int           `help:"Private port of the workers, where they say how busy they are." default:"9090"`
}

// leaseName is the lease operators take turns by.
const leaseName = "douyin-operator"

// namespaceFile is where a pod finds its namespace.
const namespaceFile = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

// Parse fills a Config from flags and environment.
func Parse(args []string) (Config, error) {
	var c Config
	parser, err := kong.New(&c, kong.Name("operator"),
		kong.Description("Keeps the topics EventStreams declare and sizes the Deployments WorkerPools name. Every flag is also an environment variable."),
		kong.DefaultEnvars("DOUYIN"), kong.UsageOnError())
	if err != nil {
		return c, fmt.Errorf("configuration: %w", err)
	}
	if _, err := parser.Parse(args); err != nil {
		return c, fmt.Errorf("configuration: %w", err)
	}
	if c.StreamInterval <= 0 || c.PoolInterval <= 0 || c.LeaseDuration < 3*time.Second {
		return c, fmt.Errorf("configuration: intervals must be positive, and the lease at least 3s")
	}
	if c.Namespace == "" {
		c.Namespace = ownNamespace(os.ReadFile)
	}
	return c, nil
}

func ownNamespace(read func(string) ([]byte, error)) string {
	name, err := read(namespaceFile)
	if err != nil {
		return "default"
	}
	return strings.TrimSpace(string(name))
}
