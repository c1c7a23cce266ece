"""Makes the checkpoints that the importer is tested with, as PyTorch and its users write them.

    make_checkpoints.py list              names of the full-size checkpoints
    make_checkpoints.py serve DIR         makes the one named on each line of stdin, one at a time
    make_checkpoints.py small DIR         a few tensors in every container, a few KB each
    make_checkpoints.py strict FILE SHA   loads FILE into PyTorch strictly and compares its tensors
    make_checkpoints.py inspect FILE      what PyTorch says about the tensors of FILE, as JSON

`serve` answers each name with a line of JSON: the file, the number of classes, the SHA-256 of the tensors that a reader
must end up with (float32 and int64, in the order of the state_dict), and the logits PyTorch computes with them on
`clip.safetensors` in the same directory. The file of the previous answer is deleted.
"""

import argparse
import hashlib
import json
import pickle
import sys
import zipfile
from collections import OrderedDict, defaultdict
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn

import old_checkpoints
from reference import ECO_Lite, clips, seeded

SEGMENTS = 4
CHECKPOINTS = {}


def checkpoint(suffix=".pth", classes=400, dtype=None, counters=True):
    """Registers a maker: (state_dict in the dtype, path) -> None."""
    def register(make):
        CHECKPOINTS[make.__name__] = (make, suffix, classes, dtype, counters)
        return make
    return register


def official_names(state):
    """The names of the official release: DataParallel around the TSN wrapper."""
    def rename(name):
        layer, parameter = name.rsplit(".", 2)[-2:]
        return f"module.new_fc.{parameter}" if layer == "fc_final" else f"module.base_model.{layer}.{parameter}"
    return OrderedDict((rename(name), value) for name, value in state.items())


def prefixed(state, prefix):
    return OrderedDict((prefix + name, value) for name, value in state.items())


@checkpoint()
def zip_file(state, path):
    torch.save(state, path)


@checkpoint()
def zip_protocol_4(state, path):
    torch.save(state, path, pickle_protocol=4)


@checkpoint()
def zip_without_checksums(state, path):
    torch.serialization.set_crc32_options(False)
    torch.save(state, path)
    torch.serialization.set_crc32_options(True)


@checkpoint()
def a_name_of_21_letters_(state, path):
    """With this length the second header of the archive's directory is where the directory would start if it ended at the
    last record, which some readers of zip take for granted."""
    assert len(path.stem) == 21
    torch.save(state, path)


@checkpoint()
def legacy(state, path):
    torch.save(state, path, _use_new_zipfile_serialization=False)


@checkpoint()
def legacy_python_2(state, path):
    old_checkpoints.save_python2({"state_dict": OrderedDict(state)}, path)


@checkpoint()
def tar(state, path):
    old_checkpoints.save_tar(OrderedDict(state), path)


def module_with(state):
    net = ECO_Lite(state["fc_final.weight"].shape[0], SEGMENTS)
    net.load_state_dict(state)
    return net


@checkpoint()
def whole_module(state, path):
    torch.save(module_with(state), path)


@checkpoint()
def whole_module_legacy_parallel(state, path):
    torch.save(nn.DataParallel(module_with(state)), path, _use_new_zipfile_serialization=False)


@checkpoint(".pth.tar")
def official_nested(state, path):
    saved = {"epoch": 35, "arch": "ECO", "state_dict": official_names(state), "best_prec1": 62.1, "lr": 0.001}
    torch.save(saved, path, _use_new_zipfile_serialization=False)


@checkpoint()
def base_model_fc_final(state, path):
    torch.save({"state_dict": prefixed({k.split(".", 2)[-1] if k[:3] == "eco" else k: v for k, v in state.items()},
                                       "module.base_model.")}, path)


@checkpoint()
def data_parallel(state, path):
    torch.save(prefixed(state, "module."), path)


@checkpoint()
def compiled(state, path):
    torch.save({"model": prefixed(state, "_orig_mod.module.")}, path)


@checkpoint()
def nested_twice(state, path):
    torch.save({"checkpoint": {"weights": state, "step": 3}, "config": {"lr": [0.1]}}, path)


@checkpoint(dtype=torch.float16)
def half(state, path):
    torch.save(state, path)


@checkpoint(dtype=torch.bfloat16)
def bfloat16(state, path):
    torch.save(state, path)


@checkpoint(dtype=torch.float64)
def float64(state, path):
    torch.save(state, path)


@checkpoint()
def parameters(state, path):
    torch.save({k: nn.Parameter(v, requires_grad=v.is_floating_point()) for k, v in state.items()}, path)


@checkpoint()
def non_contiguous(state, path):
    def strided(value):
        if value.dim() == 4:
            return value.to(memory_format=torch.channels_last)
        return value.transpose(0, -1).contiguous().transpose(0, -1) if value.dim() > 1 else value
    torch.save({k: strided(v) for k, v in state.items()}, path)


