"""Rows of the benchmark in segmentation_models.pytorch, as its documentation says: channels-last, all cores.

Started by `python -m src benchmark --peers PYTHON` in an environment with requirements-peers.txt.
"""

from collections.abc import Callable

import segmentation_models_pytorch as smp
import torch
from segmentation_models_pytorch.base import SegmentationHead
from segmentation_models_pytorch.decoders.unet.decoder import UnetDecoder
from torch_rows import make_images, make_masks, optimize_graph, serve_on_all_cores
from turns import BATCH, CLASSES, LABELS, Measure, measure_steps

DECODER = (128, 64, 32, 16)  # of src/model/unet.py, ends at half the input's size


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


def train(size: list[int], kind: str) -> Measure:
    """A training step with cross-entropy and Dice, the label's cross-entropy, and AdamW."""
    network = build(kind).train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, fused=True)
    dice = smp.losses.DiceLoss("multiclass")
    image, mask, label = make_images(size), make_masks(size), torch.randint(0, LABELS, (BATCH,))

    def step() -> None:
        optimizer.zero_grad()
        logits, place = network(image)
        loss = torch.nn.functional.cross_entropy(logits, mask) + dice(logits, mask)
        (loss + 0.3 * torch.nn.functional.cross_entropy(place, label)).backward()
        optimizer.step()

    return measure_steps(step)


def make_answer(count: int, size: list[int], kind: str) -> Callable[[], None]:
    """So many photos in, probabilities out."""
    image = make_images(size, count)
    network = optimize_graph(build(kind), image)

    def answer() -> None:
        with torch.inference_mode():
            logits, place = network(image)
            logits.softmax(1), place.softmax(1)

    return answer


if __name__ == "__main__":
    serve_on_all_cores(train, make_answer)
