"""16 evenly spaced frames of a 10-second video: eco, with libav* and with the ffmpeg program, beside readers for Python.

    bench_video.py                            all videos, 5 rounds
    bench_video.py --rounds 9 --only h264_340,hevc_720

Every reader lives in a process of its own and waits there for its turn, and a round lets every one run once, so that other load on the
machine meets all of them. eco's time is that of `eco bench`: it lists, decodes, resizes and crops; the other readers give whole
frames. A ratio is one of least times. Each reader uses as many threads as it likes, eco those of the machine.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VIDEOS = ROOT / "target" / "bench-video"
SEGMENTS = 16
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
                        *encoder, unfinished], check=True)
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


PEERS = {"OpenCV": opencv, "PyAV": pyav, "decord": decord, "torchcodec": torchcodec}


def serve(name):
    """Reads each path that standard input names, and prints the milliseconds."""
    read = PEERS[name]()
    print("ready", flush=True)
    for line in sys.stdin:
        started = time.perf_counter()
        assert len(read(line.strip())) == SEGMENTS
        print((time.perf_counter() - started) * 1e3, flush=True)


class Peer:
    def __init__(self, name):
        self.process = subprocess.Popen([sys.executable, __file__, "--serve", name], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.is_here = self.process.stdout.readline() == "ready\n"

    def time(self, path):
        if not self.is_here:
            return None
        try:
            print(path, file=self.process.stdin, flush=True)
            return float(self.process.stdout.readline())
        except (BrokenPipeError, ValueError):
            # It cannot read this video, and has ended.
            self.is_here = False
            return None


def eco(program, decoder, path):
    printed = subprocess.run([program, "bench", path, "--decoder", decoder, "--weights", "demo", "--runs", "1", "--warmup", "1",
                              "--format", "json"], check=True, capture_output=True, text=True).stdout
    stages = {stage["name"]: stage["min_ms"] for stage in json.loads(printed)["stages"]}
    return stages["decode"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default=",".join(KINDS))
    parser.add_argument("--eco", type=Path, default=ROOT / "target/cpu/release/eco")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        return serve(args.serve)
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    for name in args.only.split(","):
        path = str(make(name))
        peers = {peer: Peer(peer) for peer in PEERS}
        times = {peer: [] for peer in ["eco libav", "eco ffmpeg", *peers]}
        for number in range(args.rounds + 1):
            for decoder in ["libav", "ffmpeg"]:
                times[f"eco {decoder}"].append(eco(args.eco, decoder, path))
            for peer, reader in peers.items():
                times[peer].append(reader.time(path))
            if number == 0:
                # Nothing is warm yet.
                times = {reader: [] for reader in times}
        print(f"\n{name}: milliseconds, least and median of {args.rounds}")
        known = {reader: values for reader, values in times.items() if values and None not in values}
        for reader in times:
            values = known.get(reader)
            shown = f"{min(values):8.1f} {statistics.median(values):8.1f}" if values else "  cannot"
            print(f"  {reader:12}{shown}")
        least = {reader: min(values) for reader, values in known.items()}
        best = min((least[peer] for peer in peers if peer in least), default=None)
        if best:
            print(f"  eco libav / best peer: {least['eco libav'] / best:.2f}")
        print(f"  eco libav / eco ffmpeg: {least['eco libav'] / least['eco ffmpeg']:.2f}")


if __name__ == "__main__":
    main()
