#!/bin/sh
# Runs PostgreSQL in the directory PGDATA: made on the first start, and on every
# start with a role and a schema for each of SCHEMAS. Works in any image that has
# the server's programs on PATH or where Debian puts them.
set -eu
umask 0077
for dir in /usr/lib/postgresql/*/bin; do PATH="$PATH:$dir"; done
export PATH PGHOST=/tmp PGUSER=postgres

if [ ! -s "$PGDATA/PG_VERSION" ]; then
  printf '%s' "$PASSWORD" >/tmp/password
  initdb --pgdata "$PGDATA" --username postgres --pwfile /tmp/password \
    --auth-local trust --auth-host scram-sha-256 --encoding UTF8 --locale C
  rm /tmp/password
  # What initdb writes is for loopback.
  echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
fi

# Alone on its socket: nobody connects before the roles are there.
pg_ctl --pgdata "$PGDATA" --wait --timeout 120 --options "-c listen_addresses= -c unix_socket_directories=/tmp" start
psql --no-psqlrc -v ON_ERROR_STOP=1 -v database="$DATABASE" --dbname postgres <<'SQL'
SELECT format('CREATE DATABASE %I', :'database') WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database') \gexec
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
SQL
for schema in $SCHEMAS; do
  psql --no-psqlrc -v ON_ERROR_STOP=1 -v database="$DATABASE" -v name="$schema" -v password="$PASSWORD" --dbname "$DATABASE" <<'SQL'
SELECT format('CREATE ROLE %I', :'name') WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'name') \gexec
ALTER ROLE :"name" LOGIN PASSWORD :'password';
GRANT CONNECT, TEMPORARY ON DATABASE :"database" TO :"name";
CREATE SCHEMA IF NOT EXISTS :"name" AUTHORIZATION :"name";
SQL
done
pg_ctl --pgdata "$PGDATA" --wait --mode fast stop

exec postgres -D "$PGDATA" -c "listen_addresses=*" -c unix_socket_directories=/tmp \
  -c max_connections=200 -c shared_buffers=64MB
