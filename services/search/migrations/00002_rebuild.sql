-- +goose Up

-- How far documents of a kind have been made again from what their owners have: up to
-- after_id, all of them at the greatest bigint. run rises with each time that it begins
-- anew. A migration that changes what documents say sets after_id to 0 and run to
-- run + 1, as the command rebuild does; the rows of a new schema fill the index.
CREATE TABLE rebuild (
    kind     smallint PRIMARY KEY,
    run      bigint NOT NULL DEFAULT 1,
    after_id bigint NOT NULL DEFAULT 0
);
COMMENT ON TABLE rebuild IS 'distributed by kind';
INSERT INTO rebuild (kind) VALUES (1), (2);

-- +goose Down
DROP TABLE rebuild;
