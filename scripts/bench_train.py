"""Measures `eco train` on a set that is harder than the demo's (`harder_clips.py`): accuracy on clips that took no part, and time.

    python scripts/bench_train.py [--tune head last all] [--epochs N] [--segments N] [--weights FILE] [--eco PROGRAM] [--work DIR]

Each kind of training is fitted to DIR/train, chooses by DIR/val and is judged on DIR/test, in one process each. Times are those of
the whole commands, without features that were kept: on the clock, and of processors, which says more where others use the
machine. Prints a table in Markdown.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import harder_clips


def processor_seconds() -> float:
    """Of the programs that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def timed(program: Path, *arguments: str | Path) -> tuple[str, float, float]:
    """What the program prints, and the seconds that it takes: on the clock, and of processors."""
    start, used = time.monotonic(), processor_seconds()
    done = subprocess.run([program, *arguments], check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout, time.monotonic() - start, processor_seconds() - used


def measure(args: argparse.Namespace, tune: str) -> str:
    """Trains, evaluates, and returns the row of the table."""
    fitted = args.work / f"{tune}.safetensors"
    # Kept features would make a second run of the head look fast.
    kind = ["--no-cache"] if tune == "head" else ["--tune", tune, "--epochs", str(args.epochs)]
    train = ["train", args.work / "train", "--val", args.work / "val", "--weights", args.weights, "--segments", str(args.segments)]
    _, clock, processors = timed(args.eco, *train, *kind, "--output", fitted)
    text, *_ = timed(args.eco, "evaluate", args.work / "test", "--weights", fitted, "--format", "json")
    measures = json.loads(text)
    top = measures["top"][0]
    low, high = (100 * top["interval"][end] for end in ("low", "high"))
    worst = min(measures["classes"], key=lambda entry: entry["recall"])
    return (
        f"| `{tune}` | {100 * top['share']:.1f} % ({low:.1f} to {high:.1f} %) "
        f"| {worst['label']}, {100 * worst['recall']:.0f} % | {clock:.0f} s | {processors:.0f} s |"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tune", nargs="+", choices=["head", "last", "all"], default=["head", "last", "all"])
    parser.add_argument("--epochs", type=int, default=20, help="at most so many epochs for last and all (default 20)")
    parser.add_argument("--segments", type=int, default=16, help="frames per clip (default 16)")
    parser.add_argument("--weights", default="demo", help="where the training starts (default: the demo's random trunk)")
    parser.add_argument("--eco", type=Path, default=Path("target/release/eco"))
    parser.add_argument("--work", type=Path, default=Path("target/bench-train"), help="folder of the clips and the results")
    args = parser.parse_args()

    harder_clips.make(args.work, {"train": 40, "val": 10, "test": 20})
    print("| `--tune` | top-1 on clips that took no part (95 % interval) | weakest class | time | of processors |\n|---|---|---|---|---|")
    for tune in args.tune:
        print(measure(args, tune), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
