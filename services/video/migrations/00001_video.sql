-- +goose Up

-- Videos. state: 1 published, 2 deleted (douyin.video.v1.VideoState). A deleted row stays, so that its
-- id is never mistaken for a video; its keys are emptied once its files are gone.
CREATE TABLE video (
    id              bigint PRIMARY KEY,
    author_id       bigint NOT NULL,
    title           text NOT NULL,
    media_key       text NOT NULL,
    cover_key       text NOT NULL,
    published_at_ms bigint NOT NULL,
    duration_ms     bigint NOT NULL,
    width           integer NOT NULL,
    height          integer NOT NULL,
    size_bytes      bigint NOT NULL,
    sha256          bytea NOT NULL,
    state           smallint NOT NULL,
    version         bigint NOT NULL
);
COMMENT ON TABLE video IS 'distributed by id';

-- The public feed.
CREATE INDEX video_recent ON video (published_at_ms DESC, id DESC) INCLUDE (author_id) WHERE state = 1;
-- One author's videos, and those of several authors together.
CREATE INDEX video_author ON video (author_id, published_at_ms DESC, id DESC) WHERE state = 1;
-- Files to remove.
CREATE INDEX video_files ON video (id) WHERE state = 2 AND media_key <> '';

-- +goose Down
DROP TABLE video;
