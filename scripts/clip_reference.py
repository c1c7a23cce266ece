"""The clip formulas in Python, with Pillow and NumPy: the oracle of the Rust tests.

Every function is written from the facts (formula, constants, rounding), not from the Rust code.

    clip_reference.py sample                     frame indices of both formulas, for many lengths
    clip_reference.py sizes DIR COUNT SEED       PNG images of random sizes and what Pillow makes of them
    clip_reference.py formats DIR                one image per file format, colour type and oddity
    clip_reference.py pixels FILE...             crops of given files (written beside them)
    clip_reference.py normalised FILE P TARGET   the network input of one file, float32
    clip_reference.py augmented DIR              PNG images, and a hash of each variation that training makes of them

`sizes`, `formats` and `pixels` print one JSON object per image: its file, width, height, whether its
format is lossless, and for each preprocessing and crop the file with the expected RGB bytes.
"""

import hashlib
import json
import random
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

CROP = 224
SHORTER_SIDE = {"official": 256, "book": 224, "caffe": None}
CAFFE_SIZE = (320, 240)
MEANS_BGR = {
    "official": (104, 117, 128),
    "book": (123, 117, 104),
    "caffe": (104, 117, 123),
    "caffe-320x240": (104, 117, 123),
}


# Frame sampling, indices counted from 0.


def sample_official(frames, segments):
    tick = frames / float(segments)
    return [int(tick / 2.0 + tick * x) for x in range(segments)]


