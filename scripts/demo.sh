#!/usr/bin/env bash
# Classifies every example clip with the embedded demo weights; its directory name is the right answer.
set -euo pipefail
eco=${1:?usage: demo.sh PATH_TO_ECO}
cd "$(dirname "$0")/.."

printf 'The example clips, classified with the demo weights (a demo of motion, not Kinetics):\n'
for clip in tests/clips/*/; do
    printf '\n$ eco classify %s --weights demo --topk 3\n' "${clip%/}"
    "$eco" classify "${clip%/}" --weights demo --topk 3 2>/dev/null
done
printf '\nNext: import weights of your own with `eco load-weights CHECKPOINT`, then `eco classify FRAMES_DIR`.\n'
