#!/bin/sh
# Runs /app, or the newest program that was copied to /tmp/next, and replaces it
# on SIGHUP. Commands that end (migrate, wait-schema) run once. The root is
# read-only; /tmp is not. RELOAD_APP and RELOAD_DIR are for tests.
set -u
app=${RELOAD_APP:-/app} dir=${RELOAD_DIR:-/tmp}

program() { if [ -x "$dir/running" ]; then echo "$dir/running"; else echo "$app"; fi; }
# A rename, not a copy of 70 MB: the next program is copied to a new file.
take_next() { if [ -x "$dir/next" ]; then mv -f "$dir/next" "$dir/running"; fi; }

if [ "${1:-run}" != run ]; then exec "$(program)" "$@"; fi

child='' stopping='' replacing=''
end_child() { if [ -n "$child" ]; then kill -TERM "$child" 2>/dev/null; fi; }
replace() { replacing=1; end_child; }
stop() { stopping=1; end_child; }
trap replace HUP
trap stop TERM INT

while [ -z "$stopping" ]; do
  if [ -n "$replacing" ]; then take_next; fi
  replacing=''
  "$(program)" "$@" &
  child=$!
  code=1
  while kill -0 "$child" 2>/dev/null; do wait "$child"; code=$?; done
  # One that ended by itself is not started again without a pause.
  if [ -z "$stopping$replacing" ]; then sleep 1; fi
done
exit "$code"