def sample_caffe(frames, segments):
    average = frames // segments
    return [average // 2 + x * average if average >= 1 else 0 for x in range(segments)]


def views_official(frames, segments, clips):
    """Temporal views: view k looks (k + 1/2) / clips of the way into every segment."""
    tick = frames / float(segments)
    return [[int(tick * ((k + 0.5) / clips) + tick * x) for x in range(segments)] for k in range(clips)]


def views_caffe(frames, segments, clips):
    average = frames // segments
    return [[average * (2 * k + 1) // (2 * clips) + x * average for x in range(segments)] for k in range(clips)]


# Resize and crop.


def opencv_taps(source, target, clipped):
    """Positions and fixed-point weights of cv2.resize(.., INTER_LINEAR) for 8 bits, along one axis."""
    scale = 1.0 / (target / source)
    centres = np.float32((np.arange(target) + 0.5) * scale - 0.5)
    places = np.floor(centres).astype(np.int64)
    parts = np.float32(centres - np.float32(places))
    if clipped:
        outside = (places < 0) | (places >= source - 1)
        parts[outside] = 0
        places = places.clip(0, source - 1)
    weights = [np.rint(part * np.float32(2048)).astype(np.int64) for part in (np.float32(1) - parts, parts)]
    return [(places + k).clip(0, source - 1) for k in (0, 1)], weights


def opencv_resize(image, size):
    """What cv2.resize makes of an RGB image: compared with OpenCV 4.14, equal in every pixel."""
    pixels = np.asarray(image, dtype=np.int64)
    height, width, _ = pixels.shape
    if (width, height) == (2 * size[0], 2 * size[1]):
        quarters = [pixels[y::2, x::2] for y in (0, 1) for x in (0, 1)]
        return Image.fromarray(((sum(quarters) + 2) // 4).astype(np.uint8))
    places, weights = opencv_taps(width, size[0], True)
    rows = sum(pixels[:, place] * weight[:, None] for place, weight in zip(places, weights))
    places, weights = opencv_taps(height, size[1], False)
    parts = [(weight[:, None, None] * (rows[place] >> 4)) >> 16 for place, weight in zip(places, weights)]
    return Image.fromarray(((sum(parts) + 2) >> 2).astype(np.uint8))


def resize(image, preprocess):
    if preprocess == "caffe-320x240":
        return opencv_resize(image, CAFFE_SIZE)
    side = SHORTER_SIDE[preprocess]
    if side is None:
        if min(image.size) >= CROP:
            return image
        side = CROP
    width, height = image.size
    if min(width, height) == side:
        return image
    if width < height:
        size = (side, int(side * height / width))
    else:
        size = (int(side * width / height), side)
    return image.resize(size, Image.Resampling.BILINEAR)


def centre(length, preprocess):
    if preprocess.startswith("caffe"):
        return (length - CROP) // 2
    return int(round((length - CROP) / 2.0))


def crop_boxes(size, preprocess, crops):
    """(left, top, mirrored) of each crop."""
    width, height = size
    middle = (centre(width, preprocess), centre(height, preprocess))
    right, bottom = width - CROP, height - CROP
    if crops == 1:
        places = [middle]
    elif crops == 3 and width >= height:
        places = [(0, middle[1]), middle, (right, middle[1])]
    elif crops == 3:
        places = [(middle[0], 0), middle, (middle[0], bottom)]
    else:
        places = [(0, 0), (right, 0), (0, bottom), (right, bottom), middle]
    boxes = [(left, top, False) for left, top in places]
    if crops == 10:
        boxes += [(left, top, True) for left, top in places]
    return boxes


def crop_images(image, preprocess, crops):
    resized = resize(image.convert("RGB"), preprocess)
    for left, top, mirrored in crop_boxes(resized.size, preprocess, crops):
        crop = resized.crop((left, top, left + CROP, top + CROP))
        yield crop.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if mirrored else crop


def normalise(crop, preprocess):
    """[3, 224, 224] float32, blue first."""
    values = np.asarray(crop, dtype=np.float32)[:, :, ::-1]
    return (values - np.float32(MEANS_BGR[preprocess])).transpose(2, 0, 1)


# Images to try.


def picture(rng, width, height):
    """Smooth shading, edges and some noise: what photographs are made of."""
    y, x = np.mgrid[0:height, 0:width]
    channels = []
    for _ in range(3):
        fx, fy, phase = rng.uniform(0.5, 4), rng.uniform(0.5, 4), rng.uniform(0, 6)
        shade = 128 + 90 * np.sin(fx * x / max(width, 8) * 6 + fy * y / max(height, 8) * 6 + phase)
        channels.append(shade)
    image = np.stack(channels, axis=-1)
    for _ in range(4):
        left, top = rng.integers(0, width), rng.integers(0, height)
        right, bottom = left + 1 + width // 4, top + 1 + height // 4
        image[top:bottom, left:right] = rng.uniform(0, 255, size=3)
    image += rng.normal(0, 4, size=image.shape)
    return np.clip(image, 0, 255).astype(np.uint8)


def random_sizes(count, seed):
    rng = random.Random(seed)
    fixed = [
        (1, 1), (1, 7), (7, 1), (2, 2), (3, 500), (500, 3), (223, 224), (224, 224), (225, 224),
        (224, 225), (255, 256), (256, 256), (257, 256), (256, 257), (340, 256), (256, 340),
        (320, 240), (171, 128), (480, 360), (640, 480), (854, 480), (1280, 720), (720, 1280),
        (1920, 1080), (227, 227), (229, 231), (448, 448), (512, 512), (1000, 224), (224, 1000),
    ]  # fmt: skip
    while len(fixed) < count:
        fixed.append((rng.randint(1, 900), rng.randint(1, 700)))
    return fixed[:count]


def noise_or_picture(rng, index, width, height):
    if index % 2:
        return picture(rng, width, height)
    # Noise uses the whole range of values at once; extremes would show a wrong clamp.
    noise = rng.integers(0, 256, size=(height, width, 3))
    return np.where(rng.random((height, width, 1)) < 0.3, noise // 128 * 255, noise).astype(np.uint8)


def png(path, width, height, depth, colour, rows, extra=b""):
    """A PNG written by hand: Pillow does not write every colour type."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = zlib.compress(b"".join(b"\0" + row for row in rows))
    signature = b"\x89PNG\r\n\x1a\n"
    path.write_bytes(signature + chunk(b"IHDR", header) + extra + chunk(b"IDAT", body) + chunk(b"IEND", b""))


def sixteen_bits(folder, rng):
    width, height = 261, 243
    for name, colour, channels in [("grey16", 0, 1), ("rgb16", 2, 3), ("la16", 4, 2), ("rgba16", 6, 4)]:
        high = 600 if name == "grey16" else 65536
        values = rng.integers(0, high, size=(height, width * channels)).astype(">u2")
        png(folder / f"{name}.png", width, height, 16, colour, [row.tobytes() for row in values])


def few_bits(folder, rng):
    for depth in (1, 2, 4):
        width, height = 251, 233
        row_bytes = (width * depth + 7) // 8
        rows = [rng.integers(0, 256, size=row_bytes, dtype=np.uint8).tobytes() for _ in range(height)]
        png(folder / f"grey{depth}.png", width, height, depth, 0, rows)


def lossless(folder, rng):
    rgb = Image.fromarray(picture(rng, 301, 243))
    alpha = Image.fromarray(rng.integers(0, 256, size=(243, 301), dtype=np.uint8))
    rgba = rgb.copy()
    rgba.putalpha(alpha)
    grey = rgb.convert("L")
    grey_alpha = Image.merge("LA", (grey, alpha))
    palette = rgb.quantize(64)
    rgb.save(folder / "rgb.png")
    rgba.save(folder / "rgba.png")
    grey.save(folder / "grey.png")
    grey_alpha.save(folder / "la.png")
    palette.save(folder / "palette.png")
    palette.save(folder / "palette_transparent.png", transparency=3)
    rgb.quantize(13).save(folder / "palette4.png", bits=4)
    grey.convert("1").save(folder / "one_bit.png")
    rgb.save(folder / "rgb.bmp")
    rgba.save(folder / "rgba.bmp")
    grey.save(folder / "grey.bmp")
    palette.save(folder / "palette.bmp")
    grey.convert("1").save(folder / "one_bit.bmp")
    rgb.save(folder / "lossless.webp", lossless=True)
    rgba.save(folder / "lossless_alpha.webp", lossless=True, exact=True)
    rgb.save(folder / "content_decides.jpg", format="PNG")
    sixteen_bits(folder, rng)
    few_bits(folder, rng)


def lossy(folder, rng):
    rgb = Image.fromarray(picture(rng, 340, 256))
    odd = Image.fromarray(picture(rng, 333, 251))
    for name, subsampling in [("444", 0), ("422", 1), ("420", 2)]:
        rgb.save(folder / f"{name}.jpg", quality=92, subsampling=subsampling)
        odd.save(folder / f"{name}_odd.jpg", quality=85, subsampling=subsampling)
        odd.save(folder / f"{name}_progressive.jpg", quality=85, subsampling=subsampling, progressive=True)
    Image.fromarray(picture(rng, 1280, 720)).save(folder / "hd.jpg", quality=90)
    rgb.save(folder / "restart.jpg", quality=90, restart_marker_blocks=7)
    rgb.save(folder / "low_quality.jpg", quality=20)
    rgb.convert("L").save(folder / "grey.jpg", quality=92)
    rgb.save(folder / "stored_as_rgb.jpg", quality=92, keep_rgb=True)
    rgb.convert("CMYK").save(folder / "cmyk.jpg", quality=95)
    exif = Image.Exif()
    exif[0x0112] = 6
    rgb.save(folder / "exif_rotated.jpg", quality=92, exif=exif)
    Image.fromarray(picture(rng, 9, 7)).save(folder / "tiny.jpg", quality=92)
    Image.fromarray(picture(rng, 1, 1)).save(folder / "one_pixel.jpg", quality=92)
    rgb.save(folder / "lossy.webp", quality=90)
    odd.save(folder / "lossy_odd.webp", quality=75)


# Commands.


def describe(path, is_lossless, preprocessings=tuple(MEANS_BGR), crops=(1,)):
    image = Image.open(path)
    decoded = path.with_name(path.name + ".rgb")
    decoded.write_bytes(image.convert("RGB").tobytes())
    expected = []
    for preprocess in preprocessings:
        for count in crops:
            target = path.with_name(f"{path.name}.{preprocess}.{count}")
            pixels = [crop.tobytes() for crop in crop_images(image, preprocess, count)]
            target.write_bytes(b"".join(pixels))
            expected.append({"preprocess": preprocess, "crops": count, "file": target.name})
    line = {
        "file": path.name,
        "width": image.width,
        "height": image.height,
        "lossless": is_lossless,
        "decoded": decoded.name,
        "expected": expected,
    }
    print(json.dumps(line), flush=True)


def command_sample():
    for segments in (4, 8, 12, 16, 24, 32):
        for frames in list(range(1, 700)) + [1000, 9999, 10000, 123457]:
            line = {
                "segments": segments,
                "frames": frames,
                "official": sample_official(frames, segments),
                "caffe": sample_caffe(frames, segments),
                "official_views": views_official(frames, segments, 3),
                "caffe_views": views_caffe(frames, segments, 3),
            }
            print(json.dumps(line))


def command_sizes(folder, count, seed):
    folder = Path(folder)
    rng = np.random.default_rng(int(seed))
    for index, (width, height) in enumerate(random_sizes(int(count), int(seed))):
        path = folder / f"{index:03}_{width}x{height}.png"
        Image.fromarray(noise_or_picture(rng, index, width, height)).save(path, compress_level=1)
        crops = (1, 3, 10) if index % 10 == 0 else (1,)
        describe(path, True, crops=crops)


def command_formats(folder):
    folder = Path(folder)
    rng = np.random.default_rng(1)
    for make, is_lossless in [(lossless, True), (lossy, False)]:
        before = set(folder.iterdir())
        make(folder, rng)
        for path in sorted(set(folder.iterdir()) - before):
            describe(path, is_lossless)


def command_normalised(path, preprocess, target):
    crop = next(crop_images(Image.open(path), preprocess, 1))
    Path(target).write_bytes(normalise(crop, preprocess).tobytes())


def command_pixels(*paths):
    for path in paths:
        describe(Path(path), False)


SCALES = (1, 0.875, 0.75, 0.66)


def augmented_parts(width, height):
    """(left, top, width, height) of all crops: GroupMultiScaleCrop with more_fix_crop, shape after shape."""
    shorter = min(width, height)
    sizes = [int(shorter * scale) for scale in SCALES]
    sizes = [min(CROP, shorter) if abs(size - CROP) < 3 else max(size, 1) for size in sizes]
    for i, tall in enumerate(sizes):
        for j, wide in enumerate(sizes):
            if abs(i - j) > 1:
                continue
            across, down = (width - wide) // 4, (height - tall) // 4
            corners = [(0, 0), (4, 0), (0, 4), (4, 4), (2, 2)]
            edges = [(0, 2), (4, 2), (2, 4), (2, 0)]
            quarters = [(1, 1), (3, 1), (1, 3), (3, 3)]
            for x, y in corners + edges + quarters:
                yield x * across, y * down, wide, tall


def command_augmented(folder):
    rng = np.random.default_rng(2)
    for index, (width, height) in enumerate([(340, 256), (320, 240), (225, 340), (100, 70), (640, 480)]):
        path = Path(folder) / f"{width}x{height}.png"
        image = Image.fromarray(noise_or_picture(rng, index, width, height))
        image.save(path, compress_level=1)
        hashes = []
        for left, top, wide, tall in augmented_parts(width, height):
            crop = image.crop((left, top, left + wide, top + tall))
            crop = crop.resize((CROP, CROP), Image.Resampling.BILINEAR)
            for varied in (crop, crop.transpose(Image.Transpose.FLIP_LEFT_RIGHT)):
                hashes.append(hashlib.sha256(varied.tobytes()).hexdigest())
        print(json.dumps({"file": path.name, "sha256": hashes}))


if __name__ == "__main__":
    commands = {
        "augmented": command_augmented,
        "sample": command_sample,
        "sizes": command_sizes,
        "formats": command_formats,
        "normalised": command_normalised,
        "pixels": command_pixels,
    }
    if len(sys.argv) < 2 or sys.argv[1] not in commands:
        sys.exit(__doc__)
    commands[sys.argv[1]](*sys.argv[2:])
