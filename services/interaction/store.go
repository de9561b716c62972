package interaction

import (
	"context"
	"fmt"
	"hash/fnv"
	"slices"

	"github.com/jackc/pgx/v5"

	"douyin.dev/services/platform/pg"
)

// store is the SQL of this package. It is safe for concurrent use.
type store struct {
	db *pg.DB
	// gateClass is the first half of the gate's advisory locks. The lock space is
	// the whole database's, so the schema is part of it.
	gateClass int32
}

func newStore(db *pg.DB) *store {
	h := fnv.New32a()
	h.Write([]byte("interaction gate/" + db.Schema()))
	return &store{db: db, gateClass: int32(h.Sum32())}
}

// stripeBits says how many gates there are: 32. A gate per video would fill Postgres's
// lock table; a single one would make all writes wait for each deletion.
const stripeBits = 5

const enterSQL = `SELECT pg_advisory_xact_lock_shared(@class, stripe) FROM unnest(@stripes::int[]) AS stripe`

// enter queues the passage through the gates of some videos; see the package's
// documentation. What is queued after it has a snapshot taken inside.
func enter(batch *pgx.Batch, class int32, videoIDs []int64) {
	stripes := make([]int32, len(videoIDs))
	for i, v := range videoIDs {
		stripes[i] = pg.Stripe(v, stripeBits)
	}
	slices.Sort(stripes)
	batch.Queue(enterSQL, pgx.NamedArgs{"class": class, "stripes": slices.Compact(stripes)})
}

// batchSender is a connection or a transaction. A batch sent to a connection is
// one transaction too: its statements are followed by a single Sync.
type batchSender interface {
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
}

// write sends a statement through the gates and answers for each video whether
// it was still there. The statement's rows are the refused video ids.
func write(ctx context.Context, to batchSender, class int32, videoIDs []int64, sql string, args pgx.NamedArgs) ([]bool, error) {
	batch := &pgx.Batch{}
	enter(batch, class, videoIDs)
	var refused []int64
	batch.Queue(sql, args).Query(func(rows pgx.Rows) (err error) {
		refused, err = pgx.CollectRows(rows, pgx.RowTo[int64])
		return err
	})
	if err := to.SendBatch(ctx, batch).Close(); err != nil {
		return nil, err
	}
	exists := make([]bool, len(videoIDs))
	for i, v := range videoIDs {
		exists[i] = !slices.Contains(refused, v)
	}
	return exists, nil
}

const closeSQL = `SELECT pg_advisory_xact_lock(@class, @stripe)`

const buryVideoSQL = `INSERT INTO deleted_video (video_id) VALUES (@video_id) ON CONFLICT DO NOTHING`

// buryVideo writes a video's tombstone. Afterwards nothing new refers to it, and
// all that does is committed.
func (s *store) buryVideo(ctx context.Context, videoID int64) error {
	err := s.db.InTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, closeSQL, pgx.NamedArgs{"class": s.gateClass, "stripe": pg.Stripe(videoID, stripeBits)}); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, buryVideoSQL, pgx.NamedArgs{"video_id": videoID})
		return err
	})
	if err != nil {
		return fmt.Errorf("bury video: %w", err)
	}
	return nil
}
