package video

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"sort"

	"github.com/jackc/pgx/v5"

	videov1 "douyin.dev/gen/douyin/video/v1"
	"douyin.dev/services/platform/cache"
	"douyin.dev/services/platform/pg"
)

const (
	// theHead is the key of the only head there is.
	theHead = 0
	// headSize is how many of the newest videos it has: ten pages of a feed.
	headSize = 300
)

// head is the newest part of the public list, whole milliseconds of it. It is
// never changed.
type head struct {
	version int64
	refs    []*videov1.VideoRef // newest first
	// whole says that there are no others.
	whole bool
}

// page returns what the list has before a time, at most size entries where
// milliseconds allow; false when the head does not reach that far.
func (h *head) page(before int64, size int) ([]*videov1.VideoRef, bool) {
	first := sort.Search(len(h.refs), func(i int) bool { return h.refs[i].GetPublishedAtMs() < before })
	rest := h.refs[first:]
	if len(rest) <= size && !h.whole {
		return nil, false
	}
	return slices.Clip(wholeMilliseconds(rest, size)), true
}

const changesSQL = `SELECT coalesce(sum(changes), 0)::bigint FROM change_count`

// loadHead reads the head, whatever keys it is asked for. The version is read
// first: a head that knows more than its version says is replaced by the next.
func (s *Service) loadHead(ctx context.Context, _ []int64) (map[int64]*head, error) {
	h := &head{}
	batch := &pgx.Batch{}
	batch.Queue(changesSQL).QueryRow(func(row pgx.Row) error { return row.Scan(&h.version) })
	batch.Queue(recentSQL, recentArgs(anyTime, headSize)).Query(func(rows pgx.Rows) (err error) {
		h.refs, err = collectRefs(rows, nil)
		return err
	})
	if err := s.db.RW().SendBatch(ctx, batch).Close(); err != nil {
		return nil, err
	}
	slices.SortFunc(h.refs, newestFirst)
	h.version++ // a cache's versions begin with 1
	h.whole = len(h.refs) < headSize
	return map[int64]*head{theHead: h}, nil
}

// stripeBits says over how many rows of change_count the changes are spread: 16.
const stripeBits = 4

const countChangeSQL = `INSERT INTO change_count AS c (stripe, changes) VALUES (@stripe, 1)
ON CONFLICT (stripe) DO UPDATE SET changes = c.changes + 1`

// countChange gives the public list a new version. The row stays locked until
// the commit, so it comes last in its transaction.
func countChange(ctx context.Context, tx pgx.Tx, video int64) error {
	_, err := tx.Exec(ctx, countChangeSQL, pgx.NamedArgs{"stripe": pg.Stripe(video, stripeBits)})
	return err
}

// headCodec writes the version, whether the head is whole, and the entries, as variable-length integers.
func headCodec() cache.Codec[*head] {
	return cache.Codec[*head]{Marshal: marshalHead, Unmarshal: unmarshalHead}
}

func marshalHead(h *head) ([]byte, error) {
	b := binary.AppendVarint(nil, h.version)
	whole := int64(0)
	if h.whole {
		whole = 1
	}
	b = binary.AppendVarint(b, whole)
	for _, r := range h.refs {
		b = binary.AppendVarint(b, r.GetId())
		b = binary.AppendVarint(b, r.GetAuthorId())
		b = binary.AppendVarint(b, r.GetPublishedAtMs())
	}
	return b, nil
}

func unmarshalHead(b []byte) (*head, error) {
	var numbers []int64
	for len(b) > 0 {
		v, n := binary.Varint(b)
		if n <= 0 {
			return nil, errors.New("public list in the cache is cut")
		}
		numbers, b = append(numbers, v), b[n:]
	}
	if len(numbers) < 2 || len(numbers)%3 != 2 {
		return nil, errors.New("public list in the cache is cut")
	}
	h := &head{version: numbers[0], whole: numbers[1] == 1}
	for entry := range slices.Chunk(numbers[2:], 3) {
		h.refs = append(h.refs, &videov1.VideoRef{Id: entry[0], AuthorId: entry[1], PublishedAtMs: entry[2]})
	}
	return h, nil
}
