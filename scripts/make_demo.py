"""Makes weights/demo.safetensors, the weights that are embedded in the program.

    python scripts/make_demo.py [--eco PROGRAM] [--work DIR] [--output FILE] [--clips DIR]

The trunk's convolutions are random but fixed (`seeded_weights.py`), so the file holds only their seed. It adds what is
learnt: batch-norm statistics measured on 8 clips, and a linear head that `eco train` fits to the trunk's features of 600
synthetic clips (`demo_clips.py`), drawn as directories of JPEG frames. `eco evaluate` then measures it on 300 unseen clips;
the script fails below the floor. Takes a quarter of an hour on two cores. `--work` keeps trunk, clips and features, so that
another run goes on; `--clips` writes the example clips of the repository.
"""

import argparse
import itertools
import json
import multiprocessing
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import seeded_weights
from clip_reference import crop_images, normalise, sample_official
from demo_clips import LABELS, Scene, jpeg, render, scene
from reference import ECO_Lite

SEED = 20180424
SEGMENTS = 16
FLOOR = 0.95
PREPROCESS = "official"

# Split number and count; a split's number is part of its clips' seeds, so the clips of two splits never coincide.
CALIBRATION, TRAINING, UNSEEN = (0, 8), (1, 600), (2, 300)
EXAMPLES = 3
EXAMPLE_SIZE, EXAMPLE_FRAMES, EXAMPLE_SCORE = (240, 180), 24, 0.9


def load_frame(file: Path) -> np.ndarray:
    """The network's input for one frame: float32 [3, 224, 224]."""
    (crop,) = crop_images(Image.open(file), PREPROCESS, crops=1)
    return normalise(crop, PREPROCESS)


def load_frames(directory: Path) -> np.ndarray:
    """The network's input for a directory of frames, float32 [segments, 3, 224, 224]."""
    files = sorted(directory.iterdir())
    return np.stack([load_frame(files[index]) for index in sample_official(len(files), SEGMENTS)])


def seeded_trunk() -> ECO_Lite:
    """The network with seeded convolutions, and zero biases and head. Batch norm is as PyTorch starts it."""
    net = ECO_Lite(classes=len(LABELS))
    for name, parameter in net.named_parameters():
        if parameter.dim() > 2:
            weights = seeded_weights.convolution(SEED, name, tuple(parameter.shape))
            parameter.data.copy_(torch.from_numpy(weights))
        elif not is_norm(name):
            parameter.data.zero_()
    return net


def is_norm(name: str) -> bool:
    """Whether a tensor is a batch norm's."""
    return name.split(".")[-2].endswith("_bn")


def calibrate(net: ECO_Lite, clips: list[Path]) -> None:
    """Sets the running statistics of every batch norm to those of one batch of clips."""
    norms = [module for module in net.modules() if hasattr(module, "running_mean")]
    for norm in norms:
        norm.momentum = 1.0
    net.train()
    net(torch.stack([torch.from_numpy(load_frames(clip)) for clip in clips]))
    net.eval()


def draw(split: tuple[int, int], folder: Path) -> list[Path]:
    """The clips of a split as directories of frames, `CLASS/0007`; those that are there are not drawn again."""
    number, count = split
    with multiprocessing.Pool() as pool:
        jobs = ((number, index, folder) for index in range(count))
        return pool.starmap(draw_clip, jobs, chunksize=8)


def draw_clip(number: int, index: int, folder: Path) -> Path:
    clip = scene(number, index)
    directory = folder / clip.label / f"{index:04d}"
    if not directory.exists():
        # Renamed when it is whole, as a run may be stopped.
        part = folder / f"{index:04d}.part"
        write_frames(clip, part)
        directory.parent.mkdir(parents=True, exist_ok=True)
        part.rename(directory)
    return directory


