#!/usr/bin/env bash
# Makes the wheel of the CPU build in target/dist, installs it into an empty virtual environment, and classifies a clip with it.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=target/maturin
[ -x $venv/bin/maturin ] || { python3 -m venv $venv && $venv/bin/pip install --quiet --disable-pip-version-check 'maturin>=1.9,<2'; }
rm -f target/dist/*.whl
$venv/bin/maturin build --quiet --release --target-dir target/cpu --out target/dist
wheel=$(echo target/dist/*.whl)

fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
python3 -m venv "$fresh"
"$fresh/bin/pip" install --quiet --disable-pip-version-check --no-index "$wheel"
env -i "$fresh/bin/eco" classify tests/clips/growing --weights demo --topk 1 --quiet
printf '%s  %s MB\n' "$wheel" "$(du -m "$wheel" | cut -f 1)"
