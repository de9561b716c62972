-- +goose Up

-- How often a video was viewed. version grows with every change of favorites or comments, view_updates with every
-- change of views: a video that is watched all the time can still be recounted.
ALTER TABLE video_count ADD COLUMN views bigint NOT NULL DEFAULT 0, ADD COLUMN view_updates bigint NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE video_count DROP COLUMN views, DROP COLUMN view_updates;
