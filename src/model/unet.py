"""The two networks: a U-Net of segmentation-models on a pretrained backbone, alone and with a label head."""

import difflib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import segmentation_models as sm
from keras import layers

from src.common.errors import MissingError, SettingsError
from src.model import efficientnet_lite as lite
from src.model import hub
from src.model.coarse_logits import add_coarse_logits
from src.model.colors import make_scaling
from src.model.layers import DoubleSize, MaskShares, MeanProbability
from src.model.normalization import find_normalized, replace_normalization
from src.settings import Recipe

WEIGHTS = ("imagenet", "none")
NORMS = ("pretrained", "batch")
# Channels of the decoder at strides 16, 8, 4 and 2. A step of 8 frames of 256 x 352 px took 1.00 s on
# two cores, 1.19 s with 96-64-48-32, and 1.95 s with the library's own 256 to 16, which ends at stride 1. On
# held-out recordings of two cities, after trainings of 5 minutes with seeds 0 and 1, these channels reached
# 49.5 and 49.4 % mean IoU, 96-64-48-32 reached 48.6 and 48.4 %.
DECODER_FILTERS = (128, 64, 32, 16)
HEADS = ("decoder_", "final_conv", "label")  # names of layers that are not of the backbone begin so
# Standard deviation of the normalised backbone feature that the label head reads; with larger features the
# head learns faster.
LABEL_FEATURE = 4.0
PATCH = 8  # side of `MaskShares`' patches at stride 2: 16 px of the input


def build_segmenter(classes: int, recipe: Recipe) -> keras.Model:
    """Builds the segmentation network.

    Args:
        classes: how many classes a pixel may have.
        recipe: its backbone, weights, depth and light are used.

    Returns:
        Model from uint8 or float RGB in 0..255, (B, H, W, 3) with H and W multiples of 32, or (B, H, W, 4)
        with the depth code of `depth_files.load_depth` as fourth channel, to
        {"mask": logits (B, H, W, classes)}.

    Raises:
        SettingsError: the backbone is unknown, or its weights cannot be read or downloaded.
    """
    unet = _build_unet(classes, recipe)
    image = layers.Input((None, None, 4 if recipe.depth else 3), name="image")
    logits = unet(make_scaling(recipe.backbone, recipe.depth, recipe.light)(image))
    return keras.Model(image, {"mask": _name_mask(logits)}, name="segmenter")


def build_joint(segmenter: keras.Model, labels: int) -> keras.Model:
    """Adds the label head to a segmentation network; both networks share their weights.

    The label's logits are the sum of two parts. "label_from_features" reads the mean and the maxima of the
    backbone's deepest feature, and is trained. "label_from_mask" reads how much of the frame each class
    covers, where, and whether it is in view at all; it is zero in training, so that the backbone learns the
    labels itself, and is fitted afterwards (`label_head`).

    Args:
        segmenter: of `build_segmenter`.
        labels: how many labels a frame may have.

    Returns:
        Model as `build_segmenter`'s, with a second output "label": logits (B, labels).
    """
    unet, deepest = find_unet(segmenter)
    half_size = unet.get_layer("to_full_size").input
    backbone = keras.Model(unet.input, [unet.output, deepest, half_size], name="unet_with_features")
    image = layers.Input(segmenter.input_shape[1:], name="image")
    logits, feature, half_logits = backbone(segmenter.get_layer("scale_colors")(image))
    pooled = [layers.GlobalAveragePooling2D()(feature), layers.GlobalMaxPooling2D()(feature)]
    pooled = layers.Concatenate()(pooled)
    # Maxima are large, and differ by place; larger features let a head of few steps learn faster
    large = keras.initializers.Constant(LABEL_FEATURE)
    pooled = layers.LayerNormalization(gamma_initializer=large, name="label_norm")(pooled)
    pooled = layers.Dropout(0.2)(pooled)
    # From zero the head's first gradients do not shake the backbone that it stands on
    from_features = layers.Dense(labels, kernel_initializer="zeros", name="label_from_features")(pooled)
    shares = MaskShares(patch=PATCH, name="label_shares")(half_logits)
    from_mask = layers.Dense(labels, kernel_initializer="zeros", trainable=False, name="label_from_mask")
    label = layers.Add(name="label")([from_features, from_mask(shares)])
    return keras.Model(image, {"mask": _name_mask(logits), "label": label}, name="joint")


