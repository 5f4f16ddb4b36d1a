"""Makes presets of KerasHub (requirements-hub.txt) known to segmentation-models, as `hub:PRESET`."""

from functools import partial
from types import ModuleType

import keras
import numpy as np

from src.common.errors import SettingsError
from src.model import efficientnet_lite as lite
from src.model import mix_transformer

PREFIX = "hub:"  # of such a backbone's name in a recipe
NEEDED = (32, 16, 8, 4)  # strides of the features that the decoder cannot do without
PROBE = 256  # side in px of the image that tells the strides of all layers


def is_preset(backbone: str) -> bool:
    """Returns True if the name of a backbone is that of a preset."""
    return backbone.startswith(PREFIX)


def register(backbone: str) -> None:
    """Makes a preset known to segmentation-models by its name in the recipe.

    Args:
        backbone: "hub:" and a preset that KerasHub knows, or a folder that its `save_to_preset` wrote.

    Raises:
        SettingsError: KerasHub is not installed, or the preset cannot be read, has no scaling of its own or
            is no backbone for images of any size.
    """
    hub = _import_hub(backbone)
    preset = backbone.removeprefix(PREFIX)
    converter = _read_converter(hub, preset)
    levels = find_levels(_load(hub, preset, load_weights=False))
    missing = [str(stride) for stride in NEEDED if stride not in levels]
    if missing:
        raise SettingsError(
            f"RECIPE's backbone must have features at strides 4, 8, 16 and 32, found none of {backbone} at "
            f"{', '.join(missing)}; take a preset of ResNet, EfficientNet, MobileNet or MiT."
        )
    skips = [levels[stride] for stride in (16, 8, 4, 2) if stride in levels]
    scale = partial(
        _scale_colors, scale=_replace_none(converter.scale, 1), offset=_replace_none(converter.offset, 0)
    )
    lite.register(backbone, partial(build_preset, preset=preset), scale, skips)


def build_preset(preset: str, weights: str | None = None, **_others: object) -> keras.Model:
    """Builds the backbone of a preset, with the signature that segmentation-models expects.

    Args:
        preset: that KerasHub knows, or a folder.
        weights: None for random ones; anything else for the preset's own.
        **_others: what segmentation-models passes to every backbone; not used.

    Returns:
        Model from float32 RGB (B, H, W, 3), scaled as the preset wants it, to features (B, H/32, W/32,
        channels).
    """
    return _load(_import_hub(PREFIX + preset), preset, load_weights=weights is not None)


def find_levels(backbone: keras.Model) -> dict[int, int]:
    """Finds the layers whose outputs the decoder takes: by stride, 2 to 32, the layer's number.

    They are the levels that the backbone names itself; at any other stride the last layer that has it. At
    stride 32 it is the layer whose output is the backbone's. Layers have numbers here, because some get
    another name each time that KerasHub builds them.
    """
    named = getattr(backbone, "pyramid_outputs", {})
    pyramid = {id(tensor) for tensor in named.values()}
    outputs = {number: layer.output for number, layer in enumerate(backbone.layers) if _gives_image(layer)}
    shapes = keras.Model(backbone.input, outputs).compute_output_shape((1, PROBE, PROBE, 3))
    levels = {}
    for number, output in outputs.items():
        stride = PROBE / shapes[number][1]
        if stride == 32 and output is backbone.output:
            levels[32] = number
        if stride not in (2, 4, 8, 16):
            continue
        known = levels.get(stride)
        if id(output) in pyramid or known is None or id(outputs[known]) not in pyramid:
            levels[int(stride)] = number
    return levels


def _gives_image(layer: keras.layers.Layer) -> bool:
    """Returns True if a layer has one output, and that has height and width."""
    return isinstance(layer.output, keras.KerasTensor) and len(layer.output.shape) == 4


def _replace_none(value: object, default: float) -> object:
    """Returns a value, or the default where it is None."""
    return default if value is None else value


def _scale_colors(image: np.ndarray, scale: object, offset: object, **_submodules: object) -> np.ndarray:
    """Scales float RGB in 0..255, (..., 3), as KerasHub does, by one number or three of each."""
    return image * np.asarray(scale) + np.asarray(offset)


# KerasHub -------------------------------------------------
def _import_hub(backbone: str) -> ModuleType:
    """Imports KerasHub, which nothing else of this project needs."""
    try:
        import keras_hub
    except ImportError as error:
        raise SettingsError(
            f"RECIPE's backbone={backbone} needs KerasHub, found none installed; .venv/bin/python -m pip "
            "install -r requirements-hub.txt (.venv/Scripts/python on Windows), or set "
            f"backbone={lite.NAME}."
        ) from error
    return keras_hub


def _read_converter(hub: ModuleType, preset: str) -> keras.layers.Layer:
    """Reads the layer of a preset that holds `scale` and `offset` of its colours.

    Raises:
        SettingsError: there is no such preset, none with a scaling, or the internet did not answer.
    """
    try:
        return hub.layers.ImageConverter.from_preset(preset)
    except FileNotFoundError as error:
        raise SettingsError(
            "RECIPE's backbone must be a preset with its scaling of colours, found no image_converter.json "
            f"in {preset}; save KerasHub's ImageConverter into it, too, by save_to_preset."
        ) from error
    except OSError as error:
        raise _explain_internet(preset) from error
    except ValueError as error:
        raise SettingsError(
            f"RECIPE's backbone must be hub: and a preset of KerasHub for images, or a folder of its "
            f"save_to_preset, found {preset} ({_read_reason(error)}); hub:resnet_18_imagenet is one."
        ) from error


def _load(hub: ModuleType, preset: str, load_weights: bool) -> keras.Model:
    """Loads the backbone of a preset for images of any size.

    Raises:
        SettingsError: it takes images of one size only, or the internet did not answer.
    """
    load = partial(hub.models.Backbone.from_preset, preset, load_weights=load_weights, dtype="float32")
    try:
        try:
            return load(image_shape=(None, None, 3))
        except TypeError:  # it computes with the sides of the image
            load = partial(hub.models.MiTBackbone.from_preset, *load.args, **load.keywords)
            return mix_transformer.rebuild(load(image_shape=mix_transformer.SHAPE))
    except FileNotFoundError as error:
        raise SettingsError(
            f"RECIPE's backbone must be a whole preset, found a file missing in {preset} "
            f"({_read_reason(error)}); save it again by save_to_preset."
        ) from error
    except OSError as error:
        raise _explain_internet(preset) from error
    except (TypeError, ValueError) as error:
        raise SettingsError(
            f"RECIPE's backbone must be one that can be loaded for images of any size, found hub:{preset}, "
            f"which cannot ({_read_reason(error)}); take a preset of ResNet, EfficientNet, MobileNet or MiT."
        ) from error


def _read_reason(error: Exception) -> str:
    """Reads the first line of an error, which says what KerasHub missed."""
    return str(error).partition("\n")[0]


def _explain_internet(preset: str) -> SettingsError:
    """Makes the error for a preset that cannot be downloaded."""
    return SettingsError(
        f"The preset {preset} comes from the internet once, which did not answer; load it where there is "
        f"internet, or set RECIPE='backbone={lite.NAME}', whose weights are installed."
    )
