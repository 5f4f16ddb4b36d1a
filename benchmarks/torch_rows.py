"""What the rows of PyTorch share: noise to train on and to predict, the optimized graph, all cores."""

import os
from collections.abc import Callable

import torch
from turns import BATCH, CLASSES, Measure, list_answers, serve


def make_images(size: list[int], count: int = BATCH) -> torch.Tensor:
    """Makes images of noise, float32 in [0, 1], (count, 3, height, width), channels-last in memory."""
    return torch.rand(count, 3, *size).to(memory_format=torch.channels_last)


def make_masks(size: list[int]) -> torch.Tensor:
    """Makes a batch of masks of noise, int64, (BATCH, height, width)."""
    return torch.randint(0, CLASSES, (BATCH, *size))


def optimize_graph(network: torch.nn.Module, image: torch.Tensor) -> torch.jit.ScriptModule:
    """Traces a network for images of one shape, with its normalisation folded into its convolutions.

    Args:
        network: in any mode; its weights are channels-last afterwards.
        image: of `make_images`.
    """
    network = network.eval().to(memory_format=torch.channels_last)
    with torch.inference_mode():
        traced = torch.jit.trace(network, image, strict=False)  # False: torchvision's give a dictionary
        return torch.jit.optimize_for_inference(traced)


def serve_on_all_cores(
    train: Callable[..., Measure], make_answer: Callable[..., Callable[[], object]]
) -> None:
    """Serves the rows of a peer: a training step, and predictions as `list_answers` takes them."""
    torch.set_num_threads(os.cpu_count())
    serve({"train": train} | list_answers(make_answer))
