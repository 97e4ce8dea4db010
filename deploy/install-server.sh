#!/usr/bin/env bash
# Give the exam room and the grading site their system users, folders and services on this box.
# Usage: install-server.sh [--prefix DIR] [--root DIR]
#   --prefix  where Gongyuan lies, with its .venv (default: the folder above this script)
#   --root    install into another file system tree, as for an image; nothing is started
# Safe to repeat: users, folders and their contents stay.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
prefix=$(dirname "$here")
root=

fail() { printf 'install-server: %s\n' "$1" >&2; exit 2; }

while [ $# -gt 0 ]; do
  case $1 in
    --prefix) prefix=${2:?}; shift 2 ;;
    --root) root=${2:?}; shift 2 ;;
    *) fail "unknown option $1" ;;
  esac
done

[ "$(id -u)" -eq 0 ] || fail "run as root"
for program in systemd-sysusers systemd-tmpfiles; do
  command -v "$program" >/dev/null || fail "$program is missing: this box has no systemd"
done
[ -n "$root" ] || [ -x "$prefix/.venv/bin/exam-server" ] ||
  fail "$prefix/.venv/bin/exam-server is missing: run 'make setup' in $prefix first"

install -D -m 0644 "$here/systemd/gongyuan.sysusers.conf" "$root/etc/sysusers.d/gongyuan.conf"
install -D -m 0644 "$here/systemd/gongyuan.tmpfiles.conf" "$root/etc/tmpfiles.d/gongyuan.conf"
for unit in gongyuan-room gongyuan-grade; do
  install -d -m 0755 "$root/etc/systemd/system"
  sed "s|@PREFIX@|$prefix|g" "$here/systemd/$unit.service" >"$root/etc/systemd/system/$unit.service"
  chmod 0644 "$root/etc/systemd/system/$unit.service"
done

systemd-sysusers ${root:+--root="$root"} gongyuan.conf
systemd-tmpfiles ${root:+--root="$root"} --create gongyuan.conf
[ -n "$root" ] || systemctl daemon-reload

cat <<END
Users, folders and services are in place.
Next, as the users of the services (docs/how-to/install-server.md):
  runuser -u gongyuan-room  -- $prefix/.venv/bin/exam-server init --data /var/lib/gongyuan/room/data …
  runuser -u gongyuan-grade -- $prefix/.venv/bin/exam-server grade init --data /var/lib/gongyuan/grade/data …
  systemctl enable --now gongyuan-room     (on the day of the exam)
  systemctl enable --now gongyuan-grade    (after the sitting is closed)
END
