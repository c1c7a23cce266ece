#!/usr/bin/env bash
# Prepares .venv-bench-video and runs bench_video.py in it. Arguments go there, as in `make bench-video BENCH="--rounds 9"`.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=.venv-bench-video
if ! [ -f $venv/ready ] || [ scripts/bench-video-requirements.txt -nt $venv/ready ]; then
    python3 -m venv $venv
    $venv/bin/pip install --quiet --disable-pip-version-check -r scripts/bench-video-requirements.txt
    # torchcodec needs PyTorch, which is shared if it is there.
    site='import sysconfig; print(sysconfig.get_path("purelib"))'
    if [ -x .venv/bin/python ]; then
        .venv/bin/python -c "$site" > "$($venv/bin/python -c "$site")/pytorch.pth"
    fi
    touch $venv/ready
fi
exec $venv/bin/python scripts/bench_video.py "$@"
