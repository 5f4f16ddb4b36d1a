"""What a submitted zip says of Test, beside the truth where it is known: what `main.ipynb` shows."""

import textwrap
from functools import cached_property

import keras
import numpy as np
import pandas as pd

from src import report, runs
from src.common.spacing import choose_evenly
from src.data.classes import NO_LABEL
from src.data.paths import name_frames
from src.data.recordings import find_recordings
from src.data.reference import add_truth, check_reference
from src.evaluation import advice, metrics
from src.figures import style, widgets
from src.figures.search_table import SearchTable
from src.inference import engine
from src.model import unet
from src.project import Project
from src.scores import Scores
from src.submission.read import compare_frames, find_submission, load_for_display, read_notes
from src.training.history import read_history

MOST_HARD = 4  # frames, of one recording each


class Result:
    """The newest zip of a finished joint run, opened.

    Args:
        project: the data, Test included.
        name: of the run; "" takes the last one on these data.

    Attributes:
        run: whose zip it is.
        record: what the run's `result.json` says.
        path: of the zip.
        truth: table of the Test frames, with true masks and labels where they are known.
        notes: the network's label, confidence and expected mean IoU of each frame, of `read.read_notes`.
        labels: index of each frame's predicted label, int64.
        frames: of `metrics.make_frames_table`; None where no true mask is known.

    Raises:
        MissingError: there is no such run, or it has no zip yet.
        DataError: the truth breaks a rule.
        OutdatedError: the table of the Test frames has changed since the zip was written.
    """

    def __init__(self, project: Project, name: str = ""):
        self.project = project
        self.run = runs.find_run("joint", project.train, project.classes, name)
        self.record = runs.read_result(self.run)
        self.path = find_submission(self.run)
        self.notes = read_notes(self.run, project.test)
        self.labels = self.notes["label"].map(project.classes.label.ids.index).to_numpy()
        # A reference may hold ids that Train does not know.
        self.classes = project.classes.ignore_unknown_ids()
        self.size = tuple(self.run.settings["SIZE"])
        self.truth = self._read_truth()
        self.frames = self._compare_frames()
        if self.frames is not None:
            self.notes["miou"] = self.frames["mean IoU %"] / 100
        print(f"{self.path.name}: {len(project.test)} frames, from {self.run.folder}")

    def __repr__(self) -> str:
        return metrics.make_scores_table(self.record).to_string()

    def _repr_html_(self) -> str:
        """Shows a notebook the scores."""
        return metrics.make_scores_table(self.record).to_html()

    def _read_truth(self) -> pd.DataFrame:
        """Reads the table of the Test frames, with the truth where it is known."""
        project = self.project
        if project.reference is None:
            return project.test
        check_reference(project.reference, project.folder / "Test")
        return add_truth(project.test, project.reference, project.classes)

    def _compare_frames(self) -> pd.DataFrame | None:
        """Compares each frame with its true mask; None where no true mask holds a class."""
        if self.project.reference is None or not (self.truth["mask"] != "").any():
            return None
        counts = compare_frames(self.path, self.truth, self.classes)
        frames = metrics.make_frames_table(counts, self.classes.mask)
        return frames if frames["mean IoU %"].notna().any() else None  # its masks may hold no class

    @cached_property
    def names(self) -> pd.Series:
        """Names each frame of Test by its photo."""
        return name_frames(self.project.test)

    @cached_property
    def recordings(self) -> pd.Series:
        """Names the recording of each frame of Test."""
        return find_recordings(self.project.test)

    @property
    def order(self) -> pd.Series:
        """Gives what frames are ordered by, higher is better: mean IoU, the expected one without truth."""
        return self.notes["expected_miou"] if self.frames is None else self.notes["miou"]

    def choose_evenly(self, count: int) -> np.ndarray:
        """Chooses frames evenly spaced over the table: row positions."""
        return choose_evenly(len(self.truth), count)

    def choose_worst_to_best(self, count: int) -> np.ndarray:
        """Chooses frames evenly spaced over their order, the worst first: row positions."""
        order = self.order.dropna().sort_values().index
        return order[choose_evenly(len(order), count)].to_numpy()

    def choose_hardest(self, count: int) -> np.ndarray:
        """Chooses the worst frame of each recording, the worst of them first: row positions."""
        score = self.order.dropna()
        hardest = score.groupby(self.recordings).idxmin()  # one of each, for neighbours look alike
        return score[hardest].nsmallest(min(MOST_HARD, count)).index.to_numpy()

    def load(self, rows: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray] | None, list[np.ndarray]]:
        """Reads photos, true masks (None where none is known) and predicted masks, to show them."""
        return load_for_display(self.path, self.truth, rows, self.classes, self.size)

    def open_browser(self) -> widgets.FrameBrowser:
        """Gives the browser of all frames, which asks the network about each as it is shown."""
        network = engine.open_exported(self.run.folder)
        return widgets.FrameBrowser(
            network,
            self.project.test,
            self.notes,
            self.project.classes,
            self.size,
            tta=self.record.tta is not False,
        )

    def make_frames_table(self) -> SearchTable:
        """Lists all frames, to search and sort: the worst first, without truth those expected to be worst.

        The column "frame" counts them from 0 as the frame browser does.
        """
        names = np.array(self.classes.label.names)
        true = self.truth["label"].to_numpy()
        index = pd.RangeIndex(len(self.truth), name="frame")
        table = pd.DataFrame({"photo": self.project.test["image_path"].to_numpy()}, index=index)
        table["recording"] = self.recordings.to_numpy()
        table["label"] = names[self.labels]
        if self.has_label.any():
            table["true label"] = np.where(self.has_label, names[true], "")
        table["label confidence %"] = 100 * self.notes["confidence"].to_numpy()
        table["expected mean IoU %"] = 100 * self.notes["expected_miou"].to_numpy()
        order = "expected mean IoU %"
        if self.frames is not None:
            table = table.join(self.frames)
            order = "mean IoU %"
        return SearchTable(table, order)

    def count_common_errors(self) -> pd.DataFrame | None:
        """Counts the frames with truth by what costs them most; None where the truth is not known."""
        if self.frames is None:
            return None
        errors = self.frames["most common error"][self.frames["mean IoU %"].notna()]
        # Of the end alone, because a class's name may have brackets, too.
        costs = errors.str.replace(r" \([\d.]+ %\)$", "", regex=True).value_counts()
        print(f"The most common error on {costs.iloc[0]} of {len(errors)} frames: {costs.index[0]}.")
        correlation = self.correlate_expected()
        if correlation is not None:
            print(
                "Without the truth, the frames of the lowest expected mean IoU count as the hardest. Its "
                f"rank correlation with the true one is {correlation:.2f} here (1: the same order, 0: none)."
            )
        return costs.head(5).to_frame("frames")

    def correlate_expected(self) -> float | None:
        """Computes Spearman's correlation of the frames' expected and true mean IoU, -1 to 1.

        None where the truth is not known, or one of the two is the same for all frames.
        """
        if self.frames is None:
            return None
        known = self.notes[["expected_miou", "miou"]].dropna()
        if known.nunique().min() < 2:
            return None
        return float(known["expected_miou"].corr(known["miou"], method="spearman"))

    @property
    def has_label(self) -> np.ndarray:
        """Tells which frames have a true label: bool, (frames,)."""
        return self.truth["label"].to_numpy() != NO_LABEL

    @property
    def held_out(self) -> str:
        """Names the held-out frames of the run, with "leaky" where they are."""
        return metrics.name_held_out(self.record.leaky)

    @property
    def scored(self) -> str:
        """Names the frames whose scores are shown class by class: Test where it is known."""
        return "Test" if self._split == "test" else self.held_out

    @property
    def _split(self) -> str:
        test = self.record.scores.get("test", Scores())
        return "held_out" if test.miou is None else "test"

    @property
    def confusion(self) -> dict | None:
        """Gives the confusion matrices, "mask" and "label", of what is named by `scored`; None: none."""
        return self.record.confusion.get(self._split)

    @property
    def network(self) -> keras.Model:
        """Loads the network that was submitted."""
        return unet.load_model(self.run.folder / "final" / "model.keras")

    @property
    def history(self) -> pd.DataFrame:
        """Reads how the network was trained that is scored or, without one, that is submitted."""
        part = "held_out" if "held_out" in self.record.scores else "final"
        return read_history(self.run.folder / part)

    def advise(self) -> None:
        """Says in one paragraph which class costs most, and what would help; nothing without a score."""
        names = self.project.classes.mask.names
        networks = len(unet.list_submitted(self.run.folder))
        text = advice.advise(self.record, names, self.history, networks)
        for line in textwrap.wrap(text, style.LINE, break_on_hyphens=False):
            print(line)

    def finish(self) -> None:
        """Writes the report, and says where everything lies."""
        print(f"Figures: {self.run.figures}")
        print(f"Report:  {report.write_report(self.run.folder)}")
        print(f"Zip:     {self.path}")