def find_unet(network: keras.Model) -> tuple[keras.Model, keras.KerasTensor]:
    """Finds a network's U-Net and the backbone's deepest feature in it, (B, H/32, W/32, channels)."""
    unet = next(layer for layer in network.layers if isinstance(layer, keras.Model))
    return unet, unet.get_layer("decoder_stage0_upsampling").input


def list_stages(network: keras.Model) -> pd.DataFrame:
    """Lists the stages of a network, by its layers: backbone, decoder and outputs.

    Returns:
        A row a stage: "part" (backbone, decoder or output), "stride", "channels" and the "text" of a figure.
    """
    unet, deepest = find_unet(network)
    names = {layer.name for layer in unet.layers}
    strides = [2 ** (len(DECODER_FILTERS) - i) for i in range(len(DECODER_FILTERS))]  # 16, 8, 4, 2
    rows = [("backbone", 2 * strides[0], deepest.shape[-1])]
    for i, stride in enumerate(strides):
        join = f"decoder_stage{i}_concat"
        if join in names:  # some backbones have no feature at stride 2
            rows.insert(0, ("backbone", stride, unet.get_layer(join).input[1].shape[-1]))
    widths = [unet.get_layer(f"decoder_stage{i}b_relu").output.shape[-1] for i in range(len(strides))]
    rows += [("decoder", stride, count) for stride, count in zip(strides, widths, strict=True)]
    table = pd.DataFrame(rows, columns=["part", "stride", "channels"])
    table["text"] = [f"1/{row.stride}\n{row.channels} ch" for row in table.itertuples()]
    for name, output in zip(network.output_names, network.outputs, strict=True):
        stride = 1 if name == "mask" else 2 * strides[0]
        table.loc[len(table)] = ("output", stride, output.shape[-1], f"{name}\n{output.shape[-1]} classes")
    return table


def is_of_backbone(variable: keras.Variable) -> bool:
    """Returns True if a variable belongs to the backbone, not to the decoder or a head."""
    return not any(part.startswith(HEADS) for part in variable.path.split("/"))


def count_backbone(network: keras.Model) -> int:
    """Counts the weights that belong to the backbone."""
    return sum(int(np.prod(weight.shape)) for weight in network.weights if is_of_backbone(weight))


def load_model(path: Path) -> keras.Model:
    """Loads a network that training saved; it can predict, but not be trained further.

    Raises:
        SettingsError: it has layers of KerasHub, which is not installed.
    """
    try:
        return keras.models.load_model(path, compile=False, safe_mode=True)
    except TypeError as error:
        if "keras_hub" not in str(error):
            raise
        raise SettingsError(
            f"{path} must be read with KerasHub, some of whose layers it has, found none installed; "
            ".venv/bin/python -m pip install -r requirements-hub.txt (.venv/Scripts/python on Windows)."
        ) from error


def predict_mask(network: keras.Model, image: np.ndarray) -> np.ndarray:
    """Predicts the mask of one image by a Keras network, from one view.

    For a few images this is faster than a graph, which would take seconds to build.

    Args:
        network: of `build_segmenter` or `build_joint`.
        image: uint8, (H, W, channels), as `Frames.get_input` returns it.

    Returns:
        Class indices, uint8 (H, W).
    """
    logits = network(image[None], training=False)["mask"]
    return keras.ops.convert_to_numpy(logits)[0].argmax(-1).astype(np.uint8)


def name_part(number: int) -> str:
    """Names the folder of a network of the submitted model, by its number from 1: "final", "final-2"..."""
    return "final" if number == 1 else f"final-{number}"


def keeps_normalization(recipe: Recipe) -> bool:
    """Returns True if the recipe keeps the backbone's batch normalisation as it was pretrained."""
    return recipe.norm == "pretrained" and recipe.weights != "none"


def freeze_normalization(network: keras.Model, recipe: Recipe) -> None:
    """Keeps the backbone's batch normalisation as it was pretrained, if the recipe wants that.

    A saved network remembers it of its layers, but not of those inside a block of KerasHub, so this is
    called for a loaded one, too.
    """
    if not keeps_normalization(recipe):
        return
    for layer in network._flatten_layers(include_self=False):
        if isinstance(layer, layers.BatchNormalization) and is_of_backbone(layer.moving_mean):
            layer.trainable = False


