package user

import (
	"context"
	"fmt"
	"time"

	"connectrpc.com/connect"
	"github.com/maypok86/otter/v2"

	"douyin.dev/services/platform/auth"
	"douyin.dev/services/platform/coalesce"
	"douyin.dev/services/platform/fault"
	"douyin.dev/services/platform/pg"
)

const (
	// believed is how long a session is taken for live without asking Postgres.
	// With what the gateway keeps it stays under the 5 s of a revocation.
	believed = 2 * time.Second
	// patience is how long Postgres may take before it counts as down.
	patience = time.Second
	// viewerTTL is the life of a viewer token.
	viewerTTL = 10 * time.Minute
	// viewerRenew is what is left of a viewer token when a new one is signed.
	// Until then the same one is answered: services remember tokens they checked.
	viewerRenew = viewerTTL / 2
	// minToken is the shortest life a token can be signed for.
	minToken = time.Second
	// checkBatch bounds the sessions of one query.
	checkBatch = 500
)

// sessionKey names a session; a session id alone would do, but a token must
// never reach another user's session.
type sessionKey auth.Viewer

// liveSession is a session that was seen in Postgres; immutable.
type liveSession struct {
	// seen is when Postgres was asked.
	seen            time.Time
	expiresAt       time.Time
	viewerToken     string
	viewerTokenEnds time.Time
}

// sessions remembers live sessions. Entries are bounded by number and their
// age is looked at when they are read, so there is no goroutine to stop.
type sessions struct {
	cache  *otter.Cache[sessionKey, *liveSession]
	checks *coalesce.Batch[sessionKey, time.Time]
	issuer *auth.Issuer
	now    func() time.Time
}

func newSessions(st store, issuer *auth.Issuer, now func() time.Time, size int) (*sessions, error) {
	cache, err := otter.New(&otter.Options[sessionKey, *liveSession]{MaximumSize: size})
	if err != nil {
		return nil, fmt.Errorf("cache of sessions: %w", err)
	}
	return &sessions{
		cache:  cache,
		checks: pg.NewBatch(checkBatch, nil, st.sessionEnds),
		issuer: issuer,
		now:    now,
	}, nil
}

// find returns a live session, or nil for one that is over.
func (s *sessions) find(ctx context.Context, key sessionKey) (*liveSession, error) {
	asked := s.now()
	known, _ := s.cache.GetIfPresent(key)
	if known != nil && asked.Sub(known.seen) < believed && s.usable(known, asked) {
		return known, nil
	}
	ends, err := s.ask(ctx, key)
	if err != nil {
		return s.withoutPostgres(known, asked, err)
	}
	if ends.Sub(asked) < minToken {
		s.cache.Invalidate(key)
		return nil, nil
	}
	live, err := s.renewed(known, key, ends, asked)
	if err != nil {
		return nil, err
	}
	s.cache.Set(key, live)
	return live, nil
}

// ask returns when a session ends: the zero time for one that is not there. A
// Postgres that hangs is fault.Unavailable like one that is gone.
func (s *sessions) ask(ctx context.Context, key sessionKey) (time.Time, error) {
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	ends, err := s.checks.Do(limited, key)
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		return time.Time{}, fault.Unavailable(err)
	}
	return ends, err
}

// withoutPostgres decides when nobody can say whether the session was ended.
// One that was live goes on with the viewer token it already has, which every
// service accepts anyway, and with no new one.
func (s *sessions) withoutPostgres(known *liveSession, now time.Time, err error) (*liveSession, error) {
	down := fault.CodeOf(pg.Fault(err)) == connect.CodeUnavailable
	if down && known != nil && s.usable(known, now) {
		return known, nil
	}
	return nil, err
}

// usable reports whether what is remembered can be answered at all.
func (s *sessions) usable(l *liveSession, now time.Time) bool {
	return l.viewerTokenEnds.Sub(now) >= minToken && l.expiresAt.After(now)
}

// renewed returns the session as seen now, with a viewer token that lasts.
func (s *sessions) renewed(known *liveSession, key sessionKey, ends, now time.Time) (*liveSession, error) {
	live := &liveSession{seen: now, expiresAt: ends}
	ttl := min(viewerTTL, ends.Sub(now))
	if known != nil && known.viewerTokenEnds.Sub(now) >= min(viewerRenew, ttl-minToken) {
		live.viewerToken, live.viewerTokenEnds = known.viewerToken, known.viewerTokenEnds
		return live, nil
	}
	token, err := s.issuer.SignViewer(key.UserID, key.SessionID, ttl)
	if err != nil {
		return nil, fmt.Errorf("viewer token: %w", err)
	}
	// A token's end has whole seconds.
	live.viewerToken, live.viewerTokenEnds = token, now.Add(ttl).Truncate(time.Second)
	return live, nil
}

// forget makes the next look at these sessions ask Postgres.
func (s *sessions) forget(userID int64, ids ...string) {
	for _, id := range ids {
		s.cache.Invalidate(sessionKey{UserID: userID, SessionID: id})
	}
}
