"""Convolutions that do the backbone's pretrained batch normalisation themselves, where that no longer learns.

A normalisation at rest only scales and shifts each channel. Here the convolution's kernel is scaled, so that
only the shift is left, and TensorFlow makes one operation of convolution, shift and ReLU. The results differ
by rounding only, and a training step takes about 0.86 of the time (two cores, in turns with separate layers).
"""

from collections import Counter
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from src.model.layers import FusedNormalization


class RestingNormalization:
    """The weights of a batch normalisation at rest, for the layer in front of it."""

    def add_normalization(self, channels: int) -> None:
        """Makes the factor and the shift of each channel."""
        self.factor = self.add_weight((channels,), "ones", trainable=False, name="factor")
        self.shift = self.add_weight((channels,), "zeros", trainable=False, name="shift")

    # Keras' convolutions save kernel and bias alone, its other layers all of their weights.
    def save_own_variables(self, store: dict) -> None:
        """Saves all weights."""
        layers.Layer.save_own_variables(self, store)

    def load_own_variables(self, store: dict) -> None:
        """Loads all weights."""
        layers.Layer.load_own_variables(self, store)


@keras.saving.register_keras_serializable("sidewalk")
class NormalizedConv2D(RestingNormalization, layers.Conv2D):
    """A convolution without bias and the batch normalisation behind it, of which only the kernel learns."""

    def build(self, shape: tuple) -> None:
        """Makes the weights."""
        super().build(shape)
        self.add_normalization(self.filters)

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Returns (B, H, W, filters) of (B, H, W, C)."""
        return tf.nn.bias_add(self.convolution_op(x, self.kernel * self.factor), self.shift)


@keras.saving.register_keras_serializable("sidewalk")
class NormalizedDepthwiseConv2D(RestingNormalization, layers.DepthwiseConv2D):
    """The same of a depthwise convolution."""

    def build(self, shape: tuple) -> None:
        """Makes the weights."""
        super().build(shape)
        self.add_normalization(shape[-1])

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """Returns (B, H, W, C) of (B, H, W, C)."""
        kernel = self.kernel * self.factor[:, None]
        is_dense = self.strides == (1, 1) and self.dilation_rate == (1, 1) and self.padding == "same"
        if self.kernel_size == (5, 5) and is_dense:
            return tf.nn.bias_add(convolve_depthwise(x, kernel), self.shift)
        y = keras.ops.depthwise_conv(x, kernel, self.strides, self.padding, dilation_rate=self.dilation_rate)
        return tf.nn.bias_add(y, self.shift)


@tf.custom_gradient
def convolve_depthwise(x: tf.Tensor, kernel: tf.Tensor) -> tuple[tf.Tensor, Callable]:
    """Returns a depthwise convolution of stride 1, and a function that computes its gradients.

    The kernel's gradient is a depthwise convolution, too: of the input by the output's gradient, with the
    batch's images as channels. TensorFlow's own operation takes 2 to 3 times as long for 5 x 5 kernels, which
    makes a training step 1.05 times as long (two cores, in turns). For 3 x 3 kernels it is the faster one.

    Args:
        x: (B, H, W, C).
        kernel: (size, size, C, 1), of an odd size.
    """
    size = kernel.shape[0]
    one_step = [1, 1, 1, 1]

    def differentiate(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        by_input = tf.raw_ops.DepthwiseConv2dNativeBackpropInput(
            input_sizes=tf.shape(x), filter=kernel, out_backprop=upstream, strides=one_step, padding="SAME"
        )
        _, height, width, channels = tf.unstack(tf.shape(x))
        edge = size // 2
        padded = tf.pad(x, [[0, 0], [edge, edge], [edge, edge], [0, 0]])
        images = tf.reshape(tf.transpose(padded, (1, 2, 0, 3)), (1, height + 2 * edge, width + 2 * edge, -1))
        kernels = tf.reshape(tf.transpose(upstream, (1, 2, 0, 3)), (height, width, -1, 1))
        by_image = tf.nn.depthwise_conv2d(images, kernels, one_step, "VALID")
        by_kernel = tf.reduce_sum(tf.reshape(by_image, (size, size, -1, channels)), 2)
        return by_input, by_kernel[..., None]

    return tf.nn.depthwise_conv2d(x, kernel, one_step, "SAME"), differentiate


NORMALIZED = {layers.Conv2D: NormalizedConv2D, layers.DepthwiseConv2D: NormalizedDepthwiseConv2D}


def find_normalized(network: keras.Model) -> dict[str, layers.BatchNormalization]:
    """Finds the convolutions whose output goes to a batch normalisation and nowhere else.

    Returns:
        Name of each convolution -> the normalisation behind it.
    """
    users = Counter(id(tensor) for layer in network.layers for tensor in keras.tree.flatten(layer.input))
    plain = {id(layer.output): layer for layer in network.layers if type(layer) in NORMALIZED}
    found = {}
    for layer in network.layers:
        if not isinstance(layer, layers.BatchNormalization) or not (layer.scale and layer.center):
            continue
        convolution = plain.get(id(layer.input))
        if convolution is None or users[id(layer.input)] > 1 or convolution.use_bias:
            continue
        has_one_kernel = getattr(convolution, "depth_multiplier", 1) == 1  # for each channel
        if convolution.activation is keras.activations.linear and has_one_kernel:
            found[convolution.name] = layer
    return found


def replace_normalization(network: keras.Model, resting: dict[str, layers.BatchNormalization]) -> keras.Model:
    """Copies a network, with faster layers for its batch normalisation.

    Args:
        network: a functional model.
        resting: some of `find_normalized`, which learn no more and are done by their convolutions.
    """
    removed = {layer.name for layer in resting.values()}

    def copy_layer(layer: layers.Layer) -> layers.Layer:
        kind = type(layer)
        if layer.name in resting:
            kind = NORMALIZED[kind]
        elif isinstance(layer, layers.BatchNormalization) and layer.scale and layer.center:
            kind = FusedNormalization
        return kind.from_config(layer.get_config())

    def call_layer(layer: layers.Layer, *inputs: object, **options: object) -> object:
        return inputs[0] if layer.name in removed else layer(*inputs, **options)

    copy = keras.models.clone_model(network, clone_function=copy_layer, call_function=call_layer)
    for layer in copy.layers:
        if not layer.weights:  # the copy's input has another name
            continue
        weights = network.get_layer(layer.name).get_weights()
        if layer.name in resting:
            weights += _measure_rest(resting[layer.name])
        layer.set_weights(weights)
    return copy


def _measure_rest(layer: layers.BatchNormalization) -> list[np.ndarray]:
    """Returns by what a batch normalisation at rest multiplies each channel, and what it adds."""
    gamma, beta, mean, variance = layer.get_weights()
    factor = gamma / np.sqrt(variance + layer.epsilon)
    return [factor, beta - mean * factor]
