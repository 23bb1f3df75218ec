#!/bin/sh
# A systemd of its own for one test, where pid 1 is another or none: in a mount namespace with an empty /run, so that
# nothing of it is seen or kept outside. Runs the command that it is given, and ends with it. Needs root, or a kernel
# that lets users make namespaces.
set -eu
if [ "${1:-}" != inside ]; then
  if [ "$(id -u)" = 0 ]; then exec unshare --mount --pid --fork --mount-proc "$0" inside "$@"; fi
  exec unshare --map-root-user --mount --pid --fork --mount-proc "$0" inside "$@"
fi
shift
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/system "/run/user/$(id -u)"
chmod 700 "/run/user/$(id -u)"
export XDG_RUNTIME_DIR="/run/user/$(id -u)"
exec dbus-run-session -- sh -c '
  "$0" --user --log-target=null &
  for _ in $(seq 100); do
    systemctl --user is-system-running >/dev/null 2>&1 && break
    sleep 0.1
  done
  "$@"
' /usr/lib/systemd/systemd "$@"
