"""The figures of the training notebooks: each function takes a stage or a result and returns a `View`.

It returns None where there is nothing to show.
"""

import textwrap
from dataclasses import dataclass

import numpy as np
import pandas as pd
from IPython.display import Image, display
from matplotlib.figure import Figure

from src.common.spacing import choose_evenly
from src.data import mask_files
from src.data.paths import name_frames
from src.data.recordings import project_places
from src.data.splits import order_sides
from src.evaluation import class_estimate, metrics
from src.evaluation.evaluate import Evaluation
from src.figures import captions, charts, maps, panels, style
from src.pipeline.joint import Estimate, Joint
from src.pipeline.segmentation import Segmentation
from src.pipeline.stage import Stage
from src.runs import Run

PAIRS = 4  # of a held-out frame and the training frame most like it


@dataclass(frozen=True, eq=False)
class View:
    """A figure and its caption.

    Attributes:
        name: of its PNG.
        figure: of matplotlib.
        caption: one or two sentences with numbers.
    """

    name: str
    figure: Figure
    caption: str


class Album:
    """Shows figures in a notebook and saves them with a run: `show = Album(stage.run, project.note)`.

    Args:
        run: in whose folder they are saved.
        note: stands below every figure, as that its data are synthetic.
    """

    def __init__(self, run: Run, note: str = ""):
        self.folder = run.figures
        self.note = note

    def __call__(self, view: View | None) -> None:
        """Shows and saves a figure, and prints its caption; does nothing for None."""
        if view is not None:
            display(self.save(view))
            lines = textwrap.wrap(view.caption, style.LINE, break_on_hyphens=False)
            print("".join(f"{line}\n" for line in lines), end="")

    def save(self, view: View) -> Image:
        """Saves a figure without showing it, and returns the picture."""
        path = self.folder / f"{view.name}.png"
        return style.save_figure(view.figure, path, view.caption, self.note)


def plot_split(stage: Stage) -> View | None:
    """Shows which frames are held out: on a map, or along the blocks."""
    if not stage.settings.holds_out:
        return None
    sides = {"train": stage.split.train, "held out": stage.split.held_out}
    return _plot_sides("split", stage, sides)


def plot_folds(stage: Joint) -> View | None:
    """Shows which frames each fold holds out; None where ESTIMATE asks for no folds."""
    if stage.estimate_choice != "full":
        return None
    sides = {"held out": stage.split.held_out}
    for name, (_, held_out) in stage.folds.items():
        sides[name] = held_out
    return _plot_sides("folds", stage, sides)


def _plot_sides(name: str, stage: Stage, sides: dict[str, np.ndarray]) -> View:
    ordered = order_sides(stage.split.blocks, sides)
    places = project_places(stage.samples.iloc[ordered.index])
    figure = maps.plot_sides(ordered["side"], ordered["block"], places)
    return View(name, figure, captions.describe_sides(ordered["side"], ordered["block"]))


def plot_most_alike(stage: Segmentation) -> View | None:
    """Shows the held-out frames that are most like a training frame, each beside that frame."""
    if not stage.settings.holds_out:
        return None
    audit = stage.split.audit
    names = name_frames(stage.samples)
    pairs = []
    titles = []
    for row in audit.nlargest(PAIRS, "likeness").itertuples():
        pairs.append((stage.frames.images[row.frame], stage.frames.images[row.twin]))
        trained_on = f"trained on, likeness {row.likeness:.2f}:\n{names[row.twin]}"
        titles.append((f"held out:\n{names[row.frame]}", trained_on))
    return View("audit", panels.plot_pairs(pairs, titles), captions.describe_audit(audit))


def plot_samples(stage: Stage, count: int = 6) -> View:
    """Shows `count` frames of Train at most, evenly spaced over the table, with their masks."""
    masked = np.flatnonzero(stage.frames.has_mask)
    rows = masked[choose_evenly(len(masked), count)]
    images = [stage.frames.images[row] for row in rows]
    masks = [stage.frames.masks[row] for row in rows]
    names = name_frames(stage.samples).iloc[rows]
    figure = panels.plot_samples(images, masks, names.tolist(), stage.classes)
    return View("samples", figure, captions.describe_masks(masks, stage.classes.mask))


def plot_history(history: pd.DataFrame | None, title: str, name: str = "history") -> View | None:
    """Shows how losses and scores went from epoch to epoch.

    Args:
        history: of a training.
        title: names the held-out frames.
        name: of the PNG.
    """
    if history is None:
        return None
    return View(name, charts.plot_history(history, title), captions.describe_history(history, title))


def plot_class_iou(evaluation: Evaluation | None) -> View | None:
    """Shows each class's IoU beside its share of the pixels."""
    if evaluation is None:
        return None
    table = metrics.make_classes_table(evaluation.mask_confusion, evaluation.classes.mask)
    figure = charts.plot_class_iou(table, evaluation.classes.mask, evaluation.title)
    return View("class_iou", figure, captions.describe_classes(table))


def plot_labels(evaluation: Evaluation | None) -> View | None:
    """Shows which label is taken for which."""
    if evaluation is None:
        return None
    counts = evaluation.scored.confusion["label"]
    names = evaluation.classes.label.names
    figure = charts.plot_confusion(counts, names, f"Labels, {evaluation.title}")
    return View("labels", figure, captions.describe_confusion(counts, names, "labels"))


def plot_predictions(evaluation: Evaluation | None) -> View | None:
    """Shows held-out frames: photo, truth and prediction."""
    if evaluation is None:
        return None
    rows = list(evaluation.predictions)
    images = [evaluation.frames.images[row] for row in rows]
    truths = [evaluation.frames.masks[row] for row in rows]
    shrunk = [
        mask_files.shrink_mask(evaluation.predictions[row].mask, truth.shape)
        for row, truth in zip(rows, truths, strict=True)
    ]
    names = name_frames(evaluation.samples)
    titles = [_title_frame(evaluation, row, names.iloc[row]) for row in rows]
    figure = panels.plot_predictions(images, truths, shrunk, titles, evaluation.classes)
    return View("held_out", figure, captions.describe_predictions(truths, shrunk, evaluation.classes.mask))


def plot_estimate(found: Estimate) -> View | None:
    """Shows the estimate for Test beside the scores on held-out recordings.

    Args:
        found: of `Joint.estimate_test`.
    """
    if found.estimate is None:
        return None
    result = found.to_result()
    return View("estimate", charts.plot_estimate(result), captions.describe_estimate(result))


def plot_estimated_classes(stage: Joint, found: Estimate) -> View | None:
    """Shows the IoU that is estimated for each class on Test, with its interval.

    Args:
        stage: that made the estimate.
        found: of `Joint.estimate_test`.
    """
    if found.confusion is None:
        return None
    classes = stage.classes.mask
    table = class_estimate.make_estimate_table(found.confusion, classes)
    figure = charts.plot_class_iou(table, classes, "Estimated for Test", estimated=table)
    return View("estimate_class_iou", figure, captions.describe_classes(table))


def _title_frame(evaluation: Evaluation, row: int, name: str) -> str:
    """Puts the label, where the network predicts one, below a frame's name."""
    sample = evaluation.samples.iloc[row]
    prediction = evaluation.predictions[row]
    if prediction.label is None:
        return name
    names = evaluation.classes.label
    label = panels.describe_label(prediction.label, prediction.confidence, sample["label"], names)
    return f"{name}\n{label}"
