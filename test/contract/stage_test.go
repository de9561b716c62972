package contract_test

import (
	"fmt"
	"sync"
	"testing"

	"douyin.dev/test/harness"
)

// stage is what reading tests share: an author with a video that has a comment
// and a like, and a reader who is the author's friend. Nobody changes it.
type stage struct {
	author, reader *person
	video          harness.Video
	comment        harness.Comment
	// crowd takes what rule tests write: follows, messages, and comments on crowded.
	crowd   *person
	crowded harness.Video
}

var built struct {
	sync.Mutex
	stage *stage
}

// theStage builds the stage for the first test that asks, and waits until its
// counters stand still.
func theStage(t testing.TB) *stage {
	t.Helper()
	built.Lock()
	defer built.Unlock()
	if built.stage == nil {
		built.stage = buildStage(t)
	}
	return built.stage
}

func buildStage(t testing.TB) *stage {
	t.Helper()
	s := &stage{author: newPerson(t), reader: newPerson(t), crowd: newPerson(t)}
	s.video, s.crowded = s.author.publish(t), s.crowd.publish(t)
	s.comment = s.reader.comment(t, s.video.ID, "first")
	s.reader.like(t, s.video.ID, "1")
	s.reader.follow(t, s.author.id, "1")
	s.author.follow(t, s.reader.id, "1")
	s.author.say(t, s.reader.id, "hello")
	harness.Eventually(t, harness.CatchUp, func() error {
		author, reader, video := s.reader.user(t, s.author.id), s.reader.user(t, s.reader.id), s.author.published(t)[0]
		for _, count := range []int64{
			author.FollowCount, author.FollowerCount, author.TotalFavorited, author.WorkCount,
			reader.FollowCount, reader.FollowerCount, reader.FavoriteCount, video.FavoriteCount, video.CommentCount,
		} {
			if count != 1 {
				return fmt.Errorf("not every counter is 1 yet: %+v %+v %+v", author, reader, video)
			}
		}
		return nil
	})
	return s
}
