-- +goose Up

-- How many videos were published or deleted, in stripes against contention. The sum is the version of the public list.
CREATE TABLE change_count (
    stripe  smallint PRIMARY KEY,
    changes bigint NOT NULL
) WITH (fillfactor = 70);
COMMENT ON TABLE change_count IS 'distributed by stripe';

-- +goose Down
DROP TABLE change_count;
