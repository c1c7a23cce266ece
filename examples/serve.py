"""Video files in, rows out, over HTTP: curl --data-binary @clip.mp4 http://127.0.0.1:8080/

    python3 examples/serve.py [ECO [PORT [ARGUMENTS OF eco classify...]]]

One long-living `eco` answers one clip after the other. docs/serving.md explains each part.
"""

import subprocess
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ECO, PORT = (sys.argv[1:] + ["eco", "8080"][len(sys.argv) - 1:])[:2]
COMMAND = [ECO, "classify", "-", "--format", "jsonl", "--batch", "1", "--quiet", *sys.argv[3:]]
WAITING, SECONDS, BYTES = 8, 60, 100_000_000
places, turn = threading.BoundedSemaphore(WAITING), threading.Lock()
worker = None


def classify(path):
    """The row about a file. A worker that is silent for too long is ended, and the next clip gets a new one."""
    global worker
    with turn:
        if worker is None or worker.poll() is not None:
            worker = subprocess.Popen(COMMAND, stdin=-1, stdout=-1, text=True)
        clock = threading.Timer(SECONDS, worker.kill)
        clock.start()
        try:
            print(path, file=worker.stdin, flush=True)
            return worker.stdout.readline()
        except BrokenPipeError:
            return ""
        finally:
            clock.cancel()


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        length = int(self.headers.get("Content-Length") or 0)
        if not 0 < length <= BYTES:
            return self.send_error(413, f"a video of 1 to {BYTES} bytes is wanted")
        if not places.acquire(blocking=False):
            return self.send_error(503, "too many clips are waiting")
        try:
            with tempfile.NamedTemporaryFile(suffix=".mp4") as file:
                file.write(self.rfile.read(length))
                file.flush()
                row = classify(file.name)
        finally:
            places.release()
        if not row.endswith("\n"):
            return self.send_error(504, "the worker did not answer")
        self.send_response(422 if '"error":' in row else 200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(row.encode())


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(PORT)), Handler)
    print(f"http://127.0.0.1:{server.server_port}/", flush=True)
    server.serve_forever()
