package search

import (
	"context"
	"fmt"
	"math"

	"github.com/jackc/pgx/v5"

	searchv1 "douyin.dev/gen/douyin/search/v1"
	"douyin.dev/services/platform/page"
	"douyin.dev/services/platform/pg"
)

// kind says what a document is; the values are in the table.
type kind int16

const (
	ofVideo kind = 1
	ofUser  kind = 2
)

const (
	// allWords is added to the score of a document that has all words of a query, and
	// exactTitle on top where its title is the text.
	allWords, exactTitle = 1 << 40, 1 << 50
	// wordRank is what Postgres' rank of a match is multiplied by where only some words
	// match, and rankStep the score of one step of it: more than any weight.
	wordRank, rankStep = 1000, 1 << 20
	// gone is the version of what was deleted, which is final.
	gone = math.MaxInt64
)

type store struct{ db *pg.DB }

// search is a search for documents.
type search struct {
	kind  kind
	title string // folded
	query string // of a tsquery
	all   bool   // query wants all words
	after *page.Cursor
	limit int
}

// The indexes are document_video_words and document_user_words: the kind stands in the
// text of the statement, so that the one of two partial indexes is chosen.
const searchSQL = `SELECT id, score FROM (
    SELECT id, weight + CASE
        WHEN @all AND title = @title THEN @exact_title::bigint + @all_words::bigint
        WHEN @all THEN @all_words::bigint
        ELSE (ts_rank(words, @query::tsquery) * @word_rank)::bigint * @rank_step::bigint
    END AS score
    FROM document WHERE kind = %d AND words @@ @query::tsquery
) AS found
WHERE (score, id) < (@after_score::bigint, @after_id::bigint)
ORDER BY score DESC, id DESC LIMIT @limit`

var searchOf = map[kind]string{ofVideo: fmt.Sprintf(searchSQL, ofVideo), ofUser: fmt.Sprintf(searchSQL, ofUser)}

func (s *store) search(ctx context.Context, q search) ([]place, error) {
	args := pgx.NamedArgs{
		"query": q.query, "title": q.title, "all": q.all, "limit": q.limit,
		"exact_title": exactTitle, "all_words": allWords, "word_rank": wordRank, "rank_step": rankStep,
	}
	return s.places(ctx, searchOf[q.kind], q.after, args)
}

// places reads a page behind a place; nil is before the first.
func (s *store) places(ctx context.Context, sql string, after *page.Cursor, args pgx.NamedArgs) ([]place, error) {
	args["after_score"], args["after_id"] = int64(math.MaxInt64), int64(math.MaxInt64)
	if after != nil {
		args["after_score"], args["after_id"] = after.Time, after.ID
	}
	rows, err := s.db.RO().Query(ctx, sql, args)
	if err != nil {
		return nil, fmt.Errorf("search: %w", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByName[place])
	if err != nil {
		return nil, fmt.Errorf("search: %w", err)
	}
	return found, nil
}

// The primary key is in the order of time, the index tagged_top in that of weight.
const (
	newestOfTagSQL = `SELECT 0::bigint AS score, video_id AS id FROM tagged
WHERE tag = @tag AND video_id < @after_id::bigint ORDER BY video_id DESC LIMIT @limit`
	topOfTagSQL = `SELECT weight::bigint AS score, video_id AS id FROM tagged
WHERE tag = @tag AND (weight, video_id) < (least(@after_score::bigint, 2147483647)::integer, @after_id::bigint)
ORDER BY weight DESC, video_id DESC LIMIT @limit`
)

func (s *store) tagVideos(ctx context.Context, tag string, order searchv1.TagOrder, after *page.Cursor, limit int) ([]place, error) {
	sql := newestOfTagSQL
	if order == searchv1.TagOrder_TAG_ORDER_TOP {
		sql = topOfTagSQL
	}
	return s.places(ctx, sql, after, pgx.NamedArgs{"tag": tag, "limit": limit})
}

// maxTagsOfPrefix bounds the tags of which those with the most videos are chosen: a
// single letter begins too many to look at all.
const maxTagsOfPrefix = 1000

// The index is tag_name. The exact tag is first.
const tagsSQL = `SELECT name, video_count FROM (
    SELECT name, video_count FROM tag
    WHERE name LIKE @pattern AND video_count > 0 ORDER BY name USING ~<~ LIMIT @most
) AS matching ORDER BY name = @prefix DESC, video_count DESC, name LIMIT @limit`

func (s *store) tags(ctx context.Context, prefix string, limit int) ([]*searchv1.Tag, error) {
	rows, err := s.db.RO().Query(ctx, tagsSQL, pgx.NamedArgs{
		"prefix": prefix, "pattern": likePrefix(prefix), "most": maxTagsOfPrefix, "limit": limit,
	})
	if err != nil {
		return nil, fmt.Errorf("read tags: %w", err)
	}
	tags, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (*searchv1.Tag, error) {
		t := &searchv1.Tag{}
		return t, row.Scan(&t.Name, &t.VideoCount)
	})
	if err != nil {
		return nil, fmt.Errorf("read tags: %w", err)
	}
	return tags, nil
}

// likePrefix is the pattern of texts that begin with a tag, which has no other sign of
// LIKE than the underscore.
func likePrefix(tag string) string {
	pattern := make([]rune, 0, len(tag)+1)
	for _, r := range tag {
		if r == '_' {
			pattern = append(pattern, '\\')
		}
		pattern = append(pattern, r)
	}
	return string(append(pattern, '%'))
}

const videoCountSQL = `SELECT coalesce(sum(video_count), 0)::bigint FROM tag WHERE name = @name`

func (s *store) videoCount(ctx context.Context, tag string) (n int64, err error) {
	if err := s.db.RO().QueryRow(ctx, videoCountSQL, pgx.NamedArgs{"name": tag}).Scan(&n); err != nil {
		return 0, fmt.Errorf("read tag: %w", err)
	}
	return n, nil
}
