// Command kafka runs a real Apache Kafka broker for development until SIGTERM.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"douyin.dev/services/platform/bus/kafkatest"
)

type command struct {
	Port int    `help:"Port on 127.0.0.1; 0 takes a free one." default:"9092"`
	Dir  string `help:"Directory for data and logs." default:".kafka" type:"path"`
}

func main() {
	var c command
	cli := kong.Parse(&c, kong.Name("kafka"), kong.Description("Run Apache Kafka "+kafkatest.Version+" from Maven Central's jars."))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	cli.FatalIfErrorf(c.run(ctx))
}

func (c command) run(ctx context.Context) error {
	server, err := kafkatest.New(ctx, c.Dir, c.Port)
	if err != nil {
		return err
	}
	if err := server.Start(ctx); err != nil {
		return err
	}
	fmt.Println("kafka", kafkatest.Version, "is ready on", server.Addr())
	select {
	case <-ctx.Done():
		return server.Stop()
	case <-server.Done():
		return errors.New("kafka ended, see console.log in its directory")
	}
}
