package user

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/redis/rueidis"
	"go.opentelemetry.io/otel/metric"

	userv1 "douyin.dev/gen/douyin/user/v1"
	"douyin.dev/gen/douyin/user/v1/userv1connect"
	"douyin.dev/services/platform/auth"
	"douyin.dev/services/platform/cache"
	"douyin.dev/services/platform/pg"
	"douyin.dev/services/platform/username"
)

// Config is what operators may set.
type Config struct {
	UsernameMax  int           `help:"Most characters of a username." default:"32"`
	PasswordMin  int           `help:"Fewest characters of a password." default:"1"`
	PasswordMax  int           `help:"Most characters of a password." default:"256"`
	SessionTTL   time.Duration `help:"How long a login lasts." default:"720h"`
	SessionCache int           `help:"How many sessions are remembered in memory, about 1 kB each." default:"50000"`
	UserCache    int           `help:"How many users are remembered in memory, about 500 bytes each." default:"50000"`
}

// check refuses settings under which nobody could register or stay logged in.
func (c Config) check() error {
	switch {
	case c.UsernameMax < 1 || c.UsernameMax > username.MaxBytes/utf8.UTFMax:
		return fmt.Errorf("username-max must be 1 to %d", username.MaxBytes/utf8.UTFMax)
	case c.PasswordMin < 1 || c.PasswordMax < c.PasswordMin:
		return errors.New("password-min must be at least 1 and at most password-max")
	case c.SessionTTL < time.Minute:
		return errors.New("session-ttl must be at least a minute")
	case c.SessionCache < 1 || c.UserCache < 1:
		return errors.New("session-cache and user-cache must be at least 1")
	}
	return nil
}

// IDs makes the ids of new accounts.
type IDs interface {
	Next() (int64, error)
}

// Deps is what a Service needs; what says nothing else is required.
type Deps struct {
	Config    Config
	DB        *pg.DB
	IDs       IDs
	Issuer    *auth.Issuer
	Passwords *auth.Passwords
	Now       func() time.Time
	// SessionID returns a new id that nobody can guess: 128 random bits at least.
	SessionID func() string
	// Wake tells the outbox relay that there are events; nil leaves it to find them.
	// It must not block.
	Wake func()
	// Redis holds copies of users for all instances; nil for none.
	Redis rueidis.Client
	// Meters gets the cache's counts; nil for none.
	Meters metric.MeterProvider
}

// Service answers douyin.user.v1.UserService. It is safe for concurrent use.
type Service struct {
	config    Config
	store     store
	ids       IDs
	issuer    *auth.Issuer
	passwords *auth.Passwords
	now       func() time.Time
	sessionID func() string
	wake      func()
	verifier  *auth.Verifier
	sessions  *sessions
	users     *cache.Cache[int64, *userv1.User]
}

var _ userv1connect.UserServiceHandler = (*Service)(nil)

// New returns a service.
func New(d Deps) (*Service, error) {
	if d.DB == nil || d.IDs == nil || d.Issuer == nil || d.Passwords == nil || d.Now == nil || d.SessionID == nil {
		return nil, errors.New("user service needs a database, ids, an issuer, passwords, a clock and session ids")
	}
	if d.Wake == nil {
		d.Wake = func() {}
	}
	if err := d.Config.check(); err != nil {
		return nil, fmt.Errorf("user settings: %w", err)
	}
	verifier, err := auth.NewVerifier(auth.VerifierOptions{
		Keys: auth.StaticKeys(d.Issuer.Public()...), Audience: auth.AudienceClient, Now: d.Now,
	})
	if err != nil {
		return nil, err
	}
	st := store{db: d.DB}
	live, err := newSessions(st, d.Issuer, d.Now, d.Config.SessionCache)
	if err != nil {
		return nil, err
	}
	users, err := cache.New(cache.Options[int64, *userv1.User]{
		Name: "user", Redis: d.Redis, Codec: cache.Proto[*userv1.User](), Version: (*userv1.User).GetVersion,
		Load: st.users, L1Size: d.Config.UserCache, Meters: d.Meters,
	})
	if err != nil {
		return nil, err
	}
	return &Service{
		config: d.Config, store: st, ids: d.IDs, issuer: d.Issuer, passwords: d.Passwords,
		now: d.Now, sessionID: d.SessionID, wake: d.Wake, verifier: verifier, sessions: live, users: users,
	}, nil
}

// Run keeps the copies of users true to what other instances change, until ctx ends.
func (s *Service) Run(ctx context.Context) error { return s.users.Run(ctx) }
