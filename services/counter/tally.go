package counter

import (
	"context"
	"fmt"
	"math"

	interactionv1 "douyin.dev/gen/douyin/interaction/v1"
	relationv1 "douyin.dev/gen/douyin/relation/v1"
	videov1 "douyin.dev/gen/douyin/video/v1"
)

// Likes counts likes and comments. The interaction service's client is one.
type Likes interface {
	TallyVideos(context.Context, *interactionv1.TallyVideosRequest) (*interactionv1.TallyVideosResponse, error)
	TallyUsers(context.Context, *interactionv1.TallyUsersRequest) (*interactionv1.TallyUsersResponse, error)
}

// Follows counts follows. The relation service's client is one.
type Follows interface {
	TallyUsers(context.Context, *relationv1.TallyUsersRequest) (*relationv1.TallyUsersResponse, error)
}

// Works counts videos. The video service's client is one.
type Works interface {
	TallyAuthors(context.Context, *videov1.TallyAuthorsRequest) (*videov1.TallyAuthorsResponse, error)
}

// Owners are who has the rows that are counted.
type Owners struct {
	Likes   Likes
	Follows Follows
	Works   Works
}

// tally is what owners counted of the ids in an interval: (after, upTo]. Who is
// not in it has no rows.
type tally[R any] struct {
	rows map[int64]R
	upTo int64
	// unannounced are those with changes that the worker cannot have heard of.
	unannounced map[int64]bool
}

func newTally[R any]() *tally[R] {
	return &tally[R]{rows: map[int64]R{}, upTo: math.MaxInt64, unannounced: map[int64]bool{}}
}

// bound ends the interval at the last id of an answer that may go on after it.
func (t *tally[R]) bound(entries, limit int, last int64) {
	if entries >= limit {
		t.upTo = min(t.upTo, last)
	}
}

func (t *tally[R]) skip(ids []int64) {
	for _, id := range ids {
		t.unannounced[id] = true
	}
}

// videos counts the rows of about limit videos after an id.
func (o Owners) videos(ctx context.Context, after int64, limit int) (*tally[videoCount], error) {
	res, err := o.Likes.TallyVideos(ctx, &interactionv1.TallyVideosRequest{AfterId: after, Limit: int32(limit)})
	if err != nil {
		return nil, fmt.Errorf("tally likes and comments: %w", err)
	}
	t, last := newTally[videoCount](), after
	for _, v := range res.GetTallies() {
		last = v.GetVideoId()
		t.rows[last] = videoCount{VideoID: last, Favorites: v.GetFavoriteCount(), Comments: v.GetCommentCount()}
	}
	t.bound(len(res.GetTallies()), limit, last)
	t.skip(res.GetUnannouncedIds())
	return t, nil
}

// users counts the rows of about limit users after an id. Each owner's answer
// is of a moment of its own: that all are later than what they are compared
// with is enough.
func (o Owners) users(ctx context.Context, after int64, limit int) (*tally[userCount], error) {
	t := newTally[userCount]()
	for _, count := range []func(context.Context, *tally[userCount], int64, int) error{o.likesOf, o.followsOf, o.worksOf} {
		if err := count(ctx, t, after, limit); err != nil {
			return nil, err
		}
	}
	return t, nil
}

func (o Owners) likesOf(ctx context.Context, t *tally[userCount], after int64, limit int) error {
	res, err := o.Likes.TallyUsers(ctx, &interactionv1.TallyUsersRequest{AfterId: after, Limit: int32(limit)})
	if err != nil {
		return fmt.Errorf("tally likes: %w", err)
	}
	last := after
	for _, u := range res.GetTallies() {
		last = u.GetUserId()
		c := t.rows[last].withID(last)
		c.Favorites, c.Favorited = u.GetFavoriteCount(), u.GetTotalFavorited()
		t.rows[last] = c
	}
	t.bound(len(res.GetTallies()), limit, last)
	t.skip(res.GetUnannouncedIds())
	return nil
}

func (o Owners) followsOf(ctx context.Context, t *tally[userCount], after int64, limit int) error {
	res, err := o.Follows.TallyUsers(ctx, &relationv1.TallyUsersRequest{AfterId: after, Limit: int32(limit)})
	if err != nil {
		return fmt.Errorf("tally follows: %w", err)
	}
	last := after
	for _, u := range res.GetTallies() {
		last = u.GetUserId()
		c := t.rows[last].withID(last)
		c.Following, c.Followers = u.GetFollowCount(), u.GetFollowerCount()
		t.rows[last] = c
	}
	t.bound(len(res.GetTallies()), limit, last)
	t.skip(res.GetUnannouncedIds())
	return nil
}

func (o Owners) worksOf(ctx context.Context, t *tally[userCount], after int64, limit int) error {
	res, err := o.Works.TallyAuthors(ctx, &videov1.TallyAuthorsRequest{AfterId: after, Limit: int32(limit)})
	if err != nil {
		return fmt.Errorf("tally works: %w", err)
	}
	last := after
	for _, a := range res.GetTallies() {
		last = a.GetAuthorId()
		c := t.rows[last].withID(last)
		c.Works = a.GetWorkCount()
		t.rows[last] = c
	}
	t.bound(len(res.GetTallies()), limit, last)
	t.skip(res.GetUnannouncedIds())
	return nil
}
