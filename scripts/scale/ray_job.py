"""Classifies clips in Ray Data, by a pool of actors that each keep one eco.

    python scripts/scale/ray_job.py ECO LIST OUT [--actors N] [-- ARGUMENTS OF eco classify]

LIST has a line per clip, `path<TAB>id`. OUT is a folder of JSON lines.
"""

import argparse
import json
import sys
from pathlib import Path

import ray

FOLDER = str(Path(__file__).parent)


class Classify:
    def __init__(self, eco, arguments):
        sys.path.insert(0, FOLDER)
        from worker import Worker

        self.worker = Worker(eco, *arguments)

    def __call__(self, batch):
        import numpy

        clips = [{"clip": clip, "id": id} for clip, id in zip(batch["clip"], batch["id"])]
        return {"row": numpy.array([json.dumps(row) for row in self.worker.rows(clips)], dtype=object)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("eco")
    parser.add_argument("list")
    parser.add_argument("out", type=Path)
    parser.add_argument("--actors", type=int, default=2)
    args, arguments = parser.parse_known_args()
    arguments = [argument for argument in arguments if argument != "--"]
    ray.init(num_cpus=args.actors, include_dashboard=False, log_to_driver=False)
    clips = [dict(zip(("clip", "id"), line.split("\t"))) for line in Path(args.list).read_text().splitlines()]
    rows = ray.data.from_items(clips).map_batches(
        Classify, fn_constructor_args=(args.eco, arguments), batch_size=16, concurrency=args.actors)
    args.out.mkdir()
    with open(args.out / "rows.jsonl", "w") as file:
        for row in rows.iter_rows():
            file.write(row["row"] + "\n")
    ray.shutdown()


if __name__ == "__main__":
    main()
