package stage

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"douyin.dev/test/bench/proc"
)

const (
	// quietLook is how long the platform's processor time is watched.
	quietLook = 200 * time.Millisecond
	// quietShare of one processor is what an idle platform may use.
	quietShare = 0.15
	// quietLimit bounds the wait for a platform that does not come to rest.
	quietLimit = time.Minute
)

const outboxesSQL = `SELECT coalesce(string_agg(format('SELECT 1 FROM %I.outbox', schemaname), ' UNION ALL '), 'SELECT 1 WHERE false')
FROM pg_tables WHERE tablename = 'outbox'`

// Quiet waits until no event waits in an outbox and the processes rest, and
// returns how long the outboxes took. What a load left behind would otherwise
// be measured with what comes after it.
func (p *Platform) Quiet(ctx context.Context) (time.Duration, error) {
	started := time.Now()
	ctx, cancel := context.WithTimeout(ctx, quietLimit)
	defer cancel()
	conn, err := pgx.Connect(ctx, p.AdminDSN)
	if err != nil {
		return 0, fmt.Errorf("look at outboxes: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	var rows string
	if err := conn.QueryRow(ctx, outboxesSQL).Scan(&rows); err != nil {
		return 0, fmt.Errorf("look for outboxes: %w", err)
	}
	for waiting := true; waiting; {
		if err := conn.QueryRow(ctx, `SELECT EXISTS (`+rows+`)`).Scan(&waiting); err != nil {
			return 0, fmt.Errorf("look at outboxes: %w", err)
		}
		if waiting {
			time.Sleep(10 * time.Millisecond)
		}
	}
	drained := time.Since(started)
	for {
		before, err := p.CPU()
		if err != nil {
			return 0, err
		}
		select {
		case <-ctx.Done():
			return drained, nil // never at rest: the next measurement bears it
		case <-time.After(quietLook):
		}
		after, err := p.CPU()
		if err != nil {
			return 0, err
		}
		if after-before < quietShare*quietLook.Seconds() {
			return drained, nil
		}
	}
}

// CPU is the processor seconds of all processes so far.
func (p *Platform) CPU() (float64, error) {
	usage, err := proc.Tree(p.PID)
	if err != nil {
		return 0, err
	}
	sum := 0.0
	for _, u := range usage {
		sum += u.CPU
	}
	return sum, nil
}
