"""How much two photos show the same view."""

from collections.abc import Iterator

import cv2
import numpy as np

SAME_VIEW = 0.72  # likeness of two photos of one view; unrelated ones of a street stay below 0.7
AT_ONCE = 500  # photos that are compared with all others
VIEW_SIDE, VIEW_BLUR = 24, 3.0  # pixels of a thumbnail that is compared, and of the blur that is taken off it


def compare_views(images: list[np.ndarray], others: list[np.ndarray] | None = None) -> Iterator[np.ndarray]:
    """How much two photos show the same view, up to brightness, a cut of 5 % and a mirror: 1 is the same.

    Each photo becomes a thumbnail without its coarse light; the likeness of two is their correlation, the
    best over ten cuts of either and the mirror.

    Args:
        images: uint8 RGB, (H, W, 3) each.
        others: the same; None compares the images with one another.

    Yields:
        float32, (AT_ONCE or what is left of the images, others), at most 1: some images at a time, for all
        pairs of 30,000 would take 4 GB.
    """
    ours = np.stack([_describe_cuts(image) for image in images])  # (images, cuts, pixels)
    theirs = ours if others is None else np.stack([_describe_cuts(image) for image in others])
    mirrored = theirs.reshape(*theirs.shape[:2], VIEW_SIDE, VIEW_SIDE)[..., ::-1].reshape(theirs.shape)
    for part in np.split(ours, range(AT_ONCE, len(ours), AT_ONCE)):
        likeness = np.full((len(part), len(theirs)), -1, np.float32)
        for view in (theirs, mirrored):
            for cut in range(ours.shape[1]):
                np.maximum(likeness, part[:, 0] @ view[:, cut].T, out=likeness)
                np.maximum(likeness, part[:, cut] @ view[:, 0].T, out=likeness)
        yield likeness


def find_same_views(images: list[np.ndarray]) -> np.ndarray:
    """Finds the pairs of photos that show the same view: (pairs, 2) positions in the list, int64."""
    pairs = []
    for part, likeness in enumerate(compare_views(images)):
        pairs.append(np.argwhere(likeness >= SAME_VIEW) + np.array([part * AT_ONCE, 0]))
    return np.concatenate(pairs)


def _describe_cuts(image: np.ndarray) -> np.ndarray:
    """Thumbnails of the whole photo and of nine cuts of 95 %, unit vectors, (10, VIEW_SIDE squared)."""
    grey = cv2.resize(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (96, 96), interpolation=cv2.INTER_AREA)
    cuts = [grey] + [grey[y : y + 91, x : x + 91] for y in (0, 2, 5) for x in (0, 2, 5)]
    side = (VIEW_SIDE, VIEW_SIDE)
    views = [cv2.resize(cut, side, interpolation=cv2.INTER_AREA).astype(np.float32) for cut in cuts]
    fine = np.stack([view - cv2.GaussianBlur(view, (0, 0), VIEW_BLUR) for view in views]).reshape(
        len(cuts), -1
    )
    return fine / np.maximum(np.linalg.norm(fine, axis=1, keepdims=True), 1e-6)