def average_networks(networks: list[keras.Model]) -> keras.Model:
    """Makes one network of several, whose probabilities are the mean of theirs; one alone is returned.

    Args:
        networks: of `build_segmenter`, or of `build_joint`, with the same classes.
    """
    if len(networks) == 1:
        return networks[0]
    image = layers.Input(networks[0].input_shape[1:], name="image")
    outputs = []
    for number, network in enumerate(networks):
        member = keras.Model(network.inputs, network.output, name=f"network_{number}")
        outputs.append(member(image))
    names = networks[0].output_names
    averaged = {name: MeanProbability(name=name)([one[name] for one in outputs]) for name in names}
    return keras.Model(image, averaged, name="average")


def load_submitted(folder: Path) -> keras.Model:
    """Loads the submitted model of a run's folder: its network, or the average of its networks.

    Raises:
        MissingError: the folder has none.
    """
    paths = list_submitted(folder)
    if not paths:
        raise MissingError(
            f"{folder} must hold a submitted model, found none; run all cells of Train_label_seg.ipynb."
        )
    return average_networks([load_model(path) for path in paths])


def list_submitted(folder: Path) -> list[Path]:
    """Lists the files of the networks that the submitted model of a run's folder averages."""
    return sorted(folder.glob("final*/model.keras"))


def _name_mask(logits: keras.KerasTensor) -> keras.KerasTensor:
    """Adds a layer "mask" that changes nothing, so that the output has that name in both networks."""
    return layers.Activation("linear", dtype="float32", name="mask")(logits)


def _build_unet(classes: int, recipe: Recipe) -> keras.Model:
    """Builds the library's U-Net up to stride 2, and resizes the sum of its logits to the input's size."""
    check_recipe(recipe)
    with _explain_missing_weights(recipe.backbone):
        half = sm.Unet(
            recipe.backbone,
            input_shape=(None, None, 5 if recipe.depth else 3),
            classes=classes,
            activation="linear",
            encoder_weights=None if recipe.weights == "none" else recipe.weights,
            decoder_filters=DECODER_FILTERS,
        )
    half = add_coarse_logits(half, len(DECODER_FILTERS))
    unet = keras.Model(half.input, DoubleSize(name="to_full_size")(half.output), name="unet")
    resting = {}
    if keeps_normalization(recipe):
        found = find_normalized(unet)
        resting = {name: layer for name, layer in found.items() if is_of_backbone(layer.moving_mean)}
    unet = replace_normalization(unet, resting)
    freeze_normalization(unet, recipe)
    return unet


def check_recipe(recipe: Recipe) -> None:
    """Checks the recipe's backbone, weights, normalisation and depth before anything is read or built.

    Raises:
        SettingsError: backbone, weights or normalisation are unknown, or the backbone cannot use depth, or
            cannot be had from KerasHub.
    """
    backbone = recipe.backbone
    if recipe.depth and backbone not in lite.VARIANTS:
        raise SettingsError(
            f"RECIPE's depth needs one of {', '.join(lite.VARIANTS)} as backbone, found '{backbone}'."
        )
    if recipe.norm not in NORMS:
        raise SettingsError(f"RECIPE's norm must be one of {', '.join(NORMS)}, found '{recipe.norm}'.")
    if recipe.weights not in WEIGHTS:
        raise SettingsError(
            f"RECIPE's weights must be one of {', '.join(WEIGHTS)}, found '{recipe.weights}'."
        )
    if hub.is_preset(backbone):
        hub.register(backbone)
        return
    available = sorted(sm.get_available_backbone_names())
    if backbone not in available:
        nearest = difflib.get_close_matches(backbone, available, n=1, cutoff=0)[0]
        raise SettingsError(
            f"RECIPE's backbone must be one that segmentation-models knows, or hub: and a preset of "
            f"KerasHub, found '{backbone}'; the nearest is {nearest}, all are {', '.join(available)}."
        )


@contextmanager
def _explain_missing_weights(backbone: str) -> Iterator[None]:
    """Raises a SettingsError where Keras, with a bare Exception, cannot download a backbone's weights."""
    try:
        yield
    except Exception as error:
        if "URL fetch failure" not in str(error):
            raise
        raise SettingsError(
            f"The ImageNet weights of {backbone} come from the internet, which did not answer; set "
            f"weights=none in RECIPE for random ones, or backbone={lite.NAME}, whose own are installed."
        ) from error
