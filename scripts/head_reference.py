"""Samples and the head that scikit-learn fits to them, for tests/train_head.rs.

    head_reference.py FOLDER

writes for each case NAME.safetensors with features, classes, and weight and bias of the optimum for features as they are, and
NAME.json with the penalty, the balance and the loss there.
"""

import json
import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file
from sklearn.linear_model import LogisticRegression

CASES = {
    # name: (samples, features, classes, penalty, balanced)
    "plain": (400, 30, 7, 1e-2, False),
    "weak": (300, 40, 5, 1e-4, False),
    "balanced": (500, 20, 6, 1e-2, True),
    "two": (150, 12, 2, 1e-2, False),
    "many": (5000, 512, 100, 1e-2, False),
}


def softmax_loss(logits, classes, shares):
    most = logits.max(axis=1)
    total = np.log(np.exp(logits - most[:, None]).sum(axis=1)) + most
    return (shares * (total - logits[np.arange(len(classes)), classes])).sum()


def main(folder):
    for number, (name, case) in enumerate(CASES.items()):
        count, width, class_count, penalty, balanced = case
        random = np.random.default_rng(number)
        centres = random.normal(size=(class_count, width))
        # Unequal classes.
        chances = np.linspace(1, 3, class_count)
        classes = random.choice(class_count, count, p=chances / chances.sum())
        mixing = random.normal(size=(width, width)) / np.sqrt(width)
        features = (0.7 * centres[classes] + random.normal(size=(count, width))) @ mixing
        features = features * random.uniform(0.01, 10, width) + random.uniform(-5, 5, width)
        # As the network gives them.
        features = features.astype(np.float32).astype(np.float64)

        mean, deviation = features.mean(axis=0), features.std(axis=0)
        scaled = (features - mean) / deviation
        counts = np.bincount(classes, minlength=class_count)
        assert counts.all()
        weights = np.ones(count)
        if balanced:
            weights = (count / (class_count * counts))[classes]
        # With two classes scikit-learn has one vector w, where two opposite ones of w / 2 cost half as much.
        strength = 1 / (penalty * count) * (2 if class_count == 2 else 1)
        model = LogisticRegression(C=strength, tol=1e-10, max_iter=5000)
        model.fit(scaled, classes, sample_weight=weights)
        weight, bias = model.coef_, model.intercept_
        if class_count == 2:
            weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
        logits = scaled @ weight.T + bias
        loss = softmax_loss(logits, classes, weights / count)
        loss += penalty / 2 * (weight**2).sum()

        folded = weight / deviation
        tensors = {
            "features": features,
            "classes": classes.astype(np.int64),
            "weight": folded,
            "bias": bias - folded @ mean,
        }
        save_file({key: np.ascontiguousarray(value) for key, value in tensors.items()}, folder / f"{name}.safetensors")
        about = {"penalty": penalty, "balanced": balanced, "classes": class_count, "loss": loss}
        (folder / f"{name}.json").write_text(json.dumps(about))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
