"""Builds both networks and compiles them for the frames that they are trained on."""

from collections.abc import Callable

import keras

from src.data.classes import Classes
from src.data.frames import Frames
from src.model import replicas
from src.model import unet as networks
from src.settings import Recipe, TrainingSettings
from src.training import keras_metrics, losses, optimizer


def make_mask_loss(frames: Frames, classes: Classes, recipe: Recipe) -> keras.losses.Loss:
    """Makes the loss of the mask, which both networks have; its class weights come from the frames' masks."""
    return losses.MaskLoss(losses.balance_classes(frames.masks, len(classes.mask)), recipe.dice)


def compile_segmenter(segmenter: keras.Model, frames: Frames, classes: Classes, recipe: Recipe) -> None:
    """Compiles a segmentation network with its optimizer, the mask's loss and the mask's metric."""
    with segmenter.distribute_strategy.scope():
        segmenter.compile(
            optimizer.make_optimizer(recipe),
            loss={"mask": make_mask_loss(frames, classes, recipe)},
            metrics={"mask": keras_metrics.MaskIoU(len(classes.mask))},
        )


def compile_joint(joint: keras.Model, frames: Frames, classes: Classes, recipe: Recipe) -> None:
    """Compiles a joint network with its optimizer, and with losses and metrics of mask and label."""
    mask_loss = make_mask_loss(frames, classes, recipe)
    with joint.distribute_strategy.scope():
        mask_iou = keras_metrics.MaskIoU(len(classes.mask))
        joint.compile(
            optimizer.make_optimizer(recipe),
            loss={"mask": mask_loss, "label": losses.LabelLoss()},
            loss_weights={"mask": 1.0, "label": recipe.label_weight},
            metrics={"mask": mask_iou, "label": keras_metrics.LabelAccuracy()},
        )


def make_segmenter(frames: Frames, classes: Classes, settings: TrainingSettings, seed: int) -> keras.Model:
    """Builds a segmentation network on all GPUs and compiles it for its frames."""
    recipe = settings.recipe
    segmenter = build_seeded(seed, lambda: networks.build_segmenter(len(classes.mask), recipe))
    segmenter = _place(segmenter, settings)
    compile_segmenter(segmenter, frames, classes, recipe)
    return segmenter


def make_joint(
    segmenter: keras.Model, frames: Frames, classes: Classes, settings: TrainingSettings, seed: int
) -> keras.Model:
    """Builds a joint network of a trained segmentation network on all GPUs and compiles it for its frames."""
    joint = build_seeded(seed, lambda: networks.build_joint(segmenter, len(classes.label)))
    joint = _place(joint, settings)
    compile_joint(joint, frames, classes, settings.recipe)
    return joint


def _place(network: keras.Model, settings: TrainingSettings) -> keras.Model:
    """Copies a network onto all GPUs, and keeps the backbone's normalisation as the recipe wants it.

    A copy and a loaded network forget that of the layers inside a block of KerasHub.
    """
    network = replicas.mirror(network, settings.batch_size)
    networks.freeze_normalization(network, settings.recipe)
    return network


def build_seeded(seed: int, build: Callable[[], keras.Model]) -> keras.Model:
    """Builds a network whose random initial weights follow from the seed."""
    keras.utils.set_random_seed(seed)
    return build()
