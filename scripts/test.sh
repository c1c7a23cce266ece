#!/usr/bin/env bash
# Runs the tests, and says last how many were skipped because a program they use is missing.
set -uo pipefail
ECO_SKIPPED=$(mktemp)
export ECO_SKIPPED
trap 'rm -f "$ECO_SKIPPED"' EXIT

"$@"
status=$?
count=$(wc -l < "$ECO_SKIPPED")
if [ "$count" -gt 0 ]; then
    printf '\nskipped:\n'
    sort "$ECO_SKIPPED" | uniq -c
fi
if [ "$status" -eq 0 ]; then outcome='the tests passed'; else outcome='some tests FAILED'; fi
printf '%s; checks skipped: %d\n' "$outcome" "$count"
exit "$status"
