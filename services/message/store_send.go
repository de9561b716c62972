package message

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	messagev1 "douyin.dev/gen/douyin/message/v1"
	"douyin.dev/services/platform/outbox"
)

// draft is a message that has no time yet.
type draft struct {
	id, from, to int64
	content      string
}

func (d draft) proto(at int64) *messagev1.Message {
	return &messagev1.Message{Id: d.id, FromUserId: d.from, ToUserId: d.to, Content: d.content, SentAtMs: at}
}

func (d draft) event(at int64) outbox.Event {
	return outbox.Event{Key: d.to, Message: &messagev1.MessageSent{
		MessageId: d.id, FromUserId: d.from, ToUserId: d.to, SentAtMs: at,
	}}
}

// participants returns who sends and receives, sorted, each once.
func participants(drafts []draft) []int64 {
	users := make([]int64, 0, 2*len(drafts))
	for _, d := range drafts {
		users = append(users, d.from, d.to)
	}
	slices.Sort(users)
	return slices.Compact(users)
}

// post writes messages in the order given and returns their times. now is in
// Unix milliseconds. The mailboxes stay locked until tx ends.
func (s *store) post(ctx context.Context, tx pgx.Tx, now int64, drafts []draft) ([]int64, error) {
	last, err := s.lockMailboxes(ctx, tx, participants(drafts))
	if err != nil {
		return nil, fmt.Errorf("lock mailboxes: %w", err)
	}
	times := make([]int64, len(drafts))
	for i, d := range drafts {
		times[i] = max(now, last[d.from]+1, last[d.to]+1)
		last[d.from], last[d.to] = times[i], times[i]
	}
	if err := writeMessages(ctx, tx, drafts, times, last); err != nil {
		return nil, fmt.Errorf("write messages: %w", err)
	}
	return times, nil
}

const createMailboxesSQL = `INSERT INTO mailbox (user_id, last_ms)
SELECT user_id, 0 FROM unnest(@user_ids::bigint[]) AS user_id ORDER BY user_id
ON CONFLICT DO NOTHING`

// Everyone locks in the order of user ids, against deadlocks.
const lockMailboxesSQL = `SELECT user_id, last_ms FROM mailbox
WHERE user_id = ANY(@user_ids) ORDER BY user_id FOR UPDATE`

// lockMailboxes locks the mailboxes of users and returns the time of the newest
// message in each. userIDs are sorted. Mailboxes come first and are locked
// after that, also for the users of whom we know that they have one.
func (s *store) lockMailboxes(ctx context.Context, tx pgx.Tx, userIDs []int64) (map[int64]int64, error) {
	last := make(map[int64]int64, len(userIDs))
	batch := &pgx.Batch{}
	if without := s.withoutMailbox(userIDs); len(without) > 0 {
		batch.Queue(createMailboxesSQL, pgx.NamedArgs{"user_ids": without})
	}
	batch.Queue(lockMailboxesSQL, pgx.NamedArgs{"user_ids": userIDs}).Query(func(rows pgx.Rows) error {
		var user, at int64
		_, err := pgx.ForEachRow(rows, []any{&user, &at}, func() error {
			last[user] = at
			return nil
		})
		return err
	})
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return nil, err
	}
	if len(last) != len(userIDs) {
		s.mailboxes.InvalidateAll()
		return nil, fmt.Errorf("%d of %d mailboxes found", len(last), len(userIDs))
	}
	return last, nil
}

// withoutMailbox returns the users of whom it is not known that they have one.
func (s *store) withoutMailbox(userIDs []int64) (without []int64) {
	for _, u := range userIDs {
		if _, known := s.mailboxes.GetIfPresent(u); !known {
			without = append(without, u)
		}
	}
	return without
}

// keepMailboxes remembers who has a mailbox, once that is committed: it stays.
func (s *store) keepMailboxes(drafts []draft) {
	for _, d := range drafts {
		for _, u := range [...]int64{d.from, d.to} {
			if _, known := s.mailboxes.GetIfPresent(u); !known {
				s.mailboxes.Set(u, struct{}{})
			}
		}
	}
}

const writeMessagesSQL = `WITH posted AS (
	INSERT INTO message (owner_id, peer_id, sent_at_ms, id, from_owner, content)
	SELECT side.owner_id, side.peer_id, m.sent_at_ms, m.id, side.from_owner, m.content
	FROM unnest(@ids::bigint[], @froms::bigint[], @tos::bigint[], @times::bigint[], @contents::text[])
		AS m (id, from_id, to_id, sent_at_ms, content),
	LATERAL (VALUES (from_id, to_id, true), (to_id, from_id, false)) AS side (owner_id, peer_id, from_owner)
), moved AS (
	UPDATE mailbox SET last_ms = l.last_ms
	FROM unnest(@user_ids::bigint[], @lasts::bigint[]) AS l (user_id, last_ms)
	WHERE mailbox.user_id = l.user_id
)
INSERT INTO outbox (shard, topic, key, payload, traceparent)
SELECT * FROM unnest(@event_shards::smallint[], @event_topics::text[], @event_keys::bigint[], @event_payloads::bytea[], @event_traces::text[])`

func writeMessages(ctx context.Context, tx pgx.Tx, drafts []draft, times []int64, last map[int64]int64) error {
	n := len(drafts)
	ids, froms, tos, contents := make([]int64, n), make([]int64, n), make([]int64, n), make([]string, n)
	events := make([]outbox.Event, n)
	for i, d := range drafts {
		ids[i], froms[i], tos[i], contents[i] = d.id, d.from, d.to, d.content
		events[i] = d.event(times[i])
	}
	users := slices.Sorted(maps.Keys(last))
	lasts := make([]int64, len(users))
	for i, u := range users {
		lasts[i] = last[u]
	}
	rows, err := outbox.Encode(ctx, events)
	if err != nil {
		return err
	}
	args := rows.Args()
	args["ids"], args["froms"], args["tos"], args["times"], args["contents"] = ids, froms, tos, times, contents
	args["user_ids"], args["lasts"] = users, lasts
	_, err = tx.Exec(ctx, writeMessagesSQL, args)
	return err
}
