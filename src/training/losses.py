"""The losses of mask and label. Pixels of IGNORE and labels of NO_LABEL do not count.

With several GPUs they are of the whole batch, of which each returns an equal share.
"""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from src.data.classes import IGNORE, NO_LABEL, count_values
from src.model import replicas
from src.model.layers import TINY


class MaskLoss(keras.losses.Loss):
    """Class-balanced cross-entropy plus soft Dice over the pixels that have a class.

    Source of the Dice term: Milletari et al. 2016 (V-Net), sec. 3, without squares, over the batch's classes.

    Args:
        class_weights: one positive factor a class for the cross-entropy.
        dice: factor of the Dice term.
    """

    def __init__(self, class_weights: np.ndarray, dice: float = 1.0):
        super().__init__(name="mask_loss")
        self.class_weights = tf.constant(class_weights, tf.float32)
        self.dice = dice

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """Returns the scalar loss of masks (B, H, W) and logits (B, H, W, classes)."""
        classes = y_pred.shape[-1]
        y_true = tf.reshape(tf.cast(y_true, tf.int32), [-1])
        counted = tf.cast(y_true != IGNORE, tf.float32)[:, None]
        truth = tf.one_hot(y_true, classes)  # (pixels, classes); all zero for IGNORE
        pixels = replicas.add_up(tf.reduce_sum(truth, 0))
        weights = tf.linalg.matvec(truth, self.class_weights)
        weights /= tf.maximum(replicas.add_up(tf.reduce_sum(weights)), 1.0)
        present = tf.cast(pixels > 0, tf.float32)
        shares = self.dice * present / tf.maximum(tf.reduce_sum(present), 1.0)

        @tf.custom_gradient
        def compare(logits: tf.Tensor) -> tuple[tf.Tensor, Callable]:
            """Returns the loss of logits (pixels, classes), and a function that computes its gradient.

            TensorFlow's own gradient takes 1.6 times as long, for it holds more arrays of pixels by classes.
            """
            p = tf.nn.softmax(logits) * counted
            hits = truth * p
            entropy = -tf.reduce_sum(weights * tf.math.log(tf.maximum(tf.reduce_sum(hits, 1), TINY)))
            overlap = 2 * replicas.add_up(tf.reduce_sum(hits, 0)) + 1
            total = replicas.add_up(tf.reduce_sum(p, 0)) + pixels + 1
            loss = replicas.add_up(entropy) + tf.reduce_sum(shares * (1 - overlap / total))

            def differentiate(upstream: tf.Tensor) -> tf.Tensor:
                # Of the sum of all replicas' shares, by this replica's logits.
                # The derivative of Dice by p is `slope` for every class, plus `true_slope` for the true one.
                slope = shares * overlap / total**2
                true_slope = -2 * shares / total
                true_part = tf.linalg.matvec(hits, true_slope)
                common = weights - tf.linalg.matvec(p, slope) - true_part
                return upstream * (p * (slope + common[:, None]) + truth * (true_part - weights)[:, None])

            return replicas.share(loss), differentiate

        return compare(tf.reshape(y_pred, [-1, classes]))


class LabelLoss(keras.losses.Loss):
    """Cross-entropy with label smoothing over labelled frames. Source: Szegedy et al. 2016, sec. 7.

    Args:
        smoothing: share of the target that is spread evenly over all classes.
    """

    def __init__(self, smoothing: float = 0.1):
        super().__init__(name="label_loss")
        self.smoothing = smoothing

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """Returns the scalar loss of labels (B,) or (B, 1) and logits (B, classes)."""
        classes = y_pred.shape[-1]
        y_true = tf.reshape(tf.cast(y_true, tf.int32), [-1])
        counted = tf.cast(y_true != NO_LABEL, tf.float32)
        truth = tf.one_hot(y_true, classes) * (1 - self.smoothing) + self.smoothing / classes
        entropy = -tf.reduce_sum(truth * tf.nn.log_softmax(y_pred), -1)
        total = replicas.add_up(tf.reduce_sum(entropy * counted))
        return replicas.share(total / tf.maximum(replicas.add_up(tf.reduce_sum(counted)), 1.0))


def balance_classes(masks: list[np.ndarray], classes: int) -> np.ndarray:
    """Computes class weights that are larger for rarer classes.

    A weight is the square root of the median class's share of the pixels over the class's own share, clipped
    to 0.3 to 5; 1 for a class without pixels. Without the square root a class of a few pixels would dominate
    the loss. Source: Eigen & Fergus 2015 (median frequency balancing), which takes no square root.

    Args:
        masks: uint8 class indices, (H, W) each; IGNORE does not count.
        classes: how many classes there are.

    Returns:
        float32, (classes,).
    """
    counts = sum((count_values(mask)[:classes] for mask in masks), np.zeros(classes))
    share = counts / max(counts.sum(), 1)
    present = share > 0
    weights = np.ones(classes)
    weights[present] = np.sqrt(np.median(share[present]) / share[present]).clip(0.3, 5.0)
    return weights.astype(np.float32)
