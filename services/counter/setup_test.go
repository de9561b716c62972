package counter

import (
	"fmt"
	"log/slog"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/redis/rueidis"
	"google.golang.org/protobuf/proto"

	"douyin.dev/services/platform/bus"
	"douyin.dev/services/platform/infratest"
	"douyin.dev/services/platform/outbox"
	"douyin.dev/services/platform/pg"
	"douyin.dev/services/platform/pg/pgtest"
)

func TestMain(m *testing.M) { infratest.Main(m) }

type bundle struct {
	*Service
	*Applier
	db *pg.DB
}

func setup(t *testing.T) *bundle {
	t.Helper()
	t.Parallel()
	db := pgtest.New(t, migrations)
	return &bundle{Service: New(newCounts(t, db, nil)), Applier: newApplier(t, db, nil), db: db}
}

func newCounts(t *testing.T, db *pg.DB, redis rueidis.Client) *Counts {
	t.Helper()
	counts, err := NewCounts(db, redis, readerCopies)
	if err != nil {
		t.Fatal(err)
	}
	return counts
}

func newApplier(t *testing.T, db *pg.DB, redis rueidis.Client) *Applier {
	t.Helper()
	return NewApplier(db, newCounts(t, db, redis), slog.New(slog.DiscardHandler))
}

// messageOf is an event as the bus delivers it.
func messageOf(t *testing.T, id string, event proto.Message) bus.Message {
	t.Helper()
	value, err := proto.Marshal(event)
	if err != nil {
		t.Fatal(err)
	}
	return bus.Message{Topic: outbox.Topic(event), Value: value, Headers: map[string]string{bus.HeaderEventID: id}}
}

// messagesOf gives events ids of their own.
func messagesOf(t *testing.T, prefix string, events ...proto.Message) []bus.Message {
	t.Helper()
	var batch []bus.Message
	for i, e := range events {
		batch = append(batch, messageOf(t, fmt.Sprintf("%s-%d", prefix, i), e))
	}
	return batch
}

func (b *bundle) mustApply(t *testing.T, batch []bus.Message) {
	t.Helper()
	if err := b.Apply(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
}

// rows returns both tables whole.
func (b *bundle) rows(t *testing.T) (videos map[int64]videoCount, users map[int64]userCount) {
	t.Helper()
	return tableOf(t, b.db, `SELECT * FROM video_count`, func(c videoCount) int64 { return c.VideoID }),
		tableOf(t, b.db, `SELECT * FROM user_count`, func(c userCount) int64 { return c.UserID })
}

func tableOf[R any](t *testing.T, db *pg.DB, sql string, key func(R) int64) map[int64]R {
	t.Helper()
	rows, err := db.RW().Query(t.Context(), sql)
	if err != nil {
		t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByName[R])
	if err != nil {
		t.Fatal(err)
	}
	table := map[int64]R{}
	for _, r := range all {
		table[key(r)] = r
	}
	return table
}
