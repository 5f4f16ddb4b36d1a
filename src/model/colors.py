"""The first layer of both networks, which scales a photo's colours as the backbone expects them."""

import keras
import numpy as np
import segmentation_models as sm

# Mean and standard deviation of a photo's channels to which `ScaleColors` brings them, about those of a photo
# by day, and what is added to the standard deviation, so that an even photo stays one.
LEVEL = 127.0
SPREAD = 64.0
LEAST_SPREAD = 6.4


@keras.saving.register_keras_serializable("sidewalk")
class ScaleColors(keras.layers.Layer):
    """Scales RGB in 0..255 as in the training of a backbone: colours times a matrix, plus an offset.

    Before that, `light` brings each channel of each photo nearer to one mean and one standard deviation, so
    that exposure, haze and white balance, which differ from place to place, count less.

    A fourth channel, the depth code of `depth_files.load_depth`, becomes two. The first is 1 where there is a
    reading, the second is the nearness there, -1 to 1; both are 0 elsewhere.

    Args:
        matrix: 3 x 3, input colours (rows) to output colours (columns).
        offset: 3 numbers.
        depth: metres a step of the depth maps; 0 for a network without depth.
        light: how far the channels are brought there, from 0 (not at all) to 1 (wholly).
    """

    def __init__(
        self,
        matrix: list[list[float]],
        offset: list[float],
        depth: float = 0.0,
        light: float = 0.0,
        **kwargs: object,
    ):
        super().__init__(**kwargs)
        self.matrix = matrix
        self.offset = offset
        self.depth = depth
        self.light = light

    def call(self, image: keras.KerasTensor) -> keras.KerasTensor:
        """Returns float32 (B, H, W, 3) of uint8 or float RGB, (B, H, W, 5) with depth."""
        channels = keras.ops.cast(image, "float32")
        colors = channels[..., :3]
        if self.light:
            mean = keras.ops.mean(colors, (1, 2), keepdims=True)
            spread = keras.ops.std(colors, (1, 2), keepdims=True)
            leveled = LEVEL + SPREAD * (colors - mean) / (spread + LEAST_SPREAD)
            colors += self.light * (leveled - colors)
        # Every backbone of segmentation-models scales each channel by itself; some reverse their order first.
        order = np.argmax(np.abs(self.matrix), axis=0)
        if (order != [0, 1, 2]).any():
            colors = colors[..., ::-1]
        scale = np.array(self.matrix)[order, [0, 1, 2]]
        colors = colors * scale.astype("float32") + np.array(self.offset, "float32")
        if not self.depth:
            return colors
        has_reading = keras.ops.cast(channels[..., 3:] > 0, "float32")
        nearness = channels[..., 3:] / 127.5 - 1
        return keras.ops.concatenate([colors, has_reading, has_reading * nearness], -1)

    def get_config(self) -> dict:
        """Returns the arguments that rebuild this layer."""
        arguments = {"matrix": self.matrix, "offset": self.offset, "depth": self.depth, "light": self.light}
        return super().get_config() | arguments


def make_scaling(backbone: str, depth: float = 0.0, light: float = 0.0) -> ScaleColors:
    """Makes the layer that does a backbone's own preprocessing.

    The preprocessing is linear, so its results for black and the three pure colours determine it.

    Args:
        backbone: a name that segmentation-models has.
        depth: metres a step of the depth maps; 0 for a network without depth.
        light: as in `ScaleColors`.
    """
    preprocess = sm.get_preprocessing(backbone)
    pure_colors = np.concatenate([np.zeros((1, 3)), 255 * np.eye(3)]).astype("float32")
    scaled = np.asarray(preprocess(pure_colors.reshape(1, 4, 1, 3).copy()))
    scaled = scaled.reshape(4, 3).astype(float)
    matrix = ((scaled[1:] - scaled[0]) / 255).tolist()
    offset = scaled[0].tolist()
    return ScaleColors(matrix, offset, depth, light, name="scale_colors")


def read_depth_unit(network: keras.Model) -> float:
    """Returns the metres a step of the depth maps that a network was trained on; 0 for one without depth."""
    for layer in network.layers:
        if isinstance(layer, ScaleColors):
            return layer.depth
    members = [layer for layer in network.layers if isinstance(layer, keras.Model)]
    return max((read_depth_unit(member) for member in members), default=0.0)
