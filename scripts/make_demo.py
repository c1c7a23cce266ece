"""Makes weights/demo.safetensors, the weights that are embedded in the program.

    python scripts/make_demo.py [--output FILE] [--cache DIR] [--clips DIR]

The trunk's convolutions are random but fixed (`seeded_weights.py`), so the file holds only their seed. It adds what is
learnt: batch-norm statistics measured on 8 clips, and a linear head fitted by ridge regression on the trunk's 512 features
of 600 synthetic clips (`demo_clips.py`). It ends with the accuracy on 300 unseen clips, and fails below the floor.
Takes about half an hour on two cores; `--cache` keeps the features, `--clips` writes the example clips of the repository.
"""

import argparse
import hashlib
import io
import itertools
import json
import multiprocessing
import shutil
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import demo_clips
import seeded_weights
from clip_reference import crop_images, normalise, sample_official
from demo_clips import LABELS, Scene, jpeg, render, scene
from reference import ECO_Lite

SEED = 20180424
SEGMENTS = 16
RIDGE = 100.0
FLOOR = 0.95
PREPROCESS = "official"

# Split number and count; a split's number is part of its clips' seeds, so the clips of two splits never coincide.
CALIBRATION, TRAINING, UNSEEN = (0, 8), (1, 600), (2, 300)
EXAMPLES = 3
EXAMPLE_SIZE, EXAMPLE_FRAMES, EXAMPLE_SCORE = (240, 180), 24, 0.9


def preprocess(image: Image.Image) -> np.ndarray:
    """The network's input for one frame: float32 [3, 224, 224]."""
    (crop,) = crop_images(image, PREPROCESS, crops=1)
    return normalise(crop, PREPROCESS)


def load(clip: Scene, through_jpeg: bool) -> np.ndarray:
    """The network's input for one clip, float32 [segments, 3, 224, 224]."""
    pixels = (render(clip, frame) for frame in sample_official(clip.frames, SEGMENTS))
    if through_jpeg:
        images = (Image.open(io.BytesIO(jpeg(frame, clip.jpeg_quality))) for frame in pixels)
    else:
        images = (Image.fromarray(frame) for frame in pixels)
    return np.stack([preprocess(image) for image in images])


def load_from_split(split: tuple[int, int], index: int) -> torch.Tensor:
    """Input number `index` of a split. Every other training clip goes through JPEG; all others do, as users' frames do."""
    through_jpeg = split != TRAINING or index % 2 == 0
    return torch.from_numpy(load(scene(split[0], index), through_jpeg))


def seeded_trunk() -> ECO_Lite:
    """The network with seeded convolutions and zero biases. Batch norm is as PyTorch starts it."""
    net = ECO_Lite()
    for name, parameter in net.named_parameters():
        if parameter.dim() > 2:
            weights = seeded_weights.convolution(SEED, name, tuple(parameter.shape))
            parameter.data.copy_(torch.from_numpy(weights))
        elif not name.split(".")[-2].endswith("_bn"):
            parameter.data.zero_()
    net.fc_final = torch.nn.Identity()
    return net


def calibrate(net: ECO_Lite) -> None:
    """Sets the running statistics of every batch norm to those of one batch: the calibration clips."""
    norms = [module for module in net.modules() if hasattr(module, "running_mean")]
    for norm in norms:
        norm.momentum = 1.0
    net.train()
    net(torch.stack([load_from_split(CALIBRATION, index) for index in range(CALIBRATION[1])]))
    net.eval()


