import numpy as np
import pytest

from src.data.classes import IGNORE, NO_LABEL, ClassList
from src.evaluation import metrics
from src.scores import RunResult, Scores
from src.training import keras_metrics


def test_confusion_and_iou_by_hand():
    truth = np.array([0, 0, 0, 1, 1, IGNORE], np.uint8)
    predicted = np.array([0, 0, 1, 1, 2, 2], np.uint8)
    confusion = metrics.confuse(truth, predicted, 3)
    assert confusion.tolist() == [[2, 1, 0], [0, 1, 1], [0, 0, 0]]
    iou = metrics.compute_class_iou(confusion)
    assert iou[:2] == pytest.approx([2 / 3, 1 / 3]) and np.isnan(iou[2])  # class 2 is in no truth
    assert metrics.score_masks(confusion) == pytest.approx(0.5)


def test_label_scores_by_hand():
    truth, predicted = np.array([0, 0, 1, NO_LABEL]), np.array([0, 1, 1, 1])
    # both classes: precision and recall 1 and 1/2
    assert metrics.score_labels(truth, predicted) == pytest.approx((2 / 3, 2 / 3))


def test_constant_answer_by_hand():
    masks, labels = np.array([[6, 0], [0, 2]]), np.array([[3, 0], [1, 0]])
    scores = metrics.score_constant(masks, labels).to_dict()
    assert scores == pytest.approx({"miou": 0.75 / 2, "accuracy": 0.75, "f1": (2 * 3 / 7) / 2})
    assert set(metrics.score_constant(np.zeros((2, 2)), labels).to_dict()) == {"accuracy", "f1"}
    assert (
        metrics.describe_held_classes(np.zeros((2, 2))) == ""
        and metrics.describe_held_classes([[1, 0], [0, 0]]) != ""
    )


def test_curves_leave_out_what_is_not_known():
    accuracy = keras_metrics.LabelAccuracy()
    accuracy.update_state(
        np.array([0, 1, NO_LABEL]), np.array([[2.0, 1.0], [2.0, 1.0], [1.0, 2.0]], np.float32)
    )
    assert float(accuracy.result()) == pytest.approx(0.5)
    iou = keras_metrics.MaskIoU(2)
    iou.update_state(np.array([[[0, IGNORE]]], np.uint8), np.array([[[[1.0, 0.0], [0.0, 1.0]]]], np.float32))
    assert float(iou.result()) == pytest.approx(1.0)
    iou.update_state(np.array([[[0]]], np.uint8), np.array([[[[0.0, 1.0]]]], np.float32))
    assert float(iou.result()) == pytest.approx(0.5)  # the other class is predicted, but the truth has none


def test_table_names_classes():
    classes = ClassList((0, 1), ("road", "tree"), ("#000000", "#ffffff"))
    table = metrics.make_classes_table(np.array([[3, 1], [0, 0]]), classes)
    assert table.loc["road", "pixels %"] == 100 and table.loc["road", "IoU %"] == 75


def test_a_mean_over_fewer_classes_says_so():
    confusion = {"held_out": {"mask": [[5, 0], [0, 0]]}, "test": {"mask": [[5, 1], [0, 4]]}}
    scores = {name: Scores(miou=0.5) for name in ("held_out", "held_out_segmenter", "test")}
    result = RunResult(scores=scores, confusion=confusion)
    assert metrics.make_scores_table(result).index.tolist() == [
        "held-out recordings (1 of 2 classes)",
        "segmentation alone, held out",
        "Test",
    ]
    plain = metrics.name_splits(RunResult(leaky=True))
    assert plain["held_out"] == "held-out frames of the same street (leaky)"
