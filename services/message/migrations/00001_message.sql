-- +goose Up

-- The newest message of each user, and the lock that orders them.
CREATE TABLE mailbox (
    user_id bigint PRIMARY KEY,
    last_ms bigint NOT NULL
) WITH (fillfactor = 70);
COMMENT ON TABLE mailbox IS 'distributed by user_id';

-- Each message twice: as its sender has it and as its receiver has it.
CREATE TABLE message (
    owner_id   bigint NOT NULL,
    peer_id    bigint NOT NULL,
    sent_at_ms bigint NOT NULL,
    id         bigint NOT NULL,
    from_owner boolean NOT NULL,
    content    text NOT NULL,
    PRIMARY KEY (owner_id, sent_at_ms)
);
COMMENT ON TABLE message IS 'distributed by owner_id';
-- One conversation, newest first.
CREATE INDEX message_conversation ON message (owner_id, peer_id, sent_at_ms DESC);

-- +goose Down
DROP TABLE message, mailbox;
