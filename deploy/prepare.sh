#!/bin/sh
# Makes what deploy/compose.yaml needs beside it: secrets of this installation, and folders for what is kept. Nothing that is there is touched.
#   deploy/prepare.sh https://hub.example.org
set -eu
umask 077
here=$(cd "$(dirname "$0")" && pwd)
into=${2:-$here}
url=${1:-}

if ! printf '%s\n' "$url" | grep -Eq '^https://[A-Za-z0-9.-]+(:[0-9]{1,5})?$'; then
  echo "Name the address at which machines reach the hub: $0 https://hub.example.org" >&2
  exit 2
fi

mkdir -p "$into/secrets" "$into/data/postgres" "$into/data/s3"
random() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }
# From stdin, whole or not at all.
make() {
  [ -e "$into/secrets/$1" ] && return 0
  cat > "$into/secrets/$1.new"
  chmod 0400 "$into/secrets/$1.new"
  mv "$into/secrets/$1.new" "$into/secrets/$1"
}

random | make postgres-password
random | make store-password
random | make metrics-token
echo satchel | tr -d '\n' | make s3-user
random | make s3-password
if [ -e "$into/secrets/config.json" ] && ! grep -qF "\"publicUrl\": \"$url\"" "$into/secrets/config.json"; then
  echo "$into/secrets/config.json is of another address than $url, which members have pinned. To change it, edit publicUrl and names there" >&2
  exit 1
fi
sed "s|PUBLIC_URL|$url|" "$here/hub/config.json" | make config.json
printf '{"s3://satchel?endpoint=http://s3:9000": {"accessKeyId": "%s", "secretAccessKey": "%s"}}\n' \
  "$(cat "$into/secrets/s3-user")" "$(cat "$into/secrets/s3-password")" | make buckets.json

# All containers run as this user, who has no other rights.
if [ "$(id -u)" = 0 ]; then chown -R 1000:1000 "$into/secrets" "$into/data"; fi
for name in tls.crt tls.key; do
  [ -e "$into/secrets/$name" ] || echo "Still missing: $into/secrets/$name, of a certificate for $url that machines trust (mode 0400, user 1000)"
done
