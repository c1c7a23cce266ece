"""Draws a set of clips that is harder than the demo's: handwritten digits that move over textures while the camera moves.

    python scripts/harder_clips.py DIR [--train N] [--val N] [--test N]

There are eight classes: to the left, to the right, up, down, growing, shrinking, turning left, turning right. The digit's motion is
the one that is seen in the frame; the background drifts in a direction of its own and shakes, so that it tells nothing. Digits are
scikit-learn's (8 x 8 pixels, by 43 people); those of the three parts are different ones. Everything about a clip follows from
its part and its number. Clips are directories of JPEG frames, DIR/PART/CLASS/NUMBER/img_0001.jpg; those that are there are
not drawn again.
"""

import argparse
import multiprocessing
import shutil
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

import demo_clips

CLASSES = [*demo_clips.LABELS, "turning left", "turning right"]
# First digit and digits of each part.
PARTS = {"train": (0, 1000), "val": (1000, 300), "test": (1300, 497)}
SIZE = (320, 240)
SIDE = min(SIZE) * 224 / 256  # of the square that the network sees
TEXTURE = (480, 400)
DIGIT = 64


@dataclass(frozen=True)
class Pose:
    """Where the digit is in one frame: its centre from that of the frame and its side, in sides of the square that the
    network sees; the angle in radians, clockwise."""

    x: float
    y: float
    side: float
    angle: float

    def towards(self, other: "Pose", share: float) -> "Pose":
        a, b = vars(self), vars(other)
        return Pose(**{name: a[name] + (b[name] - a[name]) * share for name in a})


def poses(label: str, rng: np.random.Generator) -> tuple[Pose, Pose]:
    """First and last pose for a class: random place, size, slant and speed."""
    x, y = rng.uniform(-0.15, 0.15, 2)
    middle = Pose(x, y, rng.uniform(0.35, 0.5), rng.uniform(-0.3, 0.3))
    if label in demo_clips.DIRECTIONS:
        dx, dy = (part * rng.uniform(0.4, 0.7) / 2 for part in demo_clips.DIRECTIONS[label])
        return replace(middle, x=x - dx, y=y - dy), replace(middle, x=x + dx, y=y + dy)
    if label in ("growing", "shrinking"):
        small, large = replace(middle, side=rng.uniform(0.2, 0.28)), replace(middle, side=rng.uniform(0.5, 0.65))
        return (small, large) if label == "growing" else (large, small)
    turn = rng.uniform(1.2, 2.2) * (1 if label == "turning right" else -1)
    start = rng.uniform(0, 2 * np.pi)
    return replace(middle, angle=start), replace(middle, angle=start + turn)


def texture(rng: np.random.Generator) -> np.ndarray:
    """A coloured texture: noise of five sizes, the coarser the stronger, [height, width, 3], 0 to 255."""
    width, height = TEXTURE
    total = np.zeros((height, width, 3))
    for octave in range(5):
        grain = 2 ** (octave + 2)
        noise = rng.normal(0, 1, (height // grain + 2, width // grain + 2, 3)) * rng.uniform(0.3, 1) * grain
        # Mostly grey: the channels share two thirds of their noise.
        noise = noise / 3 + noise.mean(2, keepdims=True) * 2 / 3
        channels = [Image.fromarray(noise[:, :, c].astype(np.float32)).resize(TEXTURE, Image.BICUBIC) for c in range(3)]
        total += np.stack([np.asarray(channel) for channel in channels], 2)
    total *= rng.uniform(8, 18) / total.std()
    return np.clip(total + rng.uniform(80, 170), 0, 255)


def digit(part: str, rng: np.random.Generator) -> Image.Image:
    """The cover of a random digit of a part, 0 to 1, with a border around it."""
    first, count = PARTS[part]
    image = load_digits().images[first + rng.integers(count)] / 16
    image = Image.fromarray(np.pad(image, 1).astype(np.float32)).resize((DIGIT, DIGIT), Image.BICUBIC)
    return Image.fromarray(np.clip(np.asarray(image) * 1.3, 0, 1))


def placed(cover: Image.Image, pose: Pose) -> np.ndarray:
    """The cover of the digit in the frame, [height, width, 1]."""
    width, height = SIZE
    scale = DIGIT / (pose.side * SIDE)
    cos, sin = np.cos(pose.angle) * scale, np.sin(pose.angle) * scale
    x, y = width / 2 + pose.x * SIDE, height / 2 + pose.y * SIDE
    # From places in the frame to places in the digit.
    inverse = (cos, sin, DIGIT / 2 - cos * x - sin * y, -sin, cos, DIGIT / 2 + sin * x - cos * y)
    return np.asarray(cover.transform(SIZE, Image.AFFINE, inverse, Image.BILINEAR))[:, :, None]


def frames(part: str, index: int) -> list[Image.Image]:
    """The frames of clip number `index` of a part."""
    rng = np.random.default_rng((list(PARTS).index(part), index))
    start, end = poses(CLASSES[index % len(CLASSES)], rng)
    count = int(rng.integers(16, 31))
    background, cover = texture(rng), digit(part, rng)
    # Darker than the background where that is bright, brighter where it is dark.
    contrast = rng.uniform(80, 120) * (-1 if background.mean() > 125 else 1)
    colour = np.clip(background.mean() + contrast + rng.uniform(-30, 30, 3), 0, 255)
    (width, height), room = SIZE, np.subtract(TEXTURE, SIZE)
    angle, pan = rng.uniform(0, 2 * np.pi), rng.uniform(0, 50)
    drawn = []
    for frame in range(count):
        share = frame / (count - 1)
        drift = np.array([np.cos(angle), np.sin(angle)]) * pan * (share - 0.5)
        left, top = np.clip(room / 2 + drift + rng.normal(0, 1.5, 2), 0, room).astype(int)
        seen = background[top : top + height, left : left + width]
        alpha = placed(cover, start.towards(end, share))
        pixels = seen + (colour - seen) * alpha + rng.normal(0, 3, (height, width, 1))
        drawn.append(Image.fromarray(np.clip(np.rint(pixels), 0, 255).astype(np.uint8)))
    return drawn


def draw(part: str, index: int, folder: Path) -> None:
    directory = folder / part / CLASSES[index % len(CLASSES)] / f"{index:04d}"
    if directory.exists():
        return
    # Renamed when it is whole, as a run may be stopped.
    unfinished = folder / f"{part}-{index:04d}.part"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    for number, frame in enumerate(frames(part, index), 1):
        frame.save(unfinished / f"img_{number:04d}.jpg", quality=88)
    directory.parent.mkdir(parents=True, exist_ok=True)
    unfinished.rename(directory)


def make(folder: Path, counts: dict[str, int]) -> None:
    """Draws so many clips of each class for each part."""
    with multiprocessing.Pool() as pool:
        jobs = [(part, index, folder) for part, count in counts.items() for index in range(count * len(CLASSES))]
        pool.starmap(draw, jobs, chunksize=4)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, metavar="DIR")
    for part, count in (("train", 40), ("val", 10), ("test", 20)):
        parser.add_argument(f"--{part}", type=int, default=count, metavar="N", help=f"clips per class (default {count})")
    args = parser.parse_args()
    make(args.folder, {part: getattr(args, part) for part in PARTS})
    return 0


if __name__ == "__main__":
    sys.exit(main())
