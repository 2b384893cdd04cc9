#!/usr/bin/env bash
# Make sure that the system programs named as COMMAND=PACKAGE (or FILE=PACKAGE) are there. Installs missing packages by apt where it may,
# else fails naming them. A service that a package would start is not started: tests start their own.
set -euo pipefail
missing=()
for pair in "$@"; do
    what=${pair%%=*}
    PATH=$PATH:/usr/sbin command -v "$what" >/dev/null || compgen -G "$what" >/dev/null || missing+=("${pair#*=}")
done
[ ${#missing[@]} = 0 ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq && RUNLEVEL=1 apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null && exit 0
fi
echo "setup: missing are the packages ${missing[*]} (names of Debian); install them, then run make again." >&2
exit 1
