"""Reads the areas of COCO's annotations, polygons and run lengths, and the size of the photo they are of."""

import math
from pathlib import Path

import numpy as np
from pycocotools import mask as coco_masks

from src.bring.pixels import read_photo_size

FARTHEST = 100  # lengths of the photo; pycocotools walks along a polygon, and would fill the memory


def read_shape(image: dict, photo: Path) -> tuple[int, int]:
    """Reads (height, width) that a json file gives an image; where it gives none, that of the photo.

    Raises:
        ValueError: it is no number.
    """
    written = [image.get(side) for side in ("height", "width")]
    if not all(written):  # missing, null or 0
        return read_photo_size(photo)
    height, width = (round(float(number)) for number in written)
    return height, width


def read_area(segmentation: list | dict, shape: tuple[int, int]) -> np.ndarray:
    """Reads polygons, or run lengths as text or as numbers: bool (H, W).

    Raises:
        ValueError: they are none, or of another size.
    """
    if isinstance(segmentation, list):
        polygons = _read_polygons(segmentation, shape)
        if not polygons:
            return np.zeros(shape, bool)
        encoded = coco_masks.merge(coco_masks.frPyObjects(polygons, *shape))
    elif isinstance(segmentation["counts"], list):
        if sum(segmentation["counts"]) != math.prod(segmentation["size"]):
            raise ValueError(f"run lengths of {sum(segmentation['counts'])} px")
        encoded = coco_masks.frPyObjects(segmentation, *shape)
    else:
        encoded = segmentation
    inside = coco_masks.decode(encoded).astype(bool)
    if inside.shape != shape:
        raise ValueError(f"an area of {inside.shape[0]} x {inside.shape[1]} px")
    return inside


def _read_polygons(segmentation: list, shape: tuple[int, int]) -> list[list[float]]:
    """Reads polygons as [x, y, x, y, ...] each, without those of two points.

    Raises:
        ValueError: a polygon is none, or far outside of the photo.
    """
    if any(isinstance(part, dict) for part in segmentation):
        raise ValueError("run lengths within a list")
    # One polygon, without the list around it: [x, y, ...] or [[x, y], ...]
    is_flat = not isinstance(segmentation[0], list)
    is_points = len(segmentation) > 2 and all(np.shape(point) == (2,) for point in segmentation)
    polygons = []
    for part in [segmentation] if is_flat or is_points else segmentation:
        numbers = np.asarray(part, float).ravel()
        if numbers.size % 2:
            raise ValueError(f"a polygon of {numbers.size} numbers, which are no pairs")
        if not (np.abs(numbers) <= FARTHEST * max(shape)).all():  # nor a number at all
            raise ValueError("a point that is no number or far outside of the photo")
        # Two points have no inside, but pycocotools takes their four numbers for a box
        if numbers.size > 4:
            polygons.append(numbers.tolist())
    return polygons
