"""Loading and importing weights: eco beside PyTorch and safetensors, on the same tensors, in turns.

    bench_load.py                         7 rounds
    bench_load.py --rounds 3 --folder /dev/shm

Loading goes from the path to a network with its tensors in place, timed inside the process, with the files in the page
cache; Python's network is there before and is filled. Once more, every value is read afterwards, for what is mapped costs
nothing until then. Importing goes from the official `.pth.tar` (a legacy stream with other names) to a safetensors file,
and is timed from outside: the whole process, from its start to its end. All files are made in a temporary folder.
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

import torch
from safetensors.torch import load_file, save_file

from make_checkpoints import digest, official_names
from reference import CLASSES, ECO_Lite, seeded

ROOT = Path(__file__).resolve().parent.parent
# What loading and importing may take, in ms.
LOAD_FLOOR, IMPORT_FLOOR = 60, 1000
RUNS = 5


def timed(action):
    start = time.perf_counter()
    action()
    return (time.perf_counter() - start) * 1e3


def eco_load(weights, *touch):
    """Milliseconds of each of several loads in one process."""
    command = ["cargo", "bench", "--quiet", "--bench", "load", "--", str(weights), str(RUNS), *touch]
    run = subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    return json.loads(run.stdout)


def named_as_the_model(official, net):
    """The book's rule: official names and the model's come in the same order."""
    return dict(zip(net.state_dict(), official.values()))


def torch_load(path, net, **options):
    net.load_state_dict(torch.load(path, map_location="cpu", weights_only=True, **options))


def read_all(net):
    for tensor in net.state_dict().values():
        tensor.sum()


def convert(source, target):
    """What `eco load-weights` does, by hand in Python."""
    with torch.device("meta"):
        net = ECO_Lite(CLASSES, 16)
    state = torch.load(source, map_location="cpu", weights_only=True)["state_dict"]
    save_file(named_as_the_model(state, net), target)


def whole_process(command, target):
    target.unlink(missing_ok=True)
    return timed(lambda: quietly(command, target.parent))


def quietly(command, folder):
    # In a folder without `weights/`, where the last import would be noted.
    subprocess.run([str(part) for part in command], check=True, capture_output=True, cwd=folder)


def contenders(folder, eco):
    """What is timed, by group and name; each gives the milliseconds of its runs."""
    official, zipped = folder / "official.pth.tar", folder / "weights.pth"
    imported, by_python = folder / "imported.safetensors", folder / "python.safetensors"
    net, borrowing = ECO_Lite(CLASSES, 16), ECO_Lite(CLASSES, 16)

    def several(load, touch=False):
        into = borrowing if load is assigned else net
        return lambda: [timed(lambda: (load(), read_all(into)) if touch else load()) for _ in range(RUNS)]

    def safetensors():
        net.load_state_dict(load_file(imported))

    def assigned():
        # Its tensors are then the mapped file, which copying into it would unshare.
        borrowing.load_state_dict(load_file(imported), assign=True)

    python = {
        "safetensors load_file, nothing more": lambda: load_file(imported),
        "safetensors load_file, load_state_dict": safetensors,
        "safetensors load_file, load_state_dict(assign=True)": assigned,
        "torch.load, load_state_dict": lambda: torch_load(zipped, net),
        "torch.load(mmap=True), load_state_dict": lambda: torch_load(zipped, net, mmap=True),
    }
    importer = [eco, "load-weights", official, "-o", imported]
    converter = [sys.executable, Path(__file__).resolve(), "convert", official, by_python]
    return {
        f"load, floor {LOAD_FLOOR} ms": {
            "eco": lambda: eco_load(imported),
            **{name: several(load) for name, load in python.items()},
        },
        "load, and read every value": {
            "eco": lambda: eco_load(imported, "touch"),
            **{name: several(load, True) for name, load in list(python.items())[1:]},
        },
        f"import, floor {IMPORT_FLOOR} ms": {
            "eco load-weights, the whole process": lambda: [whole_process(importer, imported)],
            "Python: torch.load, save_file, the whole process": lambda: [whole_process(converter, by_python)],
            "Python: torch.load, save_file, without starting": lambda: [timed(lambda: convert(official, by_python))],
        },
    }


def prepare(folder, eco):
    """Makes the files, and checks that eco's import has PyTorch's tensors."""
    state = seeded(0).state_dict()
    saved = {"epoch": 35, "arch": "ECO", "state_dict": official_names(state), "best_prec1": 62.1, "lr": 0.001}
    torch.save(saved, folder / "official.pth.tar", _use_new_zipfile_serialization=False)
    torch.save(state, folder / "weights.pth")
    imported = folder / "imported.safetensors"
    quietly([eco, "load-weights", folder / "official.pth.tar", "-o", imported], folder)
    read = load_file(imported)
    if digest({name: read[name] for name in state}) != digest(state):
        sys.exit("the imported tensors are not PyTorch's")


def table(times):
    print("| | ms, min | median | times eco's (range) |\n|-|-|-|-|")
    best = None
    for name, rounds in times.items():
        middles = [statistics.median(runs) for runs in rounds]
        best = best or middles
        ratios = [mine / eco for mine, eco in zip(middles, best)]
        ratio = statistics.median(ratios)
        low, middle = min(min(runs) for runs in rounds), statistics.median(middles)
        print(f"| {name} | {low:.1f} | {middle:.1f} | {ratio:.2f} ({min(ratios):.2f} to {max(ratios):.2f}) |")
    return statistics.median(best)


def main():
    if sys.argv[1:2] == ["convert"]:
        return convert(*map(Path, sys.argv[2:4]))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--eco", type=Path, default=ROOT / "target/release/eco")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--folder", type=Path, help="where the temporary folder is made (450 MB)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        # Imports are noted there as the last ones, not where the user has theirs.
        os.environ["XDG_DATA_HOME"] = folder
        folder = Path(folder)
        eco = args.eco.resolve()
        prepare(folder, eco)
        groups = contenders(folder, eco)
        times = {group: {name: [] for name in runs} for group, runs in groups.items()}
        for number in range(args.rounds):
            print(f"round {number + 1} of {args.rounds}", file=sys.stderr)
            for group, runs in groups.items():
                for name, run in runs.items():
                    times[group][name].append(run())
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, {args.rounds} rounds")
    for group, rows in times.items():
        print(f"\n{group}\n")
        middle = table(rows)
        for name, floor in (("load, floor", LOAD_FLOOR), ("import, floor", IMPORT_FLOOR)):
            if group.startswith(name):
                print(f"\neco's median of {middle:.0f} ms is {'within' if middle <= floor else 'OVER'} {floor} ms")


if __name__ == "__main__":
    main()
