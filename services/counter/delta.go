package counter

import (
	"errors"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	interactionv1 "douyin.dev/gen/douyin/interaction/v1"
	relationv1 "douyin.dev/gen/douyin/relation/v1"
	videov1 "douyin.dev/gen/douyin/video/v1"
	"douyin.dev/services/platform/bus"
	"douyin.dev/services/platform/outbox"
)

// events are what counts follow, one of each kind, empty.
func events() []proto.Message {
	return []proto.Message{
		&interactionv1.LikeChanged{}, &interactionv1.CommentChanged{},
		&relationv1.FollowChanged{}, &videov1.VideoChanged{}, &interactionv1.VideosViewed{},
	}
}

// kinds are the types of events by topic.
func kinds() map[string]protoreflect.MessageType {
	byTopic := map[string]protoreflect.MessageType{}
	for _, e := range events() {
		byTopic[outbox.Topic(e)] = e.ProtoReflect().Type()
	}
	return byTopic
}

// decode reads an event. What is none is poison.
func decode(kinds map[string]protoreflect.MessageType, m bus.Message) (proto.Message, error) {
	kind, counted := kinds[m.Topic]
	if !counted {
		return nil, bus.Poison(errors.New("no event of this topic is counted"))
	}
	return outbox.Decode(m, kind.New().Interface())
}

// deltas are what a batch of events adds to each row. Those of users
// have no version; Version and ViewUpdates of a video are 1 where an event was about it.
type deltas struct {
	videos map[int64]*videoCount
	users  map[int64]*userCount
}

// fold sums up a batch: a hot video costs one row whatever the number of likes.
func fold(batch []bus.Message) (*deltas, error) {
	d, kinds := &deltas{videos: map[int64]*videoCount{}, users: map[int64]*userCount{}}, kinds()
	for _, m := range batch {
		e, err := decode(kinds, m)
		if err != nil {
			return nil, err
		}
		if err := d.add(e); err != nil {
			return nil, err
		}
	}
	return d, nil
}

func (d *deltas) add(event proto.Message) error {
	switch e := event.(type) {
	case *interactionv1.LikeChanged:
		if e.GetVideoId() <= 0 || e.GetUserId() <= 0 || e.GetAuthorId() <= 0 {
			return incomplete()
		}
		n := one(e.GetLiked())
		v := d.video(e.GetVideoId())
		v.Favorites, v.Version = v.Favorites+n, 1
		d.user(e.GetUserId()).Favorites += n
		d.user(e.GetAuthorId()).Favorited += n
	case *interactionv1.CommentChanged:
		if e.GetVideoId() <= 0 {
			return incomplete()
		}
		v := d.video(e.GetVideoId())
		v.Comments, v.Version = v.Comments+one(e.GetPresent()), 1
	case *relationv1.FollowChanged:
		if e.GetFollowerId() <= 0 || e.GetFolloweeId() <= 0 {
			return incomplete()
		}
		n := one(e.GetFollowing())
		d.user(e.GetFollowerId()).Following += n
		d.user(e.GetFolloweeId()).Followers += n
	case *videov1.VideoChanged:
		return d.addVideo(e)
	case *interactionv1.VideosViewed:
		return d.addViews(e)
	}
	return nil
}

func (d *deltas) addVideo(e *videov1.VideoChanged) error {
	if e.GetAuthorId() <= 0 {
		return incomplete()
	}
	now := isWork(e.GetVisibility())
	switch e.GetState() {
	case videov1.VideoState_VIDEO_STATE_PUBLISHED:
		d.user(e.GetAuthorId()).Works += now
	case videov1.VideoState_VIDEO_STATE_DELETED:
		d.user(e.GetAuthorId()).Works -= now
	case videov1.VideoState_VIDEO_STATE_EDITED:
		d.user(e.GetAuthorId()).Works += now - isWork(e.GetPreviousVisibility())
	default:
		return bus.Poison(errors.New("video changed to a state that is not known"))
	}
	return nil
}

func (d *deltas) addViews(e *interactionv1.VideosViewed) error {
	for _, v := range e.GetViews() {
		if v.GetVideoId() <= 0 {
			return incomplete()
		}
	}
	for _, v := range e.GetViews() {
		c := d.video(v.GetVideoId())
		c.Views, c.ViewUpdates = c.Views+1, 1
	}
	return nil
}

// isWork is what a video adds to the works of its author: public ones are counted.
func isWork(visibility videov1.Visibility) int64 {
	if visibility == videov1.Visibility_VISIBILITY_PUBLIC || visibility == videov1.Visibility_VISIBILITY_UNSPECIFIED {
		return 1
	}
	return 0
}

func incomplete() error { return bus.Poison(errors.New("event without an id it needs")) }

// one is what a thing that came or went adds to its count.
func one(present bool) int64 {
	if present {
		return 1
	}
	return -1
}

func (d *deltas) video(id int64) *videoCount {
	c := d.videos[id]
	if c == nil {
		c = &videoCount{VideoID: id}
		d.videos[id] = c
	}
	return c
}

func (d *deltas) user(id int64) *userCount {
	c := d.users[id]
	if c == nil {
		c = &userCount{UserID: id}
		d.users[id] = c
	}
	return c
}
