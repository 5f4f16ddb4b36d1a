"""The last layer of the label: fitted by logistic regression once the network is trained."""

import keras
import numpy as np
from sklearn.linear_model import LogisticRegression

from src.data.classes import NO_LABEL
from src.data.frames import Frames
from src.training import batches

MOST_FRAMES = 2000  # are enough for the label's last head
STRENGTH = 0.1  # of its logistic regression; smaller is smoother
FLOOR = 1e-4  # added to a feature's variance, which is 2 to 4 of the backbone's, 0.01 of the grid's
ABSENT = -5.0  # logit of a label that no frame has


def fit_label_head(joint: keras.Model, frames: Frames) -> None:
    """Gives a trained joint network the label head that logistic regression finds on whole frames.

    In a short training the head may not have found the labels that the backbone tells apart. Mirror images
    beside the frames make up for few labels. Source: Kang et al. 2020 (decoupled training, re-trained head).

    Args:
        joint: its output "label" is what a layer of that name makes; without two different labels among the
            frames that layer stays as it is.
        frames: what was learned from.
    """
    rows = np.flatnonzero(frames.labels != NO_LABEL)
    rows = rows[np.linspace(0, len(rows) - 1, min(len(rows), MOST_FRAMES)).astype(int)]
    names = np.unique(frames.labels[rows])
    if len(names) < 2:
        return
    head = joint.get_layer("label")
    features, labels = _read_features(keras.Model(joint.input, head.input), frames.take(rows))
    middle = features.mean(0)
    spread = np.sqrt(features.var(0) + FLOOR)  # else what hardly varies would get a huge slope
    regression = LogisticRegression(C=STRENGTH, class_weight="balanced", max_iter=1000)
    regression.fit((features - middle) / spread, labels)
    slopes = regression.coef_ / spread
    bias = regression.intercept_ - slopes @ middle
    if len(names) == 2:  # scikit-learn gives one logit then, the second label's against the first's
        slopes, bias = np.vstack([-slopes, slopes]) / 2, np.array([-bias[0], bias[0]]) / 2
    kernel, first = np.zeros(head.kernel.shape), np.full(head.bias.shape, ABSENT)
    kernel[:, names], first[names] = slopes.T, bias
    head.set_weights([kernel, first])


def _read_features(network: keras.Model, frames: Frames) -> tuple[np.ndarray, np.ndarray]:
    """Reads what the label's head sees of whole frames, and of their mirror images, with their labels."""
    features, labels = [], []
    for image, target in batches.make_whole_batches(frames, 8, with_label=True):
        for view in (image, image[:, :, ::-1]):
            features.append(network.predict_on_batch(view))
            labels.append(target["label"])
    return np.concatenate(features), np.concatenate(labels)
