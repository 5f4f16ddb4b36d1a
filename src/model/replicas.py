"""Training on several GPUs of one machine: each has a replica of the network, and a part of each batch.

Losses and batch normalisation add up over all replicas, so that a training takes the same steps on any number
of GPUs, but for rounding and for what dropout draws.
"""

from functools import cache

import keras
import tensorflow as tf


def mirror(network: keras.Model, batch_size: int) -> keras.Model:
    """Copies a network onto the GPUs of this machine; returns it as it is where there are not two.

    Args:
        network: not compiled yet.
        batch_size: frames a step. As many GPUs are used as share it evenly.

    Returns:
        Network of the same weights; its `distribute_strategy` says how many replicas it has.
    """
    gpus = list_gpus()
    count = count_sharing(len(gpus), batch_size)
    if len(gpus) > 1:
        print(f"Trains on {count} of {len(gpus)} GPUs, {batch_size // count} frames of each batch on each.")
    if count < 2:
        return network
    with _make_strategy(tuple(gpus[:count])).scope():
        mirrored = keras.models.clone_model(network, clone_function=copy_layer, recursive=True)
    mirrored.set_weights(network.get_weights())
    return mirrored


def gather(network: keras.Model) -> keras.Model:
    """Copies a network of several GPUs onto one, for predictions; returns another one as it is."""
    if network.distribute_strategy.num_replicas_in_sync == 1:
        return network
    bare = keras.Model(network.inputs, network.output, name=network.name)  # without optimizer and losses
    single = keras.models.clone_model(bare, clone_function=copy_layer, recursive=True)
    single.set_weights(network.get_weights())
    return single


def copy_layer(layer: keras.layers.Layer) -> keras.layers.Layer:
    """Copies a layer without its weights; batch normalisation is to use the moments of all replicas."""
    config = layer.get_config()
    if isinstance(layer, keras.layers.BatchNormalization):
        config["synchronized"] = True  # FusedNormalization always does, Keras' own only if told so
    return type(layer).from_config(config)


def list_gpus() -> list[str]:
    """Lists the names of the GPUs that TensorFlow may use."""
    return [device.name for device in tf.config.list_logical_devices("GPU")]


def count_sharing(gpus: int, batch_size: int) -> int:
    """Counts how many of some GPUs can share a batch evenly; at least 1."""
    counts = [count for count in range(1, gpus + 1) if batch_size % count == 0]
    return max(counts, default=1)


@cache
def _make_strategy(devices: tuple[str, ...]) -> tf.distribute.MirroredStrategy:
    """Makes the strategy of some devices, once: a network and what it is made of need the same one."""
    return tf.distribute.MirroredStrategy(devices)


def count_replicas() -> int:
    """Counts the replicas of the network that is being called; 1 outside of a training on several GPUs."""
    return tf.distribute.get_strategy().num_replicas_in_sync


def add_up(values: tf.Tensor | list[tf.Tensor]) -> tf.Tensor | list[tf.Tensor]:
    """Adds up one tensor, or each tensor of a list, over all replicas; gradients pass through."""
    context = tf.distribute.get_replica_context()
    # There is none where Keras only asks for shapes.
    if count_replicas() == 1 or context is None:
        return values
    return context.all_reduce(tf.distribute.ReduceOp.SUM, values)


def share(loss: tf.Tensor) -> tf.Tensor:
    """Returns a replica's equal share of the whole batch's loss, for the shares of all are added up."""
    replicas = count_replicas()
    return loss if replicas == 1 else loss / replicas
