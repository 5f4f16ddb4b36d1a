"""What moves in a notebook: the live view of a training, the browser of frames, the link to the zip."""

import base64
import html
import time
from pathlib import Path

import cv2
import ipywidgets
import keras
import matplotlib as mpl
import numpy as np
import pandas as pd
from IPython import get_ipython
from IPython.display import HTML, Image, display
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from src.data import image_files
from src.data.classes import Classes, count_values
from src.figures import charts
from src.figures.style import STYLE
from src.inference import predict
from src.inference.engine import Predictor

NO_MATH = (
    "tex2jax_ignore mathjax_ignore"  # tells a notebook's MathJax, of version 2 or 3, to leave text alone
)
LIVE_SHARE = 0.03  # of a training's time, for pictures on its way
FIRST_COST = 1.0  # seconds that the first picture may take


@mpl.rc_context(STYLE)
def plot_live(
    history: pd.DataFrame, image: np.ndarray, truth: np.ndarray, predicted: np.ndarray, classes: Classes
) -> Figure:
    """Shows a training under way: the loss, and one frame as photo, truth and prediction.

    Args:
        history: so far.
        image: uint8 RGB, (H, W, 3).
        truth: uint8 class indices, (H, W).
        predicted: the same.
        classes: of both tasks.
    """
    figure, axes = plt.subplots(1, 4, figsize=(13.5, 2.6), layout="constrained", width_ratios=(1.2, 1, 1, 1))
    plt.close(figure)
    charts.draw_curves(axes[0], history, "loss")
    three = (image, classes.mask.paint(truth), classes.mask.paint(predicted))
    for ax, picture, title in zip(axes[1:], three, ("photo", "truth", "prediction"), strict=True):
        ax.imshow(picture)
        ax.set_title(title)
        ax.set_axis_off()
    return figure


class LiveView:
    """Shows a training under way in the notebook, each picture replacing the last, where it was made.

    Pictures come as often as they cost no more than LIVE_SHARE of the training's time; one shows the end.

    Args:
        image: a frame to watch as the network sees it, of `batches.Frames.see`.
        truth: uint8 class indices, (H, W).
        classes: of both tasks.
    """

    def __init__(self, image: np.ndarray, truth: np.ndarray, classes: Classes):
        self.image, self.truth, self.classes = image, truth, classes
        self.begin, self.spent = time.monotonic(), 0.0
        self.cost = FIRST_COST
        # a place above the progress bar, which would be cut in two
        self.handle = display(HTML(""), display_id=True)

    def __call__(self, history: pd.DataFrame, model: keras.Model, ended: bool) -> None:
        """Draws the picture anew, if there is time for it and for the last one, or the training has ended."""
        begin = time.monotonic()
        if not ended and self.spent + 2 * self.cost > LIVE_SHARE * (begin - self.begin):
            return
        mask = predict.predict_mask(model, self.image)
        figure = plot_live(history, self.image[..., :3], self.truth, mask, self.classes)
        self.handle.update(figure)
        self.cost = time.monotonic() - begin
        self.spent += self.cost


# The zip ----------------------------------------------
EMBEDDED = 8  # MB; a larger zip is linked to, not carried by the notebook


def link(path: Path) -> HTML:
    """Makes a link that saves a file, with its size and what to do with it.

    JupyterLab takes a click on a plain link to open the file in its own viewer, and VS Code leads nowhere; a
    link that carries the file, with a `download` attribute, works in both and in the classic notebook.
    """
    source, megabytes = path.as_posix(), path.stat().st_size / 1e6
    if megabytes <= EMBEDDED:
        source = f"data:application/zip;base64,{base64.b64encode(path.read_bytes()).decode()}"
    name = html.escape(path.name)
    here = html.escape(str(path))
    size = f"{megabytes:.1f} MB" if megabytes >= 1 else f"{1000 * megabytes:.1f} kB"
    return HTML(
        f'<p class="{NO_MATH}"><a href="{html.escape(source)}" download="{name}"><b>Download {name}</b></a> '
        f"({size})<br>Upload it to the competition as it is. It lies in <code>{here}</code></p>"
    )


# Tables ----------------------------------------------
def write_table(table: pd.DataFrame) -> str:
    """Writes a table in HTML as pandas does, but so that names with dollars in it are not typeset."""
    return table._repr_html_().replace('class="dataframe', f'class="{NO_MATH} dataframe', 1)


if get_ipython() is not None:
    get_ipython().display_formatter.formatters["text/html"].for_type(pd.DataFrame, write_table)


