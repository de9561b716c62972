package video

import (
	"context"
	"fmt"
	"path"
	"regexp"
	"strconv"

	"github.com/jackc/pgx/v5"

	"douyin.dev/services/platform/pg"
)

// references are the objects of transcodes that rows name: what else lies below
// the prefix of a transcode belongs to nobody.
type references struct {
	keys map[string]bool
	// folders of HLS renditions: all that lies in them.
	folders map[string]bool
	// workers are the tokens of those that are at it, by video: what they stored
	// is recorded next.
	workers map[int64]int64
}

const (
	playedSQL = `SELECT play_key, hls_key FROM video WHERE id = ANY(@ids) AND state = 1`

	renditionKeysSQL = `SELECT name, object_key FROM rendition WHERE video_id = ANY(@ids)`

	workersSQL = `SELECT video_id, token FROM transcode_job WHERE video_id = ANY(@ids) AND state = 2`
)

// referencesOf reads what is referenced of some videos. To be asked for after the
// objects were listed: what is recorded is stored before.
func referencesOf(ctx context.Context, db *pg.DB, ids ...int64) (references, error) {
	r := references{keys: map[string]bool{}, folders: map[string]bool{}, workers: map[int64]int64{}}
	args := pgx.NamedArgs{"ids": ids}
	var first, second string
	var id, token int64
	batch := &pgx.Batch{}
	batch.Queue(playedSQL, args).Query(func(rows pgx.Rows) error {
		_, err := pgx.ForEachRow(rows, []any{&first, &second}, func() error {
			r.keys[first], r.keys[second] = true, true
			return nil
		})
		return err
	})
	batch.Queue(renditionKeysSQL, args).Query(func(rows pgx.Rows) error {
		_, err := pgx.ForEachRow(rows, []any{&first, &second}, func() error {
			if r.keys[second] = true; first != progressive {
				r.folders[path.Dir(second)] = true
			}
			return nil
		})
		return err
	})
	batch.Queue(workersSQL, args).Query(func(rows pgx.Rows) error {
		_, err := pgx.ForEachRow(rows, []any{&id, &token}, func() error {
			r.workers[id] = token
			return nil
		})
		return err
	})
	if err := db.RW().SendBatch(ctx, batch).Close(); err != nil {
		return r, fmt.Errorf("read references: %w", err)
	}
	return r, nil
}

// has reports whether an object of a transcode is in use, or may soon be.
func (r references) has(key string) bool {
	id, token := transcodeOf(key)
	return r.keys[key] || r.folders[path.Dir(key)] || token > 0 && r.workers[id] == token
}

var transcodeKey = regexp.MustCompile(`^videos/(\d{1,16})/r(\d{1,18})/`)

// transcodeOf reads out of a key which video was transcoded under which token; 0
// for a key of another kind.
func transcodeOf(key string) (id, token int64) {
	m := transcodeKey.FindStringSubmatch(key)
	if m == nil {
		return 0, 0
	}
	id, _ = strconv.ParseInt(m[1], 10, 64) // digits, and few
	token, _ = strconv.ParseInt(m[2], 10, 64)
	return id, token
}
