"""What a step of `eco watch` costs beside a whole clip, and how soon answers come. Needs ffmpeg and a built `eco`.

    scripts/bench_watch.py [ECO] [more flags for both commands]

A clip is 16 frames through the 2D net and the 3D net (`eco classify --window 16`). A step has 8 new frames and the maps of 8
old ones. Both look at the same video in turns. Where other programs keep the machine busy, the least time says more than the
median: they can only add to it.
"""

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

eco = sys.argv[1] if len(sys.argv) > 1 else "target/release/eco"
flags = sys.argv[2:] or ["--weights", "demo"]
SECONDS = 20


def rows(*args):
    done = subprocess.run([eco, *args, *flags, "--quiet", "--format", "jsonl"], stdout=subprocess.PIPE, text=True)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    # A watched source may end with an event that belongs to no step.
    return [row for row in found if "clip" in row or "step" in row]


def median(values):
    return statistics.median(list(values))


with tempfile.TemporaryDirectory() as folder:
    video = str(Path(folder) / "video.mp4")
    source = f"testsrc2=size=640x360:rate=25:duration={SECONDS}"
    subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", source, video], check=True)
    clips, steps = [], []
    for _ in range(4):
        clips += [row["timings"]["forward_ms"] for row in rows("classify", video, "--window", "16")[2:]]
        steps += [row["forward_ms"] for row in rows("watch", video)[2:] if row["computed"] == 8]
    print("forward                 least    median")
    print(f"a whole clip         {min(clips):8.1f} {median(clips):9.1f} ms, {len(clips)} of them")
    print(f"a step, 8 new frames {min(steps):8.1f} {median(steps):9.1f} ms, {len(steps)} of them")
    print(f"share                {min(steps) / min(clips):8.2f} {median(steps) / median(clips):9.2f}")
    print(f"steps per second     {1000 / min(steps):8.1f} {1000 / median(steps):9.1f}")

    live = ["lavfi:" + source, "--input-option", "re"]
    watched = rows("watch", *live)
    latencies = sorted(row["latency_ms"] for row in watched if not row["last"])
    print("\na live source of 25 frames per second, a step every 16 frames")
    print(f"first answer         {watched[0]['latency_ms']:8.1f} ms after frame {watched[0]['last_frame']}")
    print(f"latency p50, p95     {median(latencies):8.1f} ms, {latencies[int(len(latencies) * 0.95)]:.1f} ms")
    print(f"frames dropped       {sum(row['dropped'] for row in watched):8d}")

    print("\nthe highest rate of steps that a live source of 25 frames per second sustains without a drop")
    for every in (1, 2, 3, 4, 6, 8, 16):
        fast = ["--memory", "sampled", "--every", str(every)]
        watched = rows("watch", *live, *fast)
        # The first step makes the maps of all 16 frames.
        dropped = sum(row["dropped"] for row in watched[2:])
        span = watched[-1]["end_seconds"] - watched[2]["end_seconds"]
        latency = median(row["latency_ms"] for row in watched[2:])
        rate = (len(watched) - 3) / span
        print(f"--every {every:<3} {rate:5.1f} steps per second, p50 {latency:6.1f} ms, {dropped} frames dropped")
