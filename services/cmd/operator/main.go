// Command operator looks after the event plane of a Kubernetes cluster: topics
// and the size of the workers that read them.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	ctrl "sigs.k8s.io/controller-runtime"

	"douyin.dev/services/operator"
	"douyin.dev/services/platform/telemetry"
)

func main() {
	config, err := operator.Parse(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := run(ctx, config); err != nil {
		fmt.Fprintln(os.Stderr, "operator:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, config operator.Config) (err error) {
	tel, err := telemetry.Start(ctx, telemetry.Config{Service: "operator", LogLevel: config.LogLevel})
	if err != nil {
		return fmt.Errorf("telemetry: %w", err)
	}
	tel.Install()
	defer func() { err = errors.Join(err, tel.Shutdown(context.WithoutCancel(ctx))) }()
	// In a pod its service account; elsewhere the file KUBECONFIG names.
	cluster, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("find the API server: %w", err)
	}
	return operator.Run(ctx, config, cluster, tel)
}
