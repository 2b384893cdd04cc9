#!/usr/bin/env bash
# Make the virtual environment $1 and install the locked set $2 (run or test) and this checkout into it.
# Installs Python by apt where it may, uses what is there otherwise, else fails naming the packages.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=$1 set=$2

find_python() {
    local candidate
    for candidate in python3.13 python3.12 python3.11 python3; do
        if command -v "$candidate" >/dev/null &&
            "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    return 1
}

if ! python=$(find_python); then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        apt-get update -qq && apt-get install -y -qq python3 python3-venv >/dev/null
    fi
    python=$(find_python) || {
        echo "setup: tried python3.13, python3.12, python3.11 and python3: none is Python 3.11 or newer with venv." >&2
        echo "setup: install the packages python3 (3.11+) and python3-venv, then run make again." >&2
        exit 1
    }
fi

[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r "locks/$set.txt"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
touch "$venv/.$set"
