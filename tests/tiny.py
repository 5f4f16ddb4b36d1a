"""A backbone of five small convolutions, `tiny`, for every test that needs no pretrained one."""

import keras
from keras import layers

from src.model import efficientnet_lite
from src.settings import Recipe

TINY = Recipe(backbone="tiny", weights="none")
CHANNELS = (8, 8, 16, 16, 32)  # at strides 2 to 32


def build_tiny(
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    input_tensor: keras.KerasTensor | None = None,
    **_others: object,
) -> keras.Model:
    """Builds it with the signature that segmentation-models expects of a backbone."""
    image = layers.Input(input_shape, name="image") if input_tensor is None else input_tensor
    x = image
    for number, channels in enumerate(CHANNELS, start=1):
        x = layers.Conv2D(channels, 3, 2, padding="same", use_bias=False, name=f"tiny{number}_conv")(x)
        x = layers.BatchNormalization(name=f"tiny{number}_bn")(x)
        x = layers.ReLU(name=f"tiny{number}")(x)
    return keras.Model(image, x, name="tiny")


efficientnet_lite.register(
    "tiny", build_tiny, efficientnet_lite.preprocess_input, ["tiny4", "tiny3", "tiny2", "tiny1"]
)
