#!/bin/sh
# Runs /app, or the newer /tmp/next, and starts it again on SIGHUP. Commands that
# end (migrate, wait-schema) run once. The root is read-only; /tmp is not.
set -u
program() { if [ -x /tmp/next ]; then echo /tmp/next; else echo /app; fi; }

if [ "${1:-run}" != run ]; then exec "$(program)" "$@"; fi

child='' stopping=''
again() { [ -n "$child" ] && kill -TERM "$child" 2>/dev/null; }
stop() { stopping=1; again; }
trap again HUP
trap stop TERM INT

while [ -z "$stopping" ]; do
  # A copy: a program that runs cannot be written to.
  cp "$(program)" /tmp/running
  /tmp/running "$@" &
  child=$!
  code=1
  while kill -0 "$child" 2>/dev/null; do wait "$child"; code=$?; done
  [ -n "$stopping" ] && exit "$code"
  sleep 1
done
