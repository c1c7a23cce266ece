"""ECO on this CPU: eco beside PyTorch, ONNX Runtime and OpenVINO, on the same weights and input.

    bench.py                              ECO-Lite, 16 frames, batch 1, all cores, 7 rounds
    bench.py --arch full                  ECO-Full
    bench.py --batch 4 --threads 1        other settings
    bench.py --only openvino,winograd     some of them

Each runtime lives in a process of its own and waits there for its turn; a round lets every one run once. So a burst of
other load on the machine meets all of them, and ratios stay while times wander. Before anything is timed, the logits are
compared with float64. float32 everywhere, and bfloat16 beside it where the CPU has it: what OpenVINO does there by default, and
`eco --precision bf16` on AMX.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SEGMENTS = 16
# Relative L2 distance of logits to float64 above which a runtime computes something else.
TOLERANCE = 1e-5
TOLERANCE_BF16 = 1e-2
NAMES = {
    "eager": "PyTorch eager",
    "compile": "torch.compile, freezing",
    "onnxruntime": "ONNX Runtime",
    "openvino": "OpenVINO",
    "openvino-default": "OpenVINO, its default precision",
    "libtorch": "eco --engine libtorch",
    "winograd": "eco --engine winograd",
    "direct": "eco --precision bf16",
}
# What computes in bfloat16, and the flags of /proc/cpuinfo that it takes: one of each list.
BF16 = {"openvino-default": [["avx512_bf16", "amx_bf16"]], "direct": [["amx_tile"], ["amx_bf16"]]}


# Runtimes: each function returns one that takes the input and gives logits as a numpy array.

def eager(folder, threads):
    import torch

    from reference import load

    net = load(folder / "weights.safetensors", SEGMENTS)
    torch.set_num_threads(threads)

    def run(x):
        with torch.inference_mode():
            return net(torch.from_numpy(x)).numpy()

    return run


def compiled(folder, threads):
    import torch
    import torch._inductor.config as config

    from reference import load

    config.freezing = True
    net = load(folder / "weights.safetensors", SEGMENTS)
    torch.set_num_threads(threads)
    fast = torch.compile(net)

    def run(x):
        with torch.no_grad():
            return fast(torch.from_numpy(x)).numpy()

    return run


def onnxruntime(folder, threads):
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    session = ort.InferenceSession(folder / "net.onnx", options, providers=["CPUExecutionProvider"])
    return lambda x: session.run(None, {"x": x})[0]


def openvino(folder, threads, precision={"INFERENCE_PRECISION_HINT": "f32"}):
    import openvino as ov

    core = ov.Core()
    config = {
        **precision,
        "INFERENCE_NUM_THREADS": threads,
        "PERFORMANCE_HINT": "LATENCY",
        "CACHE_DIR": "",
    }
    model = core.compile_model(core.read_model(folder / "net.onnx"), "CPU", config)
    return lambda x: model([x])[0]


def openvino_default(folder, threads):
    return openvino(folder, threads, {})


RUNTIMES = {"eager": eager, "compile": compiled, "onnxruntime": onnxruntime, "openvino": openvino,
            "openvino-default": openvino_default}


def lacks(name):
    """The flags that this CPU lacks for a runtime."""
    if name not in BF16:
        return []
    cpuinfo = Path("/proc/cpuinfo")
    flags = set(cpuinfo.read_text().split()) if cpuinfo.exists() else set()
    return [" or ".join(one) for one in BF16[name] if not flags & set(one)]


def worker(name, folder, threads):
    """Runs one runtime: a number on standard input is answered with that many times in seconds."""
    import numpy as np
    from safetensors.numpy import load_file

    x = load_file(folder / "input.safetensors")["input"]
    run = RUNTIMES[name](folder, threads)
    np.save(folder / f"{name}.npy", run(x))
    run(x)
    print("ready", flush=True)
    for line in sys.stdin:
        times = []
        for _ in range(int(line)):
            start = time.perf_counter()
            run(x)
            times.append(time.perf_counter() - start)
        print(json.dumps({"times": times, "peak": peak_memory()}), flush=True)


def peak_memory():
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    return next(int(line.split()[1]) * 1024 for line in status.read_text().splitlines() if line.startswith("VmHWM"))


class Peer:
    """A runtime in a process of its own."""

    def __init__(self, name, folder, threads):
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
        command = [sys.executable, __file__, "worker", name, str(folder), str(threads)]
        self.process = subprocess.Popen(command, stdin=-1, stdout=-1, text=True, env=environment)
        self.peak = None
        # Compilers may print something first.
        while (line := self.process.stdout.readline()).strip() != "ready":
            if not line:
                raise RuntimeError(f"{NAMES[name]} did not start")

    def times(self, runs):
        print(runs, file=self.process.stdin, flush=True)
        answer = json.loads(self.process.stdout.readline())
        self.peak = answer["peak"]
        return answer["times"]


class Eco:
    """`eco bench`, anew in each round: it is ready in a moment."""

    def __init__(self, name, folder, threads, eco):
        self.command = [
            eco, "bench", *(["--precision", "bf16"] if name in BF16 else ["--engine", name]),
            "--device", "cpu", "--threads", str(threads), "--format", "json",
            "--weights", folder / "weights.safetensors", "--input", folder / "input.safetensors",
            "--outputs", folder / f"{name}.safetensors",
        ]
        self.peak = None
        self.times(1)

    def times(self, runs):
        # The first forward pass of the process is measured apart, the second one warms up.
        command = [*self.command, "--warmup", "1", "--runs", str(runs)]
        report = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        self.peak = report["peak_memory_mb"] and report["peak_memory_mb"] * 1e6
        forward = next(stage for stage in report["stages"] if stage["name"] == "forward")
        # Per clip there, per batch here; the fastest and the middle say it all for so few runs.
        return [forward[key] * report["batch"] / 1e3 for key in ("min_ms", "median_ms")]


def prepare(folder, arch, batch, names):
    """Writes weights, input and the ONNX file; returns the logits in float64."""
    import torch
    from safetensors.torch import save_file

    from reference import clips, load, seeded

    x = clips(batch, SEGMENTS, 7)
    save_file(seeded(arch=arch).state_dict(), folder / "weights.safetensors")
    save_file({"input": x}, folder / "input.safetensors")
    net = load(folder / "weights.safetensors", SEGMENTS)
    if {"onnxruntime", "openvino", "openvino-default"} & set(names):
        torch.onnx.export(net, (x,), folder / "net.onnx", input_names=["x"], dynamo=False)
    with torch.no_grad():
        return net.double()(x.double()).numpy()


def logits_of(name, folder):
    import numpy as np
    from safetensors.numpy import load_file

    if name in RUNTIMES:
        return np.load(folder / f"{name}.npy")
    return load_file(folder / f"{name}.safetensors")["logits"]


def table(times, peers, errors, batch):
    """A Markdown table, slowest first; the ratio is to the Winograd engine, round by round."""
    import numpy as np

    # The middle time of each round, in ms per clip.
    rounds = {name: [statistics.median(r) * 1e3 / batch for r in rows] for name, rows in times.items()}
    best = rounds.get("winograd")
    print("| | ms per clip, min | median | times the Winograd engine's (range) | peak MB | logits, rel. L2 to float64 |")
    print("|-|-|-|-|-|-|")
    for name in sorted(rounds, key=lambda name: -statistics.median(rounds[name])):
        mine = rounds[name]
        low = min(min(r) for r in times[name]) * 1e3 / batch
        ratio = "-"
        if best:
            ratios = np.array(mine) / np.array(best)
            ratio = f"{statistics.median(mine) / statistics.median(best):.2f} ({ratios.min():.2f} to {ratios.max():.2f})"
        peak = f"{peers[name].peak / 1e6:.0f}" if peers[name].peak else "-"
        print(f"| {NAMES[name]} | {low:.0f} | {statistics.median(mine):.0f} | {ratio} | {peak} | {errors[name]:.1e} |")


def main():
    if sys.argv[1:2] == ["worker"]:
        return worker(sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))
    import numpy as np

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--eco", type=Path, default=ROOT / "target/release/eco")
    parser.add_argument("--arch", choices=["lite", "full"], default="lite")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--runs", type=int, default=3, help="runs per round")
    parser.add_argument("--only", default=",".join(NAMES), help="names, with commas between")
    args = parser.parse_args()
    names = args.only.split(",")
    for name in [name for name in names if lacks(name)]:
        print(f"left out: {NAMES[name]}: this CPU has no {', no '.join(lacks(name))}", file=sys.stderr)
        names.remove(name)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        exact = prepare(folder, args.arch, args.batch, names)
        peers, errors = {}, {}
        for name in names:
            try:
                peers[name] = (Peer(name, folder, args.threads) if name in RUNTIMES
                               else Eco(name, folder, args.threads, args.eco))
            except RuntimeError as error:
                print(f"left out: {error}", file=sys.stderr)
                continue
            errors[name] = float(np.linalg.norm(logits_of(name, folder) - exact) / np.linalg.norm(exact))
            tolerance = TOLERANCE_BF16 if name in BF16 else TOLERANCE
            if not errors[name] < tolerance:
                sys.exit(f"{NAMES[name]}: logits are {errors[name]:.1e} from float64, over {tolerance}")
        times = {name: [] for name in peers}
        for number in range(args.rounds):
            print(f"round {number + 1} of {args.rounds}", file=sys.stderr)
            for name, peer in peers.items():
                times[name].append(peer.times(args.runs))
        print(f"ECO-{args.arch.title()}, {args.threads} threads, batch {args.batch}, {args.rounds} rounds of {args.runs} runs, {platform.processor() or platform.machine()}\n")
        table(times, peers, errors, args.batch)


if __name__ == "__main__":
    main()
