package auth

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"
)

const (
	// refreshEvery is the shortest time between two looks at the source, so
	// that made-up key names cannot make a verifier hammer the issuer.
	refreshEvery = 3 * time.Second
	// refreshAfter is the age at which known keys are asked for again, so that
	// a key that was withdrawn stops to verify.
	refreshAfter = 5 * time.Minute
	// refreshTimeout bounds one look. It is not the caller's deadline: others
	// wait for the same answer.
	refreshTimeout = 5 * time.Second
)

var (
	errNoKeys     = errors.New("keys to check tokens cannot be had")
	errUnknownKey = errors.New("token names a key nobody has")
)

// keyring is the keys a source answered, for the life of the process.
type keyring struct {
	source KeySource
	now    func() time.Time
	flight singleflight.Group
	state  atomic.Pointer[keys]
}

// keys is one state of a keyring; immutable.
type keys struct {
	byID    map[string]ed25519.PublicKey
	fetched time.Time // when byID was answered
	tried   time.Time // when the source was last asked
	err     error     // what it answered then
}

func newKeyring(source KeySource, now func() time.Time) *keyring {
	r := &keyring{source: source, now: now}
	r.state.Store(&keys{})
	return r
}

// find returns the key called kid. A name not known yet makes it look again.
func (r *keyring) find(ctx context.Context, kid string) (ed25519.PublicKey, error) {
	s := r.state.Load()
	if key, ok := s.byID[kid]; ok {
		if r.now().Sub(s.fetched) > refreshAfter && r.mayLook(s) {
			r.look(ctx) // nobody waits: the known keys serve meanwhile
		}
		return key, nil
	}
	if r.mayLook(s) {
		select {
		case <-r.look(ctx):
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", errNoKeys, ctx.Err())
		}
		s = r.state.Load()
	}
	if key, ok := s.byID[kid]; ok {
		return key, nil
	}
	if s.err != nil {
		return nil, fmt.Errorf("%w: %w", errNoKeys, s.err)
	}
	return nil, errUnknownKey
}

func (r *keyring) mayLook(s *keys) bool {
	return s.tried.IsZero() || r.now().Sub(s.tried) >= refreshEvery
}

// look asks the source, once for all who look at the same time.
func (r *keyring) look(ctx context.Context) <-chan singleflight.Result {
	return r.flight.DoChan("", func() (any, error) {
		old := r.state.Load()
		if !r.mayLook(old) {
			return nil, nil // another look ended between the caller's check and now
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), refreshTimeout)
		defer cancel()
		answer, err := r.source(ctx)
		next := &keys{byID: old.byID, fetched: old.fetched, tried: r.now(), err: err}
		if err == nil {
			next.fetched = next.tried
			next.byID = make(map[string]ed25519.PublicKey, len(answer))
			for _, k := range answer {
				next.byID[k.ID] = k.Key
			}
		}
		r.state.Store(next)
		return nil, nil
	})
}
