"""All that the pages show, made again from the kept results and from one run on the built-in world."""

import shutil
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd

from src import plots, result_plots, run
from src.common.errors import DataError, MissingError
from src.common.files import find_commit
from src.data.location import RENDERED
from src.experiments import growth, results, speeds
from src.figures import captions, panels
from src.project import SYNTHETIC, Project
from src.submission.result import Result

NOTEBOOK = Path("main.ipynb")
PICTURES = Path("Imagenes")
LARGEST_NOTEBOOK = 2_000_000  # bytes
LARGEST_ZIP = 1_000_000
GOOD = 0.9  # places of the examples among the frames of Test, from the worst (0) to the best (1)
HARD = 0.1


def publish(name: str = "", version: str = "today") -> list[Path]:
    """Makes the tables, pictures, outputs of `main.ipynb` and the example zip again.

    Args:
        name: of a finished joint run on the built-in world, its zip scored; "" for the last one.
        version: what the tables call its settings.

    Returns:
        The files that were written.

    Raises:
        MissingError: there is no such run.
        DataError: notebook or zip is larger than the repository should hold.
    """
    find_commit()  # known for the whole process now, before files of the checkout change
    project = Project.open(RENDERED)
    if project.note != SYNTHETIC:
        raise MissingError(
            f"{RENDERED} must hold the built-in world, found other data; run `make run` first."
        )
    result = Result(project, name)
    written = [results.keep_result(result.run.folder, version)]
    results.fill_pages()
    written += results.PAGES
    written += _draw_pictures(result)
    written.append(_check_zip(result.path))
    written.append(_execute_notebook(result.run.folder.name))
    return written


def _draw_pictures(result: Result) -> list[Path]:
    """Draws the pictures of the pages."""
    growth.draw_growth(speeds.read_benchmark()["groups"])
    world = PICTURES / "world.png"
    results.draw_sheet(RENDERED, world)
    show = plots.Album(result.run, result.project.note)
    views = {
        "prediction.png": _plot_examples(result),
        "model.png": result_plots.plot_network(result),
    }
    for picture, view in views.items():
        show.save(view)
        shutil.copyfile(result.run.figures / f"{view.name}.png", PICTURES / picture)
    return [growth.FIGURE, world, results.draw_lengths(), *(PICTURES / picture for picture in views)]


def _plot_examples(result: Result) -> plots.View:
    """Shows a good frame, a hard one and, where there is one, one whose label is wrong."""
    true = result.truth["label"].to_numpy()
    is_wrong = result.has_label & (true != result.labels)
    rows = choose_examples(result.order, is_wrong, result.recordings)
    photos, truths, predicted = result.load(rows)
    names = result.classes.label
    titles = []
    for row in rows:
        label = panels.describe_label(result.labels[row], result.notes["confidence"][row], true[row], names)
        titles.append(f"{result.names[row]}\n{label}")
    figure = panels.plot_predictions(photos, truths, predicted, titles, result.project.classes)
    caption = captions.describe_predictions(truths, predicted, result.classes.mask)
    return plots.View("examples", figure, caption)


def choose_examples(score: pd.Series, is_wrong: np.ndarray, recordings: pd.Series) -> list[int]:
    """Chooses a good frame, a hard one and, where there is one, one whose label is wrong.

    Args:
        score: of each frame, higher is better; its index are the frames' row positions.
        is_wrong: bool (frames,), whether the frame's label is wrong.
        recordings: of each frame. The wrong frame is of another one than the other two frames, if possible.

    Returns:
        Two or three row positions.
    """
    ranked = score.dropna().sort_values().index
    rows = [ranked[int(place * (len(ranked) - 1))] for place in (GOOD, HARD)]
    wrong = np.flatnonzero(is_wrong)
    is_elsewhere = ~recordings.iloc[wrong].isin(recordings.iloc[rows]).to_numpy()
    candidates = wrong[is_elsewhere] if is_elsewhere.any() else wrong
    return rows + candidates[:1].tolist()


def _check_zip(path: Path) -> Path:
    """Checks that the zip, which lies in `submissions/` already, is small enough for the repository."""
    if path.stat().st_size > LARGEST_ZIP:
        raise DataError(f"{path} must have at most {LARGEST_ZIP:,} bytes to be an example; set CHANNELS=1.")
    return path


def _execute_notebook(name: str) -> Path:
    """Runs `main.ipynb` on a run, and keeps its outputs in place."""
    run.run_notebook(NOTEBOOK, {"RUN": name})
    text = nbformat.writes(strip(nbformat.read(run.EXECUTED / NOTEBOOK.name, as_version=4)))
    if len(text.encode()) > LARGEST_NOTEBOOK:
        raise DataError(f"{NOTEBOOK} must have at most {LARGEST_NOTEBOOK:,} bytes with its outputs.")
    NOTEBOOK.write_text(f"{text}\n", encoding="utf-8")
    return NOTEBOOK


def strip(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Takes out of an executed notebook what differs from one execution to the next, but for its outputs."""
    notebook.metadata.pop("widgets", None)
    notebook.cells = [cell for cell in notebook.cells if not cell.source.startswith(run.ADDED)]
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
    return notebook
