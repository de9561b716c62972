package relation

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/proto"

	relationv1 "douyin.dev/gen/douyin/relation/v1"
	userv1 "douyin.dev/gen/douyin/user/v1"
	"douyin.dev/services/platform/auth"
	"douyin.dev/services/platform/fault"
	"douyin.dev/services/platform/infratest"
	"douyin.dev/services/platform/pg"
	"douyin.dev/services/platform/pg/pgtest"
)

func TestMain(m *testing.M) { infratest.Main(m) }

// people is a user service where the users 1 to max exist.
type people struct {
	max   int64
	down  atomic.Pointer[error]
	calls atomic.Int64
}

func (p *people) BatchGetUsers(_ context.Context, req *userv1.BatchGetUsersRequest) (*userv1.BatchGetUsersResponse, error) {
	p.calls.Add(1)
	if err := p.down.Load(); err != nil {
		return nil, *err
	}
	res := &userv1.BatchGetUsersResponse{}
	for _, id := range req.GetIds() {
		if id <= p.max {
			res.Users = append(res.Users, &userv1.User{Id: id})
		}
	}
	return res, nil
}

// bundle is a service and what its tests look at.
type bundle struct {
	*Service
	db     *pg.DB
	people *people
	now    atomic.Int64 // Unix microseconds
	woken  atomic.Int64
}

func setup(t testing.TB) *bundle {
	t.Helper()
	b := &bundle{db: pgtest.New(t, migrations), people: &people{max: 1000}}
	b.now.Store(1_777_000_000_000_000)
	b.Service = b.instance(t)
	return b
}

// instance is another process of the service.
func (b *bundle) instance(t testing.TB) *Service {
	t.Helper()
	s, err := New(Deps{
		Config: Config{KnownUsers: 1000}, DB: b.db, Users: b.people, Wake: func() { b.woken.Add(1) },
		// Every other follow shares its microsecond with the one before.
		Now: func() time.Time { return time.UnixMicro(b.now.Add(1) / 2) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func as(ctx context.Context, userID int64) context.Context {
	return auth.WithViewer(ctx, auth.Viewer{UserID: userID, SessionID: "s"})
}

func set(ctx context.Context, s *Service, p pair, follows bool) error {
	if follows {
		_, err := s.Follow(as(ctx, p.Follower), &relationv1.FollowRequest{UserId: p.Followee})
		return err
	}
	_, err := s.Unfollow(as(ctx, p.Follower), &relationv1.UnfollowRequest{UserId: p.Followee})
	return err
}

func (b *bundle) follow(t *testing.T, follower, followee int64) {
	t.Helper()
	if err := set(t.Context(), b.Service, pair{follower, followee}, true); err != nil {
		t.Fatalf("%d follows %d: %v", follower, followee, err)
	}
}

func (b *bundle) unfollow(t *testing.T, follower, followee int64) {
	t.Helper()
	if err := set(t.Context(), b.Service, pair{follower, followee}, false); err != nil {
		t.Fatalf("%d unfollows %d: %v", follower, followee, err)
	}
}

// events returns what was announced, in order.
func (b *bundle) events(t *testing.T) []*relationv1.FollowChanged {
	t.Helper()
	rows, err := b.db.RW().Query(t.Context(), `SELECT payload, key, topic FROM outbox ORDER BY id`)
	if err != nil {
		t.Fatal(err)
	}
	events, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (*relationv1.FollowChanged, error) {
		var payload []byte
		var key int64
		var topic string
		if err := row.Scan(&payload, &key, &topic); err != nil {
			return nil, err
		}
		e := &relationv1.FollowChanged{}
		if err := proto.Unmarshal(payload, e); err != nil {
			return nil, err
		}
		if key != e.GetFollowerId() || topic != "douyin.relation.v1.FollowChanged" {
			t.Errorf("event %v has key %d and topic %s", e, key, topic)
		}
		return e, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return events
}

type follow struct {
	pair
	at int64
}

// rows returns a table as a set.
func (b *bundle) rows(t *testing.T, table string) map[follow]bool {
	t.Helper()
	rows, err := b.db.RW().Query(t.Context(), `SELECT follower_id, followee_id, created_at FROM `+table)
	if err != nil {
		t.Fatal(err)
	}
	set := map[follow]bool{}
	var f follow
	if _, err := pgx.ForEachRow(rows, []any{&f.Follower, &f.Followee, &f.at}, func() error {
		set[f] = true
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return set
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

func wantReason(t *testing.T, err error, want relationv1.ErrorReason) {
	t.Helper()
	if !fault.HasReason(err, want) {
		t.Fatalf("got %v, want reason %v", err, want)
	}
}

func wantField(t *testing.T, err error, field string) {
	t.Helper()
	wantCode(t, err, connect.CodeInvalidArgument)
	f, _ := fault.As(err)
	if v := f.Violations(); len(v) != 1 || v[0].Field != field {
		t.Fatalf("got violations %v, want one of %s", v, field)
	}
}
