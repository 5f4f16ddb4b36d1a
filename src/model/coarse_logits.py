"""Adds the logits of coarse features to those of a U-Net."""

import keras
from keras import layers

from src.model.layers import DoubleSize


def add_coarse_logits(unet: keras.Model, stages: int) -> keras.Model:
    """Adds the logits of the decoder's coarser stages to those of a U-Net.

    A convolution of 1 x 1 turns each stage into logits. From the coarsest on they are doubled in size and
    added to the next finer ones. So the coarse stages, which see more of the frame, learn the classes
    themselves. What it brings is in docs/how-measured.md.
    Source: Long et al. 2015 (fully convolutional networks), section 4.2.

    Args:
        unet: of segmentation-models, to logits (B, H/2, W/2, classes).
        stages: of its decoder, each of which doubles height and width.

    Returns:
        The U-Net with logits of the same shape.
    """
    classes = unet.output.shape[-1]
    coarse = [unet.get_layer(f"decoder_stage{i}b_relu").output for i in range(stages - 1)]
    all_logits = [layers.Conv2D(classes, 1, name=f"decoder_logits{i}")(x) for i, x in enumerate(coarse)]
    all_logits.append(unet.output)
    total = all_logits[0]
    for i, logits in enumerate(all_logits[1:]):
        doubled = DoubleSize(name=f"decoder_double{i}")(total)
        total = layers.Add(name=f"decoder_sum{i}")([doubled, logits])
    return keras.Model(unet.input, total)
