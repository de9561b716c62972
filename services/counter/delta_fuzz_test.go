package counter

import (
	"errors"
	"testing"

	"google.golang.org/protobuf/proto"

	interactionv1 "douyin.dev/gen/douyin/interaction/v1"
	relationv1 "douyin.dev/gen/douyin/relation/v1"
	videov1 "douyin.dev/gen/douyin/video/v1"
	"douyin.dev/services/platform/bus"
	"douyin.dev/services/platform/outbox"
)

// FuzzFold: whatever a record says, it is counted for real ids or it is poison,
// which never stalls a partition.
func FuzzFold(f *testing.F) {
	for i, event := range []proto.Message{
		&interactionv1.LikeChanged{UserId: 1, VideoId: 2, AuthorId: 3, Liked: true},
		&interactionv1.CommentChanged{CommentId: 1, VideoId: 2, UserId: 3, Present: true},
		&relationv1.FollowChanged{FollowerId: 1, FolloweeId: 2, Following: true},
		&videov1.VideoChanged{VideoId: 1, AuthorId: 2, State: videov1.VideoState_VIDEO_STATE_PUBLISHED},
	} {
		value, err := proto.Marshal(event)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(i), value)
		f.Add(uint8(i), value[:len(value)-1])
	}
	f.Add(uint8(4), []byte("not ours"))
	f.Fuzz(func(t *testing.T, which uint8, value []byte) {
		topic := "somebody.else"
		if kinds := events(); int(which) < len(kinds) {
			topic = outbox.Topic(kinds[which])
		}
		got, err := fold([]bus.Message{{Topic: topic, Value: value}})
		if err != nil {
			if !bus.IsPoison(err) {
				t.Errorf("%s: an error that is delivered for ever: %v", topic, err)
			}
			return
		}
		if err := positive(got); err != nil {
			t.Errorf("%s: %v", topic, err)
		}
	})
}

func positive(d *deltas) error {
	for id, c := range d.videos {
		if id <= 0 || c.VideoID != id {
			return errors.New("counts a video without an id")
		}
	}
	for id, c := range d.users {
		if id <= 0 || c.UserID != id {
			return errors.New("counts a user without an id")
		}
	}
	return nil
}
