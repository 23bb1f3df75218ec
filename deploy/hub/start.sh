#!/bin/sh
# Starts a hub from what is mounted in /run/secrets (or the folder that is named): each start takes it over into SATCHEL_HOME, with the
# owner and modes that Satchel insists on, since neither compose nor Kubernetes can give a secret both.
set -eu
umask 077
from=${1:-/run/secrets}
here=$(dirname "$0")

if ! [ -w "$SATCHEL_HOME" ] || ! [ -x "$SATCHEL_HOME" ]; then
  echo "user $(id -u) cannot write to $SATCHEL_HOME. Use a named volume, or give the folder that is mounted there to that user: chown $(id -u) FOLDER" >&2
  exit 1
fi

take() {
  [ -e "$from/$1" ] || return 0
  if ! [ -r "$from/$1" ]; then
    echo "user $(id -u) cannot read $from/$1: give it to that user, with mode 0400" >&2
    exit 1
  fi
  install -m 0600 "$from/$1" "$SATCHEL_HOME/$2"
}

[ -d "$SATCHEL_HOME/keys" ] || mkdir -m 0700 "$SATCHEL_HOME/keys"
take config.json config.json
take buckets.json buckets.json
take metrics-token metrics-token
# Where Satchel looks for it by itself, so that commands in the container find it as well.
take store-password keys/store-password
# Who the hub is. Where they are not given, the first hub makes them, in a folder that the others mount too.
take machine.json keys/machine.json
take tls.json keys/tls.json

exec node "$here/../../dist/cli/main.js" up --hub
