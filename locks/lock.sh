#!/usr/bin/env bash
# Bring the locked sets beside this file in line with pyproject.toml; what is locked stays as it is where it may. Needs `uv` in
# the environment of the first argument. Further arguments go to `uv pip compile`: --upgrade renews everything.
set -euo pipefail
cd "$(dirname "$0")/.."
uv=${1:-.venv}/bin/uv
more=("${@:2}")
compile() {
    cp "locks/$1.txt" "locks/$1.all"
    "$uv" pip compile --quiet --generate-hashes --no-annotate --no-header --override "locks/$leave_out.txt" \
        "${more[@]}" "${@:2}" pyproject.toml -o "locks/$1.all"
    # Blocks that no platform takes (the overrides, and WebAssembly) are dropped.
    awk '/^[a-zA-Z0-9]/ { keep = !(/== .never./ || /sys_platform == .emscripten./) } keep' "locks/$1.all" >"locks/$1.txt"
    rm "locks/$1.all"
}
leave_out=leave-out
compile run --universal --extra model --extra build
compile distributed --universal --extra model --extra build --extra distributed --extra traces
compile test --universal --extra model --extra build --extra test --extra bench
# What the Dockerfile installs with SET=gpu, for its Python and its processor alone.
leave_out=leave-out-gpu
compile gpu --python-version 3.11 --python-platform x86_64-manylinux_2_36 --extra model --extra build --extra distributed --extra traces --extra gpu
