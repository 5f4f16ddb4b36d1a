"""Rows of the benchmark in KerasHub: SegFormer-B0 and DeepLabV3+ on ResNet-50, with random weights.

Both are built as their presets `segformer_b0_ade20k_512` and `deeplab_v3_plus_resnet50_pascalvoc` are, and
used as the documentation does: `fit` with the optimizer and the loss that the package chooses, `predict`.
Started by `python -m src benchmark --peers PYTHON` in an environment with requirements-peers-keras.txt.
"""

import keras
import keras_hub
import numpy as np
from keras_rows import measure_fit, measure_predict_many, measure_predict_one
from turns import BATCH, CLASSES, Measure, serve


def build(kind: str, size: list[int]) -> keras.Model:
    """Builds "segformer", for square images only, or "deeplab"; both give logits at the photo's size."""
    if kind == "segformer":
        return keras_hub.models.SegFormerImageSegmenter(_build_segformer(size), num_classes=CLASSES)
    return keras_hub.models.DeepLabV3ImageSegmenter(_build_deeplab(), num_classes=CLASSES)


def _build_segformer(size: list[int]) -> keras.Model:
    encoder = keras_hub.models.MiTBackbone(
        image_shape=(*size, 3),
        num_layers=4,
        hidden_dims=[32, 64, 160, 256],
        layerwise_depths=[2, 2, 2, 2],
        layerwise_num_heads=[1, 2, 5, 8],
        layerwise_sr_ratios=[8, 4, 2, 1],
        layerwise_patch_sizes=[7, 3, 3, 3],
        layerwise_strides=[4, 2, 2, 2],
        max_drop_path_rate=0.1,
    )
    return keras_hub.models.SegFormerBackbone(image_encoder=encoder, projection_filters=256)


def _build_deeplab() -> keras.Model:
    encoder = keras_hub.models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[7],
        stackwise_num_filters=[64, 128, 256, 512],
        stackwise_num_blocks=[3, 4, 6, 3],
        stackwise_num_strides=[1, 2, 2, 2],
        block_type="bottleneck_block",
    )
    return keras_hub.models.DeepLabV3Backbone(
        image_encoder=encoder,
        projection_filters=48,
        dilation_rates=[6, 12, 18],
        upsampling_size=8,
        low_level_feature_key="P2",
        spatial_pyramid_pooling_key="P5",
    )


def train(size: list[int], kind: str) -> Measure:
    """A training step."""
    masks = np.random.default_rng(0).integers(0, CLASSES, (BATCH, *size))
    target = np.eye(CLASSES, dtype="float32")[masks]
    return measure_fit(build(kind, size), make_images(size, BATCH), target)


def answer_one(size: list[int], kind: str) -> Measure:
    """One photo in, logits out."""
    return measure_predict_one(build(kind, size), make_images(size, 1))


def answer_many(size: list[int], kind: str) -> Measure:
    """Many photos in, logits out."""
    return measure_predict_many(build(kind, size), make_images(size, 2 * BATCH))


def make_images(size: list[int], count: int) -> np.ndarray:
    """Makes images of noise, float32 in [0, 1], (count, height, width, 3)."""
    return np.random.default_rng(0).random((count, *size, 3), np.float32)


if __name__ == "__main__":
    serve({row.__name__: row for row in (train, answer_one, answer_many)})
