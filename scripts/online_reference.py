"""An independent model of online recognition, for tests: which frames are in the memory, averages, events.

    online_reference.py CASE...      each a JSON object; prints one JSON object per case

{"memory": "official" | "sampled", "size": N, "every": E, "steps": S, "seed": X} gives "frames": the frames in the memory after
each step of a stream of numbered frames, whose first step has N frames and each later one E.
{"average": "ema" | "mean:K" | "none", "scores": [[...], ...]} gives "averages".
{"enter": a, "leave": b, "hold": seconds, "scores": [[...], ...], "spans": [[start, end], ...]} gives "events": [class, start,
end, mean score, steps].
"""

import json
import sys

import numpy as np

MASK = (1 << 64) - 1
GAMMA = 0x9E3779B97F4A7C15


def mix(z):
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


class Draws:
    def __init__(self, seed, path):
        key = seed
        for part in path:
            key = mix((key + GAMMA) & MASK) ^ part
        self.key = mix((key + GAMMA) & MASK)

    def below(self, count):
        self.key = (self.key + GAMMA) & MASK
        return (mix(self.key) * count) >> 64


def draw(frames, count, draws):
    """`count` of the frames: the start of a Fisher-Yates shuffle, put in order again."""
    if len(frames) <= count:
        return list(frames)
    order = list(range(len(frames)))
    for place in range(count):
        other = place + draws.below(len(frames) - place)
        order[place], order[other] = order[other], order[place]
    return [frames[index] for index in sorted(order[:count])]


def thin(frames, count):
    if len(frames) <= count:
        return list(frames)
    return [frames[int(i)] for i in np.rint(np.linspace(0, len(frames) - 1, count))]


# What the official script writes down for 16 frames, the oldest slot first.
ALGORITHM = {16: [[16], [8, 8], [4, 4, 8], [2, 2, 4, 8], [1, 1, 2, 4, 8]]}


def stages(size):
    """The same for any number of frames: halves of what is left, down to single frames."""
    halves, left = [], size
    while left:
        halves.append(max(left // 2, 1))
        left -= halves[-1]
    found = []
    for count in range(1, len(halves) + 1):
        newest_first = halves[: count - 1]
        found.append([size - sum(newest_first)] + newest_first[::-1])
    assert found == ALGORITHM.get(size, found)
    return found


def memory(case):
    size, every, steps = case["size"], case["every"], case["steps"]
    slots, sample, next_frame, found = [], [], 0, []
    for step in range(steps):
        count = every if step else size
        queue = list(range(next_frame, next_frame + count))
        next_frame += count
        if case["memory"] == "official":
            slots.append(queue)
            algorithm = stages(size)
            if len(slots) > len(algorithm):
                del slots[0]
            lengths = algorithm[len(slots) - 1]
            slots = [thin(slot, length) for slot, length in zip(slots, lengths)]
            frames = [frame for slot in slots for frame in slot]
        else:
            draws = Draws(case["seed"], [0x3E30, step])
            new = min(size // 2, len(queue)) if sample else size
            old = draw(sample, size - new, draws)
            sample = frames = old + draw(queue, new, draws)
        found.append(frames)
    return {"frames": found}


def average(case):
    kind, found = case["average"], []
    scores = [np.array(step) for step in case["scores"]]
    for step in range(len(scores)):
        if kind == "none":
            mean = scores[step]
        elif kind == "ema":
            # Written out: the step k steps ago counts 2^-(k + 1), the first one as much as the second.
            weights = [2.0 ** -(step - s + (s > 0)) for s in range(step + 1)]
            mean = sum(weight * score for weight, score in zip(weights, scores))
        else:
            last = int(kind.split(":")[1])
            mean = np.mean(scores[max(0, step + 1 - last) : step + 1], axis=0)
        found.append(list(map(float, mean)))
    return {"averages": found}


def events(case):
    scores, spans, found = case["scores"], case["spans"], []
    step = 0
    while step < len(scores):
        best = int(np.argmax(scores[step]))
        if scores[step][best] < case["enter"]:
            step += 1
            continue
        end = step
        while end + 1 < len(scores) and scores[end + 1][best] >= case["leave"]:
            end += 1
        if spans[end][1] - spans[step][0] >= case["hold"]:
            mean = float(np.mean([scores[s][best] for s in range(step, end + 1)]))
            found.append([best, spans[step][0], spans[end][1], mean, end + 1 - step])
        step = end + 1
    return {"events": found}


for text in sys.argv[1:]:
    case = json.loads(text)
    solve = memory if "memory" in case else average if "average" in case else events
    print(json.dumps(solve(case)))