def write_frames(clip: Scene, directory: Path) -> None:
    """All frames of a clip as img_0001.jpg and so on, in place of what the directory held."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    for frame in range(clip.frames):
        file = directory / f"img_{frame + 1:04d}.jpg"
        file.write_bytes(jpeg(render(clip, frame), clip.jpeg_quality))


def eco(program: Path, *arguments: str | Path, **options) -> subprocess.CompletedProcess:
    return subprocess.run([program, *arguments], check=True, **options)


def fit_head(program: Path, trunk: Path, clips: Path, work: Path) -> Path:
    """The trunk with a head for the clips of a folder."""
    labels, fitted = work / "labels.txt", work / "fitted.safetensors"
    labels.write_text("".join(f"{label}\n" for label in LABELS))
    settings = ["--weights", trunk, "--labels", labels, "--cache", work / "features"]
    eco(program, "train", clips, *settings, "--output", fitted)
    return fitted


def accuracy(program: Path, weights: Path, clips: Path) -> float:
    """The share of the clips of a folder that are recognised; all measures are printed."""
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder) / "kept.jsonl"
        eco(program, "evaluate", clips, "--weights", weights, "--predictions", kept)
        measures = eco(program, "evaluate", "--from", kept, "--format", "json", stdout=subprocess.PIPE)
    return json.loads(measures.stdout)["top"][0]["share"]


def write_examples(program: Path, weights: Path, folder: Path) -> None:
    """One small clip per class, as JPEG frames in a folder named after it: the first that the network is sure of."""
    for number, label in enumerate(LABELS):
        directory = folder / label.replace(" ", "_")
        for index in itertools.count(number, len(LABELS)):
            clip = scene(EXAMPLES, index)
            if clip.size != EXAMPLE_SIZE or clip.frames > EXAMPLE_FRAMES:
                continue
            write_frames(clip, directory)
            command = ["classify", directory, "--weights", weights, "--format", "json"]
            (answer,) = json.loads(eco(program, *command, stdout=subprocess.PIPE).stdout)
            best = answer["top"][0]
            if best["label"] == label and best["score"] >= EXAMPLE_SCORE:
                size = sum(file.stat().st_size for file in directory.iterdir())
                print(f"{directory}: {clip.frames} frames, {size} bytes, {best['score']:.1%} {label}")
                break


def tensors_of(path: Path) -> dict[str, np.ndarray]:
    """The tensors of a safetensors file."""
    data = path.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    kinds = {"I64": np.int64, "F32": np.float32}
    return {
        name: np.frombuffer(data[start:][slice(*entry["data_offsets"])], kinds[entry["dtype"]]).reshape(entry["shape"])
        for name, entry in header.items()
        if name != "__metadata__"
    }


def write(tensors: dict[str, np.ndarray], output: Path, **metadata: str) -> None:
    output.write_bytes(safetensors(tensors, metadata))
    print(f"{output}: {output.stat().st_size} bytes")


def safetensors(tensors: dict[str, np.ndarray], metadata: dict[str, str]) -> bytes:
    """A safetensors file whose bytes depend on nothing else: the usual library shuffles the metadata."""
    header, parts, end = {"__metadata__": described() | metadata}, [], 0
    kinds = {"int64": "I64", "float32": "F32"}
    # The wider type first, which keeps every tensor aligned.
    for name, value in sorted(tensors.items(), key=lambda item: (-item[1].itemsize, item[0])):
        begin, end = end, end + value.nbytes
        header[name] = {
            "dtype": kinds[value.dtype.name],
            "shape": value.shape,
            "data_offsets": [begin, end],
        }
        parts.append(value.tobytes())
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return b"".join([len(text).to_bytes(8, "little"), text, *parts])


def described() -> dict[str, str]:
    """What every weights file of this program says of itself (`weights::metadata` in Rust)."""
    return {
        "format": "pt",
        "eco.format_version": "1",
        "eco.architecture": "ECO-Lite",
        "eco.classes": str(len(LABELS)),
        "eco.labels": json.dumps(LABELS),
        "eco.segments": str(SEGMENTS),
        "eco.preprocess": PREPROCESS,
        "eco.source_file": "scripts/make_demo.py",
    }


def make(args: argparse.Namespace, work: Path) -> float:
    """Makes everything; returns the accuracy on unseen clips."""
    trunk = work / "trunk.safetensors"
    net = seeded_trunk()
    calibrate(net, draw(CALIBRATION, work / "calibration"))
    tensors = {name: value.numpy() for name, value in net.state_dict().items()}
    write(tensors, trunk)
    draw(TRAINING, work / "training")
    fitted = fit_head(args.eco, trunk, work / "training", work)
    learnt = {name: value for name, value in tensors_of(fitted).items() if is_norm(name) or name.startswith("fc_final.")}
    write(learnt, args.output, **{"eco.seed": str(SEED)})
    if args.clips:
        write_examples(args.eco, fitted, args.clips)
    draw(UNSEEN, work / "unseen")
    return accuracy(args.eco, fitted, work / "unseen")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--eco", type=Path, default=Path("target/release/eco"), help="the program that fits and measures")
    parser.add_argument("--work", type=Path, help="folder that keeps trunk, clips and features between runs")
    parser.add_argument("--output", type=Path, default=Path("weights/demo.safetensors"))
    parser.add_argument("--clips", type=Path, help="folder to write one example clip per class to")
    args = parser.parse_args()

    torch.set_grad_enabled(False)
    # Sums then do not depend on the number of cores.
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        reached = make(args, args.work or Path(folder))
    print(f"{reached:.1%} of {UNSEEN[1]} unseen clips (floor {FLOOR:.0%})")
    return 0 if reached >= FLOOR else 1


if __name__ == "__main__":
    sys.exit(main())
