"""Builds MiT, the backbone of SegFormer, for images of any size; KerasHub's own takes one size only.

Source: Xie et al. 2021 (SegFormer), section 3.1. Every layer is Keras' own, on features (B, H, W, C), so that
a saved network needs no KerasHub. Names of layers are KerasHub's, with the name of their part behind them.
"""

import keras
from keras import layers

SHAPE = (64, 64, 3)  # of the images that KerasHub's own is loaded for
DROPOUT = 0.1  # of attention, as KerasHub's


def rebuild(source: keras.Model) -> keras.Model:
    """Builds a MiT for images of any size with the weights of KerasHub's.

    Args:
        source: KerasHub's MiTBackbone, loaded for SHAPE.

    Returns:
        Model from float32 RGB (B, H, W, 3), H and W multiples of 32, to features (B, H/32, W/32, channels).
    """
    image = layers.Input((None, None, 3))
    x = image
    for stage in range(source.num_layers):
        x = _add_patches(x, source, stage)
        for block in range(source.layerwise_depths[stage]):
            x = _add_block(x, source.get_layer(f"hierarchical_encoder_{stage}_{block}"))
        norm = source.get_layer(f"output_level_{stage}").input._keras_history.operation
        x = _add_copy(x, norm, f"output_level_{stage}")
    return keras.Model(image, x, name="mix_transformer")


def _add_patches(x: keras.KerasTensor, source: keras.Model, stage: int) -> keras.KerasTensor:
    """Adds the convolution that begins a stage and makes the grid coarser."""
    own = source.get_layer(f"patch_and_embed_{stage}")
    x = layers.ZeroPadding2D(own.patch_size // 2, name=f"{own.name}_padding")(x)
    x = _add_copy(x, own.proj, f"{own.name}_proj")
    return _add_copy(x, own.norm, f"{own.name}_norm")


def _add_block(x: keras.KerasTensor, own: layers.Layer) -> keras.KerasTensor:
    """Adds a block of attention and of two dense layers, around each of which x passes unchanged."""
    part = _add_copy(x, own.norm1, f"{own.name}_norm1")
    part = _add_attention(part, own.attn, own.name)
    x = _add_residual(x, part, own, f"{own.name}_attention")
    part = _add_copy(x, own.norm2, f"{own.name}_norm2")
    part = _add_copy(part, own.mlp.fc1, f"{own.name}_fc1")
    part = _add_copy(part, own.mlp.dwconv, f"{own.name}_dwconv")
    part = keras.ops.gelu(part)
    part = _add_copy(part, own.mlp.fc2, f"{own.name}_fc2")
    return _add_residual(x, part, own, f"{own.name}_mlp")


def _add_residual(
    x: keras.KerasTensor, part: keras.KerasTensor, own: layers.Layer, name: str
) -> keras.KerasTensor:
    """Adds a part of a block to x; in training it is left out for some images of a batch."""
    drop = layers.Dropout(own.drop_prop, noise_shape=(None, 1, 1, 1), name=f"{name}_drop")
    return layers.Add(name=f"{name}_add")([x, drop(part)])


def _add_attention(x: keras.KerasTensor, own: layers.Layer, name: str) -> keras.KerasTensor:
    """Adds attention of all places to all places of a grid that is `sr_ratio` times as coarse."""
    channels = x.shape[-1]
    heads = own.num_heads
    coarse = x
    if own.sr_ratio > 1:
        coarse = _add_copy(coarse, own.sr, f"{name}_sr")
        coarse = _add_copy(coarse, own.norm, f"{name}_sr_norm")
    attention = layers.MultiHeadAttention(
        heads, channels // heads, dropout=DROPOUT, attention_axes=(1, 2), name=f"{name}_attention"
    )
    y = attention(x, coarse)
    weights = []
    for dense in (own.q, own.k, own.v):
        kernel, bias = dense.get_weights()
        weights += [kernel.reshape(channels, heads, -1), bias.reshape(heads, -1)]
    kernel, bias = own.proj.get_weights()
    weights += [kernel.reshape(heads, -1, channels), bias]
    attention.set_weights(weights)
    return layers.Dropout(DROPOUT, name=f"{name}_attention_out")(y)


def _add_copy(x: keras.KerasTensor, own: layers.Layer, name: str) -> keras.KerasTensor:
    """Adds a layer like one of KerasHub's, with its weights and another name."""
    copy = type(own).from_config({**own.get_config(), "name": name})
    y = copy(x)
    copy.set_weights(own.get_weights())
    return y
