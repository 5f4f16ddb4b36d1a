import keras
import numpy as np
from tiny import TINY

from src.model import unet

COARSE = [f"decoder_logits{i}" for i in range(3)]  # strides 16, 8 and 4; "final_conv" is of stride 2


def build(classes):
    """A U-Net whose logits are 0 everywhere."""
    inner, _ = unet.find_unet(unet.build_segmenter(classes, TINY))
    for name in (*COARSE, "final_conv"):
        layer = inner.get_layer(name)
        layer.set_weights([np.zeros(weights.shape) for weights in layer.get_weights()])
    return inner


def set_weights(layer, kernel, bias):
    layer.set_weights([np.full(layer.kernel.shape, kernel), np.array(bias, float)])


def test_the_logits_of_all_strides_add_up():
    inner = build(classes=2)
    for number, name in enumerate([*COARSE, "final_conv"]):
        set_weights(inner.get_layer(name), 0, [2**number, 0])
    logits = inner(np.zeros((1, 64, 96, 3), np.float32)).numpy()
    assert logits.shape == (1, 64, 96, 2)
    np.testing.assert_array_equal(logits[..., 0], 1 + 2 + 4 + 8)
    np.testing.assert_array_equal(logits[..., 1], 0)


def test_a_coarse_logit_is_of_the_pixels_below_it():
    inner = build(classes=1)
    set_weights(inner.get_layer("decoder_logits0"), 1, [0])
    features = keras.Model(inner.input, inner.get_layer("decoder_stage0b_relu").output)
    image = np.random.default_rng(0).normal(size=(1, 64, 96, 3)).astype("float32")
    cells = features(image).numpy().sum(-1)[0]  # 4 x 6 of 16 px
    logits = inner(image).numpy()[0, ..., 0]
    corners = logits[::63, ::95]  # interpolation leaves the corner pixels as they are
    np.testing.assert_allclose(corners, cells[::3, ::5], rtol=1e-4)
