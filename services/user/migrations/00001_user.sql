-- +goose Up

-- Which account has a name. A table of its own, because a name must be unique
-- over all accounts and accounts are spread by id. Distribution column: name_key.
CREATE TABLE username (
    name_key text PRIMARY KEY,
    user_id  bigint NOT NULL
);
COMMENT ON TABLE username IS 'distributed by name_key';

-- Distribution column: id.
CREATE TABLE account (
    id               bigint PRIMARY KEY,
    name             text NOT NULL,
    avatar_url       text NOT NULL DEFAULT '',
    background_url   text NOT NULL DEFAULT '',
    signature        text NOT NULL DEFAULT '',
    version          bigint NOT NULL DEFAULT 1, -- of what others see; grows with each change
    password_hash    text NOT NULL,             -- PHC
    password_version bigint NOT NULL DEFAULT 1, -- grows with each new password, not with a rehash of the same
    created_at       timestamptz NOT NULL
);
COMMENT ON TABLE account IS 'distributed by id';

-- One row for each login that still counts. Distribution column: user_id.
CREATE TABLE session (
    user_id    bigint NOT NULL,
    id         text NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (user_id, id)
);
COMMENT ON TABLE session IS 'distributed by user_id';

-- Keys made on first run, where none was configured. The newest signs, all verify. Distribution column: kid.
CREATE TABLE signing_key (
    kid        text PRIMARY KEY,
    seed       bytea NOT NULL,
    created_at timestamptz NOT NULL
);
COMMENT ON TABLE signing_key IS 'distributed by kid';

-- +goose Down
DROP TABLE signing_key, session, account, username;
