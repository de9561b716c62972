// Package pg is Postgres as the services use it: a pool for writes and one for
// reads that may lag, transactions that retry what Postgres asks to retry,
// embedded migrations, and the coalescing of concurrent writes into one commit.
//
// Every service has a schema and a role of its own, both called like the
// service; "{service}" in a DSN is replaced by that name. Queries name no
// schema: each connection's search_path is the service's.
package pg
