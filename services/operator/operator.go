package operator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	appsclient "k8s.io/client-go/kubernetes/typed/apps/v1"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"douyin.dev/services/operator/api/v1alpha1"
	"douyin.dev/services/operator/broker"
	"douyin.dev/services/operator/eventstream"
	"douyin.dev/services/operator/workerpool"
)

// Deps is what an operator is made of.
type Deps struct {
	Config Config
	// Cluster says how to reach the API server.
	Cluster *rest.Config
	Broker  *broker.Broker
	Log     *slog.Logger
	// Registry gets the operator's metrics.
	Registry prometheus.Registerer
}

// Scheme returns the kinds the operator knows.
func Scheme() (*runtime.Scheme, error) {
	s := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(s), v1alpha1.AddToScheme(s)); err != nil {
		return nil, fmt.Errorf("scheme: %w", err)
	}
	return s, nil
}

// New returns a manager with both controllers. Its Start runs them until the
// context ends, or the lease is lost: then the process must end.
func New(d Deps) (ctrl.Manager, error) {
	scheme, err := Scheme()
	if err != nil {
		return nil, err
	}
	mgr, err := ctrl.NewManager(d.Cluster, options(d, scheme))
	if err != nil {
		return nil, fmt.Errorf("manager: %w", err)
	}
	deployments, err := appsclient.NewForConfig(mgr.GetConfig())
	if err != nil {
		return nil, fmt.Errorf("deployments: %w", err)
	}
	recorder := mgr.GetEventRecorder("douyin-operator")
	streams := eventstream.New(eventstream.Deps{
		Client: mgr.GetClient(), Kafka: d.Broker, Events: recorder, Metrics: eventstream.NewMetrics(d.Registry),
		Log: d.Log, Now: time.Now, Interval: d.Config.StreamInterval,
	})
	pools := workerpool.New(workerpool.Deps{
		Client: mgr.GetClient(), Pods: mgr.GetAPIReader(), Deployments: deployments, Kafka: d.Broker,
		Asker:  &workerpool.Asker{Port: d.Config.WorkPort, Client: &http.Client{Transport: workTransport()}},
		Events: recorder, Metrics: workerpool.NewMetrics(d.Registry),
		Log: d.Log, Now: time.Now, Interval: d.Config.PoolInterval,
	})
	if err := errors.Join(streams.Setup(mgr), pools.Setup(mgr)); err != nil {
		return nil, err
	}
	return mgr, nil
}

// workTransport keeps no connections: workers come and go.
func workTransport() *http.Transport {
	return &http.Transport{DisableKeepAlives: true, ResponseHeaderTimeout: 2 * time.Second}
}

func options(d Deps, scheme *runtime.Scheme) ctrl.Options {
	c := d.Config
	namespaces := map[string]cache.Config{c.Namespace: {}}
	if c.AllNamespaces {
		namespaces = nil
	}
	// The same shares of the lease as Kubernetes' own components take.
	renew, retry := c.LeaseDuration*2/3, c.LeaseDuration*2/15
	return ctrl.Options{
		Scheme: scheme,
		Cache:  cache.Options{DefaultNamespaces: namespaces},
		Logger: logr.FromSlogHandler(d.Log.Handler()),
		// Health and metrics are on the platform's private port.
		Metrics:                       metricsserver.Options{BindAddress: "0"},
		HealthProbeBindAddress:        "0",
		LeaderElection:                c.LeaderElection,
		LeaderElectionID:              leaseName,
		LeaderElectionNamespace:       c.Namespace,
		LeaderElectionReleaseOnCancel: true,
		LeaseDuration:                 &c.LeaseDuration,
		RenewDeadline:                 &renew,
		RetryPeriod:                   &retry,
	}
}

// Run looks after the cluster until ctx ends.
func Run(ctx context.Context, config Config, cluster *rest.Config, tel Telemetry) (err error) {
	log := tel.Log()
	ctrl.SetLogger(logr.FromSlogHandler(log.Handler()))
	klog.SetSlogLogger(log) // what the client libraries say
	security, err := config.Kafka.Security("kafka-", log)
	if err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	kafka, err := broker.Connect(ctx, broker.Config{Brokers: config.KafkaBrokers, Security: security, Log: log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, kafka.Close()) }()
	if err := kafka.CheckAccess(ctx); err != nil {
		return err
	}
	registry := newRegistry()
	mgr, err := New(Deps{Config: config, Cluster: cluster, Broker: kafka, Log: log, Registry: registry})
	if err != nil {
		return err
	}
	private, err := listenPrivate(ctx, config.PrivateListen, privateHandler(registry, tel, synced(mgr)))
	if err != nil {
		return err
	}
	if err := mgr.Add(private); err != nil {
		return fmt.Errorf("private port: %w", err)
	}
	log.InfoContext(ctx, "watching", "namespace", config.Namespace, "all_namespaces", config.AllNamespaces, "private", private.address())
	if err := mgr.Start(ctx); err != nil {
		return fmt.Errorf("run: %w", err)
	}
	return nil
}

// synced reports whether the manager knows the objects. An operator that waits
// for the lease is ready too: it is ready to take over.
func synced(mgr ctrl.Manager) func(context.Context) error {
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		if !mgr.GetCache().WaitForCacheSync(ctx) {
			return errors.New("the objects are not read yet")
		}
		return nil
	}
}
