#!/usr/bin/env bash
# A list of clips, `path<TAB>id` on each line, in so many processes on one machine, by GNU parallel or xargs:
#   scripts/scale/parallel.sh LIST OUT PROCESSES [ARGUMENTS OF eco classify...]
# One process uses all cores of a small machine as well as two do; on many cores several processes of 4 threads each do better.
set -euo pipefail
list=$1 out=$2 processes=$3
shift 3
mkdir -p "$out"
threads=$((($(nproc) + processes - 1) / processes))
export ECO=${ECO:-eco}
one() { # shard, shards, list, out, threads, arguments
    local shard=$1 shards=$2 list=$3 out=$4 threads=$5
    shift 5
    "$ECO" classify - --shard "$shard/$shards" --threads "$threads" --format jsonl --fail-when never \
        --no-timings --quiet --output "$out/$shard.jsonl" --skip-done "$@" < "$list"
}
export -f one
# Four shards for each process, so that none waits long for the last.
shards=$((4 * processes))
if command -v parallel > /dev/null; then
    seq 0 $((shards - 1)) | parallel --halt soon,fail=1 -j "$processes" one {} "$shards" "$list" "$out" "$threads" "$@"
else
    seq 0 $((shards - 1)) | xargs -P "$processes" -I {} bash -c 'one "$@"' one {} "$shards" "$list" "$out" "$threads" "$@"
fi
