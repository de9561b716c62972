-- +goose Up

-- What is searched for: videos that everybody may see (kind 1) and users (kind 2).
-- version is that of the owner's row; the greatest bigint when it is gone for good. A
-- document that nobody may find keeps its row, with nothing in words: an event that
-- comes late must not bring it back. title is folded, for exact matches. weight grows
-- with likes and views, or followers, and never falls.
CREATE TABLE document (
    id      bigint NOT NULL,
    kind    smallint NOT NULL,
    version bigint NOT NULL DEFAULT 0,
    words   tsvector NOT NULL DEFAULT '',
    title   text NOT NULL DEFAULT '',
    tags    text[] NOT NULL DEFAULT '{}',
    weight  integer NOT NULL DEFAULT 0,
    PRIMARY KEY (id, kind)
);
COMMENT ON TABLE document IS 'distributed by id';
CREATE INDEX document_video_words ON document USING gin (words) WHERE kind = 1;
CREATE INDEX document_user_words ON document USING gin (words) WHERE kind = 2;

-- Which videos carry a tag.
CREATE TABLE tagged (
    tag      text NOT NULL,
    video_id bigint NOT NULL,
    weight   integer NOT NULL,
    PRIMARY KEY (tag, video_id)
);
COMMENT ON TABLE tagged IS 'distributed by tag';
CREATE INDEX tagged_top ON tagged (tag, weight DESC, video_id DESC);

-- How many videos carry a tag: as many as it has rows in tagged.
CREATE TABLE tag (
    name        text PRIMARY KEY,
    video_count bigint NOT NULL
);
COMMENT ON TABLE tag IS 'distributed by name';
-- Tags that begin with a text.
CREATE INDEX tag_name ON tag (name text_pattern_ops);

-- +goose Down
DROP TABLE tag, tagged, document;
