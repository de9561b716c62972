package message

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/maypok86/otter/v2"

	messagev1 "douyin.dev/gen/douyin/message/v1"
	"douyin.dev/services/platform/pg"
)

// store reads mailboxes. It reads the primary: both sides see a message at
// once, and a subscriber that was woken finds what it was woken for. It is safe
// for concurrent use.
type store struct {
	db *pg.DB
	// mailboxes are users known to have one.
	mailboxes *otter.Cache[int64, struct{}]
}

// knownMailboxes bounds what is remembered.
const knownMailboxes = 200_000

func newStore(db *pg.DB) (*store, error) {
	mailboxes, err := otter.New(&otter.Options[int64, struct{}]{MaximumSize: knownMailboxes})
	if err != nil {
		return nil, fmt.Errorf("cache of mailboxes: %w", err)
	}
	return &store{db: db, mailboxes: mailboxes}, nil
}

// entry is a row of message, as its owner sees it.
type entry struct {
	PeerID, SentAtMs, ID int64
	FromOwner            bool
	Content              string
}

func (e entry) proto(owner int64) *messagev1.Message {
	m := &messagev1.Message{Id: e.ID, FromUserId: e.PeerID, ToUserId: owner, Content: e.Content, SentAtMs: e.SentAtMs}
	if e.FromOwner {
		m.FromUserId, m.ToUserId = owner, e.PeerID
	}
	return m
}

// Uses message_conversation.
const conversationSQL = `SELECT peer_id, sent_at_ms, id, from_owner, content FROM message
WHERE owner_id = @owner AND peer_id = @peer AND sent_at_ms > @after AND sent_at_ms < @before
	AND NOT (@received_only AND from_owner)
ORDER BY sent_at_ms DESC LIMIT @limit`

// conversation returns messages with one peer, newest first, sent strictly
// between two times.
func (s *store) conversation(ctx context.Context, owner, peer, after, before int64, receivedOnly bool, limit int) ([]entry, error) {
	return s.read(ctx, conversationSQL, pgx.NamedArgs{
		"owner": owner, "peer": peer, "after": after, "before": before, "received_only": receivedOnly, "limit": limit,
	})
}

// Uses message_conversation, one step into it for each peer.
const latestSQL = `SELECT m.peer_id, m.sent_at_ms, m.id, m.from_owner, m.content
FROM (SELECT DISTINCT peer_id FROM unnest(@peers::bigint[]) AS peer_id) AS p,
LATERAL (
	SELECT peer_id, sent_at_ms, id, from_owner, content FROM message
	WHERE owner_id = @owner AND peer_id = p.peer_id ORDER BY sent_at_ms DESC LIMIT 1
) AS m`

// latest returns the newest message with each peer.
func (s *store) latest(ctx context.Context, owner int64, peers []int64) ([]entry, error) {
	return s.read(ctx, latestSQL, pgx.NamedArgs{"owner": owner, "peers": peers})
}

// Uses the primary key.
const laterSQL = `SELECT peer_id, sent_at_ms, id, from_owner, content FROM message
WHERE owner_id = @owner AND sent_at_ms > @after ORDER BY sent_at_ms LIMIT @limit`

// later returns what came into a mailbox after a time, oldest first.
func (s *store) later(ctx context.Context, owner, after int64, limit int) ([]entry, error) {
	return s.read(ctx, laterSQL, pgx.NamedArgs{"owner": owner, "after": after, "limit": limit})
}

func (s *store) read(ctx context.Context, sql string, args pgx.NamedArgs) ([]entry, error) {
	rows, err := s.db.RW().Query(ctx, sql, args)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByName[entry])
}

const lastTimesSQL = `SELECT user_id, last_ms FROM mailbox WHERE user_id = ANY(@user_ids)`

// lastTimes returns the time of the newest message of each user who has one.
func (s *store) lastTimes(ctx context.Context, userIDs []int64) (map[int64]int64, error) {
	rows, err := s.db.RW().Query(ctx, lastTimesSQL, pgx.NamedArgs{"user_ids": userIDs})
	if err != nil {
		return nil, err
	}
	last := make(map[int64]int64, len(userIDs))
	var user, at int64
	_, err = pgx.ForEachRow(rows, []any{&user, &at}, func() error {
		last[user] = at
		return nil
	})
	return last, err
}
