"""Keras layers of our own."""

import keras
import numpy as np
import tensorflow as tf
from keras import layers

SMALLEST_SHARE = 1e-3  # of the frame, added to a class's share before its logarithm is taken


@keras.saving.register_keras_serializable("sidewalk")
class ScaleColors(keras.layers.Layer):
    """Turns RGB in 0..255 into what a backbone was trained on: colour times a matrix, plus an offset.

    A fourth channel, the code of `pictures.load_depth`, becomes two: is there a reading, and how near is it.

    Args:
        matrix: 3 x 3, colours in to colours out.
        offset: 3 numbers.
        depth: metres a step of the depth maps that the network is used to; 0 for a network without.
    """

    def __init__(self, matrix: list[list[float]], offset: list[float], depth: float = 0.0, **kwargs: object):
        super().__init__(**kwargs)
        self.matrix, self.offset, self.depth = matrix, offset, depth

    def call(self, image: keras.KerasTensor) -> keras.KerasTensor:
        """Returns float32 (B, H, W, 3) of uint8 or float RGB, (B, H, W, 5) with depth."""
        seen = keras.ops.cast(image, "float32")
        image = seen[..., :3]
        # every known backbone scales channels, at most reordered
        order = np.argmax(np.abs(self.matrix), axis=0)
        image = image if (order == [0, 1, 2]).all() else image[..., ::-1]
        scale = np.array(self.matrix)[order, [0, 1, 2]]
        colors = image * scale.astype("float32") + np.array(self.offset, "float32")
        if not self.depth:
            return colors
        there = keras.ops.cast(seen[..., 3:] > 0, "float32")
        return keras.ops.concatenate([colors, there, there * (seen[..., 3:] / 127.5 - 1)], -1)

    def get_config(self) -> dict:
        """Gives what rebuilds this layer."""
        return super().get_config() | {"matrix": self.matrix, "offset": self.offset, "depth": self.depth}


@keras.saving.register_keras_serializable("sidewalk")
class DoubleSize(keras.layers.Layer):
    """Doubles height and width, bilinear, also where the size is known only at run time."""

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Returns float32 (B, 2H, 2W, C) of (B, H, W, C)."""
        return tf.image.resize(x, 2 * tf.shape(x)[1:3])

    def compute_output_shape(self, shape: tuple) -> tuple:
        """Doubles the sides that are known."""
        return (shape[0], *(side and 2 * side for side in shape[1:3]), shape[3])


@keras.saving.register_keras_serializable("sidewalk")
class FusedNormalization(layers.BatchNormalization):
    """Batch normalisation by one fused operation; Keras 3 makes it of ten that each read everything.

    The same numbers, but that the moving variance is of the sample (n - 1), as in Keras 2. On two cores
    a training step takes about 0.8 of the time, and so does a prediction, for convolutions swallow it there.
    """

    def call(self, x: tf.Tensor, training: bool | None = None, mask: tf.Tensor | None = None) -> tf.Tensor:
        """Returns (B, H, W, C) of (B, H, W, C), by the batch's moments in training."""
        if training and not self.trainable:  # as Keras does
            return super().call(x, training=False, mask=mask)
        known = [] if training else self.moving_mean, [] if training else self.moving_variance
        y, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=x,
            scale=self.gamma,
            offset=self.beta,
            mean=known[0],
            variance=known[1],
            epsilon=self.epsilon,
            is_training=bool(training),
        )
        if training:
            for moving, now in ((self.moving_mean, mean), (self.moving_variance, variance)):
                moving.assign(self.momentum * moving + (1 - self.momentum) * now)
        return y


@keras.saving.register_keras_serializable("sidewalk")
class MaskShares(keras.layers.Layer):
    """Measures how much of the frame each class covers, and where.

    The label's gradient ends here, so that the mask is not bent to suit the label.

    Args:
        cells: of the grid, to either side.
    """

    def __init__(self, cells: int = 3, **kwargs: object):
        super().__init__(**kwargs)
        self.cells = cells

    def call(self, logits: tf.Tensor) -> tf.Tensor:
        """Measures masks.

        Args:
            logits: of the mask, (B, H, W, classes).

        Returns:
            float32, (B, classes + cells * cells * classes): the logarithm of each class's mean probability,
            then its mean probability in each cell of the grid, row by row.
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
        share = tf.reduce_mean(probabilities, (1, 2))
        return tf.concat([tf.math.log(share + SMALLEST_SHARE), grid], 1)

    def _average(self, length: tf.Tensor) -> tf.Tensor:
        """Makes the matrix (cells, length) that averages the pixels of a side within each cell."""
        cell = tf.range(length) * self.cells // length
        inside = tf.cast(cell[None] == tf.range(self.cells)[:, None], tf.float32)
        return inside / tf.reduce_sum(inside, 1, keepdims=True)

    def compute_output_shape(self, shape: tuple) -> tuple:
        """Gives a flat list a frame."""
        return (shape[0], (1 + self.cells * self.cells) * shape[3])

    def get_config(self) -> dict:
        """Gives what rebuilds this layer."""
        return super().get_config() | {"cells": self.cells}
