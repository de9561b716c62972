// Package postgres is the embedded twin of Postgres: a private cluster under a
// data directory, run by a Postgres found on the machine, or downloaded once
// where there is none.
//
// It owns <Dir>/pg<major> (the cluster; one for each major version, since one
// cannot read another's), <Dir>/run (the socket) and <Dir>/lock.
//
// It promises: a database "douyin" with a role and a schema of the same name
// for each service; commits that are on disk when they are acknowledged; no
// network port, only a socket in a directory that its owner alone may enter,
// which is why the roles need no password. A server that an earlier process
// left behind in the directory is stopped first.
//
// Postgres refuses to run as root. For root it runs in a user namespace in
// which root's id is an ordinary one, and where that is forbidden as the user
// postgres or nobody, to whom the directory is then given.
package postgres
