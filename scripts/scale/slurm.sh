#!/usr/bin/env bash
# A list of clips, `path<TAB>id` on each line, as an array of tasks:
#   sbatch --array=0-15 scripts/scale/slurm.sh LIST OUT [ARGUMENTS OF eco classify...]
# A task that ran before does nothing, so the same command goes on after a node was lost. Few long tasks beat many short ones.
#SBATCH --cpus-per-task=4
#SBATCH --requeue
#SBATCH --signal=TERM@60
set -euo pipefail
list=$1 out=$2
shift 2
mkdir -p "$out"
# srun passes SIGTERM on; eco then ends, and its file does not appear. The task is begun again by --requeue.
exec ${SLURM_JOB_ID:+srun} eco classify - --shard "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT" \
    --threads "${SLURM_CPUS_PER_TASK:-1}" --format jsonl --fail-when never --no-timings --quiet \
    --output "$out/$SLURM_ARRAY_TASK_ID.jsonl" --skip-done "$@" < "$list"
