package inbox_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"douyin.dev/services/platform/bus"
	"douyin.dev/services/platform/inbox"
	"douyin.dev/services/platform/infratest"
	"douyin.dev/services/platform/pg"
	"douyin.dev/services/platform/pg/pgtest"
)

func TestMain(m *testing.M) { infratest.Main(m) }

func batch(ids ...int) []bus.Message {
	var out []bus.Message
	for _, id := range ids {
		out = append(out, bus.Message{Headers: map[string]string{bus.HeaderEventID: fmt.Sprint("s-", id)}})
	}
	return out
}

func fresh(ctx context.Context, db *pg.DB, consumer string, b []bus.Message, end error) (ids []string, err error) {
	err = db.InTx(ctx, func(tx pgx.Tx) error {
		got, err := inbox.Fresh(ctx, tx, consumer, b)
		for _, m := range got {
			ids = append(ids, m.Headers[bus.HeaderEventID])
		}
		return errors.Join(err, end)
	})
	return ids, err
}

func TestEachConsumerSeesAnEventOnceInTheBatchsOrder(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, nil)
	for _, step := range []struct {
		consumer string
		in       []bus.Message
		want     []string
	}{
		{"a", batch(3, 1, 2, 1), []string{"s-3", "s-1", "s-2"}},
		{"a", batch(1, 4, 3), []string{"s-4"}},
		{"a", batch(1, 2, 3, 4), nil},
		{"b", batch(1, 4), []string{"s-1", "s-4"}},
	} {
		got, err := fresh(t.Context(), db, step.consumer, step.in, nil)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(step.want, got); diff != "" {
			t.Error(diff)
		}
	}
}

func TestARolledBackBatchIsFreshAgain(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, nil)
	undo := errors.New("undo")
	if _, err := fresh(t.Context(), db, "a", batch(1), undo); !errors.Is(err, undo) {
		t.Fatal(err)
	}
	if got, err := fresh(t.Context(), db, "a", batch(1), nil); err != nil || len(got) != 1 {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestAMessageWithoutAnEventIDIsPoison(t *testing.T) {
	t.Parallel()
	if _, err := fresh(t.Context(), pgtest.New(t, nil), "a", []bus.Message{{}}, nil); !bus.IsPoison(err) {
		t.Errorf("got %v", err)
	}
}
