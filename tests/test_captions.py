from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from src.data.classes import IGNORE
from src.evaluation import metrics
from src.figures import captions
from src.model import unet
from src.scores import RunResult, Scores
from src.settings import Recipe

ESTIMATED = Scores(miou=0.5, miou_low=0.44, miou_high=0.56)
WITH_LABELS = replace(
    ESTIMATED, f1=0.7, f1_low=0.6, f1_high=0.8, accuracy=0.9, accuracy_low=0.8, accuracy_high=1
)


def test_history_names_first_and_last_value():
    history = pd.DataFrame({"loss": [2.0, 1.5, 1.0]}, index=[1, 2, 3])
    assert captions.describe_history(history) == (
        "The loss went from 2.00 to 1.00 in 3 epochs; no frames were held out of this training."
    )
    assert "The loss was 2.00 in 1 epoch;" in captions.describe_history(history[:1])
    one = history.assign(val_mask_miou=[np.nan, np.nan, 0.5])
    assert captions.describe_history(one).endswith("mean IoU on held-out recordings after epoch 3: 50.0 %.")
    several = history.assign(val_miou=[0.2, np.nan, 0.5], miou=0.9)
    assert captions.describe_history(several, "frames (leaky)").endswith(
        "mean IoU on frames (leaky) went from 20.0 to 50.0 %, +30.0 points since epoch 1."
    )


def test_the_estimate_stands_beside_the_held_out_score():
    scores = {"held_out": Scores(miou=0.61), "estimate": ESTIMATED}
    assert captions.describe_estimate(RunResult(scores=scores)) == (
        "Test will give a mean IoU of about 50.0 % (44.0 to 56.0). "
        "On held-out recordings the mean IoU was 61.0 %."
    )
    assert "ESTIMATE" in captions.describe_estimate(RunResult())
    alone = captions.describe_estimate(RunResult(scores={"estimate": ESTIMATED}))
    assert alone == "Test will give a mean IoU of about 50.0 % (44.0 to 56.0)."


def test_the_estimate_of_labels_has_intervals():
    scores = {"held_out": Scores(miou=0.61), "estimate": WITH_LABELS}
    confusion = {"held_out": {"mask": [[5, 1, 0], [0, 0, 0], [1, 0, 3]]}}
    caption = captions.describe_estimate(RunResult(scores=scores, confusion=confusion))
    labels = "a label accuracy of about 90.0 % (80.0 to 100.0); a label F1 of about 70.0 % (60.0 to 80.0)."
    assert f"(44.0 to 56.0); {labels} On held-out recordings (2 of 3 classes) the" in caption


def test_the_score_is_compared_with_the_estimate():
    scores = {"held_out": Scores(miou=0.61), "estimate": WITH_LABELS}
    scores |= {"test": Scores(miou=0.4, f1=0.65), "random": Scores(miou=0.9)}
    caption = captions.describe_estimate(RunResult(scores=scores, leaky=True))
    for part in (
        "outside the estimated 44.0 to 56.0 % (50.0)",
        "F1 of 65.0 %, inside the estimated 60.0 to 80.0 % (70.0)",
        "of the same street (leaky) the mean IoU was 61.0 %",
        "(leaky) the mean IoU was 90.0",
    ):
        assert part in caption
    scores["test"] = Scores(f1=0.65, accuracy=0.7)  # of labels alone
    caption = captions.describe_estimate(RunResult(scores=scores))
    assert caption.startswith("Test gave a label accuracy of 70.0 %, outside the estimated 80.0 to 100.0 %")
    assert "Test will give a mean IoU of about 50.0 % (44.0 to 56.0)." in caption and "nan" not in caption


def test_classes_whose_estimate_missed_are_counted():
    classes = {"IoU %": [50.0, 20.0, 70.0], "low %": [45.0, 10.0, 60.0], "high %": [55.0, 30.0, 80.0]}
    classes = pd.DataFrame(classes, index=list("abc"))
    missed = captions.describe_missed(classes, pd.Series({"a": 40.0, "b": np.nan, "c": 76.0}))
    text = " The estimates, the dots, missed a class by 8.0 points on average; 1 of 2 classes are in their "
    assert missed == f"{text}intervals, the lines."
    assert captions.describe_missed(classes, pd.Series(np.nan, classes.index)) == ""


def test_the_estimate_is_compared_with_what_the_competition_gave():
    scores = {"estimate": Scores(0.5, 0.6, miou_low=0.4, miou_high=0.6)}
    expected = "Test will give a mean IoU of about 50.0 % (40.0 to 60.0); a label F1 of about 60.0 %."
    assert captions.describe_estimate(RunResult(scores=scores)) == expected
    scores["competition"] = Scores(0.381, 0.782, 0.779)
    caption = captions.describe_estimate(RunResult(scores=scores))
    assert caption == (
        "Test gave a mean IoU of 38.1 %, outside the estimated 40.0 to 60.0 % (50.0); a label F1 of 78.2 %, "
        "60.0 estimated."
    )


def test_best_worst_and_absent_classes_are_named(classes):
    table = metrics.make_classes_table(np.array([[8, 2, 0], [0, 10, 0], [0, 0, 0]]), classes.mask)
    assert captions.describe_classes(table) == (
        "Best: red, IoU 83.3 %; worst: ground, 80.0 %, with 50.0 % of the pixels."
        " Not on these frames and not in the mean: green."
    )
    assert captions.describe_classes(metrics.make_classes_table(np.zeros((3, 3), int), classes.mask)) == ""


