-- +goose Up

-- Who may see a video (douyin.video.v1.Visibility), and what signs the URLs of its files while not everybody may.
-- The secret is empty until then.
ALTER TABLE video ADD COLUMN visibility smallint NOT NULL DEFAULT 1, ADD COLUMN media_secret bytea NOT NULL DEFAULT '';

-- The public feed holds public videos.
DROP INDEX video_recent;
CREATE INDEX video_recent ON video (published_at_ms DESC, id DESC) INCLUDE (author_id) WHERE state = 1 AND visibility = 1;
-- Lists of authors leave out what their reader may not see, and are still read from the index alone.
DROP INDEX video_author;
CREATE INDEX video_author ON video (author_id, published_at_ms DESC, id DESC) INCLUDE (visibility) WHERE state = 1;

-- +goose Down
DROP INDEX video_author, video_recent;
CREATE INDEX video_recent ON video (published_at_ms DESC, id DESC) INCLUDE (author_id) WHERE state = 1;
CREATE INDEX video_author ON video (author_id, published_at_ms DESC, id DESC) WHERE state = 1;
ALTER TABLE video DROP COLUMN visibility, DROP COLUMN media_secret;
