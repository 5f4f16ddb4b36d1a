from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from tiny import TINY

from src import runs
from src.data.samples import read_samples
from src.evaluation import estimate
from src.evaluation.estimate import ExpectedConfusion
from src.evaluation.evaluate import Evaluation, Scored, count_changed, score_samples
from src.inference import predict
from src.inference.engine import KerasPredictor
from src.model import unet
from src.pipeline import joint
from src.scores import Scores
from src.training.compiled import build_seeded


def make_expected(sure: float, frames: int = 4) -> ExpectedConfusion:
    """Each frame: 100 pixels answered 0 and 100 answered 1, each right with probability `sure`."""
    pixels = np.array([[sure, 1 - sure]] * 100 + [[1 - sure, sure]] * 100)
    mask = np.stack([estimate.expect_confusion(pixels, pixels.argmax(1))] * frames)
    label = estimate.expect_confusion(np.array([[sure, 1 - sure]] * frames), np.zeros(frames, int))
    return ExpectedConfusion(mask, label)


def make_fold(temperature: float | None, label_temperature: float | None = None) -> Scored:
    return Scored(Scores(), temperature=temperature, label_temperature=label_temperature)


def test_expected_confusion_counts_probabilities():
    probabilities = np.array([[0.8, 0.2], [0.3, 0.7], [0.6, 0.4]])
    expected = estimate.expect_confusion(probabilities, np.array([0, 1, 0]))
    at = np.array(
        [np.interp(0, np.log(estimate.TEMPERATURES), expected[:, i, j]) for i in (0, 1) for j in (0, 1)]
    )
    assert at == pytest.approx([1.4, 0.3, 0.6, 0.7], abs=0.02)  # rows: true, columns: answers 0, 1, 0
    assert expected.sum((1, 2)) == pytest.approx(3)
    sharper, flatter = expected[0], expected[-1]
    assert sharper[1, 0] < 0.6 < flatter[1, 0]


def test_expected_scores_by_hand():
    assert estimate.expect_miou(np.array([[90.0, 30], [10, 70]])) == pytest.approx((90 / 130 + 70 / 110) / 2)
    rare = np.array([[1e5, 0, 1], [0, 1e5, 1], [2, 2, 0]])  # a class of 0.002 % of the pixels is left out
    assert estimate.expect_miou(rare) > 0.99
    f1 = estimate.expect_f1(np.array([[6.0, 1, 0], [2, 3, 0], [0, 0, 0]]))
    assert f1 == pytest.approx((12 / 15 + 6 / 9) / 2)


def test_temperature_is_found_where_expectation_meets_truth():
    expected = make_expected(0.8)
    curve = [estimate.expect_miou(confusion) for confusion in expected.mask.sum(0)]
    log_t = estimate.find_temperature(curve, 0.5)
    # IoU of right share s is s / (2 - s): 0.5 at s = 2 / 3, so 4 ** (1 / T) = 2, T = 2
    assert np.exp(log_t) == pytest.approx(2, rel=0.03)
    assert np.exp(estimate.find_temperature(curve, 0.999)) == pytest.approx(estimate.TEMPERATURES[0])


def test_estimate_trusts_the_held_out_temperature_in_part():
    expected, recordings = make_expected(0.8), pd.Series(["a", "a", "b", "b"])
    plain = estimate.estimate_test(expected, recordings, [make_fold(None)])
    assert plain.miou == pytest.approx(0.8 / 1.2, abs=0.01)
    assert plain.f1 == pytest.approx(
        (2 * 3.2 / 7.2 + 0) / 2, abs=0.002
    )  # of four frames answered 0, 0.8 are 1
    warm = estimate.estimate_test(expected, recordings, [make_fold(4.0), make_fold(1.0)])  # T = 2
    share = 1 / (1 + 4 ** -(2**-estimate.TRUST))
    assert warm.miou == pytest.approx(share / (2 - share), abs=0.01)
    assert plain.accuracy == pytest.approx(0.8, abs=0.003)
    labels = {name: getattr(plain, name) for name in ("f1", "accuracy", "f1_low", "accuracy_high")}
    assert labels == {name: getattr(warm, name) for name in labels}
    ends = [f"{name}_{end}" for name in ("miou", "f1", "accuracy") for end in ("low", "high")]
    assert list(warm.to_dict()) == ["miou", "f1", "accuracy", *ends]  # of result.json
    assert warm.without_labels().to_dict().keys() == {"miou", "miou_low", "miou_high"}
    assert warm.miou_high - warm.miou_low > plain.miou_high - plain.miou_low  # more doubt
    assert warm.miou_high - warm.miou_low <= 2 * estimate.WIDEST + 1e-9


def test_the_labels_temperature_only_lowers_their_estimate():
    expected, recordings = make_expected(0.8), pd.Series(["a", "a", "b", "b"])
    too_sure = [make_fold(None, 4.0), make_fold(None, 1.0), make_fold(None, None)]  # T = 2
    found = estimate.estimate_test(expected, recordings, too_sure)
    share = 1 / (1 + 4 ** -(2**-estimate.TRUST))
    assert found.accuracy == pytest.approx(share, abs=0.003)
    assert found.f1 == pytest.approx(share / (1 + share), abs=0.003)  # of the answers 0 and none of 1, halved
    modest = estimate.estimate_test(expected, recordings, [make_fold(None, 0.5)])
    assert modest.accuracy == pytest.approx(0.8, abs=0.003)


