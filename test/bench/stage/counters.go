package stage

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
)

// Counters are what the platform has done so far. They only grow, and other
// work on the machine does not change them, except for CPU.
type Counters struct {
	// CPU seconds of all processes.
	CPU float64
	// Queries to Postgres; a batch is one.
	Queries float64
	// Calls between services.
	Calls float64
	// Allocations of the Go processes, and their bytes.
	Allocations, AllocatedBytes float64
}

// Minus is what happened since o.
func (c Counters) Minus(o Counters) Counters { return c.plus(o, -1) }

// Plus is both together.
func (c Counters) Plus(o Counters) Counters { return c.plus(o, 1) }

func (c Counters) plus(o Counters, f float64) Counters {
	return Counters{
		c.CPU + f*o.CPU, c.Queries + f*o.Queries, c.Calls + f*o.Calls, c.Allocations + f*o.Allocations, c.AllocatedBytes + f*o.AllocatedBytes,
	}
}

// Times scales all of it.
func (c Counters) Times(f float64) Counters { return Counters{}.plus(c, f) }

// Counters reads them.
func (p *Platform) Counters(ctx context.Context) (c Counters, err error) {
	if c.CPU, err = p.CPU(); err != nil {
		return c, err
	}
	for name, base := range p.Private {
		if err := c.scrape(ctx, base); err != nil {
			return c, fmt.Errorf("read metrics of %s: %w", name, err)
		}
	}
	return c, nil
}

// Lines of /metrics, and of the runtime's statistics that end a heap profile as text.
var (
	metricLine  = regexp.MustCompile(`^([a-z_]+(?:\{[^}]*\})?) ([0-9.e+]+)`)
	runtimeLine = regexp.MustCompile(`^# (Mallocs|TotalAlloc) = ([0-9]+)$`)
	queryLabel  = regexp.MustCompile(`pgx_operation_type="(query|batch|copy)"`)
)

// scrape adds what a process tells on its private port. The allocations come
// from the profile because the metrics of the runtime may be seconds old.
func (c *Counters) scrape(ctx context.Context, base string) error {
	if err := c.read(ctx, base+"/metrics", metricLine); err != nil {
		return err
	}
	return c.read(ctx, base+"/debug/pprof/allocs?debug=1", runtimeLine)
}

func (c *Counters) read(ctx context.Context, url string, line *regexp.Regexp) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, 1<<20) // a stack in a profile is one long line
	for lines.Scan() {
		m := line.FindStringSubmatch(lines.Text())
		if m == nil {
			continue
		}
		into := c.metric(m[1])
		if into == nil {
			continue
		}
		n, err := strconv.ParseFloat(m[2], 64)
		if err != nil {
			return fmt.Errorf("%s: %w", m[1], err)
		}
		*into += n
	}
	return lines.Err()
}

// metric says where a number goes; calls have an older name and a newer one.
func (c *Counters) metric(series string) *float64 {
	name, labels, _ := strings.Cut(series, "{")
	switch name {
	case "db_client_operation_duration_seconds_count":
		if queryLabel.MatchString(labels) {
			return &c.Queries
		}
		return nil
	case "rpc_client_duration_count", "rpc_client_duration_milliseconds_count", "rpc_client_call_duration_seconds_count":
		return &c.Calls
	case "Mallocs":
		return &c.Allocations
	case "TotalAlloc":
		return &c.AllocatedBytes
	default:
		return nil
	}
}
