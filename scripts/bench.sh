#!/usr/bin/env bash
# Prepares .venv-bench and runs bench.py in it: the runtimes of bench-requirements.txt beside the PyTorch of .venv, which is
# shared, not installed again. Arguments go to bench.py, as in `make bench BENCH="--batch 4 --threads 1"`.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=.venv-bench
if ! [ -f $venv/ready ] || [ scripts/bench-requirements.txt -nt $venv/ready ]; then
    .venv/bin/python -m venv $venv
    $venv/bin/pip install --quiet --disable-pip-version-check -r scripts/bench-requirements.txt
    site='import sysconfig; print(sysconfig.get_path("purelib"))'
    .venv/bin/python -c "$site" > "$($venv/bin/python -c "$site")/pytorch.pth"
    touch $venv/ready
fi
exec $venv/bin/python scripts/bench.py "$@"
