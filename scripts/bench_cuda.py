"""ECO on a GPU: eco beside PyTorch eager, torch.compile and ONNX Runtime, in one run on one card.

    python scripts/bench_cuda.py [--device cuda] [--eco PROGRAM] [--arch lite full] [--segments 4 16] [--batches 1 8 64]
                                 [--precisions fp32 tf32 fp16 bf16] [--peers eager compile onnxruntime] [--seconds N] [--json FILE]

Both sides take clips from the host's memory and give logits back to it, so that copies count: float32 for the peers and for
`eco`, one batch after the other; for `queued`, pixels, with the next batch on its way, as `eco classify` does it. `busy` is the part of
that time in which the GPU computes. A peer that is not installed, or cannot run, is named with its error; an error of eco is one of
this program. After `--seconds` nothing further is measured. `--device cpu` tries the script where there is no GPU.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

PRECISIONS = ("fp32", "tf32", "fp16", "bf16")
RUNS = 20
WARMUP = 5


def eco(args, arch, segments, batch, precision):
    """The median time of a batch in seconds, alone and queued, and the part of the latter in which the device computes."""
    command = [
        args.eco.resolve(), "bench", "--device", args.device, "--engine", "libtorch", "--arch", arch, "--segments", str(segments),
        "--batch", str(batch), "--precision", precision, "--warmup", str(WARMUP), "--runs", str(args.runs), "--format", "json",
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1])
    report = json.loads(done.stdout)
    medians = {stage["name"]: stage["median_ms"] * batch / 1e3 for stage in report["stages"]}
    return {"eco": medians["forward"], "queued": medians.get("queued"), "busy": report["device_busy"], "graph": report["graph"]}


class Torch:
    """PyTorch, as it is and compiled."""

    def __init__(self, device):
        import torch

        self.torch, self.device, self.nets = torch, device, {}

    def net(self, arch, segments, precision, compiled):
        torch = self.torch
        from reference import seeded

        dtype = {"fp16": torch.float16, "bf16": torch.bfloat16}.get(precision, torch.float32)
        net = seeded(segments=segments, arch=arch).to(self.device, dtype).eval()
        if not compiled:
            return net, dtype
        for parameter in net.parameters():
            layout = {4: torch.channels_last, 5: torch.channels_last_3d}.get(parameter.dim())
            if layout:
                parameter.data = parameter.data.contiguous(memory_format=layout)
        return torch.compile(net, mode="max-autotune"), dtype

    def time(self, arch, segments, batch, precision, compiled, runs):
        torch = self.torch
        torch.backends.cudnn.benchmark = True
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
        key = (arch, segments, precision, compiled)
        if key not in self.nets:
            self.nets = {key: self.net(*key)}
        net, dtype = self.nets[key]
        x = torch.randn(batch, segments, 3, 224, 224) * 50

        def run():
            with torch.inference_mode():
                net(x.to(self.device).to(dtype)).float().cpu()

        return median(run, runs)


class OnnxRuntime:
    """ONNX Runtime's CUDA provider, in float32: it decides about TF32 itself."""

    def __init__(self, device, folder):
        import onnxruntime

        self.ort, self.folder, self.session = onnxruntime, folder, None
        provider = {"cpu": "CPUExecutionProvider"}.get(device, "CUDAExecutionProvider")
        if provider not in onnxruntime.get_available_providers():
            raise RuntimeError(f"this ONNX Runtime has no {provider}")
        self.provider = provider

    def time(self, arch, segments, batch, precision, runs):
        import torch

        from reference import seeded

        if precision not in ("fp32", "tf32"):
            raise RuntimeError("not measured with 16 bits")
        key = (arch, segments, precision)
        if not self.session or self.session[0] != key:
            path = self.folder / f"{arch}-{segments}.onnx"
            if not path.exists():
                x = torch.randn(1, segments, 3, 224, 224)
                torch.onnx.export(seeded(segments=segments, arch=arch).eval(), (x,), path, input_names=["x"],
                                  dynamic_axes={"x": {0: "batch"}}, dynamo=False)
            options = {"use_tf32": int(precision == "tf32")} if self.provider.startswith("CUDA") else {}
            session = self.ort.InferenceSession(path, providers=[(self.provider, options)])
            self.session = (key, session)
        session = self.session[1]
        x = torch.randn(batch, segments, 3, 224, 224).mul(50).numpy()
        return median(lambda: session.run(None, {"x": x}), runs)


