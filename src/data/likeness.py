"""Measures how much two photos show the same view."""

from collections.abc import Iterator

import cv2
import numpy as np

SAME_VIEW = 0.72  # least likeness of two photos of one view; different photos of a street stay below 0.7
AT_ONCE = 500  # photos that are compared with all others at a time
VIEW_SIDE = 24  # px; side of a thumbnail
VIEW_BLUR = 3.0  # px; standard deviation of the blur that is subtracted from a thumbnail


def compare_views(images: list[np.ndarray], others: list[np.ndarray] | None = None) -> Iterator[np.ndarray]:
    """Measures the likeness of photos, which is 1 for the same view.

    Each photo becomes a thumbnail without its coarse brightness. The likeness of two photos is the highest
    correlation of their thumbnails, where either may be cut by 5 % (ten cuts) and one may be mirrored.

    Args:
        images: uint8 RGB, (H, W, 3) each.
        others: photos of the same kind; None compares the images with one another.

    Yields:
        float32, (AT_ONCE or the remaining images, others), at most 1. The images come in parts, because the
        likeness of all pairs of 30,000 photos would take 4 GB.
    """
    cuts = np.stack([_make_thumbnails(image) for image in images])  # (images, cuts, pixels)
    other_cuts = cuts if others is None else np.stack([_make_thumbnails(image) for image in others])
    pictures = other_cuts.reshape(*other_cuts.shape[:2], VIEW_SIDE, VIEW_SIDE)
    mirrored = pictures[..., ::-1].reshape(other_cuts.shape)
    for part in np.split(cuts, range(AT_ONCE, len(cuts), AT_ONCE)):
        likeness = np.full((len(part), len(other_cuts)), -1, np.float32)
        for view in (other_cuts, mirrored):
            for cut in range(cuts.shape[1]):
                np.maximum(likeness, part[:, 0] @ view[:, cut].T, out=likeness)
                np.maximum(likeness, part[:, cut] @ view[:, 0].T, out=likeness)
        yield likeness


def find_same_views(images: list[np.ndarray]) -> np.ndarray:
    """Finds the pairs of photos that show the same view: (pairs, 2) positions in the list, int64."""
    pairs = []
    for part, likeness in enumerate(compare_views(images)):
        first_row = np.array([part * AT_ONCE, 0])
        pairs.append(np.argwhere(likeness >= SAME_VIEW) + first_row)
    return np.concatenate(pairs)


def _make_thumbnails(image: np.ndarray) -> np.ndarray:
    """Makes thumbnails of the whole photo and of nine cuts of 95 %: unit vectors, (10, VIEW_SIDE squared)."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    grey = cv2.resize(grey, (96, 96), interpolation=cv2.INTER_AREA)
    cuts = [grey]
    for y in (0, 2, 5):
        for x in (0, 2, 5):
            cuts.append(grey[y : y + 91, x : x + 91])
    thumbnails = []
    for cut in cuts:
        small = cv2.resize(cut, (VIEW_SIDE, VIEW_SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
        details = small - cv2.GaussianBlur(small, (0, 0), VIEW_BLUR)  # without the coarse brightness
        thumbnails.append(details.ravel())
    vectors = np.stack(thumbnails)
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)