def features(net: ECO_Lite, split: tuple[int, int], cache: Path) -> tuple[np.ndarray, np.ndarray]:
    """Features [clips, 512] and class numbers [clips] of a split. The cache takes up where an earlier run stopped."""
    number, count = split
    cache.mkdir(parents=True, exist_ok=True)
    kept = cache / f"features-{fingerprint()}-{number}.f32"
    kept.touch()
    done, start = kept.stat().st_size // (512 * 4), time.monotonic()
    # One clip and one thread a process, so that the sums do not depend on the number of cores.
    pool = multiprocessing.get_context("fork").Pool(initializer=set_worker, initargs=(net, split))
    with pool, kept.open("ab") as file:
        for row in pool.imap(clip_features, range(done, count)):
            file.write(row.tobytes())
            file.flush()
            done += 1
            progress = f"{done}/{count} clips, {time.monotonic() - start:.0f} s"
            print(f"\r  {progress}", end="", file=sys.stderr)
    print(file=sys.stderr)
    values = np.fromfile(kept, np.float32).reshape(-1, 512)[:count]
    return values, np.arange(count) % len(LABELS)


def set_worker(net: ECO_Lite, split: tuple[int, int]) -> None:
    global worker
    worker = (net, split)


def clip_features(index: int) -> np.ndarray:
    """What a worker process does: the 512 features of one clip."""
    net, split = worker
    return net(load_from_split(split, index)[None])[0].numpy()


def fingerprint() -> str:
    """Changes with everything that the features depend on."""
    sources = [Path(module.__file__).read_bytes() for module in (demo_clips, seeded_weights)]
    return hashlib.sha256(b"".join([*sources, str((SEED, CALIBRATION)).encode()])).hexdigest()[:12]


