"""Convolutions that do the batch normalisation behind them, where it no longer learns."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from src.model.normalization import (
    NormalizedConv2D,
    NormalizedDepthwiseConv2D,
    convolve_depthwise,
    find_normalized,
    replace_normalization,
)


def build(use_bias=False):
    """Builds a network of four convolutions with a normalisation each; two of them must not be merged."""
    image = keras.Input((8, 8, 2))
    first = keras.layers.Conv2D(4, 3, 2, "same", use_bias=use_bias, name="first")(image)
    first = keras.layers.BatchNormalization(name="first_norm")(first)
    second = keras.layers.DepthwiseConv2D(5, padding="same", use_bias=False, name="second")(first)
    norm = keras.layers.BatchNormalization(name="second_norm")(second)
    third = keras.layers.Conv2D(3, 1, use_bias=False, activation="relu", name="third")(norm)
    third = keras.layers.BatchNormalization(name="third_norm")(third)
    fourth = keras.layers.DepthwiseConv2D(5, padding="same", use_bias=False, name="fourth")(third)
    fourth = keras.layers.BatchNormalization(name="fourth_norm")(fourth)
    network = keras.Model(image, [fourth, keras.layers.Add(name="sum")([norm, second])])
    rng = np.random.default_rng(0)
    for layer in network.layers:
        layer.set_weights([rng.uniform(0.5, 2, weight.shape) for weight in layer.get_weights()])
    return network


def test_a_convolution_multiplies_by_the_factor_and_adds_the_shift():
    for layer in (NormalizedConv2D(1, 1, use_bias=False), NormalizedDepthwiseConv2D(1, use_bias=False)):
        layer.build((None, None, None, 1))
        layer.set_weights([np.full((1, 1, 1, 1), 2.0), np.array([3.0]), np.array([10.0])])
        assert layer(np.full((1, 1, 1, 1), 5, "float32")).numpy().item() == 5 * 2 * 3 + 10
        assert [weight.name for weight in layer.trainable_weights] == ["kernel"]


def test_only_a_normalisation_that_a_plain_convolution_feeds_alone_is_done_by_it():
    # The output of `second` is used twice, `third` has an activation between.
    assert {name: norm.name for name, norm in find_normalized(build()).items()} == {
        "first": "first_norm",
        "fourth": "fourth_norm",
    }
    assert list(find_normalized(build(use_bias=True))) == ["fourth"]


@pytest.mark.parametrize(
    ("options", "is_merged"), [({"dilation_rate": 2}, True), ({"depth_multiplier": 2}, False)]
)
def test_other_depthwise_convolutions_stay_the_same(options, is_merged):
    image = keras.Input((8, 8, 2))
    y = keras.layers.DepthwiseConv2D(5, padding="same", use_bias=False, name="other", **options)(image)
    network = keras.Model(image, keras.layers.BatchNormalization()(y))
    rng = np.random.default_rng(0)
    network.set_weights([rng.uniform(0.5, 2, weight.shape) for weight in network.get_weights()])
    found = find_normalized(network)
    assert list(found) == ["other"] * is_merged
    photo = rng.normal(size=(2, 8, 8, 2)).astype("float32")
    np.testing.assert_allclose(
        replace_normalization(network, found)(photo), network(photo), rtol=1e-4, atol=1e-3
    )


def test_the_network_stays_the_same(tmp_path):
    network = build()
    copy = replace_normalization(network, find_normalized(network))
    assert "first_norm" not in {layer.name for layer in copy.layers}
    copy.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    image = np.random.default_rng(0).normal(size=(3, 8, 8, 2)).astype("float32")
    for ours, same, theirs in zip(copy(image), again(image), network(image), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-3)
        np.testing.assert_array_equal(same, ours)


@pytest.mark.parametrize("size", [3, 5])
def test_gradients_of_a_depthwise_convolution_are_tensorflows(size):
    rng = np.random.default_rng(0)
    x = tf.constant(rng.normal(size=(3, 7, 6, 4)), tf.float32)
    kernel = tf.constant(rng.normal(size=(size, size, 4, 1)), tf.float32)
    upstream = tf.constant(rng.normal(size=(3, 7, 6, 4)), tf.float32)

    def differentiate(convolve):
        with tf.GradientTape() as tape:
            tape.watch([x, kernel])
            y = convolve(x, kernel)
        return y, *tape.gradient(y, [x, kernel], upstream)

    expected = differentiate(lambda x, kernel: tf.nn.depthwise_conv2d(x, kernel, [1, 1, 1, 1], "SAME"))
    for ours, theirs in zip(differentiate(convolve_depthwise), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)
