"""ECO-Lite and ECO-Full in float64: what the engines are measured against.

    engine_reference.py DIR [--arch full]      weights.safetensors, and case_SEGMENTS.safetensors with input, features, logits

Each case has three different clips: brighter, darker and flatter ones, so that one clip's place in a batch shows. The
smallest one also has what is made of each frame: its map, channels last, and in ECO-Full its features.
"""

import argparse
from pathlib import Path

import torch
from safetensors.torch import save_file

from reference import NETWORKS, clips, seeded, set_segments

SEGMENTS = {"lite": [4, 8, 16, 20], "full": [4, 16]}


def of_frames(net, arch, clip):
    """Values of each frame, `[segments, values]`."""
    made = net.eco_2d(clip)
    maps = made if arch == "lite" else made[0]
    values = [maps.movedim(1, -1).flatten(1)]
    if arch == "full":
        values.append(net.eco_2d_s(*made).flatten(1))
    return torch.cat(values, 1)


@torch.no_grad()
def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--arch", choices=NETWORKS, default="lite")
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    net = seeded(seed=11, arch=args.arch)
    save_file(net.state_dict(), args.folder / "weights.safetensors")
    net = net.double()
    sizes = SEGMENTS[args.arch]
    for segments in sizes:
        set_segments(net, segments)
        x = clips(3, segments, 200 + segments)
        x = x * torch.tensor([1.0, 0.5, 0.8]).view(3, 1, 1, 1, 1) + torch.tensor([0.0, -20.0, 10.0]).view(3, 1, 1, 1, 1)
        features = torch.cat([net.features(clip[None].double()) for clip in x])
        outputs = {"input": x, "features": features, "logits": net.fc_final(features)}
        if segments == sizes[0]:
            outputs["frames"] = torch.cat([of_frames(net, args.arch, clip.double()) for clip in x])
        save_file({k: v.contiguous() for k, v in outputs.items()}, args.folder / f"case_{segments}.safetensors")


if __name__ == "__main__":
    main()
