package resumable

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/redis/rueidis"
	"github.com/tus/tusd/v2/pkg/handler"
)

const (
	// lockLife is how long a lock outlives a holder that died.
	lockLife = 10 * time.Second
	// lockRenewal is how often a holder renews its lock, and sees whether somebody
	// else wants it.
	lockRenewal = 500 * time.Millisecond
	// lockRetry is the pause between two tries to take a lock that is held.
	lockRetry = 100 * time.Millisecond
)

// locker makes sure that one request at a time writes to an upload, over all
// gateways. A client that lost its connection continues elsewhere while the first
// gateway may still hold the upload: who waits for a lock leaves word, and the
// holder is asked to end.
type locker struct{ redis rueidis.Client }

// NewLock implements handler.Locker.
func (l locker) NewLock(id string) (handler.Lock, error) {
	// The braces keep both keys on one node of a cluster.
	return &lock{redis: l.redis, key: "upload-lock:{" + id + "}", wanted: "upload-wanted:{" + id + "}", token: uuid.NewString()}, nil
}

type lock struct {
	redis       rueidis.Client
	key, wanted string
	token       string // of this holder

	stop    context.CancelFunc // ends the renewal
	renewed sync.WaitGroup
}

// takeLock takes the lock, or leaves word that somebody waits for it.
var takeLock = rueidis.NewLuaScript(`
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then
	redis.call('DEL', KEYS[2])
	return 1
end
redis.call('SET', KEYS[2], '1', 'PX', ARGV[2])
return 0`)

// renewLock answers 0 when the lock is somebody else's, 1 when somebody waits for
// it, and 2 otherwise.
var renewLock = rueidis.NewLuaScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 2 - redis.call('EXISTS', KEYS[2])`)

var dropLock = rueidis.NewLuaScript(`
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1`)

func (l *lock) run(ctx context.Context, script *rueidis.Lua) (int64, error) {
	life := fmt.Sprint(lockLife.Milliseconds())
	return script.Exec(ctx, l.redis, []string{l.key, l.wanted}, []string{l.token, life}).AsInt64()
}

// Lock implements handler.Lock.
func (l *lock) Lock(ctx context.Context, requestUnlock func()) error {
	for {
		taken, err := l.run(ctx, takeLock)
		switch {
		case ctx.Err() != nil:
			return handler.ErrLockTimeout
		case err != nil:
			return fmt.Errorf("lock upload: %w", err)
		case taken == 1:
			l.hold(requestUnlock)
			return nil
		}
		select {
		case <-ctx.Done():
			return handler.ErrLockTimeout
		case <-time.After(lockRetry):
		}
	}
}

// hold renews the lock until Unlock, and asks the holder to end when somebody else
// waits, or when the lock may be lost.
func (l *lock) hold(requestUnlock func()) {
	ctx, cancel := context.WithCancel(context.Background())
	l.stop = cancel
	l.renewed.Go(func() {
		ask := sync.OnceFunc(requestUnlock)
		tick := time.NewTicker(lockRenewal)
		defer tick.Stop()
		last := time.Now()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			state, err := l.run(ctx, renewLock)
			if err == nil && state > 0 {
				last = time.Now()
			}
			if err == nil && state < 2 || time.Since(last) > lockLife/2 {
				ask()
			}
		}
	})
}

// Unlock implements handler.Lock.
func (l *lock) Unlock() error {
	if l.stop == nil {
		return errors.New("unlock upload: it was not locked")
	}
	l.stop()
	l.renewed.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), lockRenewal)
	defer cancel()
	if _, err := l.run(ctx, dropLock); err != nil {
		return fmt.Errorf("unlock upload: %w", err) // it ends by itself after lockLife
	}
	return nil
}