def median(run, runs):
    for _ in range(WARMUP):
        run()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def card(device):
    if device == "cpu":
        return "cpu"
    import torch

    return torch.cuda.get_device_name()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--eco", type=Path, default=Path("target/release/eco"))
    parser.add_argument("--arch", nargs="+", default=["lite", "full"], choices=["lite", "full"])
    parser.add_argument("--segments", nargs="+", type=int, default=[4, 16])
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 8, 64])
    parser.add_argument("--precisions", nargs="+", choices=PRECISIONS, default=list(PRECISIONS))
    parser.add_argument("--peers", nargs="*", choices=["eager", "compile", "onnxruntime"],
                        default=["eager", "onnxruntime", "compile"])
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="measure nothing further after so many seconds")
    parser.add_argument("--folder", type=Path, default=Path("."), help="where ONNX files are written")
    parser.add_argument("--json", type=Path, help="write all figures there, too")
    args = parser.parse_args()

    begun, rows = time.monotonic(), []
    cases = [(arch, segments, batch, precision) for arch in args.arch for segments in args.segments
             for precision in args.precisions for batch in args.batches]

    def measure(name, timer):
        for case in cases:
            if time.monotonic() - begun > args.seconds:
                print(f"{name}: the time is over", file=sys.stderr)
                return
            arch, segments, batch, precision = case
            row = {"what": name, "arch": arch, "segments": segments, "batch": batch, "precision": precision}
            try:
                time_of_batch = timer(*case)
                if name == "eco":
                    queued = time_of_batch["queued"]
                    row |= {"queued": queued and batch / queued, "busy": time_of_batch["busy"], "graph": time_of_batch["graph"]}
                    time_of_batch = time_of_batch["eco"]
                row["clips_per_second"] = batch / time_of_batch
            except Exception as error:  # what a peer cannot do is part of the result
                row["error"] = str(error).strip().splitlines()[0][:200]
            rows.append(row)
            if args.json:
                args.json.write_text(json.dumps({"card": card(args.device), "rows": rows}, indent=1))

    measure("eco", lambda *case: eco(args, *case))
    for peer in args.peers:
        try:
            if peer == "onnxruntime":
                runtime = OnnxRuntime(args.device, args.folder)
                measure(peer, lambda *case: runtime.time(*case, args.runs))
            else:
                runtime = Torch(args.device)
                compiled = peer == "compile"
                measure(peer, lambda *case: runtime.time(*case, compiled, args.runs))
        except (ImportError, RuntimeError) as error:
            print(f"{peer} is left out: {error}", file=sys.stderr)

    print(f"Clips per second on {card(args.device)}, host to host.\n")
    names = ["eco", *args.peers]
    print("| network | N | batch | precision | queued | busy | " + " | ".join(names) + " |\n|" + "---|" * (6 + len(names)))
    for case in cases:
        found = {row["what"]: row for row in rows
                 if (row["arch"], row["segments"], row["batch"], row["precision"]) == case}
        cells = [f"{found[name]['clips_per_second']:.1f}" if "clips_per_second" in found.get(name, {}) else "-"
                 for name in names]
        own = found.get("eco", {})
        cells[:0] = [f"{own['queued']:.1f}" if own.get("queued") else "-", f"{own['busy']:.0%}" if own.get("busy") else "-"]
        print("| " + " | ".join(map(str, [*case, *cells])) + " |")
    for error in sorted({f"{row['what']}: {row['error']}" for row in rows if "error" in row}):
        print(error, file=sys.stderr)
    return int(any(row["what"] == "eco" and "error" in row for row in rows))


if __name__ == "__main__":
    sys.exit(main())
