"""How far bfloat16 is from float64: eco on AMX beside OpenVINO's default and PyTorch's autocast.

    bench_bf16.py                         five seeds, 4, 8 and 16 frames, both networks (some minutes)
    bench_bf16.py --seeds 1 --arch lite   some of them

It runs in the environment that `make bench` sets up (.venv-bench). For each network and each number of frames it prints the
relative L2 distance of the logits to float64, the least and the largest of all seeds, and for how many seeds the first class is
that of float64. What this CPU cannot run is left out, and said so.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import bench

SEGMENTS = [4, 8, 16]
NAMES = {"direct": "eco --precision bf16", "openvino-default": "OpenVINO, its default precision",
         "autocast": "PyTorch, autocast to bfloat16"}


def answers(folder, net, x, eco, names):
    """The logits of each runtime, by its name."""
    import numpy as np
    import torch
    from safetensors.numpy import load_file

    logits = {}
    if "direct" in names:
        command = [eco, "bench", "--precision", "bf16", "--device", "cpu", "--warmup", "0", "--runs", "1",
                   "--weights", folder / "weights.safetensors",
                   "--input", folder / "input.safetensors", "--outputs", folder / "direct.safetensors"]
        subprocess.run(command, check=True, capture_output=True)
        logits["direct"] = load_file(folder / "direct.safetensors")["logits"]
    if "openvino-default" in names:
        torch.onnx.export(net, (x,), folder / "net.onnx", input_names=["x"], dynamo=False)
        logits["openvino-default"] = bench.openvino_default(folder, 2)(x.numpy())
    if "autocast" in names:
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            logits["autocast"] = net(x).float().numpy()
    return {name: np.asarray(values, dtype=np.float64) for name, values in logits.items()}


def main():
    import numpy as np
    import torch
    from safetensors.torch import save_file

    from reference import clips, load, seeded

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--eco", type=Path, default=bench.ROOT / "target/release/eco")
    parser.add_argument("--arch", choices=["lite", "full"], action="append")
    parser.add_argument("--seeds", type=int, default=5)
    args = parser.parse_args()
    names = [name for name in NAMES if not bench.lacks(name)]
    for name in set(NAMES) - set(names):
        print(f"left out: {NAMES[name]}: this CPU has no {', no '.join(bench.lacks(name))}", file=sys.stderr)
    print("| network, frames | runtime | logits, rel. L2 to float64 | first class |")
    print("|-|-|-|-|")
    for arch in args.arch or ["lite", "full"]:
        for segments in SEGMENTS:
            errors, firsts = {name: [] for name in names}, {name: 0 for name in names}
            for seed in range(1, args.seeds + 1):
                with tempfile.TemporaryDirectory() as folder:
                    folder, x = Path(folder), clips(1, segments, seed)
                    save_file(seeded(seed, arch=arch).state_dict(), folder / "weights.safetensors")
                    save_file({"input": x}, folder / "input.safetensors")
                    net = load(folder / "weights.safetensors", segments)
                    found = answers(folder, net, x, args.eco, names)
                    with torch.no_grad():
                        exact = net.double()(x.double()).numpy()
                for name, logits in found.items():
                    errors[name].append(np.linalg.norm(logits - exact) / np.linalg.norm(exact))
                    firsts[name] += int(logits.argmax() == exact.argmax())
            for name in names:
                low, high = min(errors[name]), max(errors[name])
                print(f"| ECO-{arch.title()}, {segments} | {NAMES[name]} | {low:.1e} to {high:.1e} | "
                      f"{firsts[name]} of {args.seeds} |", flush=True)


if __name__ == "__main__":
    main()
