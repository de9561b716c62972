-- +goose Up

-- Who likes what since when, in Unix microseconds.
CREATE TABLE video_like (
    user_id    bigint NOT NULL,
    video_id   bigint NOT NULL,
    author_id  bigint NOT NULL,
    created_at bigint NOT NULL,
    PRIMARY KEY (user_id, video_id)
);
COMMENT ON TABLE video_like IS 'distributed by user_id';
-- A user's likes, most recent first.
CREATE INDEX video_like_newest ON video_like (user_id, created_at DESC, video_id DESC);
-- The likes of a video that was deleted.
CREATE INDEX video_like_video ON video_like (video_id);

-- author_id is the video's author. Ids rise with time.
CREATE TABLE comment (
    video_id      bigint NOT NULL,
    id            bigint NOT NULL,
    user_id       bigint NOT NULL,
    author_id     bigint NOT NULL,
    text          text NOT NULL,
    created_at_ms bigint NOT NULL,
    PRIMARY KEY (video_id, id)
);
COMMENT ON TABLE comment IS 'distributed by video_id';

-- Tombstones: videos that get no more likes and comments.
CREATE TABLE deleted_video (
    video_id bigint PRIMARY KEY
);
COMMENT ON TABLE deleted_video IS 'distributed by video_id';

-- +goose Down
DROP TABLE deleted_video, comment, video_like;
