"""The label's last layers, which logistic regression fits once the network is trained."""

from dataclasses import dataclass

import keras
import numpy as np
from sklearn.linear_model import LogisticRegression

from src.common.spacing import choose_evenly
from src.data.classes import NO_LABEL
from src.data.frames import Frames
from src.training import batches

MOST_FRAMES = 2000  # that the regression is fitted to; more would not improve it
ABSENT = -5.0  # logit of a label that no frame has


@dataclass(frozen=True)
class Part:
    """One of the two layers whose logits are added.

    Attributes:
        layer: its name.
        strength: scikit-learn's C of its regression; a smaller one regularises more.
        floor: added to each feature's variance, else one that hardly varies would get a huge slope.
        weight: factor of its logits. All weights add up to 1, else the confidence would be too high.
        hidden: weight of the frames of which a class is hidden, 0 to 1; the frames as they are have the rest.
    """

    layer: str
    strength: float
    floor: float
    weight: float
    hidden: float = 0.0


# They are fitted apart, for among the many features of the backbone the few of the mask would be lost. The
# backbone was trained on these frames' labels, so its features say more of them than of other frames; hence
# they are regularised more, and weigh less. F1 away, the mean of four places, was 62.6 % by the features
# alone, 68.0 by the mask alone, 71.0 by both. Hiding classes raised it from 80.1 to 81.4 (three places) and,
# on their held-out recordings, from 76.2 to 84.4 (docs/how-measured.md has what was compared).
PARTS = (
    Part("label_from_features", strength=0.01, floor=0.01, weight=0.4),
    Part("label_from_mask", strength=0.3, floor=1e-4, weight=0.6, hidden=0.1),
)


def fit_label_head(joint: keras.Model, frames: Frames) -> None:
    """Fits the label's last layers of a trained joint network by logistic regression on whole frames.

    A short training may leave them worse than the features they read. Mirror images are added, for there may
    be few labels. Source: Kang et al. 2020 (decoupled training, re-trained head).

    Args:
        joint: of `unet.build_joint`. Nothing changes if the frames have fewer than two different labels.
        frames: that it was trained on.
    """
    rows = np.flatnonzero(frames.labels != NO_LABEL)
    rows = rows[choose_evenly(len(rows), MOST_FRAMES)]
    present = np.unique(frames.labels[rows])
    if len(present) < 2:
        return
    inputs = [joint.get_layer(part.layer).input for part in PARTS]
    features, labels = _compute_features(keras.Model(joint.input, inputs), frames.take(rows))
    classes = joint.output["mask"].shape[-1]
    for part, values in zip(PARTS, features, strict=True):
        slopes, intercepts = _fit_regression(part, values, labels, classes)
        layer = joint.get_layer(part.layer)
        kernel = np.zeros(layer.kernel.shape)
        kernel[:, present] = part.weight * slopes.T
        bias = np.full(layer.bias.shape, part.weight * ABSENT)
        bias[present] = part.weight * intercepts
        layer.set_weights([kernel, bias])


def hide_classes(shares: np.ndarray, classes: int) -> np.ndarray:
    """Hides a class of each frame: the first frame's class 0, the next one's class 1, and so on in turn.

    A place may lack a class that all frames of Train show, such as grass. A regression that leans on it would
    be lost there.

    Args:
        shares: float (frames, n * classes), of `MaskShares`; value i of a frame is of the class i % classes.
        classes: of the mask.

    Returns:
        Like `shares`. What is hidden has the smallest value that any frame has.
    """
    of_class = np.arange(shares.shape[1]) % classes
    hidden = np.arange(len(shares)) % classes
    return np.where(of_class == hidden[:, None], shares.min(0), shares)


def _fit_regression(
    part: Part, features: np.ndarray, labels: np.ndarray, classes: int
) -> tuple[np.ndarray, np.ndarray]:
    """Fits logistic regression: features (n, f) and labels (n,) -> slopes (k, f) and intercepts (k,).

    k is the number of different labels, `classes` that of the mask's classes.
    """
    mean = features.mean(0)
    deviation = np.sqrt(features.var(0) + part.floor)
    regression = LogisticRegression(C=part.strength, class_weight="balanced", max_iter=1000)
    weights = np.ones(len(features))
    if part.hidden:
        features = np.concatenate([features, hide_classes(features, classes)])
        labels = np.tile(labels, 2)
        weights = np.concatenate([weights - part.hidden, weights * part.hidden])
    regression.fit((features - mean) / deviation, labels, weights)
    slopes = regression.coef_ / deviation
    intercepts = regression.intercept_ - slopes @ mean
    if len(regression.classes_) > 2:
        return slopes, intercepts
    # Of two labels scikit-learn gives one logit only, the second label's minus the first's.
    both_slopes = np.vstack([-slopes, slopes]) / 2
    both_intercepts = np.array([-intercepts[0], intercepts[0]]) / 2
    return both_slopes, both_intercepts


def _compute_features(network: keras.Model, frames: Frames) -> tuple[list[np.ndarray], np.ndarray]:
    """Computes what each part reads of whole frames and of their mirror images, and lists their labels."""
    features: list[list[np.ndarray]] = [[] for _ in PARTS]
    labels = []
    for image, target in batches.make_whole_batches(frames, 8, with_label=True):
        for view in (image, image[:, :, ::-1]):
            for values, computed in zip(features, network.predict_on_batch(view), strict=True):
                values.append(computed)
            labels.append(target["label"])
    return [np.concatenate(values) for values in features], np.concatenate(labels)
