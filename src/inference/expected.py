"""The mean IoU of a frame that follows from the network's own probabilities."""

import numpy as np

STRIDE = 6  # every sixth row and column of the pixels is used; that is enough for a mean
LEAST_SHARE = 5e-4  # of the pixels; a class with a smaller expected share may be absent, and is left out


def take_every_stride(mask: np.ndarray) -> np.ndarray:
    """Takes every STRIDE-th row and column: (H, W, classes) -> (pixels, classes)."""
    first = STRIDE // 2
    return mask[first::STRIDE, first::STRIDE].reshape(-1, mask.shape[-1])


def expect_frame_miou(mask: np.ndarray) -> float:
    """Computes the mean IoU, 0 to 1, that a frame's prediction has if the probabilities are right.

    The prediction is each pixel's most probable class. A frame that shows a rare, doubtful class is expected
    to be poor, however sure its sky is; the mean confidence of the pixels would not show that
    (docs/estimate.md#which-frames-will-be-worst compares both).

    Args:
        mask: probabilities, float (H, W, classes), each side at least STRIDE px.
    """
    pixels = take_every_stride(mask)
    count = pixels.shape[1]
    winner = pixels.argmax(1)
    predicted = np.bincount(winner, minlength=count)
    true = pixels.sum(0, dtype=float)
    hit = np.bincount(winner, weights=pixels.max(1), minlength=count)
    present = true > LEAST_SHARE * len(pixels)
    return float((hit / (predicted + true - hit))[present].mean())
