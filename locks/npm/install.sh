#!/usr/bin/env bash
# Install what checks the web page (locks/npm/package.json) into folder $1, by its lock: exact versions, verified hashes.
# Uses apt for npm where it may, else fails naming the package.
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=$1
command -v npm >/dev/null || locks/system.sh npm=npm node=nodejs
mkdir -p "$folder"
cp locks/npm/package.json locks/npm/package-lock.json "$folder"
# npm brings its own list of authorities; what the system trusts counts, too.
system_trusts=/etc/ssl/certs/ca-certificates.crt
[ -f "$system_trusts" ] && export NODE_EXTRA_CA_CERTS=${NODE_EXTRA_CA_CERTS:-$system_trusts}
# In the folder rather than with --prefix, which would look for the machine's settings of npm in another place.
cd "$folder"
npm ci --loglevel=error --no-audit --no-fund --no-update-notifier --ignore-scripts