@checkpoint()
def shared_storage(state, path):
    floats = {k: v for k, v in state.items() if v.is_floating_point()}
    flat = torch.cat([v.flatten() for v in floats.values()])
    parts = flat.split([v.numel() for v in floats.values()])
    views = {k: part.view(v.shape) for (k, v), part in zip(floats.items(), parts)}
    torch.save({k: views.get(k, v) for k, v in state.items()}, path)


@checkpoint()
def with_optimizer(state, path):
    net = module_with(state)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    for parameter in net.eco_2d.parameters():
        optimizer.state[parameter]["momentum_buffer"] = torch.ones_like(parameter)
    torch.save({"epoch": torch.tensor(7), "best_acc1": torch.tensor([61.5]), "state_dict": state,
                "optimizer": optimizer.state_dict()}, path)


@checkpoint()
def numpy_scalar(state, path):
    torch.save({"epoch": np.int64(12), "best_prec1": np.float64(64.25), "arch": "ECO", "state_dict": state}, path)


@checkpoint()
def one_dict_twice(state, path):
    plain = dict(state)
    torch.save({"model_ema": plain, "best": plain, "state_dict": plain}, path)


@checkpoint()
def beside_averages(state, path):
    averages = {k: v + 1 for k, v in state.items()}
    torch.save({"state_dict_ema": averages, "state_dict": state}, path)


@checkpoint(counters=False)
def without_counters(state, path):
    torch.save({k: v for k, v in state.items() if not k.endswith("num_batches_tracked")}, path)


@checkpoint(classes=51)
def classes_51(state, path):
    torch.save(state, path)


@checkpoint(classes=101)
def classes_101(state, path):
    torch.save(state, path)


@checkpoint(classes=174)
def classes_174(state, path):
    torch.save(state, path)


@checkpoint()
def cuda_storages(state, path):
    tag = torch.serialization.location_tag
    torch.serialization.location_tag = lambda storage: "cuda:0"
    try:
        torch.save(state, path)
    finally:
        torch.serialization.location_tag = tag


@checkpoint(".safetensors")
def foreign_safetensors(state, path):
    save_file(official_names(state), path)


@checkpoint(".index.json")
def sharded(state, path):
    names = list(state)
    parts = [names[:100], names[100:]]
    for number, part in enumerate(parts):
        save_file({k: state[k] for k in part}, path.with_name(f"part-{number}.safetensors"))
    weight_map = {k: f"part-{number}.safetensors" for number, part in enumerate(parts) for k in part}
    path.write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))


def digest(state):
    """SHA-256 over all tensors as bytes."""
    sha = hashlib.sha256()
    for value in state.values():
        sha.update(value.contiguous().numpy().tobytes())
    return sha.hexdigest()


class Bench:
    """Makes checkpoints on request and knows what PyTorch makes of them."""

    def __init__(self, folder):
        self.folder = folder
        self.clip = clips(1, SEGMENTS, 1)
        save_file({"input": self.clip}, folder / "clip.safetensors")
        self.base = seeded(0).state_dict()
        self.answers = {}

    def state(self, classes):
        state = OrderedDict(self.base)
        state["fc_final.weight"] = state["fc_final.weight"][:classes].clone()
        state["fc_final.bias"] = state["fc_final.bias"][:classes].clone()
        return state

    @torch.no_grad()
    def answer(self, saved, classes, dtype, counters):
        """What a reader must end up with, computed by PyTorch from the saved tensors."""
        key = (classes, dtype, counters)
        if key not in self.answers:
            read = OrderedDict((k, v.float() if v.is_floating_point() else v) for k, v in saved.items())
            if not counters:
                read = OrderedDict((k, v if v.is_floating_point() else torch.zeros_like(v)) for k, v in read.items())
            logits = module_with(read).eval()(self.clip)[0].tolist()
            self.answers[key] = {"classes": classes, "sha256": digest(read), "logits": logits}
        return self.answers[key]

    def make(self, name):
        make, suffix, classes, dtype, counters = CHECKPOINTS[name]
        for old in self.folder.iterdir():
            if old.name != "clip.safetensors":
                old.unlink()
        state = self.state(classes)
        if dtype:
            state = OrderedDict((k, v.to(dtype) if v.is_floating_point() else v) for k, v in state.items())
        path = self.folder / (name + suffix)
        make(state, path)
        return {"path": str(path), **self.answer(state, classes, dtype, counters)}


def serve(folder):
    folder.mkdir(parents=True, exist_ok=True)
    bench = Bench(folder)
    for line in sys.stdin:
        print(json.dumps(bench.make(line.strip())), flush=True)


class Attributes(nn.Module):
    """A small module with a parameter, a buffer and a child."""

    def __init__(self, weight):
        super().__init__()
        self.a = nn.Linear(4, 3)
        self.a.weight.data = weight
        self.register_buffer("n", torch.tensor(7))


