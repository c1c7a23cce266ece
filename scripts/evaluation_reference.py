"""Predictions and what scikit-learn measures on them, for tests/evaluate.rs.

    evaluation_reference.py FOLDER

writes for each case NAME.jsonl, as `eco evaluate --predictions` does, and NAME.json with the measures. `many.jsonl` has 10,000
predictions of 400 classes.
"""

import json
import sys
from pathlib import Path

import numpy as np
from sklearn.metrics import (
    balanced_accuracy_score,
    confusion_matrix,
    precision_recall_fscore_support,
    top_k_accuracy_score,
)

BINS = 15
MIN_SCORE = 0.25


def calibration_error(confidence, right):
    """Guo et al. 2017, with bins (low, high]."""
    edges = np.linspace(0, 1, BINS + 1)
    total = 0.0
    for low, high in zip(edges[:-1], edges[1:]):
        inside = (confidence > low) & (confidence <= high)
        if inside.any():
            total += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    return total


def measures(scores, truth, k):
    classes = scores.shape[1]
    labels = np.arange(classes)
    predicted = scores.argmax(axis=1)
    precision, recall, f1, support = precision_recall_fscore_support(
        truth, predicted, labels=labels, zero_division=0
    )
    # Among equal scores scikit-learn takes the highest index first, so the classes are turned round.
    top_k = 1.0
    if k < classes:
        turned = classes - 1 - truth
        if classes == 2:
            top_k = (turned == scores[:, ::-1].argmax(axis=1)).mean() if k == 1 else 1.0
        else:
            top_k = top_k_accuracy_score(turned, scores[:, ::-1], k=k, labels=labels)
    confidence = scores.max(axis=1).astype(np.float64)
    right = predicted == truth
    confident = confidence >= MIN_SCORE
    return {
        "k": min(k, classes),
        "top_1": right.mean(),
        "top_k": top_k,
        "mean_class_accuracy": balanced_accuracy_score(truth, predicted),
        "precision": precision.tolist(),
        "recall": recall.tolist(),
        "f1": f1.tolist(),
        "support": support.tolist(),
        "confusion": confusion_matrix(truth, predicted, labels=labels).tolist(),
        "ece": calibration_error(confidence, right),
        "coverage": confident.mean(),
        "confident_accuracy": right[confident].mean() if confident.any() else None,
    }


def write_predictions(path, scores, truth):
    classes = scores.shape[1]
    with open(path, "w") as file:
        names = [f"class {index}" for index in range(classes)]
        json.dump({"eco_predictions": 1, "settings": {}, "labels": names}, file)
        for number, (row, label) in enumerate(zip(scores, truth)):
            line = {"clip": f"clips/{number}", "truth": int(label), "scores": [float(str(x)) for x in row]}
            file.write("\n" + json.dumps(line))
        file.write("\n")


def random_scores(generator, samples, classes, levels=None):
    """Softmax scores in float32; with `levels`, of so many different values, so that there are ties."""
    logits = generator.normal(size=(samples, classes)) * 2
    if levels is not None:
        logits = np.round(logits * levels / 6)
    scores = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (scores / scores.sum(axis=1, keepdims=True)).astype(np.float32)


def cases():
    generator = np.random.default_rng(7)
    for name, samples, classes, k, levels in [
        ("plain", 500, 12, 5, None),
        ("ties", 500, 12, 5, 3),
        ("all_equal", 60, 7, 3, 0),
        ("two_classes", 80, 2, 5, None),
        ("one_class", 20, 1, 5, None),
        ("few_samples", 9, 40, 5, None),
    ]:
        scores = random_scores(generator, samples, classes, levels)
        truth = generator.integers(0, classes, size=samples)
        # Half of the answers are right, so that the measures are not those of chance.
        right = generator.random(samples) < 0.5
        yield name, scores, np.where(right, scores.argmax(axis=1), truth), k
    scores = random_scores(generator, 200, 10)
    yield "missing_classes", scores, generator.choice([1, 4, 9], size=200), 5


def main(folder):
    folder = Path(folder)
    for name, scores, truth, k in cases():
        write_predictions(folder / f"{name}.jsonl", scores, truth)
        (folder / f"{name}.json").write_text(json.dumps(measures(scores, truth, k)))
    generator = np.random.default_rng(8)
    write_predictions(
        folder / "many.jsonl",
        random_scores(generator, 10_000, 400),
        generator.integers(0, 400, size=10_000),
    )


if __name__ == "__main__":
    main(sys.argv[1])
