"""Synthetic clips for the demo weights: one bright shape that moves, grows or shrinks on a dark background.

Everything about a clip follows from `(split, index)`: the class is `index % 6`, the rest is drawn from a random generator
with that seed. Lengths are relative to the side of the square that the `official` preprocessing keeps (the centre
224 / 256 of the shorter side), so that a motion looks the same at every frame size.
"""

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

LABELS = [
    "moving left",
    "moving right",
    "moving up",
    "moving down",
    "growing",
    "shrinking",
]
DIRECTIONS = {
    "moving left": (-1.0, 0.0),
    "moving right": (1.0, 0.0),
    "moving up": (0.0, -1.0),
    "moving down": (0.0, 1.0),
}
SHAPES = ["box", "ellipse", "triangle"]
FRAME_SIZES = [(240, 180), (320, 240), (340, 256)]
CROP_SHARE = 224 / 256


@dataclass(frozen=True)
class Pose:
    """Where the shape is in one frame. Lengths in crop sides, the origin at the centre, y down, the angle in radians."""

    x: float
    y: float
    half_width: float
    half_height: float
    angle: float


@dataclass(frozen=True)
class Scene:
    """One clip: a shape whose pose goes from `start` to `end` at a steady rate."""

    label: str
    shape: str
    start: Pose
    end: Pose
    colour: np.ndarray
    background: np.ndarray
    noise: int
    frames: int
    size: tuple[int, int]
    jpeg_quality: int
    seed: tuple[int, ...]

    def pose(self, frame: int) -> Pose:
        share = frame / max(self.frames - 1, 1)
        a, b = vars(self.start), vars(self.end)
        return Pose(**{name: a[name] + (b[name] - a[name]) * share for name in a})


def scene(split: int, index: int) -> Scene:
    """The clip number `index` of a split, the same on every call."""
    seed = (split, index)
    rng = np.random.default_rng(seed)
    label = LABELS[index % len(LABELS)]
    start, end = poses(label, rng)
    return Scene(
        label=label,
        shape=SHAPES[rng.integers(len(SHAPES))],
        start=start,
        end=end,
        colour=rng.uniform(175, 235) + rng.uniform(-20, 20, 3),
        background=rng.uniform(10, 30) + rng.uniform(-5, 5, 3),
        noise=int(rng.integers(0, 4)),
        frames=int(rng.integers(16, 41)),
        size=FRAME_SIZES[rng.integers(len(FRAME_SIZES))],
        jpeg_quality=int(rng.integers(80, 96)),
        seed=seed,
    )


def poses(label: str, rng: np.random.Generator) -> tuple[Pose, Pose]:
    """First and last pose for a class: random place, size, orientation and speed."""
    x, y = rng.uniform(-0.2, 0.2, 2)
    aspect, angle = rng.uniform(0.6, 1.0), rng.uniform(0, 2 * np.pi)
    if label in DIRECTIONS:
        size = rng.uniform(0.1, 0.2)
        return moving(DIRECTIONS[label], Pose(x, y, size, size * aspect, angle), rng)
    small, large = rng.uniform(0.05, 0.1), rng.uniform(0.24, 0.4)
    sizes = (small, large) if label == "growing" else (large, small)
    first, last = (Pose(x, y, side, side * aspect, angle) for side in sizes)
    return first, last


def moving(direction: tuple[float, float], middle: Pose, rng: np.random.Generator) -> tuple[Pose, Pose]:
    """A straight path through `middle` along `direction`, up to 10 degrees off it."""
    off = rng.uniform(-10, 10) * np.pi / 180
    dx, dy = direction
    dx, dy = dx * np.cos(off) - dy * np.sin(off), dx * np.sin(off) + dy * np.cos(off)
    half = rng.uniform(0.5, 0.85) / 2
    x, y = middle.x * (1 - abs(direction[0]) / 2), middle.y * (1 - abs(direction[1]) / 2)
    rest = (middle.half_width, middle.half_height, middle.angle)
    return Pose(x - dx * half, y - dy * half, *rest), Pose(x + dx * half, y + dy * half, *rest)


def distance(shape: str, u: np.ndarray, v: np.ndarray, a: float, b: float) -> np.ndarray:
    """Roughly the signed distance to the outline of a shape with half sides `a` and `b`; negative inside."""
    if shape == "box":
        return np.maximum(np.abs(u) - a, np.abs(v) - b)
    if shape == "ellipse":
        return (np.hypot(u / a, v / b) - 1) * min(a, b)
    v = v + b / 3  # turns about its centroid
    return np.maximum(v - b, (np.abs(u) * 2 * b - a * (v + b)) / np.hypot(2 * b, a))


def render(scene: Scene, frame: int) -> np.ndarray:
    """Frame number `frame` (from 0) as RGB bytes, [height, width, 3], with antialiased edges and a little noise."""
    width, height = scene.size
    side = min(width, height) * CROP_SHARE
    pose = scene.pose(frame)
    x = np.arange(width) - (width - 1) / 2 - pose.x * side
    y = (np.arange(height) - (height - 1) / 2 - pose.y * side)[:, None]
    cos, sin = np.cos(pose.angle), np.sin(pose.angle)
    u, v = x * cos + y * sin, y * cos - x * sin
    outline = distance(scene.shape, u, v, pose.half_width * side, pose.half_height * side)
    cover = np.clip(0.5 - outline, 0, 1)[:, :, None]
    pixels = scene.background + (scene.colour - scene.background) * cover
    rng = np.random.default_rng((*scene.seed, frame))
    pixels += rng.integers(-scene.noise, scene.noise + 1, pixels.shape)
    return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)


def jpeg(pixels: np.ndarray, quality: int) -> bytes:
    """A frame as a JPEG file."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()
