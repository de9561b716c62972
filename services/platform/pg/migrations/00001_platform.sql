-- +goose Up

-- Events on their way to Kafka, in commit order per shard of the key. Rows are deleted after the broker's ack.
-- Distribution column: shard.
CREATE TABLE outbox (
    shard       smallint NOT NULL,
    id          bigint GENERATED ALWAYS AS IDENTITY,
    topic       text NOT NULL,
    key         bigint NOT NULL,
    payload     bytea NOT NULL,
    traceparent text NOT NULL DEFAULT '',
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (shard, id)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
COMMENT ON TABLE outbox IS 'distributed by shard';

-- Which events a consumer has applied, written with their effect. Distribution column: event_id.
CREATE TABLE applied_event (
    consumer   text NOT NULL,
    event_id   text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (event_id, consumer)
);
COMMENT ON TABLE applied_event IS 'distributed by event_id';
CREATE INDEX applied_event_age ON applied_event USING brin (applied_at);

-- Which process makes ids with which machine number. Distribution column: id.
CREATE TABLE machine_lease (
    id         smallint PRIMARY KEY,
    holder     text NOT NULL,
    expires_at timestamptz NOT NULL
);
COMMENT ON TABLE machine_lease IS 'distributed by id';

-- Answers given for clients' idempotency keys, written with their effect. Distribution column: user_id.
CREATE TABLE idempotency (
    user_id     bigint NOT NULL,
    key         text NOT NULL,
    fingerprint bytea NOT NULL,
    answer      bytea NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, key)
);
COMMENT ON TABLE idempotency IS 'distributed by user_id';
CREATE INDEX idempotency_age ON idempotency USING brin (created_at);

-- +goose Down
DROP TABLE idempotency, machine_lease, applied_event, outbox;
