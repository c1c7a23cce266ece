#!/usr/bin/env bash
# Classifies every example clip with the embedded demo weights; its directory name is the right answer.
set -euo pipefail
eco=${1:?usage: demo.sh PATH_TO_ECO}
cd "$(dirname "$0")/.."

printf 'The example clips, classified with the demo weights (a demo of motion, not Kinetics):\n'
for clip in tests/clips/*/; do
    printf '\n$ %s classify %s --weights demo --topk 3\n' "$eco" "${clip%/}"
    "$eco" classify "${clip%/}" --weights demo --topk 3 2>/dev/null
done
cat <<EOF

To go on from here ($eco has the libtorch in .venv, so leave both where they are):

$eco classify tests/clips --weights demo --report report.html
$eco summary --table --depth 2
$eco doctor
make install

With weights of your own: eco load-weights CHECKPOINT, then eco classify FRAMES_DIRECTORY.
EOF
