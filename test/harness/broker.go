package harness

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"time"
)

// brokerReady leaves time for the first download of the broker's jars.
const brokerReady = 5 * time.Minute

// announced is the line by which the broker's binary says that it is ready.
var announced = regexp.MustCompile(`(?m)^kafka \S+ is ready on (\S+)$`)

// startBroker starts the Apache Kafka of the binary beside the platform's, with
// its data beside the platform's, and returns its address.
func (s *Server) startBroker(ctx context.Context) (string, error) {
	binary := filepath.Join(filepath.Dir(s.binary), "kafka")
	if _, err := os.Stat(binary); err != nil {
		return "", fmt.Errorf("there is no %s: run `make build`", binary)
	}
	dir := filepath.Join(s.options.Dir, "apache-kafka")
	log := filepath.Join(s.options.Dir, "apache-kafka.log")
	p, err := spawn(ctx, binary, []string{"--port=0", "--dir", dir}, log)
	if err != nil {
		return "", err
	}
	s.broker = p
	ctx, cancel := context.WithTimeout(ctx, brokerReady)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		text, err := os.ReadFile(log)
		if err != nil {
			return "", fmt.Errorf("read its log: %w", err)
		}
		if found := announced.FindSubmatch(text); found != nil {
			return string(found[1]), nil
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("not ready in time: %s", text)
		case <-p.done:
			return "", fmt.Errorf("ended before it was ready: %s", text)
		case <-tick.C:
		}
	}
}
