import cv2
import numpy as np
import pytest

from src.data.classes import IGNORE
from src.settings import Recipe
from src.training import augment

STRONG = Recipe(color=2, zoom=2)


@pytest.mark.parametrize("recipe", [Recipe(), Recipe(zoom=1)])
@pytest.mark.parametrize("seed", range(8))
def test_photo_and_mask_move_together(seed, recipe):
    image = np.zeros((64, 96, 3), np.uint8)
    mask = np.zeros((64, 96), np.uint8)
    image[20:50, 10:40], mask[20:50, 10:40] = 255, 1
    matrix = augment.draw_geometry(mask.shape, (48, 64), np.random.default_rng(seed), recipe)
    moved, moved_mask = augment.augment(image, mask, (48, 64), np.random.default_rng(seed), recipe)
    assert moved.shape == (48, 64, 3) and moved_mask.shape == (48, 64)
    bright = moved.mean(-1) > 127
    inside = moved_mask != IGNORE
    assert (bright == (moved_mask == 1))[inside].mean() > 0.95  # the edge itself is blended
    x, y = cv2.invertAffineTransform(matrix) @ [32, 24, 1]  # the crop's middle, in the photo
    if 0 <= x < 96 and 0 <= y < 64:
        assert moved_mask[24, 32] == mask[round(y - 1e-6), round(x - 1e-6)]


def test_outside_the_photo_nothing_is_known():
    image, mask = np.full((32, 48, 3), 200, np.uint8), np.ones((32, 48), np.uint8)
    moved, moved_mask = augment.augment(image, mask, (96, 128), np.random.default_rng(0), Recipe(color=0))
    outside = moved_mask == IGNORE
    assert outside.mean() > 0.5 and (moved_mask[~outside] == 1).all()
    far = cv2.erode(outside.astype(np.uint8), np.ones((3, 3))).astype(bool)  # the edge itself is blended
    assert not moved[far].any() and (moved[~outside] > 0).all()


def test_a_whole_photo_comes_as_it_is_or_mirrored(monkeypatch):
    monkeypatch.setattr(augment, "SMALLEST_ZOOM", 1.0)
    image = np.random.default_rng(0).integers(0, 256, (32, 48, 3), np.uint8)
    mask = image[..., 0] % 3
    mirrored = 0
    for seed in range(40):
        moved, moved_mask = augment.augment(
            image, mask, (32, 48), np.random.default_rng(seed), Recipe(zoom=1, color=0)
        )
        turned = not (moved_mask == mask).all()
        mirrored += turned
        assert (moved_mask == (mask[:, ::-1] if turned else mask)).all()
        assert (moved == (image[:, ::-1] if turned else image)).all()
    assert 10 < mirrored < 30


def test_crops_invent_no_class():
    mask = np.tile(np.array([1, 3], np.uint8), (64, 48))
    for seed in range(20):
        _, moved = augment.augment(
            np.zeros((64, 96, 3), np.uint8), mask, (32, 32), np.random.default_rng(seed), STRONG
        )
        assert set(np.unique(moved)) <= {1, 3, IGNORE}


def test_same_seed_same_crop_other_seed_other_crop():
    image, mask = (
        np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8),
        np.zeros((64, 96), np.uint8),
    )
    first, second, third = (
        augment.augment(image, mask, (32, 32), np.random.default_rng(s), STRONG)[0] for s in (1, 1, 2)
    )
    assert (first == second).all() and (first != third).any()


def test_colors_change_but_stay_in_range():
    image = np.full((8, 8, 3), 120, np.uint8)
    changed = augment.change_colors(image, np.random.default_rng(0))
    assert changed.dtype == np.uint8 and changed.shape == image.shape and (changed != image).any()
