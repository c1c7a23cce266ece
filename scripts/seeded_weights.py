"""Seeded convolution weights, bit for bit those of the Rust module `weights::seeded`.

The formula is documented there, once. This mirror exists for `make_demo.py` and for the test that compares the two.

    python scripts/seeded_weights.py SEED NAME SHAPE [--raw FILE]

prints the first and last elements of one tensor as float32 bit patterns (SHAPE like 64x3x7x7), or writes all of it.
"""

import argparse
from pathlib import Path

import numpy as np

GAMMA = np.uint64(0x9E3779B97F4A7C15)
CHUNK_SUM_MEAN = np.int32(2 * 0xFFFF)
MASK = np.uint64(0xFFFF)


def mix(z: np.ndarray) -> np.ndarray:
    """The output function of splitmix64."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def name_hash(name: str) -> int:
    """FNV-1a, 64 bits, of the UTF-8 name."""
    value = 0xCBF29CE484222325
    for byte in name.encode():
        value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return value


def scale(fan_in: int) -> np.float32:
    """What turns a centred sum of four 16-bit numbers into a He-normal weight."""
    return np.float32(np.sqrt(np.float64(6.0) / (np.float64(fan_in) * np.float64(2**32 - 1))))


def convolution(seed: int, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Weights of one convolution, float32, `shape` = [out, in, *kernel]."""
    count = int(np.prod(shape))
    key = mix(np.array([seed ^ name_hash(name)], dtype=np.uint64))
    bits = mix(key + np.arange(1, count + 1, dtype=np.uint64) * GAMMA)
    total = np.zeros(count, dtype=np.int32)
    for shift in (0, 16, 32, 48):
        total += ((bits >> np.uint64(shift)) & MASK).astype(np.int32)
    centred = (total - CHUNK_SUM_MEAN).astype(np.float32)
    return (centred * scale(int(np.prod(shape[1:])))).reshape(shape)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("seed", type=int)
    parser.add_argument("name")
    parser.add_argument("shape", type=lambda text: tuple(int(part) for part in text.split("x")))
    parser.add_argument("--raw", type=Path, help="write the whole tensor as little-endian float32")
    args = parser.parse_args()

    weights = convolution(args.seed, args.name, args.shape)
    if args.raw:
        args.raw.write_bytes(weights.astype("<f4").tobytes())
        return
    flat = weights.ravel().view(np.uint32)
    for index in [*range(4), flat.size - 1]:
        print(f"{index} 0x{flat[index]:08x}")


if __name__ == "__main__":
    main()
