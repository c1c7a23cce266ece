"""Runs the jobs of this folder over 200 clips and compares their rows with those of one `eco classify`: `make test-scale`.

    python scripts/scale/test_jobs.py ECO [--only spark-pipe spark-frames ray slurm parallel]

One clip cannot be decoded: it must be a row like any other. While the first rows are made, one eco is killed: nothing may be lost, and
nothing may be there twice. At the end it prints how long each job took, and one process beside two.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
CLIPS = 200
LOOK = ["--weights", "demo", "--segments", "4", "--device", "cpu", "--topk", "1"]
# The shell scripts choose the number of threads themselves.
ARGUMENTS = [*LOOK, "--threads", "1"]


def clips(folder):
    """A list of clips, which are links to the example clips, one of them to a file that is no clip."""
    examples = sorted(path for path in (ROOT / "tests/clips").iterdir() if path.is_dir())
    lines = []
    for number in range(CLIPS):
        clip = folder / f"clip{number:03}"
        if number == 77:
            clip.mkdir()
            (clip / "img_0001.jpg").write_text("no picture")
        else:
            clip.symlink_to(examples[number % len(examples)])
        lines.append(f"{clip}\tid-{number}")
    (folder / "list.tsv").write_text("".join(f"{line}\n" for line in lines))


def kill_one(eco, killed):
    """Kills the first eco that is seen at work."""
    name = str(eco)
    for _ in range(2400):
        time.sleep(0.05)
        for process in Path("/proc").glob("[0-9]*"):
            try:
                command = (process / "cmdline").read_bytes().split(b"\0")
                ticks = int((process / "stat").read_text().rsplit(")", 1)[1].split()[11])
            except OSError:
                continue
            # It has computed for half a second: its first rows are out.
            if command[0].decode(errors="replace") == name and ticks > 50:
                os.kill(int(process.name), signal.SIGKILL)
                killed.append(process.name)
                return


def rows_of(out):
    files = [path for path in Path(out).iterdir() if path.suffix == ".jsonl" or path.name.startswith("part-")]
    return [json.loads(line) for path in files for line in path.read_text().splitlines()]


def comparable(rows):
    """Rows by their ids; line numbers count lines of what each process was given."""
    return sorted(({key: value for key, value in row.items() if key != "line"} for row in rows), key=lambda row: row["id"])


def job(name, eco, folder, out):
    scale = ROOT / "scripts/scale"
    return {
        "spark-pipe": [sys.executable, scale / "spark_job.py", eco, folder / "list.tsv", out, "--", *ARGUMENTS],
        "spark-frames": [sys.executable, scale / "spark_job.py", eco, folder / "list.tsv", out, "--how", "frames", "--", *ARGUMENTS],
        "ray": [sys.executable, scale / "ray_job.py", eco, folder / "list.tsv", out, "--", *ARGUMENTS],
        "parallel": [scale / "parallel.sh", folder / "list.tsv", out, "2", *LOOK],
        "slurm": ["bash", "-c", 'for task in 0 1 2; do SLURM_ARRAY_TASK_ID=$task "$@" || exit; done', "slurm", scale / "slurm.sh",
                  folder / "list.tsv", out, *LOOK],
    }[name]


def main():
    names = ["spark-pipe", "spark-frames", "ray", "slurm", "parallel"]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("eco", type=Path)
    parser.add_argument("--only", nargs="+", choices=names, default=names)
    args = parser.parse_args()
    eco = args.eco.resolve()
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        clips(folder)
        one = [eco, "classify", "-", "--format", "jsonl", "--fail-when", "never", "--no-timings", "--quiet", *ARGUMENTS]

        def in_one(lines):
            begun = time.monotonic()
            done = subprocess.run(one, input=lines, check=True, capture_output=True, text=True)
            return done.stdout, time.monotonic() - begun

        lines = (folder / "list.tsv").read_text()
        answers, alone = in_one(lines)
        expected = comparable(json.loads(line) for line in answers.splitlines())
        assert len(expected) == CLIPS and sum("error" in row for row in expected) == 1
        half = len(lines.splitlines()) // 2
        halves = ["\n".join(part) + "\n" for part in (lines.splitlines()[:half], lines.splitlines()[half:])]
        begun = time.monotonic()
        threads = [threading.Thread(target=in_one, args=(part,)) for part in halves]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        both = time.monotonic() - begun
        print(f"one process of one thread: {CLIPS / alone:.1f} clips/s; two: {CLIPS / both:.1f} clips/s, {alone / both:.2f} times as many")

        for name in args.only:
            out, killed = folder / name, []
            environment = {**os.environ, "ECO": str(eco), "PATH": f"{eco.parent}:{os.environ['PATH']}", "SLURM_ARRAY_TASK_COUNT": "3"}
            begun = time.monotonic()
            # Who runs shell scripts begins a killed task again by hand; here nobody does.
            if name not in ("slurm", "parallel"):
                threading.Thread(target=kill_one, args=(eco, killed), daemon=True).start()
            done = subprocess.run(job(name, eco, folder, out), env=environment, capture_output=True, text=True)
            seconds = time.monotonic() - begun
            found = comparable(rows_of(out)) if done.returncode == 0 else []
            is_right = found == expected
            failed += not is_right
            print(f"{name}: {len(found)} rows in {seconds:.0f} s{', one eco killed' if killed else ''}: {'equal' if is_right else 'WRONG'}",
                  flush=True)
            if not is_right:
                print(done.stderr[-3000:], file=sys.stderr)
    return failed


if __name__ == "__main__":
    sys.exit(main())
