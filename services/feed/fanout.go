package feed

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/redis/rueidis"

	relationv1 "douyin.dev/gen/douyin/relation/v1"
	videov1 "douyin.dev/gen/douyin/video/v1"
	"douyin.dev/services/platform/bus"
	"douyin.dev/services/platform/outbox"
)

// fanoutGroup is the consumer group of the fanout.
const fanoutGroup = "feed-fanout"

// lookup is how many videos one call may name.
const lookup = 1000

// Followers is what the fanout needs of the relation service.
type Followers interface {
	ListFollowers(context.Context, *relationv1.ListFollowersRequest) (*relationv1.ListFollowersResponse, error)
}

// Lookup is what the fanout needs of the video service.
type Lookup interface {
	BatchGetVideos(context.Context, *videov1.BatchGetVideosRequest) (*videov1.BatchGetVideosResponse, error)
}

// PusherDeps is what a Pusher is made of.
type PusherDeps struct {
	Redis     rueidis.Client
	Followers Followers
	Videos    Lookup
	// Threshold is how many followers an author may have to be pushed.
	Threshold int
	Log       *slog.Logger
}

// Pusher applies events to timelines. Applying one again changes nothing.
// It is safe for concurrent use.
type Pusher struct {
	followers Followers
	videos    Lookup
	timelines *timelines
	threshold int
	log       *slog.Logger
}

// NewPusher returns a pusher.
func NewPusher(d PusherDeps) (*Pusher, error) {
	if d.Redis == nil || d.Followers == nil || d.Videos == nil || d.Threshold < 0 {
		return nil, errors.New("fanout needs redis, relations, videos and a threshold")
	}
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	return &Pusher{
		followers: d.Followers, videos: d.Videos, timelines: newTimelines(d.Redis),
		threshold: d.Threshold, log: d.Log,
	}, nil
}

// Topics are what a Pusher handles.
func Topics() []string {
	return []string{outbox.Topic(&videov1.VideoChanged{}), outbox.Topic(&relationv1.FollowChanged{})}
}

// Handle applies a batch of messages of one partition.
func (p *Pusher) Handle(ctx context.Context, batch []bus.Message) error {
	var changes []*videov1.VideoChanged
	for _, m := range batch {
		switch m.Topic {
		case outbox.Topic(&videov1.VideoChanged{}):
			e, err := outbox.Decode(m, &videov1.VideoChanged{})
			if err != nil {
				return err
			}
			changes = append(changes, e)
		case outbox.Topic(&relationv1.FollowChanged{}):
			e, err := outbox.Decode(m, &relationv1.FollowChanged{})
			if err != nil {
				return err
			}
			if err := p.timelines.changed(ctx, e.GetFollowerId(), e.GetFolloweeId(), e.GetFollowing()); err != nil {
				return err
			}
		default:
			return bus.Poison(errors.New("a message of another topic"))
		}
	}
	return p.videosChanged(ctx, changes)
}

// videosChanged applies publications, deletions and edits. What a video is now counts,
// not what the event says: an old event may come again after a newer one.
func (p *Pusher) videosChanged(ctx context.Context, changes []*videov1.VideoChanged) error {
	for first := 0; first < len(changes); first += lookup {
		chunk := changes[first:min(first+lookup, len(changes))]
		visible, err := p.visible(ctx, chunk)
		if err != nil {
			return err
		}
		for _, c := range chunk {
			switch {
			case c.GetState() == videov1.VideoState_VIDEO_STATE_EDITED && fed(c.GetVisibility()) == fed(c.GetPreviousVisibility()):
			case c.GetState() == videov1.VideoState_VIDEO_STATE_DELETED || !visible[c.GetVideoId()]:
				err = p.remove(ctx, c)
			case c.GetState() == videov1.VideoState_VIDEO_STATE_EDITED:
				err = p.show(ctx, c)
			default:
				err = p.publish(ctx, c)
			}
			if err != nil {
				return err
			}
		}
		if err := p.recheck(ctx, chunk, visible); err != nil {
			return err
		}
	}
	return nil
}

