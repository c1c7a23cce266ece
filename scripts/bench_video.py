"""16 evenly spaced frames of a 10-second video: eco, with libav* and with the ffmpeg program, beside readers for Python.

    bench_video.py                                     all videos, 5 rounds
    bench_video.py --rounds 9 --only h264_340,hevc_340
    bench_video.py --parts pairs,answers               several videos at a time, and the way from a file to its answer

Every reader lives in a process of its own and waits there for its turn, and a round lets every one run once, so that other load on the
machine meets all of them. A ratio is one of least times.

- one: a video at a time. eco's time is that of `eco bench`: it lists, decodes, resizes and crops; the other readers give whole
  frames. Each reader uses as many threads as it likes, eco those of the machine.
- pairs: 8 videos in two processes, eco-decode with one thread in each, beside decord in two processes as it comes.
- answers: `eco classify -` beside decord, OpenCV's resizing and OpenVINO, all as they come: from a path written to a process
  that is ready to the line it answers.
"""

import argparse
import json
import os
import platform
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VIDEOS = ROOT / "target" / "bench-video"
SEGMENTS = 16
# Videos that are read in pairs.
SEVERAL = 8
PARTS = ["one", "pairs", "answers"]
KINDS = {
    "h264_340": ("454x256", "mp4", ["-c:v", "libx264"]),
    "h264_720": ("1280x720", "mp4", ["-c:v", "libx264"]),
    "h264_1080": ("1920x1080", "mp4", ["-c:v", "libx264"]),
    "hevc_340": ("454x256", "mp4", ["-c:v", "libx265", "-x265-params", "log-level=error"]),
    "av1_340": ("454x256", "mp4", ["-c:v", "libsvtav1"]),
    "mpeg4_340": ("454x256", "mp4", ["-c:v", "mpeg4", "-q:v", "4"]),
}


def make(name):
    size, container, encoder = KINDS[name]
    path = VIDEOS / f"{name}.{container}"
    if not path.exists():
        VIDEOS.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f"part-{path.name}")
        picture = f"testsrc2=size={size}:rate=30:duration=10,noise=alls=8:allf=t"
        subprocess.run(["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", picture, "-pix_fmt", "yuv420p",
                        *encoder, unfinished], check=True, env={**os.environ, "SVT_LOG": "1"})
        unfinished.rename(path)
    return path


def indices(count):
    part = count / SEGMENTS
    return [min(int(part / 2 + part * at), count - 1) for at in range(SEGMENTS)]


# Readers: each function returns one that takes a path and gives the frames.

def opencv():
    import cv2

    def read(path):
        video = cv2.VideoCapture(path)
        wanted, frames = set(indices(int(video.get(cv2.CAP_PROP_FRAME_COUNT)))), []
        for at in range(max(wanted) + 1):
            video.grab()
            if at in wanted:
                frames.append(cv2.cvtColor(video.retrieve()[1], cv2.COLOR_BGR2RGB))
        return frames
    return read


def pyav():
    import av

    def read(path):
        with av.open(path) as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            wanted, frames = set(indices(stream.frames)), []
            for at, frame in enumerate(container.decode(stream)):
                if at in wanted:
                    frames.append(frame.to_ndarray(format="rgb24"))
                if len(frames) == len(wanted):
                    break
            return frames
    return read


def decord():
    import decord as reader

    def read(path):
        video = reader.VideoReader(path)
        return video.get_batch(indices(len(video))).asnumpy()
    return read


def torchcodec():
    from torchcodec.decoders import VideoDecoder

    def read(path):
        video = VideoDecoder(path, num_ffmpeg_threads=0)
        return video.get_frames_at(indices(len(video))).data
    return read


