#!/usr/bin/env bash
# Bring this machine to where `make demo` and `make test` run. Safe to repeat; quick when done.
# Usage: setup.sh PYTHON VENV
set -euo pipefail
cd "$(dirname "$0")/.."
python=$1
venv=$2

say() { printf '\033[1m==>\033[0m %s\n' "$*"; }
fail() { printf 'setup: %s\n       %s\n' "$1" "$2" >&2; exit 2; }

is_installed() { dpkg-query -W -f='${Status}' "$1" 2>/dev/null | grep -q 'install ok installed'; }

# Prints the packages that are needed and absent; of alternatives, the first that apt knows.
missing_packages() {
  local line name names
  sed 's/#.*//' deploy/system-packages.txt | xargs -n1 | while read -r line; do
    IFS='|' read -ra names <<<"$line"
    for name in "${names[@]}"; do
      is_installed "$name" && continue 2
    done
    for name in "${names[@]}"; do
      apt-cache show "$name" >/dev/null 2>&1 && break
    done
    echo "$name"
  done
}

install_system_packages() {
  command -v dpkg-query >/dev/null ||
    fail "this is no Debian or Ubuntu system" "install the packages named in deploy/system-packages.txt by hand"
  local missing as_root=()
  missing=$(missing_packages | xargs)
  [ -z "$missing" ] && return
  say "system packages are missing: $missing"
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || fail "system packages are missing: $missing" "run as root, or install sudo"
    as_root=(sudo)
  fi
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq ||
    fail "apt-get update failed" "check the package sources and the network"
  missing=$(missing_packages | xargs) # alternatives are chosen anew, now that apt knows its lists
  say "installing system packages: $missing"
  # shellcheck disable=SC2086
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends $missing >/dev/null ||
    fail "apt-get could not install: $missing" "run 'apt-get install $missing' to see why"
}

check_python() {
  command -v "$python" >/dev/null || fail "$python was not found" "install Python 3.11 or newer, or set PYTHON="
  "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "$($python --version) is too old" "install Python 3.11 or newer, or set PYTHON="
}

install_python_packages() {
  local stamp="$venv/.installed" wanted
  wanted=$(cat requirements.lock pyproject.toml | sha256sum; "$python" --version)
  if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] && "$venv/bin/python" -c '' 2>/dev/null; then
    return
  fi
  say "installing Python packages into $venv (locked, with hashes)"
  [ -x "$venv/bin/python" ] || "$python" -m venv "$venv" ||
    fail "no virtual environment could be made" "install the package python3-venv"
  "$venv/bin/pip" install -q --disable-pip-version-check --require-hashes -r requirements.lock ||
    fail "pip could not install requirements.lock" "check the network and the package index"
  "$venv/bin/pip" install -q --disable-pip-version-check --no-deps --no-build-isolation -e . ||
    fail "the project itself could not be installed" "see the message above"
  printf '%s' "$wanted" >"$stamp"
}

install_system_packages
check_python
install_python_packages