def fit_head(values: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weight [classes, 512] and bias [classes] of a ridge regression on standardised features.

    Its outputs estimate 0 or 1, which softmax would flatten; so they are multiplied by the factor that makes the softmax
    of the leave-one-out predictions most likely.
    """
    x = values.astype(np.float64)
    mean, deviation = x.mean(0), x.std(0) + 1e-6
    z = (x - mean) / deviation
    y = np.eye(len(LABELS))[targets]
    inverse = np.linalg.inv(z.T @ z + RIDGE * np.eye(z.shape[1]))
    beta = inverse @ z.T @ (y - y.mean(0))
    fitted = z @ beta + y.mean(0)
    leverage = np.einsum("ij,jk,ik->i", z, inverse, z) + 1 / len(z)
    left_out = y - (y - fitted) / (1 - leverage)[:, None]
    factor = min(np.geomspace(1, 100, 200), key=lambda f: negative_log_likelihood(f * left_out, targets))
    print(f"leave-one-out accuracy on the training clips: {accuracy(left_out, targets):.1%}, factor {factor:.1f}")
    weight = factor * beta.T / deviation
    bias = factor * y.mean(0) - weight @ mean
    return weight.astype(np.float32), bias.astype(np.float32)


def softmax(logits: np.ndarray) -> np.ndarray:
    exponentials = np.exp(logits - logits.max(1, keepdims=True))
    return exponentials / exponentials.sum(1, keepdims=True)


def negative_log_likelihood(logits: np.ndarray, targets: np.ndarray) -> float:
    return -np.log(softmax(logits)[np.arange(len(targets)), targets] + 1e-12).mean()


def accuracy(logits: np.ndarray, targets: np.ndarray) -> float:
    return float((logits.argmax(1) == targets).mean())


def report(logits: np.ndarray, targets: np.ndarray) -> None:
    """Per class: how many unseen clips are right, how sure the network is, and what the others were taken for."""
    found, scores = logits.argmax(1), softmax(logits)
    print(f"{'class':14} {'right':>9} {'mean score':>11}  taken for")
    for number, label in enumerate(LABELS):
        mine = targets == number
        others = found[mine & (found != number)]
        taken = ", ".join(f"{LABELS[c]} {n}" for c, n in zip(*np.unique(others, return_counts=True)))
        right = int((found[mine] == number).sum())
        print(f"{label:14} {right:>4}/{mine.sum():<4} {scores[mine, number].mean():>11.1%}  {taken}".rstrip())


def write_examples(net: ECO_Lite, weight: np.ndarray, bias: np.ndarray, folder: Path) -> None:
    """One small clip per class, as JPEG frames in a folder named after it: the first that the network is sure of.

    It judges the written files, so this is what a user sees. Scores are printed.
    """
    for number, label in enumerate(LABELS):
        directory = folder / label.replace(" ", "_")
        for index in itertools.count(number, len(LABELS)):
            clip = scene(EXAMPLES, index)
            if clip.size != EXAMPLE_SIZE or clip.frames > EXAMPLE_FRAMES:
                continue
            write_frames(clip, directory)
            values = net(torch.from_numpy(load_frames(directory))[None]).numpy()
            score = softmax(values @ weight.T + bias)[0, number]
            if score >= EXAMPLE_SCORE:
                size = sum(file.stat().st_size for file in directory.iterdir())
                print(f"{directory}: {clip.frames} frames, {size} bytes, {score:.1%} {label}")
                break


def write_frames(clip: Scene, directory: Path) -> None:
    """All frames of a clip as img_0001.jpg and so on, in place of what the directory held."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    for frame in range(clip.frames):
        file = directory / f"img_{frame + 1:04d}.jpg"
        file.write_bytes(jpeg(render(clip, frame), clip.jpeg_quality))


def load_frames(directory: Path) -> np.ndarray:
    """The network's input for a directory of frames, float32 [segments, 3, 224, 224]."""
    files = sorted(directory.iterdir())
    chosen = sample_official(len(files), SEGMENTS)
    return np.stack([preprocess(Image.open(files[index])) for index in chosen])


def write(net: ECO_Lite, weight: np.ndarray, bias: np.ndarray, output: Path) -> None:
    """Saves everything but the convolutions."""
    tensors = {
        name: value.numpy()
        for name, value in net.state_dict().items()
        if name.split(".")[-2].endswith("_bn")
    }
    tensors |= {"fc_final.weight": weight, "fc_final.bias": bias}
    output.write_bytes(safetensors(tensors))
    print(f"{output}: {output.stat().st_size} bytes")


def safetensors(tensors: dict[str, np.ndarray]) -> bytes:
    """A safetensors file whose bytes depend on nothing else: the usual library shuffles the metadata."""
    header, data = {"__metadata__": metadata()}, b""
    kinds = {"int64": "I64", "float32": "F32"}
    # The wider type first, which keeps every tensor aligned.
    for name, value in sorted(tensors.items(), key=lambda item: (-item[1].itemsize, item[0])):
        end = len(data) + value.nbytes
        header[name] = {
            "dtype": kinds[value.dtype.name],
            "shape": value.shape,
            "data_offsets": [len(data), end],
        }
        data += value.tobytes()
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + data


def metadata() -> dict[str, str]:
    """What every weights file of this program says of itself (`weights::metadata` in Rust), and the seed."""
    return {
        "format": "pt",
        "eco.format_version": "1",
        "eco.architecture": "ECO-Lite",
        "eco.classes": str(len(LABELS)),
        "eco.labels": json.dumps(LABELS),
        "eco.segments": str(SEGMENTS),
        "eco.preprocess": PREPROCESS,
        "eco.source_file": "scripts/make_demo.py",
        "eco.seed": str(SEED),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path("weights/demo.safetensors"))
    parser.add_argument("--cache", type=Path, help="folder that keeps the features between runs")
    parser.add_argument("--clips", type=Path, help="folder to write one example clip per class to")
    args = parser.parse_args()

    torch.set_grad_enabled(False)
    torch.set_num_threads(1)
    net = seeded_trunk()
    calibrate(net)
    with tempfile.TemporaryDirectory() as folder:
        cache = args.cache or Path(folder)
        weight, bias = fit_head(*features(net, TRAINING, cache))
        write(net, weight, bias, args.output)
        values, targets = features(net, UNSEEN, cache)
    logits = values @ weight.T + bias
    report(logits, targets)
    reached = accuracy(logits, targets)
    if args.clips:
        write_examples(net, weight, bias, args.clips)
    print(f"{reached:.1%} of {len(targets)} unseen clips (floor {FLOOR:.0%})")
    return 0 if reached >= FLOOR else 1


if __name__ == "__main__":
    sys.exit(main())
