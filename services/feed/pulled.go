package feed

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
)

// pulledKey is a hash of the authors who are pulled: author to how far the
// marking of their followers' timelines has come. It may be lost; the next
// video of such an author then marks them again.
const pulledKey = "douyin:{tl-pulled}"

// marked says that every timeline of a follower is marked: pushes are not
// needed. Any other value is the token of a walk that marks them: rebuilds mark
// the author, the timelines there are may not be marked yet.
const marked = "2"

// errForgotten says that Redis lost the author while the timelines were marked:
// a timeline made in between does not know.
var errForgotten = errors.New("the pulled author was forgotten while followers were marked")

// beginMarkingLua says from now on that an author is pulled, and answers the
// token of the walk. Walks at the same time share it. ARGV: author, a new token.
const beginMarkingLua = `
local token = redis.call('HGET', KEYS[1], ARGV[1])
if token then return token end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return ARGV[2]`

// endMarkingLua ends a walk, unless what it began with was lost on the way.
// ARGV: author, token, the value of marked.
const endMarkingLua = `
local token = redis.call('HGET', KEYS[1], ARGV[1])
if token ~= ARGV[2] and token ~= ARGV[3] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1`

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

// beginMarking returns the token to end the walk with.
func (t *timelines) beginMarking(ctx context.Context, author int64) (string, error) {
	token, err := t.scripts.beginMarking.Exec(ctx, t.redis, []string{pulledKey}, []string{decimal(author), "~" + rand.Text()}).ToString()
	if err != nil {
		return "", fmt.Errorf("write pulled author: %w", err)
	}
	return token, nil
}

func (t *timelines) endMarking(ctx context.Context, author int64, token string) error {
	kept, err := t.scripts.endMarking.Exec(ctx, t.redis, []string{pulledKey}, []string{decimal(author), token, marked}).AsBool()
	if err != nil {
		return fmt.Errorf("write pulled author: %w", err)
	}
	if !kept {
		return errForgotten
	}
	return nil
}
