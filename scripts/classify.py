"""What `eco classify` does, in Python with PyTorch and Pillow: the oracle of the end-to-end tests, and a peer for timing.

    classify.py WEIGHTS FRAMES_DIR [--segments N]     prints {"frames": [...], "logits": [...], "forward_ms": ...}
    classify.py --frames FOLDER COUNT EXTENSION       writes COUNT frames (340 x 256) of a moving picture
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image


def write_frames(folder, count, extension):
    """Photograph-like frames: smooth colours, an edge that moves, a little noise."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(7)
    coarse = Image.fromarray(rng.integers(0, 256, (9, 12, 3), dtype=np.uint8))
    scene = np.asarray(coarse.resize((680, 256), Image.Resampling.BICUBIC)).astype(np.int16)
    for number in range(count):
        left = number * 340 // count
        frame = scene[:, left : left + 340] + rng.integers(-6, 7, (256, 340, 3))
        frame[60:180, 40 + left // 2 : 120 + left // 2] //= 2
        image = Image.fromarray(np.clip(frame, 0, 255).astype(np.uint8))
        image.save(folder / f"img_{number + 1}.{extension}", quality=90)


def classify(weights, folder, segments):
    # Imported here: writing frames needs no PyTorch.
    import torch
    from clip_reference import crop_images, normalise, sample_official
    from reference import load

    suffixes = {".jpg", ".jpeg", ".png", ".bmp", ".webp"}
    paths = [path for path in folder.iterdir() if path.suffix.lower() in suffixes]
    paths.sort(key=lambda path: int("".join(filter(str.isdigit, path.stem))))
    frames = sample_official(len(paths), segments)
    crops = [next(crop_images(Image.open(paths[index]).convert("RGB"), "official", crops=1)) for index in frames]
    clip = np.stack([normalise(crop, "official") for crop in crops])
    net = load(weights, segments)
    start = time.perf_counter()
    with torch.inference_mode():
        logits = net(torch.from_numpy(clip)[None])[0]
    forward = (time.perf_counter() - start) * 1000
    return {"frames": [int(index) for index in frames], "logits": logits.tolist(), "forward_ms": forward}


def main():
    if len(sys.argv) > 1 and sys.argv[1] == "--frames":
        folder, count, extension = sys.argv[2:]
        write_frames(Path(folder), int(count), extension)
        return
    weights, folder, *rest = sys.argv[1:]
    segments = int(rest[1]) if rest[:1] == ["--segments"] else 16
    print(json.dumps(classify(Path(weights), Path(folder), segments)))


if __name__ == "__main__":
    main()