def openvino():
    """Frames by decord, prepared as the official code does, to the number of the likeliest class."""
    import cv2
    import numpy as np
    import openvino as ov

    core = ov.Core()
    model = core.compile_model(core.read_model(os.environ["BENCH_ONNX"]), "CPU")
    frames = decord()
    means = np.array([104, 117, 128], np.float32)

    def answer(path):
        views = []
        for frame in frames(path):
            height, width = frame.shape[:2]
            scale = 256 / min(height, width)
            if scale != 1:
                frame = cv2.resize(frame, (round(width * scale), round(height * scale)))
            top, left = (frame.shape[0] - 224) // 2, (frame.shape[1] - 224) // 2
            view = frame[top:top + 224, left:left + 224, ::-1].astype(np.float32) - means
            views.append(view.transpose(2, 0, 1))
        logits = model([np.stack(views)[None]])[0]
        # As long as there are frames, for `serve`.
        return [int(logits.argmax())] * SEGMENTS
    return answer


PEERS = {"OpenCV": opencv, "PyAV": pyav, "decord": decord, "torchcodec": torchcodec}


def serve(name):
    """Reads each path that standard input names, and answers with a line."""
    read = {**PEERS, "OpenVINO": openvino}[name]()
    print("ready", flush=True)
    for line in sys.stdin:
        assert len(read(line.strip())) == SEGMENTS
        print("done", flush=True)


class Process:
    """A process that answers a path with a line."""

    def __init__(self, command, environment=None):
        self.process = subprocess.Popen(command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, env={**os.environ, **(environment or {})})
        self.is_here = True

    def ask(self, path):
        print(path, file=self.process.stdin, flush=True)

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            # It cannot read this video, and has ended.
            self.is_here = False
            raise BrokenPipeError
        return line

    def time(self, path):
        if not self.is_here:
            return None
        try:
            started = time.perf_counter()
            self.ask(path)
            self.answer()
            return (time.perf_counter() - started) * 1e3
        except BrokenPipeError:
            self.is_here = False
            return None


class Peer(Process):
    """A reader for Python."""

    def __init__(self, name, environment=None):
        super().__init__([sys.executable, __file__, "--serve", name], environment)
        self.is_here = self.process.stdout.readline() == "ready\n"


class Worker:
    """An eco-decode, asked as src/clip/video/protocol.rs says."""

    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.receive()

    def send(self, message):
        message = json.dumps(message).encode()
        self.process.stdin.write(struct.pack("<I", len(message)) + message)
        self.process.stdin.flush()

    def receive(self):
        (length,) = struct.unpack("<I", self.process.stdout.read(4))
        message = json.loads(self.process.stdout.read(length))
        if "Frame" in message:
            self.process.stdout.read(message["Frame"]["bytes"])
        return message

    def read(self, path):
        file = list(os.fsencode(path))
        self.send({"Open": {"file": file}})
        count = len(self.receive()["Opened"]["pts"])
        wanted = [{"index": index, "cuts": [{"Crops": "1"}]} for index in indices(count)]
        self.send({"Frames": {"file": file, "frames": count, "wanted": wanted, "preprocess": "official", "threads": 1}})
        for _ in wanted:
            self.send("Next")
            assert "Frame" in self.receive()


def serve_worker(program):
    """As `serve`, by an eco-decode."""
    worker = Worker(program)
    for line in sys.stdin:
        worker.read(line.strip())
        print("done", flush=True)


def eco(program, decoder, path):
    printed = subprocess.run([program, "bench", path, "--decoder", decoder, "--weights", "demo", "--runs", "1", "--warmup", "1",
                              "--format", "json"], check=True, capture_output=True, text=True).stdout
    stages = {stage["name"]: stage["min_ms"] for stage in json.loads(printed)["stages"]}
    return stages["decode"]


def rounds(count, contenders):
    """The times of each contender, a function, in so many rounds after one that warms up."""
    times = {name: [] for name in contenders}
    for number in range(count + 1):
        for name, run in contenders.items():
            time = run()
            if number:
                times[name].append(time)
    return {name: values for name, values in times.items() if values and None not in values}


