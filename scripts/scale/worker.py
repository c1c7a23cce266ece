"""One `eco classify` that is kept for many clips: for jobs whose functions run in Python."""

import json
import subprocess
import threading

# How often a clip is asked about before the job fails: eco answers what it cannot decode with a row, so only a killed eco is silent.
TRIES = 3


class Worker:
    """Rows for clips, in their order."""

    def __init__(self, eco, *arguments):
        # No partial batches to wait for, no exit code for clips that failed, the same rows in a second run.
        self.command = [eco, "classify", "-", "--format", "jsonl", "--batch", "1", "--fail-when", "never", "--no-timings", "--quiet",
                        *arguments]
        self.process = None

    def rows(self, clips):
        """The row of each clip. A clip is a dictionary with `clip`, a path; its other fields come back in the row."""
        lines = [json.dumps(clip) for clip in clips]
        rows, tries = [], 0
        while len(rows) < len(lines):
            rest, before = lines[len(rows):], len(rows)
            rows.extend(self._answers(rest))
            tries = 0 if len(rows) > before else tries + 1
            if tries == TRIES:
                raise RuntimeError(f"eco gives no answer about {rest[0]}")
        return [json.loads(row) for row in rows]

    def _answers(self, lines):
        """The answers of one process, fewer than lines if it ends before."""
        if self.process is None:
            self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        process = self.process

        def write():
            try:
                process.stdin.write("".join(f"{line}\n" for line in lines))
                process.stdin.flush()
            except BrokenPipeError:
                pass

        # Written beside the reading: both pipes are finite.
        writing = threading.Thread(target=write)
        writing.start()
        answers = []
        for _ in lines:
            answer = process.stdout.readline()
            if not answer.endswith("\n"):
                process.kill()
                process.wait()
                self.process = None
                break
            answers.append(answer)
        writing.join()
        return answers

    def close(self):
        if self.process is not None:
            self.process.stdin.close()
            self.process.wait()
            self.process = None
