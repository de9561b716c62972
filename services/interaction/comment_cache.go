package interaction

import (
	"fmt"

	"github.com/maypok86/otter/v2"

	interactionv1 "douyin.dev/gen/douyin/interaction/v1"
)

const (
	// commentCacheBytes bounds the remembered comments.
	commentCacheBytes = 32 << 20
	// commentBytes is about what a comment takes beside its text.
	commentBytes = 200
)

// commentCache remembers comments. They never change, and which of them are
// there is always read: so nothing in it is ever out of date. The messages are
// shared, so nobody may change them.
type commentCache struct {
	byID *otter.Cache[int64, *interactionv1.Comment]
}

func newCommentCache() (*commentCache, error) {
	byID, err := otter.New(&otter.Options[int64, *interactionv1.Comment]{
		MaximumWeight: commentCacheBytes,
		Weigher:       func(_ int64, c *interactionv1.Comment) uint32 { return uint32(commentBytes + len(c.GetText())) },
	})
	if err != nil {
		return nil, fmt.Errorf("comment cache: %w", err)
	}
	return &commentCache{byID}, nil
}

func (c *commentCache) keep(m *interactionv1.Comment) { c.byID.Set(m.GetId(), m) }

func (c *commentCache) forget(id int64) { c.byID.Invalidate(id) }

// find returns the comments in the order of ids, nil for those that are not
// remembered, and the ids of these.
func (c *commentCache) find(videoID int64, ids []int64) (found []*interactionv1.Comment, missing []int64) {
	found = make([]*interactionv1.Comment, len(ids))
	for i, id := range ids {
		if m, ok := c.byID.GetIfPresent(id); ok && m.GetVideoId() == videoID {
			found[i] = m
		} else {
			missing = append(missing, id)
		}
	}
	return found, missing
}
