#!/usr/bin/env bash
# Renew locks/run.txt and locks/test.txt from pyproject.toml. Needs `uv` in the environment of the first argument.
set -euo pipefail
cd "$(dirname "$0")/.."
uv=${1:-.venv}/bin/uv
compile() {
    "$uv" pip compile --quiet --universal --generate-hashes --no-annotate --no-header --override locks/leave-out.txt \
        "${@:2}" pyproject.toml -o "locks/$1.all"
    # Blocks that no platform takes (the overrides, and WebAssembly) are dropped.
    awk '/^[a-zA-Z0-9]/ { keep = !(/== .never./ || /sys_platform == .emscripten./) } keep' "locks/$1.all" >"locks/$1.txt"
    rm "locks/$1.all"
}
compile run --extra model --extra build
compile test --extra model --extra build --extra test --extra bench
