package search

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"
)

// document is what is written of a video or a user.
type document struct {
	kind    kind
	id      int64
	version int64
	// words is the input of a tsvector, and title the folded text; both are empty for
	// what nobody may find.
	words, title string
	tags         []string // sorted
}

// stored is what is there of a document.
type stored struct {
	ID      int64
	Version int64
	Tags    []string
	Weight  int32
}

const (
	makeRowsSQL = `INSERT INTO document (id, kind) SELECT id, @kind FROM unnest(@ids::bigint[]) AS new (id) ORDER BY id ON CONFLICT DO NOTHING`
	lockRowsSQL = `SELECT id, version, tags, weight FROM document WHERE id = ANY(@ids) AND kind = @kind ORDER BY id FOR UPDATE`
	writeSQL    = `UPDATE document SET version = @version, words = @words::tsvector, title = @title, tags = @tags WHERE id = @id AND kind = @kind`
	untagSQL    = `DELETE FROM tagged USING unnest(@tags::text[], @videos::bigint[]) AS old (tag, video_id)
WHERE tagged.tag = old.tag AND tagged.video_id = old.video_id RETURNING tagged.tag`
	tagSQL = `INSERT INTO tagged (tag, video_id, weight) SELECT * FROM unnest(@tags::text[], @videos::bigint[], @weights::integer[])
ON CONFLICT DO NOTHING RETURNING tag`
	countTagsSQL = `INSERT INTO tag (name, video_count) SELECT * FROM unnest(@names::text[], @counts::bigint[])
ON CONFLICT (name) DO UPDATE SET video_count = tag.video_count + excluded.video_count`
)

// index writes documents of one kind, each of which is there once. Those that are
// there in the same or a newer version stay.
func (s *store) index(ctx context.Context, kind kind, documents []document) error {
	return s.write(ctx, kind, documents, false)
}

// rewrite is index for documents that are made again: those that are there in the same
// version are written as well.
func (s *store) rewrite(ctx context.Context, kind kind, documents []document) error {
	return s.write(ctx, kind, documents, true)
}

func (s *store) write(ctx context.Context, kind kind, documents []document, same bool) error {
	if len(documents) == 0 {
		return nil
	}
	ids := make([]int64, len(documents))
	for i, d := range documents {
		ids[i] = d.id
	}
	err := s.db.InTx(ctx, func(tx pgx.Tx) error {
		before, err := lock(ctx, tx, kind, ids)
		if err != nil {
			return err
		}
		newer := slices.DeleteFunc(slices.Clone(documents), func(d document) bool {
			return d.version < before[d.id].Version || d.version == before[d.id].Version && !same
		})
		if len(newer) == 0 {
			return nil
		}
		batch := &pgx.Batch{}
		for _, d := range newer {
			tags := d.tags
			if tags == nil {
				tags = []string{}
			}
			batch.Queue(writeSQL, pgx.NamedArgs{"id": d.id, "kind": d.kind, "version": d.version, "words": d.words, "title": d.title, "tags": tags})
		}
		if err := tx.SendBatch(ctx, batch).Close(); err != nil {
			return err
		}
		return retag(ctx, tx, newer, before)
	})
	if err != nil {
		return fmt.Errorf("index documents: %w", err)
	}
	return nil
}

// lock makes rows where there are none, and returns all of them locked. It takes them
// in the order of their ids, so that two callers do not wait for each other.
func lock(ctx context.Context, tx pgx.Tx, kind kind, ids []int64) (map[int64]stored, error) {
	args := pgx.NamedArgs{"ids": ids, "kind": kind}
	if _, err := tx.Exec(ctx, makeRowsSQL, args); err != nil {
		return nil, err
	}
	rows, err := tx.Query(ctx, lockRowsSQL, args)
	if err != nil {
		return nil, err
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByName[stored])
	if err != nil {
		return nil, err
	}
	before := make(map[int64]stored, len(found))
	for _, row := range found {
		before[row.ID] = row
	}
	return before, nil
}

