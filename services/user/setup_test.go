package user

import (
	"context"
	"crypto/rand"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/redis/rueidis"

	userv1 "douyin.dev/gen/douyin/user/v1"
	"douyin.dev/services/platform/auth"
	"douyin.dev/services/platform/fault"
	"douyin.dev/services/platform/id"
	"douyin.dev/services/platform/infratest"
	"douyin.dev/services/platform/pg"
	"douyin.dev/services/platform/pg/pgtest"
)

func TestMain(m *testing.M) { infratest.Main(m) }

// clock is a time that moves when told.
type clock struct{ nanos atomic.Int64 }

func (c *clock) Now() time.Time          { return time.Unix(0, c.nanos.Load()).UTC() }
func (c *clock) Advance(d time.Duration) { c.nanos.Add(int64(d)) }

// bundle is a service and what its tests look at.
type bundle struct {
	*Service
	db     *pg.DB
	clock  *clock
	issuer *auth.Issuer
}

var settings = Config{UsernameMax: 32, PasswordMin: 1, PasswordMax: 256, SessionTTL: 720 * time.Hour, SessionCache: 1000, UserCache: 1000}

func setup(t *testing.T) *bundle {
	t.Helper()
	b := &bundle{db: database(t), clock: &clock{}}
	b.clock.nanos.Store(time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC).UnixNano())
	key, err := auth.NewKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	b.issuer = auth.NewIssuer(b.clock.Now, key)
	b.Service = b.instance(t, b.db)
	return b
}

func database(t *testing.T) *pg.DB {
	t.Helper()
	return pgtest.New(t, migrations)
}

// instance is another process of the service over db.
func (b *bundle) instance(t *testing.T, db *pg.DB) *Service {
	t.Helper()
	return b.cached(t, db, nil)
}

// cached is an instance with a Redis.
func (b *bundle) cached(t *testing.T, db *pg.DB, redis rueidis.Client) *Service {
	t.Helper()
	s, err := New(Deps{
		Config: settings, DB: db, Redis: redis, IDs: id.New(id.Fixed(int(machine.Add(1)) % id.Machines)), Issuer: b.issuer,
		Passwords: auth.NewPasswords(2, 1), Now: b.clock.Now, SessionID: rand.Text,
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var machine atomic.Int64

// pool opens the bundle's schema once more, for a Postgres that goes away.
func (b *bundle) pool(t *testing.T) *pg.DB {
	t.Helper()
	db, err := pg.Open(t.Context(), pg.Config{DSN: infratest.Postgres(t), Service: b.db.Schema(), MaxConns: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}

// register opens an account and returns its id and token.
func (b *bundle) register(t *testing.T, name, password string) (int64, string) {
	t.Helper()
	res, err := b.Register(t.Context(), &userv1.RegisterRequest{Username: name, Password: password})
	if err != nil {
		t.Fatalf("register %q: %v", name, err)
	}
	return res.GetUserId(), res.GetToken()
}

func (b *bundle) login(t *testing.T, name, password string) string {
	t.Helper()
	res, err := b.Login(t.Context(), &userv1.LoginRequest{Username: name, Password: password})
	if err != nil {
		t.Fatalf("login %q: %v", name, err)
	}
	return res.GetToken()
}

func verified(t *testing.T, s *Service, token string) *userv1.VerifySessionResponse {
	t.Helper()
	res, err := s.VerifySession(t.Context(), &userv1.VerifySessionRequest{Token: token})
	if err != nil {
		t.Fatalf("verify session: %v", err)
	}
	return res
}

func wantRefused(t *testing.T, s *Service, token string) {
	t.Helper()
	_, err := s.VerifySession(t.Context(), &userv1.VerifySessionRequest{Token: token})
	wantCode(t, err, connect.CodeUnauthenticated)
}

// as is a call made with a client's token.
func (b *bundle) as(t *testing.T, token string) context.Context {
	t.Helper()
	res := verified(t, b.Service, token)
	return auth.WithViewer(t.Context(), auth.Viewer{UserID: res.GetUserId(), SessionID: res.GetSessionId()})
}

func (b *bundle) count(t *testing.T, table string) int {
	t.Helper()
	var n int
	if err := b.db.RW().QueryRow(t.Context(), `SELECT count(*) FROM `+table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func wantCode(t *testing.T, err error, want connect.Code) {
	t.Helper()
	if err == nil {
		t.Fatalf("got no error, want %v", want)
	}
	if got := fault.CodeOf(pg.Fault(err)); got != want {
		t.Fatalf("got %v (%v), want %v", got, err, want)
	}
}

func wantReason(t *testing.T, err error, want userv1.ErrorReason) {
	t.Helper()
	if !fault.HasReason(err, want) {
		t.Fatalf("got %v, want reason %v", err, want)
	}
}

// wantField wants a refusal that names the field.
func wantField(t *testing.T, err error, field string) {
	t.Helper()
	wantCode(t, err, connect.CodeInvalidArgument)
	f, _ := fault.As(err)
	if v := f.Violations(); len(v) != 1 || v[0].Field != field {
		t.Fatalf("got violations %v, want one of %s", v, field)
	}
}

// waitForWaiter returns when a statement of the schema waits for a lock.
func waitForWaiter(t *testing.T, db *pg.DB) {
	t.Helper()
	const waitersSQL = `SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND wait_event_type = 'Lock'`
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for waiting := 0; waiting == 0; {
		if err := db.RW().QueryRow(ctx, waitersSQL, "douyin-"+db.Schema()).Scan(&waiting); err != nil {
			t.Errorf("nobody waits for a lock: %v", err)
			return
		}
	}
}
