"""Classifies clips in Spark.

    python scripts/scale/spark_job.py ECO LIST OUT [--how pipe|frames] [--partitions N] [--master M] [-- ARGUMENTS OF eco classify]

LIST has a line per clip, `path<TAB>id`. OUT is a folder of JSON lines. `pipe` hands lines to `eco` by RDD.pipe, `frames` a DataFrame to
mapInPandas, which keeps its other columns. Paths must be readable on every machine, and ECO a path of every machine
(`spark-submit --files eco` brings it). A partition whose eco ends without an answer is done again, by Spark.
"""

import argparse
import json
import os
import shlex
import sys
from pathlib import Path

from pyspark.sql import SparkSession

sys.path.insert(0, str(Path(__file__).parent))


def by_pipe(spark, args, arguments):
    command = [args.eco, "classify", "-", "--format", "jsonl", "--fail-when", "never", "--no-timings", "--quiet", *arguments]
    lines = spark.sparkContext.textFile(args.list, args.partitions)
    # Without `env` the program has none, and finds no ffmpeg. Without `checkCode` Spark takes what a killed program has said for all.
    return lines.pipe(shlex.join(command), env={"PATH": os.environ["PATH"]}, checkCode=True)


def by_frames(spark, args, arguments):
    eco, folder = args.eco, str(Path(__file__).parent)

    def classify(batches):
        sys.path.insert(0, folder)
        import pandas
        from worker import Worker

        worker = Worker(eco, *arguments)
        for batch in batches:
            rows = worker.rows(batch.to_dict("records"))
            yield pandas.DataFrame({"row": [json.dumps(row) for row in rows]})
        worker.close()

    frame = spark.read.csv(args.list, sep="\t", schema="clip string, id string").repartition(args.partitions)
    return frame.mapInPandas(classify, "row string").rdd.map(lambda row: row.row)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("eco")
    parser.add_argument("list")
    parser.add_argument("out")
    parser.add_argument("--how", choices=["pipe", "frames"], default="pipe")
    parser.add_argument("--partitions", type=int, default=2)
    parser.add_argument("--master", default="local[2,4]", help="two tasks at a time, each tried four times")
    args, arguments = parser.parse_known_args()
    arguments = [argument for argument in arguments if argument != "--"]
    # Workers on this machine are the Python of this job, which has what they import.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    spark = SparkSession.builder.master(args.master).config("spark.ui.enabled", "false").getOrCreate()
    {"pipe": by_pipe, "frames": by_frames}[args.how](spark, args, arguments).saveAsTextFile(args.out)
    spark.stop()


if __name__ == "__main__":
    main()
