import numpy as np
import pytest

from src.inference.expected import STRIDE, expect_frame_miou


def make_mask(*pixels):
    """Makes a mask, (H, W, classes), of which each of the pixels that count is one of `pixels`, in turn."""
    mask = np.zeros((STRIDE, STRIDE * len(pixels), len(pixels[0])), np.float32)
    for number, probabilities in enumerate(pixels):
        mask[:, STRIDE * number : STRIDE * (number + 1)] = probabilities
    return mask


def test_a_certain_frame_is_expected_to_be_right():
    assert expect_frame_miou(make_mask([1, 0], [0, 1], [1, 0])) == 1


def test_the_expected_iou_by_hand():
    # Of class 0: 0.8 + 0.6 pixels are hit, two are predicted, 0.8 + 0.6 + 0.1 are true.
    # Of class 1: 0.9 pixels are hit, one is predicted, 0.2 + 0.4 + 0.9 are true.
    first = 1.4 / (2 + 1.5 - 1.4)
    second = 0.9 / (1 + 1.5 - 0.9)
    mask = make_mask([0.8, 0.2], [0.6, 0.4], [0.1, 0.9])
    assert expect_frame_miou(mask) == pytest.approx((first + second) / 2)


def test_a_class_that_may_be_absent_is_left_out():
    assert expect_frame_miou(make_mask([1 - 4e-4, 4e-4])) > 0.999
    assert expect_frame_miou(make_mask([1 - 6e-4, 6e-4])) == pytest.approx((1 - 6e-4) / 2)


def test_a_rare_doubtful_class_costs_more_than_its_pixels():
    doubtful = make_mask([0.98, 0.02], *[[0.98, 0.02]] * 8, [0.45, 0.55])
    blurred = make_mask(*[[0.92, 0.08]] * 5, *[[0.08, 0.92]] * 5)
    assert doubtful.max(-1).mean() > blurred.max(-1).mean()  # of the mean confidence the other way round
    assert expect_frame_miou(doubtful) < expect_frame_miou(blurred)