def test_the_intervals_of_labels_are_wider_where_test_has_few_frames():
    recordings = pd.Series(["a"] * 50 + ["b"] * 50)
    many = estimate.estimate_test(make_expected(0.8, 100), recordings, [make_fold(None)])
    # At 0.8: 1.645 * sqrt(0.8 * 0.2 / 100) = 0.0658; sqrt(0.07 ** 2 + 0.0658 ** 2) = 0.0961
    half = np.hypot(0.07, 1.645 * np.sqrt(many.accuracy * (1 - many.accuracy) / 100))
    assert half == pytest.approx(0.0961, abs=2e-4)  # between two temperatures 0.8 is interpolated
    assert many.accuracy_high - many.accuracy == pytest.approx(half)
    assert many.accuracy - many.accuracy_low == pytest.approx(half)
    few = estimate.estimate_test(make_expected(0.8), recordings[:4], [make_fold(None)])
    # At 0.8: 1.645 * sqrt(0.8 * 0.2 / 4) = 0.329; sqrt(0.07 ** 2 + 0.329 ** 2) = 0.3364
    half = np.hypot(0.07, 1.645 * np.sqrt(few.accuracy * (1 - few.accuracy) / 4))
    assert few.accuracy - few.accuracy_low == pytest.approx(half) and few.accuracy_high == 1


def test_the_confusion_of_test_is_that_of_the_trusted_temperature():
    expected = make_expected(0.8)
    found = estimate.estimate_confusion(expected, [make_fold(4.0), make_fold(1.0)])  # T = 2
    share = 1 / (1 + 4 ** -(2**-estimate.TRUST))
    right = np.diag(found) / found.sum(0)
    assert right == pytest.approx([share, share], abs=0.01)
    coldest = estimate.estimate_confusion(expected, [make_fold(0.01)])
    np.testing.assert_allclose(coldest, expected.mask[:, 0].sum(0))
    rare = expected.mask.copy()
    rare[:, :, 1] *= 1e-6
    assert (estimate.estimate_confusion(replace(expected, mask=rare), [])[1] == 0).all()


def test_interval_is_wider_where_recordings_differ():
    mask = np.concatenate([make_expected(0.95, 2).mask, make_expected(0.6, 2).mask])
    expected = ExpectedConfusion(mask, make_expected(0.8).label)
    widths = []
    for recordings in (["a", "a", "b", "b"], ["a", "b", "a", "b"]):
        found = estimate.estimate_test(expected, pd.Series(recordings), [make_fold(None)])
        widths.append(found.miou_high - found.miou_low)
    assert widths[0] > widths[1] == pytest.approx(2 * estimate.METHOD_ERROR)


def test_both_notebooks_must_want_the_same():
    scored, unscored = (runs.Run(Path(f"runs/{name}"), {"HOLDS_OUT": name == "a"}) for name in "ab")
    with pytest.raises(ValueError, match="quick, full, off"):
        joint.require_same_estimate("fast", scored)
    for choice, run in (("quick", scored), ("full", scored), ("off", unscored)):
        joint.require_same_estimate(choice, run)
    with pytest.raises(ValueError, match=r"found 'quick' here and 'off' in runs/b"):
        joint.require_same_estimate("quick", unscored)
    with pytest.raises(ValueError, match=r"found 'off' here and 'quick' or 'full' in runs/a"):
        joint.require_same_estimate("off", scored)


@pytest.fixture(scope="module")
def network():
    """A joint network with random weights, which no test changes."""
    return KerasPredictor(build_seeded(0, lambda: unet.build_joint(unet.build_segmenter(3, TINY), 3)))


@pytest.fixture(scope="module")
def segmenter():
    """A segmentation network with random weights, which no test changes."""
    return KerasPredictor(build_seeded(0, lambda: unet.build_segmenter(3, TINY)))


def test_look_ahead_needs_no_truth(network, train_folder, classes):
    samples = read_samples(train_folder, classes)
    blind = samples.assign(mask="/nowhere.png", label=-1)
    ours, theirs = (
        estimate.compute_expected_confusion(network, table, (64, 96)) for table in (samples, blind)
    )
    assert (ours.mask == theirs.mask).all() and ours.mask.shape == (6, len(estimate.TEMPERATURES), 3, 3)
    assert ours.label.shape == (len(estimate.TEMPERATURES), 3, 3)
    assert ours.label.sum((1, 2)) == pytest.approx(6)


