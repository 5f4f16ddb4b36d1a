"""The figures of `main.ipynb`: each function takes a `Result` and returns a `View`.

It returns None where there is nothing to show.
"""

import numpy as np
import pandas as pd

from src.data.recordings import project_places
from src.evaluation import class_estimate, metrics
from src.figures import captions, charts, diagram, maps, panels
from src.model import unet
from src.plots import Album, View
from src.scores import Scores
from src.settings import check_whole_number
from src.submission.result import Result


def plot_estimate(result: Result) -> View:
    """Shows the estimate for Test beside the scores that there are."""
    figure = charts.plot_estimate(result.record)
    return View("result_estimate", figure, captions.describe_estimate(result.record))


def plot_frames(result: Result, count: int) -> View:
    """Shows frames evenly spaced over the table: photo, truth where it is known, prediction.

    Raises:
        SettingsError: `count` is no whole number from 1 on.
    """
    check_whole_number("FRAMES", count)
    rows = result.choose_evenly(count)
    photos, truths, predicted = result.load(rows)
    true = result.truth["label"].to_numpy()
    titles = []
    for row in rows:
        confidence = result.notes["confidence"][row]
        label = panels.describe_label(result.labels[row], confidence, true[row], result.classes.label)
        titles.append(f"{result.names[row]}\n{label}")
    figure = panels.plot_predictions(photos, truths, predicted, titles, result.project.classes)
    return View("test", figure, captions.describe_predictions(truths, predicted, result.classes.mask))


def plot_hardest(result: Result, count: int) -> View:
    """Shows the hardest frame of each recording, with the reason."""
    rows = result.choose_hardest(count)
    photos, truths, predicted = result.load(rows)
    titles = [f"{result.names[row]}\n{_describe_reason(result, row)}" for row in rows]
    figure = panels.plot_predictions(
        photos, truths, predicted, titles, result.project.classes, disagreement=True
    )
    return View("hardest", figure, captions.describe_predictions(truths, predicted, result.classes.mask))


def _describe_reason(result: Result, row: int) -> str:
    """Describes why a frame counts as hard."""
    if result.frames is None:
        return f"expected mean IoU {100 * result.notes['expected_miou'][row]:.0f} %"
    frame = result.frames.loc[row]
    return f"mean IoU {frame['mean IoU %']:.0f} %, most common error:\n{frame['most common error']}"


def browse(result: Result, show: Album, count: int) -> None:
    """Shows the browser of all frames and, where there are no widgets, some of them from worst to best."""
    rows = result.choose_worst_to_best(count)
    photos, truths, predicted = result.load(rows)
    what = "expected mean IoU" if result.frames is None else "mean IoU"
    titles = [f"{result.names[row]}\n{what} {100 * result.order[row]:.0f} %" for row in rows]
    figure = panels.plot_samples(photos, predicted, titles, result.project.classes, "prediction")
    caption = captions.describe_predictions(truths, predicted, result.classes.mask)
    result.open_browser().show(show.save(View("worst_first", figure, caption)))
    print(caption)


def plot_places(result: Result) -> View:
    """Shows the frames by place and recording: by mean IoU, or by label without truth."""
    names = np.array(result.classes.label.names)
    values = pd.Series(names[result.labels])
    title = "predicted label"
    if result.frames is not None:
        values = result.frames["mean IoU %"]
        title = f"mean IoU of each frame (on average {values.mean():.0f} %"
        whole = result.record.scores.get("test", Scores()).miou
        if whole is not None:
            title += f"; of all pixels together {100 * whole:.1f}"
        title += ")"
    places = project_places(result.project.test)
    figure = maps.plot_places(places, result.recordings, values, title)
    return View("map", figure, captions.describe_places(values, result.recordings))


def plot_class_iou(result: Result) -> View | None:
    """Shows each class's IoU beside its share of the pixels, and the one that was estimated for Test."""
    if result.confusion is None:
        return None
    classes = result.project.classes.mask
    table = metrics.make_classes_table(np.array(result.confusion["mask"]), classes)
    estimated = _list_estimated_iou(result)
    figure = charts.plot_class_iou(table, classes, result.scored, estimated)
    caption = captions.describe_classes(table)
    if estimated is not None and result.scored == "Test":
        caption += captions.describe_missed(estimated, table["IoU %"])
    return View("result_class_iou", figure, caption)


def _list_estimated_iou(result: Result) -> pd.DataFrame | None:
    """Lists the estimate for Test as `class_estimate.make_estimate_table` does; None without an estimate."""
    confusion = result.record.confusion.get("estimate")
    if confusion is None:
        return None
    return class_estimate.make_estimate_table(np.array(confusion["mask"]), result.project.classes.mask)


def plot_mask_confusion(result: Result) -> View | None:
    """Shows which class is taken for which."""
    return _plot_confusion(result, "mask", "result_confusion", "pixels")


def plot_label_confusion(result: Result) -> View | None:
    """Shows which label is taken for which; None also where only true masks are known."""
    return _plot_confusion(result, "label", "result_labels", "labels")


def _plot_confusion(result: Result, task: str, name: str, what: str) -> View | None:
    if result.confusion is None or not result.confusion[task]:
        return None
    names = getattr(result.project.classes, task).names
    counts = np.array(result.confusion[task])
    figure = charts.plot_confusion(counts, names, f"{what.capitalize()}, {result.scored}")
    return View(name, figure, captions.describe_confusion(counts, names, what))


def plot_reliability(result: Result) -> View | None:
    """Shows how often a label is right, against how confident the network is; None without true labels."""
    named = result.has_label
    if not named.any():
        return None
    right = (result.labels == result.truth["label"].to_numpy())[named]
    confidence = result.notes["confidence"][named]
    figure = charts.plot_reliability(confidence, right, "Labels on Test")
    return View("reliability", figure, captions.describe_reliability(confidence, right))


def plot_looks(result: Result) -> View:
    """Shows how the photos of Train and of Test look."""
    looks = result.project.diagnosis.looks
    return View("looks", charts.plot_looks(looks), captions.describe_looks(looks))


def plot_network(result: Result) -> View:
    """Draws the network."""
    network = result.network
    title = f"The network: {network.count_params() / 1e6:.1f} million weights"
    figure = diagram.plot_network(unet.list_stages(network), title)
    caption = captions.describe_network(unet.count_backbone(network), network.count_params())
    return View("network", figure, caption)
