"""ECO-Lite in float64: what the engines are measured against.

    engine_reference.py DIR      weights.safetensors and case_SEGMENTS.safetensors with input, features, logits

Each case has three different clips: brighter, darker and flatter ones, so that one clip's place in a batch shows.
"""

import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

from reference import clips, seeded

SEGMENTS = [4, 8, 16, 20]


@torch.no_grad()
def main():
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    net = seeded(seed=11)
    save_file(net.state_dict(), folder / "weights.safetensors")
    net = net.double()
    for segments in SEGMENTS:
        net.eco_3d.global_pool.kernel_size = (segments // 4, 7, 7)
        x = clips(3, segments, 200 + segments)
        x = x * torch.tensor([1.0, 0.5, 0.8]).view(3, 1, 1, 1, 1) + torch.tensor([0.0, -20.0, 10.0]).view(3, 1, 1, 1, 1)
        features = torch.cat([net.features(clip[None].double()) for clip in x])
        outputs = {"input": x, "features": features, "logits": net.fc_final(features)}
        save_file({k: v.contiguous() for k, v in outputs.items()}, folder / f"case_{segments}.safetensors")


if __name__ == "__main__":
    main()
