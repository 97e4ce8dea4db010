#!/usr/bin/env bash
# Set-up as the first group of `make test`, with its time. Usage: timed_setup.sh PYTHON VENV
set -euo pipefail
began=$SECONDS
bash "$(dirname "$0")/setup.sh" "$1" "$2"
printf 'group set-up: %d s (budget 360 s)\n' $((SECONDS - began))