# Frames ----------------------------------------------
class FrameBrowser:
    """Shows the frames of Test one by one: photo, prediction over it, the confidence in each pixel.

    Args:
        network: of `engine.open_exported`; asked about the frame that is shown.
        samples: table of the Test frames.
        notes: a row a frame, of `submission.read_notes`, and "miou" (a fraction) where it is known.
        classes: of both tasks.
        size: (height, width) of the network's input.
        flip: whether the zip's predictions are averages over the mirror image.
    """

    def __init__(
        self,
        network: Predictor,
        samples: pd.DataFrame,
        notes: pd.DataFrame,
        classes: Classes,
        size: tuple[int, int],
        flip: bool = True,
    ):
        self.network, self.samples, self.notes = network, samples, notes
        self.classes, self.size, self.flip = classes, size, flip
        orders = {"as in data.csv": None, "least confident first": "mean_confidence", "worst first": "miou"}
        known = [name for name, column in orders.items() if column is None or column in notes]
        self.orders = {name: orders[name] for name in known}
        self.slider = ipywidgets.IntSlider(max=len(samples) - 1, description="frame", continuous_update=False)
        self.opacity = ipywidgets.FloatSlider(0.6, min=0, max=1, step=0.1, description="overlay")
        self.order = ipywidgets.Dropdown(options=list(self.orders), description="order")
        self.wanted = ipywidgets.Dropdown(options=["any class", *classes.mask.names], description="shows")
        self.picture, self.words = ipywidgets.Image(format="png"), ipywidgets.HTML()
        self.shown, self.rows = None, np.arange(len(samples))
        for control in (self.order, self.wanted):
            control.observe(self._choose_rows, "value")
        for control in (self.slider, self.opacity):
            control.observe(self._draw, "value")
        controls = ipywidgets.VBox(
            [ipywidgets.HBox([self.slider, self.opacity]), ipywidgets.HBox([self.order, self.wanted])]
        )
        self.box = ipywidgets.VBox([controls, self.words, self.picture])
        self._draw()

    def show(self, still: Image) -> None:
        """Shows the browser; a still picture stands in its place where there are no widgets, as on GitHub."""
        view = {"version_major": 2, "version_minor": 0, "model_id": self.box.model_id}
        text = "Run this notebook in JupyterLab or VS Code to browse all frames here, with a slider."
        picture, _ = still._repr_mimebundle_()
        bundle = {"application/vnd.jupyter.widget-view+json": view, "text/plain": text}
        display(bundle | picture, raw=True)

    def _choose_rows(self, _: object) -> None:
        """Orders the frames and keeps those that show the wanted class."""
        column = self.orders[self.order.value]
        rows = np.arange(len(self.samples)) if column is None else self.notes[column].to_numpy().argsort()
        if self.wanted.value in self.classes.mask.names:
            share = self.notes[f"share {self.wanted.value}"].to_numpy()
            rows = np.array([row for row in rows if share[row] > 0])
        self.rows = rows
        self.slider.max = max(0, len(rows) - 1)
        if self.slider.value:
            self.slider.value = 0  # draws
        else:
            self._draw()

    def _draw(self, _: object = None) -> None:
        """Draws the chosen frame."""
        if not len(self.rows):
            self.words.value, self.picture.value = "No frame shows this class.", b""
            return
        row = self.rows[self.slider.value]
        sample, note = self.samples.iloc[row], self.notes.iloc[row]
        size = image_files.orient_size(self.size, sample.height, sample.width)
        photo = image_files.load_photo(sample.image, size)
        if row != self.shown:
            self.probabilities, _ = predict.predict_frame(self.network, sample, self.size, self.flip)
            self.shown = row
        mask = self.probabilities.argmax(-1).astype(np.uint8)
        colors = np.float32(self.classes.mask.paint(mask))
        over = cv2.addWeighted(np.float32(photo), 1 - self.opacity.value, colors, self.opacity.value, 0)
        doubt = cv2.applyColorMap(np.uint8(255 * self.probabilities.max(-1)), cv2.COLORMAP_VIRIDIS)[..., ::-1]
        wide = np.concatenate([photo, np.uint8(over), doubt], 1)
        self.picture.value = cv2.imencode(".png", wide[..., ::-1])[1].tobytes()
        label = self.classes.label.names[self.classes.label.ids.index(int(note.label))]
        score = f"; mean IoU {100 * note.miou:.0f} %" if pd.notna(note.get("miou")) else ""
        self.words.value = (
            f"<b>{html.escape(sample.image_path)}</b>: {html.escape(label)}, "
            f"{100 * note.confidence:.0f} % confident{score}<br>"
            f"photo, prediction, confidence of each pixel (yellow: high)<br>{self._list_classes(mask)}"
        )

    def _list_classes(self, mask: np.ndarray) -> str:
        """Lists the classes of a mask with their colours, the largest first."""
        share = count_values(mask)[: len(self.classes.mask)] / mask.size
        return " ".join(
            f'<span style="background:{self.classes.mask.colors[k]};border:1px solid #555">&emsp;</span> '
            f"{html.escape(self.classes.mask.names[k])} {100 * share[k]:.0f} %&emsp;"
            for k in np.argsort(-share)
            if share[k] > 0
        )
