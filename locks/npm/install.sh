#!/usr/bin/env bash
# Install what checks the web page (locks/npm/package.json) into folder $1, by its lock: exact versions, verified hashes.
# Uses apt for npm where it may, else fails naming the package.
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=$1
command -v npm >/dev/null || locks/system.sh npm=npm node=nodejs
mkdir -p "$folder"
cp locks/npm/package.json locks/npm/package-lock.json "$folder"
npm ci --prefix "$folder" --silent --no-audit --no-fund --ignore-scripts