def test_of_many_absent_classes_five_are_named():
    table = pd.DataFrame(
        {"pixels %": [100.0] + [0.0] * 7, "IoU %": [50.0] + [np.nan] * 7}, index=list("abcdefgh")
    )
    assert captions.describe_classes(table).endswith(" not in the mean: b, c, d, e, f and 2 more.")


def test_largest_confusion_is_a_share_of_the_true_class():
    counts = [[80, 10, 10], [2, 3, 5], [0, 0, 0]]
    caption = captions.describe_confusion(counts, ("a", "b", "c"), "labels")
    assert caption == (
        "75 % of the labels are right. Most common error: a taken for b (9.1 % of all labels); "
        "largest share of one class: 50 % of b taken for c."
    )
    caption = captions.describe_confusion([[6, 2], [0, 2]], ("a", "b"), "labels")
    assert caption.endswith("Most common error: a taken for b (20.0 % of all labels, 25 % of a).")
    assert captions.describe_confusion(np.eye(2), ("a", "b"), "labels") == "100 % of the labels are right."
    assert captions.describe_confusion(np.zeros((2, 2)), ("a", "b"), "labels") == ""


def test_a_gap_that_chance_makes_is_called_so():
    right = np.arange(100) < 70  # 1.645 sqrt(70 * 30 / 100) = 7.5 points
    caption = captions.describe_reliability(np.full(100, 0.9), right)
    assert caption == (
        "On average the network is 90 % confident, and 70 % of 100 labels are right. "
        "It is too confident by 20 points."
    )
    caption = captions.describe_reliability(np.full(100, 0.5), right)
    assert caption.endswith("It is not confident enough by 20 points.")
    caption = captions.describe_reliability(np.full(100, 0.75), right)
    assert caption.endswith("The gap of 5 points may be chance, which makes up to 8.")


def test_looks_compare_test_with_train():
    train = pd.DataFrame({"folder": "Train", "brightness": np.arange(101.0), "saturation": 20, "warmth": 0})
    test = pd.DataFrame({"folder": "Test", "brightness": [60.0, 98.0], "saturation": 18, "warmth": 1.2})
    assert captions.describe_looks(pd.concat([train, test])) == (
        "On average Test's photos are 29 points brighter, 2 points paler, 1 point warmer than Train's. "
        "Share of them outside the middle 90 % of Train's: brightness 50 %, saturation 100 %, warmth 100 % "
        "(10 % if both were alike)."
    )
    assert captions.describe_looks(train) == ""


def test_places_name_the_best_and_the_worst_recording():
    recordings = pd.Series(["a/1", "a/1", "b/1"])
    values = pd.Series([40.0, 60.0, np.nan])
    assert captions.describe_places(values, recordings) == "Half of the frames lie between 45 and 55 %."
    caption = captions.describe_places(pd.Series([40.0, 60.0, 20.0]), recordings)
    assert caption == "Best of 2 recordings: a/1, 50 % on average; worst: b/1, 20 %."
    names = pd.Series(["x", "y", "x"])
    assert captions.describe_places(names, recordings) == "Most common: x, 2 of 3 frames."


def test_sides_count_frames_and_blocks():
    blocks = pd.Series(list("aabbc"))
    sides = pd.Series(["train", "train", "held out", "held out", "train"])
    assert captions.describe_sides(sides, blocks) == "2 of 5 frames are held out, from 1 of 3 blocks."
    folds = pd.Series(["fold 2", "fold 2", "held out", "left out", "fold 3"])
    assert captions.describe_sides(folds, blocks) == (
        "4 of 5 frames are held out, from 3 of 3 blocks; 1 to 2 frames a fold."
    )


@pytest.mark.parametrize("likeness", [0.5, 0.8])
def test_audit_names_the_most_alike_pair(likeness):
    audit = pd.DataFrame({"likeness": [0.1, likeness]})
    assert captions.describe_audit(audit) == (
        f"Highest likeness of a held-out frame to a training frame: {likeness:.2f}. "
        "From 0.72 on, two frames count as one view."
    )
    assert captions.describe_audit(audit[:0]) == ""


def test_ignored_pixels_do_not_count_as_right_or_wrong(classes):
    truth = np.array([[0, 1], [IGNORE, 2]], np.uint8)
    predicted = np.array([[0, 1], [1, 1]], np.uint8)
    caption = captions.describe_predictions([truth, truth], [predicted, truth], classes.mask)
    assert caption == "On these 2 frames 67 to 100 % of the pixels are right, 83 % on average."
    assert captions.describe_predictions([truth], [truth], classes.mask).startswith("On this frame 100 %")


def test_without_truth_the_largest_classes_are_named(classes):
    predicted = np.array([[0, 1], [1, 1]], np.uint8)
    unknown = np.full((2, 2), IGNORE, np.uint8)
    largest = "Largest classes on these frames: red 75 %, ground 25 %."
    assert captions.describe_predictions(None, [predicted], classes.mask) == largest
    assert captions.describe_predictions([unknown], [predicted], classes.mask) == largest
    assert captions.describe_masks([unknown], classes.mask) == ""


def test_weights_of_the_backbone_are_counted():
    network = unet.build_joint(unet.build_segmenter(3, Recipe(weights="none")), 2)
    head = sum(int(np.prod(one.shape)) for one in network.weights if not unet.is_of_backbone(one))
    share = 100 * (1 - head / network.count_params())
    assert captions.describe_network(unet.count_backbone(network), network.count_params()).startswith(
        f"{share:.0f} % of the "
    )
    assert 50 < share < 100
