import numpy as np
import pytest
import tensorflow as tf

from src.data.classes import IGNORE, NO_LABEL
from src.training import losses


def test_mask_loss_by_hand():
    # two pixels, two classes, logits of even chance: cross-entropy ln 2 whatever the weights
    # Dice of either class: 1 - (2 * 0.5 + 1) / (1 + 1 + 1) = 1/3
    loss = losses.MaskLoss(np.array([1.0, 3.0]))(
        np.array([[[0, 1]]], np.uint8), np.zeros((1, 1, 2, 2), np.float32)
    )
    assert float(loss) == pytest.approx(np.log(2) + 1 / 3, abs=1e-6)


def test_class_weights_weigh_cross_entropy():
    logits = np.array(
        [[[[np.log(3), 0.0], [np.log(3), 0.0]]]], np.float32
    )  # 3/4 for class 0, whatever the truth
    loss = losses.MaskLoss(np.array([1.0, 3.0]), dice=0.0)(np.array([[[0, 1]]], np.uint8), logits)
    assert float(loss) == pytest.approx((-np.log(0.75) - 3 * np.log(0.25)) / 4, abs=1e-6)


def test_ignored_pixels_add_nothing():
    rng = np.random.default_rng(0)
    truth, logits = (
        rng.integers(0, 3, (1, 4, 6)).astype(np.uint8),
        rng.normal(size=(1, 4, 6, 3)).astype(np.float32),
    )
    wide = np.concatenate([truth, np.full((1, 4, 2), IGNORE, np.uint8)], 2)
    wide_logits = np.concatenate([logits, np.full((1, 4, 2, 3), 9.0, np.float32)], 2)
    loss = losses.MaskLoss(np.ones(3))
    assert float(loss(wide, wide_logits)) == pytest.approx(float(loss(truth, logits)), abs=1e-6)


def test_gradient_is_the_slope():
    rng = np.random.default_rng(0)
    truth = np.array([[[0, 1, 1], [IGNORE, 0, 2]]], np.uint8)
    logits, step = rng.normal(size=(1, 2, 3, 4)).astype(np.float32), 1e-2
    loss = losses.MaskLoss(np.array([1.0, 3.0, 0.5, 2.0]), dice=0.7)
    with tf.GradientTape() as tape:
        logits_in_graph = tf.constant(logits)
        tape.watch(logits_in_graph)
        lost = 2 * loss(truth, logits_in_graph)
    found = tape.gradient(lost, logits_in_graph).numpy()
    for place in np.ndindex(logits.shape):
        moved = step * np.float32(np.indices(logits.shape).transpose(1, 2, 3, 4, 0) == place).all(-1)
        slope = float(loss(truth, logits + moved) - loss(truth, logits - moved)) / step
        assert found[place] == pytest.approx(slope, abs=2e-4)
    assert not found[0, 1, 0].any()


def test_an_impossible_truth_costs_much_and_not_endlessly():
    loss = losses.MaskLoss(np.ones(2), dice=0.0)
    assert 60 < float(loss(np.array([[[0]]]), np.array([[[[0.0, 500.0]]]], np.float32))) < 100


def test_nothing_known_costs_nothing():
    assert (
        float(losses.MaskLoss(np.ones(2))(np.full((1, 2, 2), IGNORE), np.ones((1, 2, 2, 2), np.float32))) == 0
    )
    assert float(losses.LabelLoss()(np.array([NO_LABEL]), np.array([[5.0, 1.0]], np.float32))) == 0


def test_label_loss_by_hand():
    # smoothing 0.2 over two classes: target (0.9, 0.1); p = (3/4, 1/4)
    logits = np.array([[np.log(3), 0.0], [7.0, 7.0]], np.float32)
    loss = losses.LabelLoss(0.2)(np.array([0, NO_LABEL]), logits)
    assert float(loss) == pytest.approx(-0.9 * np.log(0.75) - 0.1 * np.log(0.25), abs=1e-6)


def test_balance_favours_rare_classes():
    mask = np.array([0] * 64 + [1] * 16 + [2] * 4 + [IGNORE] * 30, np.uint8)
    weights = losses.balance_classes([mask], 4)
    assert weights.tolist() == pytest.approx(
        [0.5, 1.0, 2.0, 1.0]
    )  # sqrt(16/64), sqrt(16/16), sqrt(16/4), absent
