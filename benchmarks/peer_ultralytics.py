"""Rows of the benchmark in Ultralytics: YOLO26n-sem, its smallest semantic segmentation, with random weights.

A step is that of its trainer on a processor: its loss, AdamW, gradients of at most norm 10, averaged weights;
not channels-last, which its trainer refuses there. A prediction is that of its predictor: normalisation
folded into the convolutions, logits resized to the photo. Started by `python -m src benchmark --peers PYTHON`
in an environment with requirements-peers.txt.
"""

import os
import tempfile
from collections.abc import Callable

import torch
from torch_rows import make_images, make_masks, serve_on_all_cores
from turns import CLASSES, Measure, measure_steps

# It reads both when it is imported: no look at the internet, no settings in the user's folder.
os.environ["YOLO_OFFLINE"] = "true"
os.environ["YOLO_CONFIG_DIR"] = tempfile.mkdtemp()

from ultralytics.cfg import get_cfg
from ultralytics.nn.tasks import SemanticSegmentationModel
from ultralytics.utils.torch_utils import ModelEMA


def build() -> torch.nn.Module:
    """Builds the network from the package's description; it gives logits at an eighth of the photo's size."""
    network = SemanticSegmentationModel("yolo26n-sem.yaml", nc=CLASSES, verbose=False)
    network.args = get_cfg()  # its loss asks for them
    return network


def train(size: list[int]) -> Measure:
    """A training step."""
    network = build().train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, betas=(0.9, 0.999))
    average = ModelEMA(network)
    batch = {"img": make_images(size).contiguous(), "semantic_mask": make_masks(size)}

    def step() -> None:
        optimizer.zero_grad()
        loss, _ = network.loss(batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), max_norm=10.0)
        optimizer.step()
        average.update(network)

    return measure_steps(step)


def make_answer(count: int, size: list[int]) -> Callable[[], None]:
    """So many photos in, probabilities out."""
    network = build().eval().fuse(verbose=False)
    image = make_images(size, count).contiguous()

    def answer() -> None:
        with torch.inference_mode():
            logits = torch.nn.functional.interpolate(network(image), size, mode="bilinear")
            logits.softmax(1)

    return answer


if __name__ == "__main__":
    serve_on_all_cores(train, make_answer)
