package relation

import (
	"context"
	"errors"
	"fmt"
	"time"

	"douyin.dev/gen/douyin/relation/v1/relationv1connect"
	userv1 "douyin.dev/gen/douyin/user/v1"
	"douyin.dev/services/platform/coalesce"
	"douyin.dev/services/platform/pg"
)

// writeBatch bounds the follows and unfollows of one statement.
const writeBatch = 256

// Config is what operators may set.
type Config struct {
	KnownUsers int `help:"How many users are remembered to exist, about 100 bytes each." default:"200000"`
}

// Users tells which users exist. The user service's client is one.
type Users interface {
	BatchGetUsers(context.Context, *userv1.BatchGetUsersRequest) (*userv1.BatchGetUsersResponse, error)
}

// Deps is what a Service needs; all of it is required.
type Deps struct {
	Config Config
	DB     *pg.DB
	Users  Users
	Now    func() time.Time
	// Wake tells the outbox relay that there are events; nil leaves it to find them.
	// It must not block.
	Wake func()
}

// Service answers douyin.relation.v1.RelationService. It is safe for concurrent use.
type Service struct {
	store  store
	users  *users
	now    func() time.Time
	wake   func()
	writes *coalesce.Batch[change, bool]
	// followed are the users somebody follows, followers those who follow somebody.
	followed, followers *pg.Members
}

var _ relationv1connect.RelationServiceHandler = (*Service)(nil)

// New returns a service.
func New(d Deps) (*Service, error) {
	if d.DB == nil || d.Users == nil || d.Now == nil {
		return nil, errors.New("relation service needs a database, users and a clock")
	}
	if d.Wake == nil {
		d.Wake = func() {}
	}
	if d.Config.KnownUsers < 1 {
		return nil, errors.New("relation settings: known-users must be at least 1")
	}
	known, err := newUsers(d.Users, d.Config.KnownUsers)
	if err != nil {
		return nil, fmt.Errorf("cache of known users: %w", err)
	}
	s := &Service{
		store: store{db: d.DB}, users: known, now: d.Now, wake: d.Wake,
		followed:  pg.NewMembers(d.DB, "following", "follower_id", "followee_id"),
		followers: pg.NewMembers(d.DB, "follower", "followee_id", "follower_id"),
	}
	// Two changes of one pair never share a statement: the second must see the first.
	s.writes = pg.NewWriteBatch(writeBatch, func(c change) any { return c.pair }, s.store.apply)
	return s, nil
}
