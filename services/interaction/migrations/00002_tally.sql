-- +goose Up

-- The likes an author's videos have, counted to check the counts kept of them.
CREATE INDEX video_like_author ON video_like (author_id);

-- +goose Down
DROP INDEX video_like_author;