// labels are rows of tagged.
type labels struct {
	tags    []string
	videos  []int64
	weights []int32
}

func (l *labels) add(tag string, video int64, weight int32) {
	l.tags, l.videos, l.weights = append(l.tags, tag), append(l.videos, video), append(l.weights, weight)
}

func (l *labels) args() pgx.NamedArgs {
	return pgx.NamedArgs{"tags": l.tags, "videos": l.videos, "weights": l.weights}
}

// retag makes the rows of tagged those of the documents, and counts them.
func retag(ctx context.Context, tx pgx.Tx, documents []document, before map[int64]stored) error {
	var came, went labels
	for _, d := range documents {
		old := before[d.id]
		for _, tag := range d.tags {
			if !slices.Contains(old.Tags, tag) {
				came.add(tag, d.id, old.Weight)
			}
		}
		for _, tag := range old.Tags {
			if !slices.Contains(d.tags, tag) {
				went.add(tag, d.id, 0)
			}
		}
	}
	counts := map[string]int64{}
	if err := change(ctx, tx, untagSQL, &went, counts, -1); err != nil {
		return err
	}
	if err := change(ctx, tx, tagSQL, &came, counts, 1); err != nil {
		return err
	}
	if len(counts) == 0 {
		return nil
	}
	names := slices.Sorted(maps.Keys(counts)) // one order for all who write them
	sums := make([]int64, len(names))
	for i, name := range names {
		sums[i] = counts[name]
	}
	_, err := tx.Exec(ctx, countTagsSQL, pgx.NamedArgs{"names": names, "counts": sums})
	return err
}

// change runs a statement on rows of tagged, and adds by to the count of each tag that
// it changed.
func change(ctx context.Context, tx pgx.Tx, sql string, l *labels, counts map[string]int64, by int64) error {
	if len(l.tags) == 0 {
		return nil
	}
	rows, err := tx.Query(ctx, sql, l.args())
	if err != nil {
		return err
	}
	changed, err := pgx.CollectRows(rows, pgx.RowTo[string])
	for _, tag := range changed {
		counts[tag] += by
	}
	return err
}

const (
	raiseSQL = `UPDATE document SET weight = new.weight FROM unnest(@ids::bigint[], @weights::integer[]) AS new (id, weight)
WHERE document.id = new.id AND document.kind = @kind AND document.weight < new.weight
RETURNING document.id, document.version, document.tags, document.weight`
	raiseTaggedSQL = `UPDATE tagged SET weight = new.weight FROM unnest(@tags::text[], @videos::bigint[], @weights::integer[]) AS new (tag, video_id, weight)
WHERE tagged.tag = new.tag AND tagged.video_id = new.video_id AND tagged.weight < new.weight`
)

// raise raises the weights of documents that are there.
func (s *store) raise(ctx context.Context, kind kind, weights map[int64]int32) error {
	ids := slices.SortedFunc(maps.Keys(weights), cmp.Compare)
	raised := make([]int32, len(ids))
	for i, id := range ids {
		raised[i] = weights[id]
	}
	err := s.db.InTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, lockRowsSQL, pgx.NamedArgs{"ids": ids, "kind": kind}); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, raiseSQL, pgx.NamedArgs{"ids": ids, "weights": raised, "kind": kind})
		if err != nil {
			return err
		}
		documents, err := pgx.CollectRows(rows, pgx.RowToStructByName[stored])
		if err != nil {
			return err
		}
		var l labels
		for _, d := range documents {
			for _, tag := range d.Tags {
				l.add(tag, d.ID, d.Weight)
			}
		}
		if len(l.tags) == 0 {
			return nil
		}
		_, err = tx.Exec(ctx, raiseTaggedSQL, l.args())
		return err
	})
	if err != nil {
		return fmt.Errorf("raise weights: %w", err)
	}
	return nil
}