def show(title, times, contenders):
    print(f"\n{title}: milliseconds, least and median")
    for name in contenders:
        values = times.get(name)
        print(f"  {name:18}" + (f"{min(values):8.1f} {statistics.median(values):8.1f}" if values else "  cannot"))
    return {name: min(values) for name, values in times.items()}


def one(args, name, path):
    peers = {peer: Peer(peer) for peer in PEERS}
    contenders = {f"eco {decoder}": lambda decoder=decoder: eco(args.eco, decoder, path) for decoder in ["libav", "ffmpeg"]}
    contenders |= {peer: lambda reader=reader: reader.time(path) for peer, reader in peers.items()}
    least = show(name, rounds(args.rounds, contenders), contenders)
    best = min((least[peer] for peer in peers if peer in least), default=None)
    if best:
        print(f"  eco libav / best peer: {least['eco libav'] / best:.2f}")
    print(f"  eco libav / eco ffmpeg: {least['eco libav'] / least['eco ffmpeg']:.2f}")


def pairs(args, name, path):
    with tempfile.TemporaryDirectory(dir=VIDEOS) as folder:
        # A worker keeps the video that it has open, so each has another name.
        paths = [Path(folder) / f"{number}{Path(path).suffix}" for number in range(SEVERAL)]
        for link in paths:
            os.link(path, link)
        decoder = args.eco.with_name("eco-decode")
        workers = [Process([sys.executable, __file__, "--serve-worker", decoder]) for _ in range(2)]
        readers = [Peer("decord") for _ in range(2)]

        def both(processes):
            started = time.perf_counter()
            for number, link in enumerate(paths):
                processes[number % 2].ask(link)
            try:
                for number in range(SEVERAL):
                    processes[number % 2].answer()
            except BrokenPipeError:
                return None
            return (time.perf_counter() - started) * 1e3

        contenders = {"eco-decode": lambda: both(workers)}
        if all(reader.time(path) for reader in readers):
            contenders["decord"] = lambda: both(readers)
        least = show(f"{name}, {SEVERAL} in two processes", rounds(args.rounds, contenders), contenders)
    for reader, milliseconds in least.items():
        print(f"  {reader}: {SEVERAL / milliseconds * 1e3:.1f} clips/s")
    if "decord" in least:
        print(f"  clips/s of eco-decode / decord: {least['decord'] / least['eco-decode']:.2f}")


def answers(args, name, path, folder):
    weights, network = folder / "weights.safetensors", folder / "net.onnx"
    if not network.exists():
        import torch
        from safetensors.torch import save_file

        from reference import clips, load, seeded

        save_file(seeded(arch="lite").state_dict(), weights)
        torch.onnx.export(load(weights, SEGMENTS), (clips(1, SEGMENTS, 7),), network, input_names=["x"], dynamo=False)
    mine = Process([args.eco, "classify", "-", "--weights", weights, "--format", "jsonl", "--quiet"])
    other = Peer("OpenVINO", {"BENCH_ONNX": str(network)})
    contenders = {"eco classify": lambda: mine.time(path), "decord + OpenVINO": lambda: other.time(path)}
    least = show(f"{name}, from a file to its answer", rounds(args.rounds, contenders), contenders)
    if len(least) == 2:
        print(f"  eco / decord + OpenVINO: {least['eco classify'] / least['decord + OpenVINO']:.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default=",".join(KINDS), help="videos, with commas between")
    parser.add_argument("--parts", default=",".join(PARTS), help="what is measured, with commas between")
    parser.add_argument("--eco", type=Path, default=ROOT / "target/cpu/release/eco")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--serve-worker", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        return serve(args.serve)
    if args.serve_worker:
        return serve_worker(args.serve_worker)
    parts = args.parts.split(",")
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as folder:
        for name in args.only.split(","):
            path = str(make(name))
            if "one" in parts:
                one(args, name, path)
            if "pairs" in parts:
                pairs(args, name, path)
            if "answers" in parts:
                answers(args, name, path, Path(folder))


if __name__ == "__main__":
    main()
