#!/bin/sh
# The first start writes a configuration that serves mneme's clients; an own one in $SATCHEL_HOME stays as it is.
set -eu
umask 077
here=$(dirname "$0")
[ -e "$SATCHEL_HOME/config.json" ] || cp "$here/config.json" "$SATCHEL_HOME/config.json"
exec node "$here/../../dist/cli/main.js" up --hub
