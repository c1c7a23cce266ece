#!/usr/bin/env bash
# Takes eco to a machine with a GPU that has neither Rust nor a network, only a Python with PyTorch, and checks and measures it there.
#
#   cuda_check.sh pack FOLDER                         target/release/eco, for a machine with the torch it was built with
#   cuda_check.sh pack FOLDER 2.11.0 0.24.0           another eco, built against that torch with that tch
#   FOLDER/cuda_check.sh run OUT [DEVICE [SECONDS]]   on that machine: the self-check, the example clips, and figures;
#                                                     all results are files in OUT, a line for each part is printed
#
# What is packed takes about 20 MB: weights and clips are made up there. DEVICE is cuda by default; `cpu` tries the whole thing.
# Figures of peers stop after SECONDS (240 by default).
set -euo pipefail

fail() {
    printf 'cuda_check: %s\n' "$1" >&2
    exit 1
}

# Builds eco against another torch, in a clone of its own.
build() { # torch, tch
    local work=target/cuda-check
    local venv=$work/venv-$1 source=$work/source
    rm -rf "$source"
    git clone --quiet . "$source"
    sed -i -E "s/^(tch|torch-sys)( = (\{ *version = )?)\"[^\"]*\"/\1\2\"=$2\"/" "$source/Cargo.toml"
    if ! [ -f "$venv/ready" ]; then
        python3 -m venv "$venv"
        "$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps \
            "torch==$1" 'nvidia-cuda-runtime==13.0.*' 'nvidia-cuda-cupti==13.0.*'
        touch "$venv/ready"
    fi
    local torch
    torch=$(echo "$PWD/$venv"/lib/python3*/site-packages/torch)
    (
        cd "$source"
        unset LIBTORCH_USE_PYTORCH
        LIBTORCH=$torch LIBTORCH_BYPASS_VERSION_CHECK=1 cargo build --release --bin eco --target-dir ../build
    )
    eco=$work/build/release/eco
}

pack() { # folder, torch, tch
    cd "$(dirname "$0")/.."
    eco=target/release/eco
    [ $# -eq 1 ] || build "$2" "$3"
    [ -x "$eco" ] || fail "there is no $eco: make build makes it"
    mkdir -p "$1"
    strip -o "$1/eco" "$eco"
    cp scripts/cuda_check.sh scripts/bench_cuda.py scripts/reference.py "$1"
    cp -r tests/clips "$1/clips"
    du -sh "$1" | cut -f 1
}

# Lets eco find the libraries of the Python on the PATH.
find_libraries() {
    local site
    site=$(python3 -c 'import pathlib, torch; print(pathlib.Path(torch.__file__).parent.parent)') ||
        fail 'python3 has no torch'
    LD_LIBRARY_PATH=$(printf '%s:' "$site"/torch/lib "$site"/nvidia/*/lib)${LD_LIBRARY_PATH:-}
    export LD_LIBRARY_PATH
}

part() { # name, command: what it prints goes to OUT/name.txt
    local name=$1 began=$SECONDS status=0
    shift
    "$@" > "$out/$name.txt" 2> "$out/$name.err" || status=$?
    [ "$status" -eq 0 ] || failed=$((failed + 1))
    printf '%-12s %4d s  exit code %d\n' "$name" $((SECONDS - began)) "$status"
}

# The example clips have the same answers on both devices, and the scores are as near as 32 bits allow.
compare_clips() {
    for on in cpu "$device"; do
        ./eco classify clips --weights demo --device "$on" --format jsonl --quiet > "$out/clips-$on.jsonl"
    done
    python3 - "$out/clips-cpu.jsonl" "$out/clips-$device.jsonl" <<'EOF'
import json
import sys

rows = [[json.loads(line) for line in open(path)] for path in sys.argv[1:]]
largest = 0.0
assert len(rows[0]) == len(rows[1]) > 0
for cpu, other in zip(*rows):
    tops = [{entry["label"]: entry["score"] for entry in row["top"]} for row in (cpu, other)]
    assert max(tops[0], key=tops[0].get) == max(tops[1], key=tops[1].get), cpu["clip"]
    largest = max([largest, *(abs(score - tops[1].get(label, 0)) for label, score in tops[0].items())])
print(f"{len(rows[0])} clips, scores differ by {largest:.1e} at most")
assert largest < 1e-3
EOF
}

run() { # out, device, seconds
    mkdir -p "$1"
    out=$(cd "$1" && pwd)
    device=${2:-cuda}
    cd "$(dirname "$0")"
    find_libraries
    failed=0
    local bench=(--device "$device" --eco ./eco --folder "$out" --json "$out/bench.json" --seconds "${3:-240}")
    local check=(--device "$device")
    if [ "$device" = cpu ]; then
        bench+=(--arch lite --segments 4 --batches 1 --precisions fp32 --runs 2 --peers eager)
        check+=(--batch 2)
    fi
    part doctor ./eco doctor
    part self-check ./eco bench --self-check "${check[@]}"
    part clips compare_clips
    part bench python3 bench_cuda.py "${bench[@]}"
    return "$((failed > 0))"
}

case ${1:-} in
pack)
    [ $# -eq 2 ] || [ $# -eq 4 ] || fail 'pack FOLDER [TORCH TCH]'
    shift
    pack "$@"
    ;;
run)
    [ $# -ge 2 ] || fail 'run OUT [DEVICE [SECONDS]]'
    shift
    run "$@"
    ;;
*) sed -n '2,12s/^# \{0,1\}//p' "$0" ;;
esac
