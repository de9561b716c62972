package feed

import (
	"context"
	"fmt"
)

// pulledKey is a hash of the authors who are pulled: author to how far the
// marking of their followers' timelines has come. It may be lost; the next
// video of such an author then marks them again.
const pulledKey = "douyin:{tl-pulled}"

const (
	// marking: rebuilds mark the author, the timelines there are may not be marked yet.
	marking = "1"
	// marked: every timeline of a follower is marked, pushes are not needed.
	marked = "2"
)

// pulledAmong returns those of the authors who are pulled. A rebuild asks after
// it has begun: an author whose marking starts later marks the rebuild as well.
func (t *timelines) pulledAmong(ctx context.Context, authors []int64) (map[int64]bool, error) {
	if len(authors) == 0 {
		return nil, nil
	}
	fields := make([]string, len(authors))
	for i, a := range authors {
		fields[i] = decimal(a)
	}
	values, err := t.redis.Do(ctx, t.redis.B().Hmget().Key(pulledKey).Field(fields...).Build()).ToArray()
	if err != nil {
		return nil, fmt.Errorf("read pulled authors: %w", err)
	}
	pulled := map[int64]bool{}
	for i, v := range values {
		if !v.IsNil() {
			pulled[authors[i]] = true
		}
	}
	return pulled, nil
}

// isMarked reports whether every follower's timeline knows that the author is pulled.
func (t *timelines) isMarked(ctx context.Context, author int64) (bool, error) {
	values, err := t.redis.Do(ctx, t.redis.B().Hmget().Key(pulledKey).Field(decimal(author)).Build()).AsStrSlice()
	if err != nil {
		return false, fmt.Errorf("read pulled author: %w", err)
	}
	return len(values) == 1 && values[0] == marked, nil
}

func (t *timelines) setPulled(ctx context.Context, author int64, state string) error {
	err := t.redis.Do(ctx, t.redis.B().Hset().Key(pulledKey).FieldValue().FieldValue(decimal(author), state).Build()).Error()
	if err != nil {
		return fmt.Errorf("write pulled author: %w", err)
	}
	return nil
}
