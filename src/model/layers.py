"""Keras layers of this project."""

import keras
import tensorflow as tf
from keras import layers

from src.model import replicas

TINY = 1e-30  # stands in for a probability of 0, which has no logarithm
SMALLEST_SHARE = 1e-3  # of the frame, added to a class's share before its logarithm is taken


@keras.saving.register_keras_serializable("sidewalk")
class DoubleSize(keras.layers.Layer):
    """Doubles height and width by bilinear interpolation; they may be unknown until the network runs."""

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Returns float32 (B, 2H, 2W, C) of (B, H, W, C)."""
        return tf.image.resize(x, 2 * tf.shape(x)[1:3])

    def compute_output_shape(self, shape: tuple) -> tuple:
        """Returns (B, 2H, 2W, C) of (B, H, W, C); None for a side that is None."""
        batch, height, width, channels = shape
        double_height = None if height is None else 2 * height
        double_width = None if width is None else 2 * width
        return (batch, double_height, double_width, channels)


@keras.saving.register_keras_serializable("sidewalk")
class FusedNormalization(layers.BatchNormalization):
    """Batch normalisation by one fused operation; Keras 3 uses ten, each of which reads the whole tensor.

    It gives the same numbers, except that the moving variance divides by n - 1, as in Keras 2. On two cores a
    training step takes about 0.8 of the time. So does a prediction, where the operation is merged into the
    convolution before it.
    """

    def call(self, x: tf.Tensor, training: bool | None = None, mask: tf.Tensor | None = None) -> tf.Tensor:
        """Returns (B, H, W, C) of (B, H, W, C), normalised by the batch's moments in training."""
        training = bool(training) and self.trainable  # a frozen layer uses its moving moments, as Keras' own
        if training and replicas.count_replicas() > 1:
            y, mean, variance = self._normalize_over_replicas(x)
        else:
            y, mean, variance = self._normalize_fused(x, training)
        if training:
            for moving, current in ((self.moving_mean, mean), (self.moving_variance, variance)):
                moving.assign(self.momentum * moving + (1 - self.momentum) * current)
        return y

    def _normalize_fused(self, x: tf.Tensor, training: bool) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Returns the normalised batch, and mean and variance of each channel."""
        given_mean = [] if training else self.moving_mean
        given_variance = [] if training else self.moving_variance
        y, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=x,
            scale=self.gamma,
            offset=self.beta,
            mean=given_mean,
            variance=given_variance,
            epsilon=self.epsilon,
            is_training=training,
        )
        return y, mean, variance

    def _normalize_over_replicas(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Returns the same of a replica's part of a batch, with the moments of the whole batch."""
        axes = (0, 1, 2)
        count = replicas.add_up(tf.cast(tf.reduce_prod(tf.shape(x)[:3]), x.dtype))
        mean = replicas.add_up(tf.reduce_sum(x, axes)) / count
        squares = replicas.add_up(tf.reduce_sum(tf.math.squared_difference(x, mean), axes))
        y = tf.nn.batch_normalization(x, mean, squares / count, self.beta, self.gamma, self.epsilon)
        return y, mean, squares / (count - 1)


@keras.saving.register_keras_serializable("sidewalk")
class MeanProbability(keras.layers.Layer):
    """Averages the probabilities of several networks."""

    def call(self, logits: list[tf.Tensor]) -> tf.Tensor:
        """Returns logits of the mean probabilities over the last axis; all tensors have the same shape."""
        probabilities = [tf.nn.softmax(one) for one in logits]
        mean = tf.add_n(probabilities) / len(probabilities)
        return tf.math.log(tf.maximum(mean, TINY))

    def compute_output_shape(self, shapes: list[tuple]) -> tuple:
        """Returns the shape of each input."""
        return shapes[0]


@keras.saving.register_keras_serializable("sidewalk")
class MaskShares(keras.layers.Layer):
    """Measures how much of the frame each class covers, and where.

    No gradient passes through, so that the label's loss does not change the mask.

    Args:
        cells: number of rows, and of columns, of the grid.
        patch: side in pixels of the patches whose largest share shows that a class is in view, however small;
            0 leaves these shares out, as in networks of earlier versions.
    """

    def __init__(self, cells: int = 3, patch: int = 0, **kwargs: object):
        super().__init__(**kwargs)
        self.cells = cells
        self.patch = patch

    def call(self, logits: tf.Tensor) -> tf.Tensor:
        """Measures masks.

        Args:
            logits: of the mask, (B, H, W, classes).

        Returns:
            float32, (B, (2 + cells * cells) * classes): the logarithm of each class's mean probability, that
            of its largest mean in a patch, which is left out where `patch` is 0, and its mean probability in
            each cell of the grid, row by row.
        """
        probabilities = tf.nn.softmax(tf.stop_gradient(logits))
        shape = tf.shape(probabilities)
        height = shape[1]
        width = shape[2]
        classes = probabilities.shape[3]
        # (B, cells, W * classes), then (B, cells, cells, classes)
        lines = self._average(height) @ tf.reshape(probabilities, (-1, height, width * classes))
        grid = self._average(width) @ tf.reshape(lines, (-1, width, classes))
        grid = tf.reshape(grid, (-1, self.cells * self.cells * classes))
        shares = [tf.reduce_mean(probabilities, (1, 2))]
        if self.patch:
            patches = tf.nn.avg_pool2d(probabilities, self.patch, self.patch, "SAME")
            shares.append(tf.reduce_max(patches, (1, 2)))
        return tf.concat([*(tf.math.log(share + SMALLEST_SHARE) for share in shares), grid], 1)

    def _average(self, length: tf.Tensor) -> tf.Tensor:
        """Makes the matrix (cells, length) that averages the pixels of a side within each cell."""
        cell = tf.range(length) * self.cells // length
        inside = tf.cast(cell[None] == tf.range(self.cells)[:, None], tf.float32)
        return inside / tf.reduce_sum(inside, 1, keepdims=True)

    def compute_output_shape(self, shape: tuple) -> tuple:
        """Returns (B, (2 + cells * cells) * classes), or with 1 in place of 2 where `patch` is 0."""
        return (shape[0], (1 + (self.patch > 0) + self.cells * self.cells) * shape[3])

    def get_config(self) -> dict:
        """Returns the arguments that rebuild this layer."""
        return super().get_config() | {"cells": self.cells, "patch": self.patch}
