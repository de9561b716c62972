-- +goose Up

-- Whom a user follows. created_at is in Unix microseconds. Distribution column: follower_id.
CREATE TABLE following (
    follower_id bigint NOT NULL,
    followee_id bigint NOT NULL,
    created_at  bigint NOT NULL,
    PRIMARY KEY (follower_id, followee_id)
);
COMMENT ON TABLE following IS 'distributed by follower_id';
CREATE INDEX following_recent ON following (follower_id, created_at DESC, followee_id DESC);

-- The same follows seen from the other side. Distribution column: followee_id.
CREATE TABLE follower (
    followee_id bigint NOT NULL,
    follower_id bigint NOT NULL,
    created_at  bigint NOT NULL,
    PRIMARY KEY (followee_id, follower_id)
);
COMMENT ON TABLE follower IS 'distributed by followee_id';
CREATE INDEX follower_recent ON follower (followee_id, created_at DESC, follower_id DESC);

-- +goose Down
DROP TABLE follower, following;