class Unreadable:
    """An object around a tensor, of a class that no reader of weights knows."""

    def __init__(self, tensor):
        self.tensor = tensor


def small(folder):
    """Every container in a few KB, and forms that are refused."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    state = OrderedDict([("a.weight", torch.randn(3, 4)), ("a.bias", torch.randn(3)), ("n", torch.tensor(7))])
    torch.save(state, folder / "zip.pth")
    # Protocol 0 cannot name storages.
    for protocol in (1, 3, 4, 5):
        torch.save(state, folder / f"zip{protocol}.pth", pickle_protocol=protocol)
    torch.save({"epoch": 3, "state_dict": state}, folder / "legacy.pth", _use_new_zipfile_serialization=False)
    torch.save(state, folder / "legacy4.pth", pickle_protocol=4, _use_new_zipfile_serialization=False)
    torch.save(Attributes(state["a.weight"]), folder / "module.pth")
    old_checkpoints.save_tar(state, folder / "tar.pth")
    old_checkpoints.save_python2(state, folder / "python2.pth")
    save_file(state, folder / "flat.safetensors", metadata={"note": "small"})
    parameters = OrderedDict((k, old_checkpoints.OldParameter(v)) for k, v in state.items())
    torch.save(parameters, folder / "old_parameter.pth", _use_new_zipfile_serialization=False)
    log = defaultdict(list)
    log["loss"].append(1.0)
    torch.save({"log": log, "state_dict": state}, folder / "defaultdict.pth")
    beside = Unreadable(torch.eye(2))
    torch.save({"state_dict": state, "beside": {"w": torch.eye(3).to_sparse()}, "object": beside}, folder / "beside.pth")
    arrays = {k: v.numpy() for k, v in state.items()}
    torch.save(arrays, folder / "numpy.pth")
    torch.save({"state_dict": arrays, "epoch": torch.tensor(7)}, folder / "numpy_nested.pth")
    for protocol in (2, 3, 4, 5):
        pickled = {**arrays, "a.weight": np.asfortranarray(arrays["a.weight"])}
        (folder / f"numpy{protocol}.pkl").write_bytes(pickle.dumps(pickled, protocol=protocol))
    (folder / "python2_numpy.pkl").write_bytes(old_checkpoints.as_python2(pickle.dumps(arrays, protocol=2)))
    refused = folder / "refused"
    refused.mkdir(exist_ok=True)
    torch.jit.save(torch.jit.script(nn.Linear(2, 2)), refused / "torchscript.pt")
    torch.save({"w": torch.eye(3).to_sparse()}, refused / "sparse.pth")
    quantised = torch.quantize_per_tensor(torch.randn(4), 0.1, 0, torch.qint8)
    torch.save({"w": quantised}, refused / "quantised.pth")
    torch.save({"w": torch.randn(2, dtype=torch.complex64)}, refused / "complex.pth")
    torch.save([state], refused / "list.pth")
    torch.save({"w": Unreadable(torch.eye(2)), **state}, refused / "object.pth")
    (refused / "pickled.pkl").write_bytes(pickle.dumps(state))
    with zipfile.ZipFile(folder / "zip.pth") as archive:
        (refused / "data.pkl").write_bytes(archive.read("zip/data.pkl"))
    swapped = {k: v.astype(v.dtype.newbyteorder(">")) for k, v in arrays.items()}
    torch.save(swapped, refused / "numpy_big_endian.pth")
    np.savez(refused / "numpy.npz", **arrays)
    np.save(refused / "numpy_object.npy", arrays)
    np.save(refused / "numpy.npy", arrays["a.weight"])


def strict(path, sha):
    state = load_file(path)
    net = ECO_Lite(state["fc_final.weight"].shape[0], SEGMENTS)
    half = any(v.dtype == torch.float16 for v in state.values())
    net.load_state_dict(state, strict=True)
    if not half and digest(net.state_dict()) != sha:
        sys.exit("the tensors differ")
    print(len(state))


def inspect(path):
    state = torch.load(path, weights_only=True) if path.suffix != ".safetensors" else load_file(path)
    state = state.get("state_dict", state)
    rows = {k: [list(v.shape), v.double().mean().item(), v.double().min().item(), v.double().max().item()]
            for k, v in state.items()}
    print(json.dumps(rows))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list")
    for name in ("serve", "small"):
        commands.add_parser(name).add_argument("folder", type=Path)
    compare = commands.add_parser("strict")
    compare.add_argument("file", type=Path)
    compare.add_argument("sha")
    commands.add_parser("inspect").add_argument("file", type=Path)
    args = parser.parse_args()
    if args.command == "list":
        print("\n".join(CHECKPOINTS))
    elif args.command == "serve":
        serve(args.folder)
    elif args.command == "small":
        small(args.folder)
    elif args.command == "strict":
        strict(args.file, args.sha)
    else:
        inspect(args.file)


if __name__ == "__main__":
    main()
