"""Rows of the benchmark in torchvision: LRASPP on MobileNetV3-Large, with random weights.

Loss and optimizer are those of its reference training (references/segmentation of pytorch/vision). As in the
rows of segmentation_models.pytorch: channels-last, all cores, a traced graph for predictions. Started by
`python -m src benchmark --peers PYTHON` in an environment with requirements-peers.txt.
"""

from collections.abc import Callable

import torch
from torch_rows import make_images, make_masks, optimize_graph, serve_on_all_cores
from torchvision.models import segmentation
from turns import CLASSES, Measure, measure_steps


def build() -> torch.nn.Module:
    """Builds the network; it gives the logits of the mask as "out", at the photo's size."""
    network = segmentation.lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=CLASSES)
    return network.to(memory_format=torch.channels_last)


def train(size: list[int]) -> Measure:
    """A training step with cross-entropy and SGD."""
    network = build().train()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-6)
    image, mask = make_images(size), make_masks(size)

    def step() -> None:
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(network(image)["out"], mask, ignore_index=255).backward()
        optimizer.step()

    return measure_steps(step)


def make_answer(count: int, size: list[int]) -> Callable[[], None]:
    """So many photos in, probabilities out."""
    image = make_images(size, count)
    network = optimize_graph(build(), image)

    def answer() -> None:
        with torch.inference_mode():
            network(image)["out"].softmax(1)

    return answer


if __name__ == "__main__":
    serve_on_all_cores(train, make_answer)
