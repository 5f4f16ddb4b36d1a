"""Measures how much two photos show the same view."""

from collections.abc import Iterator

import cv2
import numpy as np

SAME_VIEW = 0.72  # least likeness of two photos of one view; different photos of a street stay below 0.7
AT_ONCE = 500  # photos that are compared with as many others at a time
CUTS = 10  # thumbnails of a photo: of the whole and of nine cuts
VIEW_SIDE = 24  # px; side of a thumbnail
VIEW_BLUR = 3.0  # px; standard deviation of the blur that is subtracted from a thumbnail


def compare_views(images: list[np.ndarray], others: list[np.ndarray]) -> Iterator[np.ndarray]:
    """Measures the likeness of photos to others, which is 1 for the same view.

    Each photo becomes a thumbnail without its coarse brightness. The likeness of two photos is the highest
    correlation of their thumbnails, where either may be cut by 5 % (ten cuts) and one may be mirrored.

    Args:
        images: uint8 RGB, (H, W, 3) each.
        others: photos of the same kind.

    Yields:
        float32, (AT_ONCE or the remaining images, others), at most 1. The images come in parts, because the
        likeness of all pairs of 30,000 photos would take 4 GB.
    """
    cuts = _make_all_thumbnails(images)
    other_cuts = _make_all_thumbnails(others)
    for part in _split(cuts):
        yield np.hstack([_compare(part, other) for other in _split(other_cuts)])


def find_same_views(images: list[np.ndarray]) -> Iterator[np.ndarray]:
    """Finds the pairs of photos that show the same view.

    The time grows with the square of the number of photos, the memory in proportion to it (23 kB a photo).

    Yields:
        int64, (pairs, 2): positions in the list. The pairs come in parts, because they may be nearly as many
        as the square of the photos. A pair may come twice, and a photo is alike to itself.
    """
    parts = _split(_make_all_thumbnails(images))
    for row, part in enumerate(parts):
        for column in range(row, len(parts)):  # likeness is symmetric, so earlier parts are compared already
            alike = np.argwhere(_compare(part, parts[column]) >= SAME_VIEW)
            yield alike + np.array([row, column]) * AT_ONCE


def _split(cuts: np.ndarray) -> list[np.ndarray]:
    """Splits thumbnails (cuts, photos, pixels) into parts of AT_ONCE photos."""
    return np.split(cuts, range(AT_ONCE, cuts.shape[1], AT_ONCE), axis=1)


def _compare(cuts: np.ndarray, other_cuts: np.ndarray) -> np.ndarray:
    """Measures the likeness of two parts of photos by their thumbnails: float32, (photos, others)."""
    pictures = other_cuts.reshape(*other_cuts.shape[:2], VIEW_SIDE, VIEW_SIDE)
    mirrored = pictures[..., ::-1].reshape(other_cuts.shape)
    likeness = np.full((cuts.shape[1], other_cuts.shape[1]), -1, np.float32)
    for view in (other_cuts, mirrored):
        for cut in range(CUTS):
            np.maximum(likeness, cuts[0] @ view[cut].T, out=likeness)
            np.maximum(likeness, cuts[cut] @ view[0].T, out=likeness)
    return likeness


def _make_all_thumbnails(images: list[np.ndarray]) -> np.ndarray:
    """Makes the thumbnails of all photos: float32, (CUTS, photos, VIEW_SIDE squared)."""
    cuts = np.empty((CUTS, len(images), VIEW_SIDE**2), np.float32)
    for number, image in enumerate(images):
        cuts[:, number] = _make_thumbnails(image)
    return cuts


def _make_thumbnails(image: np.ndarray) -> np.ndarray:
    """Makes thumbnails of a photo and of nine cuts of 95 %: unit vectors, (CUTS, VIEW_SIDE squared)."""
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
