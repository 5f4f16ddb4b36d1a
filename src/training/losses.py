"""What training minimises. Targets that say nothing (pixels of IGNORE, labels of NO_LABEL) add nothing."""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from src.data.classes import IGNORE, NO_LABEL, count_values

TINY = 1e-30  # probability whose logarithm is taken in place of that of 0


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
        truth = tf.one_hot(y_true, classes)  # of IGNORE all zero
        pixels = tf.reduce_sum(truth, 0)
        weights = tf.linalg.matvec(truth, self.class_weights)
        weights /= tf.maximum(tf.reduce_sum(weights), 1.0)
        present = tf.cast(pixels > 0, tf.float32)
        shares = self.dice * present / tf.maximum(tf.reduce_sum(present), 1.0)

        @tf.custom_gradient
        def compare(logits: tf.Tensor) -> tuple[tf.Tensor, Callable]:
            """Returns the loss of logits (pixels, classes), and how it gives their gradient.

            TensorFlow's own gradient takes 1.6 times as long, for it keeps each class of each pixel apart.
            """
            p = tf.nn.softmax(logits) * counted
            hits = truth * p
            entropy = -tf.reduce_sum(weights * tf.math.log(tf.maximum(tf.reduce_sum(hits, 1), TINY)))
            overlap, total = 2 * tf.reduce_sum(hits, 0) + 1, tf.reduce_sum(p, 0) + pixels + 1
            loss = entropy + tf.reduce_sum(shares * (1 - overlap / total))

            def differentiate(upstream: tf.Tensor) -> tf.Tensor:
                # of Dice by p: `every` for each class, and `true` more for the true one
                true, every = -2 * shares / total, shares * overlap / total**2
                pull = tf.linalg.matvec(hits, true)
                level = weights - tf.linalg.matvec(p, every) - pull
                return upstream * (p * (every + level[:, None]) + truth * (pull - weights)[:, None])

            return loss, differentiate

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
        return tf.reduce_sum(entropy * counted) / tf.maximum(tf.reduce_sum(counted), 1.0)


def balance_classes(masks: list[np.ndarray], classes: int) -> np.ndarray:
    """Weighs rare classes up: square root of median share over own share, between 0.3 and 5; 1 where absent.

    The square root keeps a class of a few pixels from ruling the loss. Source: Eigen & Fergus 2015 (median
    frequency balancing), softened.

    Args:
        masks: uint8 class indices; IGNORE does not count.
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