// recheck removes what was deleted or hidden while it was pushed. A deletion committed
// after this has its event handled after the push.
func (p *Pusher) recheck(ctx context.Context, chunk []*videov1.VideoChanged, before map[int64]bool) error {
	now, err := p.visible(ctx, chunk)
	if err != nil {
		return err
	}
	for _, c := range chunk {
		if before[c.GetVideoId()] && !now[c.GetVideoId()] {
			if err := p.remove(ctx, c); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *Pusher) visible(ctx context.Context, chunk []*videov1.VideoChanged) (map[int64]bool, error) {
	ids := make([]int64, len(chunk))
	for i, c := range chunk {
		ids[i] = c.GetVideoId()
	}
	res, err := p.videos.BatchGetVideos(ctx, &videov1.BatchGetVideosRequest{Ids: ids, Fresh: true})
	if err != nil {
		return nil, fmt.Errorf("look up videos: %w", err)
	}
	visible := make(map[int64]bool, len(res.GetVideos()))
	for _, v := range res.GetVideos() {
		visible[v.GetId()] = fed(v.GetVisibility())
	}
	return visible, nil
}

// fed reports whether following feeds hold videos of a visibility. Which of them
// the reader of a feed may see is decided when it is shown.
func fed(visibility videov1.Visibility) bool {
	return visibility != videov1.Visibility_VISIBILITY_UNLISTED && visibility != videov1.Visibility_VISIBILITY_PRIVATE
}

// show brings a video back that was removed. A timeline remembers that it is
// gone, so it is deleted, to be rebuilt. Those of an author who is pulled hold no
// videos of theirs.
func (p *Pusher) show(ctx context.Context, c *videov1.VideoChanged) error {
	if pulled, err := p.timelines.isMarked(ctx, c.GetAuthorId()); err != nil || pulled {
		return err
	}
	return p.eachPage(ctx, c.GetAuthorId(), func(followers []int64, _ int64) error {
		return p.timelines.discard(ctx, followers)
	})
}

// publish pushes a video to the author's followers, or makes sure that they
// pull the author.
func (p *Pusher) publish(ctx context.Context, c *videov1.VideoChanged) error {
	author := c.GetAuthorId()
	if done, err := p.timelines.isMarked(ctx, author); err != nil || done {
		return err
	}
	e := entry{id: c.GetVideoId(), at: c.GetPublishedAtMs()}
	read, err := p.timelines.now(ctx)
	if err != nil {
		return err
	}
	var few []int64
	for token := ""; ; {
		followers, next, err := p.page(ctx, author, token)
		if err != nil {
			return err
		}
		if few = append(few, followers...); len(few) > p.threshold {
			return p.markAll(ctx, author)
		}
		if token = next; token == "" {
			return p.timelines.push(ctx, author, e, few, read)
		}
	}
}

// markAll marks an author in the timeline of every follower. Rebuilds do so
// from the first step on, so no timeline that is made meanwhile is missed; only
// after the last step are pushes left out.
func (p *Pusher) markAll(ctx context.Context, author int64) error {
	token, err := p.timelines.beginMarking(ctx, author)
	if err != nil {
		return err
	}
	err = p.eachPage(ctx, author, func(followers []int64, read int64) error {
		return p.timelines.mark(ctx, author, followers, read)
	})
	if err != nil {
		return err
	}
	if err := p.timelines.endMarking(ctx, author, token); err != nil {
		return err
	}
	p.log.InfoContext(ctx, "author is pulled from now on", "author_id", author)
	return nil
}

// remove takes a video out of the timelines of all followers, also of an author
// who is pulled: it may have been pushed before.
func (p *Pusher) remove(ctx context.Context, c *videov1.VideoChanged) error {
	return p.eachPage(ctx, c.GetAuthorId(), func(followers []int64, _ int64) error {
		return p.timelines.remove(ctx, c.GetVideoId(), followers)
	})
}

// eachPage walks an author's followers. Who follows during the walk is missed:
// their timelines are discarded by the event of it.
func (p *Pusher) eachPage(ctx context.Context, author int64, each func(followers []int64, read int64) error) error {
	for token := ""; ; {
		read, err := p.timelines.now(ctx)
		if err != nil {
			return err
		}
		followers, next, err := p.page(ctx, author, token)
		if err != nil {
			return err
		}
		if err := each(followers, read); err != nil {
			return err
		}
		if token = next; token == "" {
			return nil
		}
	}
}

func (p *Pusher) page(ctx context.Context, author int64, token string) (followers []int64, next string, err error) {
	res, err := p.followers.ListFollowers(ctx, &relationv1.ListFollowersRequest{UserId: author, PageSize: listPage, PageToken: token})
	if err != nil {
		return nil, "", fmt.Errorf("list followers: %w", err)
	}
	return res.GetUserIds(), res.GetNextPageToken(), nil
}
