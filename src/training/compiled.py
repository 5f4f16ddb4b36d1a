"""Builds both networks and compiles them for the frames that they are trained on."""

from collections.abc import Callable

import keras

from src.data.classes import Classes
from src.data.frames import Frames
from src.model import unet as networks
from src.settings import Recipe
from src.training import keras_metrics, losses, optimizer


def make_mask_loss(frames: Frames, classes: Classes, recipe: Recipe) -> keras.losses.Loss:
    """Makes the loss of the mask, which both networks have; its class weights come from the frames' masks."""
    return losses.MaskLoss(losses.balance_classes(frames.masks, len(classes.mask)), recipe.dice)


def compile_segmenter(segmenter: keras.Model, frames: Frames, classes: Classes, recipe: Recipe) -> None:
    """Compiles a segmentation network with its optimizer, the mask's loss and the mask's metric."""
    segmenter.compile(
        optimizer.make_optimizer(recipe),
        loss={"mask": make_mask_loss(frames, classes, recipe)},
        metrics={"mask": keras_metrics.MaskIoU(len(classes.mask))},
    )


def compile_joint(joint: keras.Model, frames: Frames, classes: Classes, recipe: Recipe) -> None:
    """Compiles a joint network with its optimizer, and with losses and metrics of mask and label."""
    joint.compile(
        optimizer.make_optimizer(recipe),
        loss={"mask": make_mask_loss(frames, classes, recipe), "label": losses.LabelLoss()},
        loss_weights={"mask": 1.0, "label": recipe.label_weight},
        metrics={"mask": keras_metrics.MaskIoU(len(classes.mask)), "label": keras_metrics.LabelAccuracy()},
    )


def make_segmenter(frames: Frames, classes: Classes, recipe: Recipe, seed: int) -> keras.Model:
    """Builds a segmentation network and compiles it for its frames."""
    segmenter = build_seeded(seed, lambda: networks.build_segmenter(len(classes.mask), recipe))
    compile_segmenter(segmenter, frames, classes, recipe)
    return segmenter


def make_joint(
    segmenter: keras.Model, frames: Frames, classes: Classes, recipe: Recipe, seed: int
) -> keras.Model:
    """Builds a joint network on a trained segmentation network and compiles it for its frames."""
    networks.freeze_normalization(segmenter, recipe)
    joint = build_seeded(seed, lambda: networks.build_joint(segmenter, len(classes.label)))
    compile_joint(joint, frames, classes, recipe)
    return joint


def build_seeded(seed: int, build: Callable[[], keras.Model]) -> keras.Model:
    """Builds a network whose random initial weights follow from the seed."""
    keras.utils.set_random_seed(seed)
    return build()
