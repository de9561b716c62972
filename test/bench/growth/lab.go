package growth

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/rueidis"

	"douyin.dev/test/bench/load"
	"douyin.dev/test/bench/result"
	"douyin.dev/test/bench/stage"
)

const (
	// connections keep both processors busy without queueing much.
	connections = 8
	warmup      = time.Second
	// fewest requests are worth dividing by: what happens beside them is small then.
	fewest = 2000
	// idleLook is how long the platform is watched at rest.
	idleLook = 2 * time.Second
	// viewers are users with tokens who ask.
	viewers = 20
	// changers are others who like and follow, one for each connection: what
	// viewers see of themselves is the same at every size.
	changers = connections
)

// Lab is a platform and the means to fill and watch it. Close it.
type Lab struct {
	platform *stage.Platform
	sql      *pgx.Conn
	redis    rueidis.Client
	viewers  []stage.User
	changers []stage.User
	duration time.Duration
	say      func(format string, args ...any)

	idle stage.Counters // per second, at rest
}

// dialRedis connects to host:port, or to unix:path.
func dialRedis(ctx context.Context, address string, dialer *net.Dialer, _ *tls.Config) (net.Conn, error) {
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		return dialer.DialContext(ctx, "unix", path)
	}
	return dialer.DialContext(ctx, "tcp", address)
}

// NewLab connects to a platform that nobody else uses.
func NewLab(ctx context.Context, p *stage.Platform, duration time.Duration, say func(string, ...any)) (*Lab, error) {
	l := &Lab{platform: p, duration: duration, say: say}
	var err error
	if l.sql, err = pgx.Connect(ctx, p.AdminDSN); err != nil {
		return nil, fmt.Errorf("connect to postgres: %w", err)
	}
	l.redis, err = rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{p.Redis}, DisableCache: true, ForceSingleClient: true, DialCtxFn: dialRedis})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("connect to redis: %w", err), l.sql.Close(ctx))
	}
	users := make([]stage.User, viewers+changers)
	for i := range users {
		if users[i], err = stage.NewUser(ctx, p); err != nil {
			return nil, errors.Join(err, l.Close(ctx))
		}
	}
	l.viewers, l.changers = users[:viewers], users[viewers:]
	return l, nil
}

// follow lets a user follow an author.
func (l *Lab) follow(ctx context.Context, u stage.User, author int64) error {
	a, err := l.platform.Client().WithToken(u.Token).Post(ctx, "/douyin/relation/action/", "to_user_id", str(author), "action_type", "1")
	if err == nil && a.Code() != 0 {
		err = errors.New(a.String())
	}
	if err != nil {
		return fmt.Errorf("follow: %w", err)
	}
	return nil
}

// Close ends the connections.
func (l *Lab) Close(ctx context.Context) error {
	l.redis.Close()
	return l.sql.Close(ctx)
}

// flush empties the caches and has Postgres do now what it would do about new
// rows while they are measured.
func (l *Lab) flush(ctx context.Context) error {
	for _, sql := range []string{`VACUUM (ANALYZE)`, `CHECKPOINT`} {
		if _, err := l.sql.Exec(ctx, sql); err != nil {
			return fmt.Errorf("%s: %w", sql, err)
		}
	}
	if err := l.redis.Do(ctx, l.redis.B().Flushall().Build()).Error(); err != nil {
		return fmt.Errorf("flush redis: %w", err)
	}
	return nil
}

// rest waits until the platform rests, then learns what it uses at rest.
func (l *Lab) rest(ctx context.Context) error {
	if _, err := l.platform.Quiet(ctx); err != nil {
		return err
	}
	before, err := l.platform.Counters(ctx)
	if err != nil {
		return err
	}
	started := time.Now()
	time.Sleep(idleLook)
	after, err := l.platform.Counters(ctx)
	if err != nil {
		return err
	}
	l.idle = after.Minus(before).Times(1 / time.Since(started).Seconds())
	return nil
}

// measure returns the cost of a request.
func (l *Lab) measure(ctx context.Context, client func(connection int) load.Client) (result.Point, error) {
	o := load.Options{
		Dial: load.DialTCP(l.platform.Host), Connections: connections, Duration: warmup, Sample: 50, Client: client,
	}
	if _, err := l.run(ctx, o); err != nil { // fills the caches
		return result.Point{}, err
	}
	if err := l.rest(ctx); err != nil {
		return result.Point{}, err
	}
	before, err := l.platform.Counters(ctx)
	if err != nil {
		return result.Point{}, err
	}
	started := time.Now()
	o.Duration = l.duration
	sum := result.Point{}
	for requests := int64(0); requests < fewest; {
		r, err := l.run(ctx, o)
		if err != nil {
			return result.Point{}, err
		}
		requests += r.Requests
		sum = result.Point{Requests: requests, PerSecond: r.PerSecond, P50: r.Latency.P50}
	}
	if _, err := l.platform.Quiet(ctx); err != nil { // what a write causes later is its cost too
		return result.Point{}, err
	}
	seconds := time.Since(started).Seconds()
	after, err := l.platform.Counters(ctx)
	if err != nil {
		return result.Point{}, err
	}
	spent := after.Minus(before).Minus(l.idle.Times(seconds)).Times(1 / float64(sum.Requests))
	sum.CPU, sum.Queries, sum.Calls = max(spent.CPU, 0)*1000, max(spent.Queries, 0), max(spent.Calls, 0)
	return sum, nil
}

func (l *Lab) run(ctx context.Context, o load.Options) (*load.Result, error) {
	r, err := load.Run(ctx, o)
	if err != nil {
		return nil, err
	}
	if r.Failed() {
		return nil, fmt.Errorf("%d answers, %d errors, %d wrong: %q", r.Requests, r.Errors, r.Wrong, r.Examples)
	}
	return r, nil
}
