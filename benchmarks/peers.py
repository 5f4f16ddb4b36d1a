"""Rows of the benchmark in segmentation_models.pytorch, as its documentation says: channels-last, all cores.

Started by `python -m src benchmark --peers PYTHON` in an environment with requirements-peers.txt.
"""

import os
from collections.abc import Callable

import segmentation_models_pytorch as smp
import torch
from segmentation_models_pytorch.base import SegmentationHead
from segmentation_models_pytorch.decoders.unet.decoder import UnetDecoder
from turns import serve, time_calls

from src.common import memory

BATCH, CLASSES, LABELS = 8, 8, 3
DECODER = (128, 64, 32, 16)  # of src/model/unet.py, ends at half the input's size

memory.retain_freed()  # as ours: without it a step takes 6 % longer


def build(kind: str, classes: int = CLASSES, labels: int = LABELS) -> torch.nn.Module:
    """Builds the U-Net on EfficientNet-Lite0 with a label head: our decoder ("same") or "shipped"."""
    network = smp.Unet(
        "tu-tf_efficientnet_lite0",
        encoder_weights=None,
        classes=classes,
        aux_params={"classes": labels, "dropout": 0.2},
    )
    if kind == "same":
        network.decoder = UnetDecoder(network.encoder.out_channels, DECODER, n_blocks=len(DECODER))
        network.segmentation_head = SegmentationHead(DECODER[-1], classes, upsampling=2)
    return network.to(memory_format=torch.channels_last)


def train(size: list[int], kind: str) -> Callable[[], float]:
    """A training step with cross-entropy and Dice, the label's cross-entropy, and AdamW."""
    network = build(kind).train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, fused=True)
    dice = smp.losses.DiceLoss("multiclass")
    image = torch.rand(BATCH, 3, *size).to(memory_format=torch.channels_last)
    mask, label = torch.randint(0, CLASSES, (BATCH, *size)), torch.randint(0, LABELS, (BATCH,))

    def step() -> None:
        optimizer.zero_grad()
        logits, place = network(image)
        loss = torch.nn.functional.cross_entropy(logits, mask) + dice(logits, mask)
        (loss + 0.3 * torch.nn.functional.cross_entropy(place, label)).backward()
        optimizer.step()

    return lambda: time_calls(step, 3, BATCH)


def answer_one(size: list[int], kind: str) -> Callable[[], float]:
    """One photo in, probabilities out."""
    call = _answer(size, kind, 1)
    return lambda: time_calls(call, 20)


def answer_many(size: list[int], kind: str) -> Callable[[], float]:
    """A batch in, probabilities out."""
    call = _answer(size, kind, BATCH)
    return lambda: time_calls(call, 3, BATCH)


def _answer(size: list[int], kind: str, count: int) -> Callable[[], object]:
    image = torch.rand(count, 3, *size).to(memory_format=torch.channels_last)
    with torch.inference_mode():
        network = torch.jit.optimize_for_inference(torch.jit.trace(build(kind).eval(), image))

    def call() -> None:
        with torch.inference_mode():
            logits, place = network(image)
            logits.softmax(1), place.softmax(1)

    return call


if __name__ == "__main__":
    torch.set_num_threads(os.cpu_count())
    serve({"train": train, "answer_one": answer_one, "answer_many": answer_many})
