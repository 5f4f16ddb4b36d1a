"""The last layers of the label: fitted by logistic regression once the network is trained."""

from dataclasses import dataclass

import keras
import numpy as np
from sklearn.linear_model import LogisticRegression

from src.data.classes import NO_LABEL
from src.data.frames import Frames
from src.training import batches

MOST_FRAMES = 2000  # are enough for the label's last layers
ABSENT = -5.0  # logit of a label that no frame has


@dataclass(frozen=True)
class Part:
    """One of the two layers whose logits are added.

    Attributes:
        layer: its name.
        strength: of its logistic regression (C); smaller is smoother.
        floor: added to each feature's variance, else one that hardly varies would get a huge slope.
        weight: factor of its logits; all weights add up to 1, else the confidence would be too high.
    """

    layer: str
    strength: float
    floor: float
    weight: float


# Fitted apart, for among the many features of the backbone the few of the mask would be lost. On the built-in
# world (held-out models of five seeds, 540 steps) and on Mallorca -> Boston (seed 0, 1,120 steps) F1 away was
# 70.0 and 72.8 % with the backbone's features alone, 71.1 and 70.8 with the mask's alone, 76.1 and 78.0 with
# both; held out 69.3 and 69.3, 51.0 and 69.1, 77.1 and 81.1. The confidence in the label was 0.9 points above
# the accuracy on average, and 3.7 with the backbone's features alone.
PARTS = (
    Part("label_from_features", strength=0.03, floor=0.01, weight=2 / 3),
    Part("label_from_mask", strength=0.1, floor=1e-4, weight=1 / 3),
)


def fit_label_head(joint: keras.Model, frames: Frames) -> None:
    """Gives a trained joint network the label head that logistic regression finds on whole frames.

    In a short training the head may not have found the labels that the backbone tells apart. Mirror images
    beside the frames make up for few labels. Source: Kang et al. 2020 (decoupled training, re-trained head).

    Args:
        joint: of `unet.build_joint`; without two different labels among the frames its head stays as it is.
        frames: what was learned from.
    """
    rows = np.flatnonzero(frames.labels != NO_LABEL)
    rows = rows[np.linspace(0, len(rows) - 1, min(len(rows), MOST_FRAMES)).astype(int)]
    present = np.unique(frames.labels[rows])
    if len(present) < 2:
        return
    inputs = [joint.get_layer(part.layer).input for part in PARTS]
    features, labels = _read_features(keras.Model(joint.input, inputs), frames.take(rows))
    for part, values in zip(PARTS, features, strict=True):
        slopes, bias = _fit_part(part, values, labels)
        layer = joint.get_layer(part.layer)
        kernel = np.zeros(layer.kernel.shape)
        kernel[:, present] = part.weight * slopes.T
        # of the labels that no frame has one part alone says so
        offsets = np.full(layer.bias.shape, ABSENT if part is PARTS[0] else 0.0)
        offsets[present] = part.weight * bias
        layer.set_weights([kernel, offsets])


def _fit_part(part: Part, features: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fits one layer: slopes (labels, features) and biases (labels,), of the labels that occur."""
    middle = features.mean(0)
    spread = np.sqrt(features.var(0) + part.floor)
    regression = LogisticRegression(C=part.strength, class_weight="balanced", max_iter=1000)
    regression.fit((features - middle) / spread, labels)
    slopes = regression.coef_ / spread
    bias = regression.intercept_ - slopes @ middle
    if (
        len(regression.classes_) == 2
    ):  # scikit-learn gives one logit then, the second label's against the first's
        return np.vstack([-slopes, slopes]) / 2, np.array([-bias[0], bias[0]]) / 2
    return slopes, bias


def _read_features(network: keras.Model, frames: Frames) -> tuple[list[np.ndarray], np.ndarray]:
    """Reads what both parts see of whole frames, and of their mirror images, with their labels."""
    features = [[] for _ in PARTS]
    labels = []
    for image, target in batches.make_whole_batches(frames, 8, with_label=True):
        for view in (image, image[:, :, ::-1]):
            for values, found in zip(features, network.predict_on_batch(view), strict=True):
                values.append(found)
            labels.append(target["label"])
    return [np.concatenate(values) for values in features], np.concatenate(labels)
