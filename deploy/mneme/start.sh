#!/bin/sh
# The first start writes a configuration that serves mneme's clients; an own one in $SATCHEL_HOME stays as it is.
set -eu
umask 077
here=$(dirname "$0")
if ! [ -w "$SATCHEL_HOME" ] || ! [ -x "$SATCHEL_HOME" ]; then
  echo "user $(id -u) cannot write to $SATCHEL_HOME. Use a named volume, or give the folder that is mounted there to that user: chown $(id -u) FOLDER" >&2
  exit 1
fi
[ -e "$SATCHEL_HOME/config.json" ] || cp "$here/config.json" "$SATCHEL_HOME/config.json"
exec node "$here/../../dist/cli/main.js" up --hub
