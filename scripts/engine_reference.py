"""ECO-Lite and ECO-Full in float64: what the engines are measured against.

    engine_reference.py DIR [--arch full]      weights.safetensors, and case_SEGMENTS.safetensors with input, features, logits

Each case has three different clips: brighter, darker and flatter ones, so that one clip's place in a batch shows.
blocks_SEGMENTS.safetensors has what each block made, rounded to float32, and in ECO-Full the features of each frame.
"""

import argparse
from pathlib import Path

import torch
from safetensors.torch import save_file

from reference import NETWORKS, clips, seeded, set_segments

SEGMENTS = {"lite": [4, 8, 16, 20], "full": [4, 8, 16]}


class Blocks:
    """Collects what each block makes, a block being a module whose children are layers, and what the whole 2D net makes."""

    def __init__(self, net):
        self.parts = {}
        for name, module in net.named_modules():
            children = list(module.children())
            is_block = children and not any(list(child.children()) for child in children)
            if name and is_block or name == "eco_2d_s":
                module.register_forward_hook(lambda _, inputs, output, name=name: self.add(name, output))

    def add(self, name, output):
        several = isinstance(output, tuple)
        for index, tensor in enumerate(output if several else [output]):
            key = f"{name}[{index}]" if several else name
            # Rounding copies: ReLUs write in place.
            self.parts.setdefault(key, []).append(tensor.float())

    def take(self):
        parts, self.parts = self.parts, {}
        return {name: torch.cat(tensors).contiguous() for name, tensors in parts.items()}


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
    blocks = Blocks(net)
    for segments in SEGMENTS[args.arch]:
        set_segments(net, segments)
        x = clips(3, segments, 200 + segments)
        x = x * torch.tensor([1.0, 0.5, 0.8]).view(3, 1, 1, 1, 1) + torch.tensor([0.0, -20.0, 10.0]).view(3, 1, 1, 1, 1)
        features = torch.cat([net.features(clip[None].double()) for clip in x])
        outputs = {"input": x, "features": features, "logits": net.fc_final(features)}
        save_file(blocks.take(), args.folder / f"blocks_{segments}.safetensors")
        save_file({k: v.contiguous() for k, v in outputs.items()}, args.folder / f"case_{segments}.safetensors")


if __name__ == "__main__":
    main()
