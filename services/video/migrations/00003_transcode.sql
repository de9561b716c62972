-- +goose Up

-- What is ready beside the original: the progressive file, which play_url then names, and the HLS master
-- playlist. Empty until there is one.
ALTER TABLE video ADD COLUMN play_key text NOT NULL DEFAULT '', ADD COLUMN hls_key text NOT NULL DEFAULT '';

-- One job for each video, made in the transaction that publishes it. state, stage and reason are those of
-- douyin.video.v1 (TranscodeState, TranscodeStage, TranscodeReason).
CREATE TABLE transcode_job (
    video_id     bigint PRIMARY KEY,
    author_id    bigint NOT NULL,
    -- The order of the queue: when the job was made, later by its length and by what its author has waiting.
    due_ms       bigint NOT NULL,
    state        smallint NOT NULL,
    -- From when a worker may take the job: the end of a pause, or of another worker's lease.
    available_at timestamptz NOT NULL,
    -- The fencing token: rises with each worker that takes the job. Only the newest may write.
    token        bigint NOT NULL DEFAULT 0,
    -- How many workers took the job, and how many said that they failed, since it was last queued.
    attempts     smallint NOT NULL DEFAULT 0,
    failures     smallint NOT NULL DEFAULT 0,
    stage        smallint NOT NULL DEFAULT 0,
    percent      smallint NOT NULL DEFAULT 0,
    reason       smallint NOT NULL DEFAULT 0
);
COMMENT ON TABLE transcode_job IS 'distributed by video_id';

-- The queue.
CREATE INDEX transcode_job_queue ON transcode_job (due_ms, video_id) WHERE state IN (1, 2);
-- What an author has waiting.
CREATE INDEX transcode_job_author ON transcode_job (author_id, due_ms DESC) WHERE state IN (1, 2);

-- What is ready of a video. object_key is a media playlist's, whose segments lie beside it, or that of the
-- progressive file.
CREATE TABLE rendition (
    video_id          bigint NOT NULL,
    name              text NOT NULL,
    object_key        text NOT NULL,
    width             integer NOT NULL,
    height            integer NOT NULL,
    bandwidth         bigint NOT NULL,
    average_bandwidth bigint NOT NULL,
    frame_rate        double precision NOT NULL,
    codecs            text NOT NULL,
    PRIMARY KEY (video_id, name)
);
COMMENT ON TABLE rendition IS 'distributed by video_id';

-- +goose Down
DROP TABLE rendition;
DROP TABLE transcode_job;
ALTER TABLE video DROP COLUMN play_key, DROP COLUMN hls_key;
