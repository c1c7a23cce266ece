"""Fits ECO in PyTorch, with what PyTorch has for it: what the fitting in Rust is measured against (tests/train_network.rs).

    train_reference.py start FOLDER                 weights to start from, clips, and cases.json
    train_reference.py compare FOLDER CASE FILE...  fits a case, and compares our checkpoints, named step-N.safetensors, with
                                                    it: how far each tensor is away, as JSON
    train_reference.py clock FOLDER CASE            makes a step for every line that comes in, and prints its seconds and
                                                    those of processors

No clip is changed on the way in, and nothing is dropped out. The clips follow one another in the same order for ever.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional as F

import reference

SEGMENTS = 4
CLASSES = 5
LABELS = [3, 0, 4, 1, 0, 2]
BATCH = 2


def case(arch, tune, steps, batch_norm="trained", accumulate=1, clip=None, smoothing=0.0, head_rate=1.0, update="nesterov"):
    """A recipe as Rust reads it, the network, and the steps after which tensors are compared."""
    recipe = {
        "tune": tune,
        "epochs": 1,
        "batch": BATCH,
        "accumulate": accumulate,
        "learning_rate": 1e-3,
        "head_rate": head_rate,
        "bias_rate": 2.0,
        "schedule": "cosine",
        "warm_up": 0.0,
        "momentum": 0.9,
        "update": update,
        "weight_decay": 5e-4,
        "bias_decay": 0.0,
        "norm_decay": 0.0,
        "clip": clip,
        "label_smoothing": smoothing,
        "dropout": {"head": 0.0, "frames": 0.0, "volume": 0.0},
        "batch_norm": batch_norm,
        "early_stop": None,
        "views": 0,
        "mirror": False,
        "precision": "fp32",
        "seed": 0,
    }
    return {"arch": arch, "recipe": recipe, "steps": steps}


CASES = {
    "lite-trained": case("lite", "all", [1, 2, 10]),
    "lite-accumulated": case("lite", "all", [1, 2], accumulate=2, clip=0.5, smoothing=0.1, head_rate=10.0),
    "lite-frozen": case("lite", "all", [1, 2], "frozen", clip=0.5, smoothing=0.1),
    "lite-last": case("lite", "last", [1, 2], accumulate=2, head_rate=10.0, update="plain"),
    "full-trained": case("full", "all", [1, 2], clip=0.5),
    "full-frozen": case("full", "all", [2], "frozen", accumulate=2, smoothing=0.1),
    "full-last": case("full", "last", [1, 2], "frozen", clip=0.5, smoothing=0.1),
}


def start(folder):
    for arch in ["lite", "full"]:
        net = reference.seeded(7, CLASSES, SEGMENTS, arch)
        save_file(net.state_dict(), folder / f"{arch}.safetensors")
    save_file({"clips": reference.clips(len(LABELS), SEGMENTS, 11)}, folder / "clips.safetensors")
    (folder / "cases.json").write_text(json.dumps({"labels": LABELS, "cases": CASES}))


class Fit:
    def __init__(self, folder, case):
        self.recipe = recipe = case["recipe"]
        net = reference.NETWORKS[case["arch"]](CLASSES, SEGMENTS)
        net.load_state_dict(load_file(folder / f"{case['arch']}.safetensors"))
        for module in net.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0
        self.net = net.train()
        tuned = [net]
        if recipe["tune"] == "last":
            net.eval().requires_grad_(False)
            tuned = [net.eco_3d.res_3d_5, net.fc_final]
        groups = []
        for module in (module for part in tuned for module in part.modules()):
            is_norm = isinstance(module, (nn.BatchNorm2d, nn.BatchNorm3d))
            module.training = not (is_norm and recipe["batch_norm"] == "frozen")
            rate = recipe["learning_rate"] * (recipe["head_rate"] if module is net.fc_final else 1.0)
            decay = recipe["weight_decay"]
            for name, parameter in module.named_parameters(recurse=False):
                parameter.requires_grad_(True)
                if is_norm:
                    group = {"lr": rate, "weight_decay": decay * recipe["norm_decay"]}
                elif name == "bias":
                    group = {"lr": rate * recipe["bias_rate"], "weight_decay": decay * recipe["bias_decay"]}
                else:
                    group = {"lr": rate, "weight_decay": decay}
                groups.append({"params": [parameter], **group})
        self.parameters = [group["params"][0] for group in groups]
        nesterov = recipe["update"] == "nesterov"
        self.optimizer = torch.optim.SGD(groups, momentum=recipe["momentum"], nesterov=nesterov)
        self.clips = load_file(folder / "clips.safetensors")["clips"]
        self.labels = torch.tensor(LABELS)
        self.seen = 0

    def step(self):
        accumulate, smoothing = self.recipe["accumulate"], self.recipe["label_smoothing"]
        for _ in range(accumulate):
            places = torch.arange(self.seen, self.seen + BATCH) % len(LABELS)
            self.seen += BATCH
            logits = self.net(self.clips[places])
            loss = F.cross_entropy(logits, self.labels[places], label_smoothing=smoothing)
            (loss / accumulate).backward()
        if self.recipe["clip"]:
            norm = nn.utils.clip_grad_norm_(self.parameters, self.recipe["clip"])
            assert norm > self.recipe["clip"], f"nothing to clip: {norm}"
        self.optimizer.step()
        self.optimizer.zero_grad()

    def tensors(self):
        """Weights and momentum under the names of our checkpoints."""
        tensors = {f"weights.{name}": tensor for name, tensor in self.net.state_dict().items()}
        for name, parameter in self.net.named_parameters():
            if parameter.requires_grad:
                tensors[f"momentum.{name}"] = self.optimizer.state[parameter]["momentum_buffer"]
        return tensors


def norm(tensor):
    return tensor.double().norm().item()


def differences(found, expected, by_batch):
    """Relative L2 differences.

    Where batch norms normalise by the batch, the bias of a convolution has no effect on the loss. Its gradient is 0 but for
    rounding, and so is its momentum: that one is compared with the size of the momentum of the convolution's weights.
    """
    assert found.keys() == expected.keys(), found.keys() ^ expected.keys()
    result = {}
    for name, tensor in expected.items():
        size = norm(tensor)
        weight = expected.get(name.removesuffix(".bias") + ".weight")
        is_silent = name.startswith("momentum.") and name.endswith(".bias") and weight.dim() > 2
        if by_batch and is_silent:
            size = norm(weight)
        difference = norm(found[name].double() - tensor.double())
        result[name] = difference / size if difference else 0.0
    return result


def compare(folder, case, files):
    fit = Fit(folder, case)
    by_step = {int(file.stem.removeprefix("step-")): file for file in files}
    result = {}
    for step in range(1, max(by_step) + 1):
        fit.step()
        if step in by_step:
            by_batch = case["recipe"]["batch_norm"] == "trained"
            result[step] = differences(load_file(by_step[step]), fit.tensors(), by_batch)
    print(json.dumps(result))


def clock(folder, case):
    fit = Fit(folder, case)
    for _ in sys.stdin:
        begin, used = time.perf_counter(), time.process_time()
        fit.step()
        print(time.perf_counter() - begin, time.process_time() - used, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("command", choices=["start", "compare", "clock"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("case", nargs="?", choices=CASES)
    parser.add_argument("files", nargs="*", type=Path)
    args = parser.parse_args()
    if args.command == "start":
        start(args.folder)
    elif args.command == "compare":
        compare(args.folder, CASES[args.case], args.files)
    else:
        clock(args.folder, CASES[args.case])


if __name__ == "__main__":
    main()