def test_predictions_are_compared_with_the_mean_of_two_networks(train_folder, classes, monkeypatch):
    # Two bars at a time would write a line each second where no terminal is.
    bars = []
    show = predict.show_progress
    monkeypatch.setattr(predict, "show_progress", lambda **how: bars.append(how["desc"]) or show(**how))
    samples = read_samples(train_folder, classes)
    first, second = (
        build_seeded(seed, lambda: unet.build_joint(unet.build_segmenter(3, TINY), 3)) for seed in (0, 1)
    )
    for network, tilt in ((first, [2.0, 0, 0]), (second, [0, 0, 3.0])):  # the first predicts 0, the second 2
        kernel, _ = network.get_layer("label_from_features").get_weights()
        network.get_layer("label_from_features").set_weights([kernel, np.array(tilt)])
    first, second = KerasPredictor(first), KerasPredictor(second)
    own, other, crossed = (
        estimate.compute_expected_confusion(network, samples, (64, 96), against)
        for network, against in ((first, None), (second, None), (first, second))
    )
    assert bars == ["Estimating"] * 3
    np.testing.assert_allclose(
        crossed.mask.sum(2), own.mask.sum(2), rtol=1e-5
    )  # columns: predictions of the first
    np.testing.assert_allclose(  # rows: the probabilities of both
        crossed.mask.sum(3), (own.mask.sum(3) + other.mask.sum(3)) / 2, rtol=1e-5
    )
    probabilities = [np.exp(tilt) / np.exp(tilt).sum() for tilt in ([2.0, 0, 0], [0, 0, 3.0])]
    logits = np.log(np.mean(probabilities, 0)) / estimate.TEMPERATURES[0]
    expected = np.exp(logits) / np.exp(logits).sum()
    np.testing.assert_allclose(crossed.label[0][:, 0], 6 * expected, rtol=1e-3)


def test_held_out_frames_are_predicted_once_for_scores_temperature_and_pictures(
    network, train_folder, classes, monkeypatch
):
    samples = read_samples(train_folder, classes)
    samples.loc[2, "mask"] = ""
    predicted = []
    predict_frame = predict.predict_frame

    def note(network, sample, size, tta):
        predicted.append(sample.image)
        return predict_frame(network, sample, size, tta)

    monkeypatch.setattr(predict, "predict_frame", note)
    kept = {1: None, 4: None}
    found = estimate.score_held_out(network, samples, classes, (64, 96), keep=kept)
    assert sorted(predicted) == sorted(samples["image"])
    alone = score_samples(network, samples, classes, (64, 96))
    assert found.scores == alone.scores and found.confusion == alone.confusion
    masked = samples[samples["mask"] != ""]
    ahead = estimate.compute_expected_confusion(network, masked, (64, 96)).mask.sum(0)
    curve = [estimate.expect_miou(confusion) for confusion in ahead]
    warm = np.exp(estimate.find_temperature(curve, alone.scores.miou))
    assert found.temperature == pytest.approx(warm) and found.frames == 6
    assert found.label_temperature is None  # of six labels
    monkeypatch.setattr(estimate, "FEWEST_LABELS", 5)
    labelled = samples[samples["label"] != -1]
    ahead = estimate.compute_expected_confusion(network, labelled, (64, 96)).label
    curve = [estimate.expect_accuracy(confusion) for confusion in ahead]
    warm = np.exp(estimate.find_temperature(curve, alone.scores.accuracy))
    found = estimate.score_held_out(network, samples, classes, (64, 96))
    assert found.label_temperature == pytest.approx(warm)
    for row, prediction in kept.items():
        (single,) = predict.predict_samples(network, samples.iloc[[row]], (64, 96))
        np.testing.assert_array_equal(prediction.mask, single.mask)


def test_masks_without_a_pixel_that_counts_give_no_temperature(segmenter, train_folder, classes):
    samples = read_samples(train_folder, classes)
    samples = samples[samples["mask"] != ""].reset_index(drop=True)
    for path in samples["mask"]:
        cv2.imwrite(path, np.full((64, 96), 255, np.uint8))
    found = estimate.score_held_out(segmenter, samples, classes, (64, 96))
    assert np.isnan(found.scores.miou) and found.temperature is None


def test_at_most_a_thousand_evenly_spaced_frames_of_test_are_looked_at():
    assert estimate.choose_rows(3).tolist() == [0, 1, 2]
    rows = estimate.choose_rows(30_000)
    assert len(rows) == estimate.MOST_FRAMES and (rows[0], rows[-1]) == (0, 29_999)
    assert set(np.diff(rows)) == {30, 31}


def test_pixels_that_a_less_exact_network_changes_are_counted(segmenter, train_folder, classes):
    samples = read_samples(train_folder, classes)
    other = KerasPredictor(build_seeded(1, lambda: unet.build_segmenter(3, TINY)))
    rows = [0, 2]
    stored = dict(zip(rows, predict.predict_samples(segmenter, samples.iloc[rows], (32, 64)), strict=True))
    evaluation = Evaluation(samples, None, None, "", None, stored, segmenter)
    assert count_changed(evaluation, segmenter, (32, 64)) == 0
    masks = predict.predict_samples(other, samples.iloc[rows], (32, 64))
    changed = [(a.mask != stored[row].mask).mean() for row, a in zip(rows, masks, strict=True)]
    found = count_changed(evaluation, other, (32, 64))
    assert 0 < found == pytest.approx(np.mean(changed))
