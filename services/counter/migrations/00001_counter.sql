-- +goose Up

-- There is no CHECK against negative counts: the order of events keeps them
-- from arising, and a check would turn a bug into a stalled partition.
CREATE TABLE video_count (
    video_id  bigint PRIMARY KEY,
    favorites bigint NOT NULL,
    comments  bigint NOT NULL,
    version   bigint NOT NULL
) WITH (fillfactor = 70);
COMMENT ON TABLE video_count IS 'distributed by video_id';

CREATE TABLE user_count (
    user_id   bigint PRIMARY KEY,
    following bigint NOT NULL,
    followers bigint NOT NULL,
    favorited bigint NOT NULL,
    works     bigint NOT NULL,
    favorites bigint NOT NULL,
    version   bigint NOT NULL
) WITH (fillfactor = 70);
COMMENT ON TABLE user_count IS 'distributed by user_id';

-- +goose Down
DROP TABLE user_count, video_count;
