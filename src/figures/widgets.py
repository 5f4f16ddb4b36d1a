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
from src.figures import charts, panels
from src.figures.style import STYLE, add_legend
from src.inference import predict
from src.inference.engine import Predictor
from src.model import unet

NO_MATH = "tex2jax_ignore mathjax_ignore"  # classes whose text MathJax, version 2 or 3, leaves as it is
LIVE_SHARE = 0.03  # of a training's time that pictures may take
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
    height = 2.2 if image.shape[1] > image.shape[0] else 3.2  # inches of a picture
    wide = height * image.shape[1] / image.shape[0]
    widths = (3.6, wide, wide, wide)
    size = (sum(widths) + 0.4, height + 0.4)
    figure, axes = plt.subplots(1, 4, figsize=size, layout="constrained", width_ratios=widths)
    plt.close(figure)
    charts.draw_curves(axes[0], history, "loss", "held out")
    panels.show_picture(axes[1], image, "photo")
    panels.show_picture(axes[2], classes.mask.paint(truth), "truth")
    panels.show_picture(axes[3], classes.mask.paint(predicted), "prediction")
    curves, sides = axes[0].get_legend_handles_labels()
    patches, names = panels.list_mask_legend(classes.mask, [truth, predicted])
    add_legend(figure, curves + patches, sides + names)
    return figure


class LiveView:
    """Shows a training under way in the notebook; each picture replaces the last.

    Pictures together take at most LIVE_SHARE of the training's time; one is drawn at the end.

    Args:
        image: a frame as the network takes it, with depth as fourth channel where it uses depth.
        truth: uint8 class indices, (H, W).
        classes: of both tasks.
    """

    def __init__(self, image: np.ndarray, truth: np.ndarray, classes: Classes):
        self.image = image
        self.truth = truth
        self.classes = classes
        self.begin = time.monotonic()
        self.spent = 0.0
        self.cost = FIRST_COST
        # The place is taken before the progress bar begins, which a picture would cut in two.
        self.handle = display(HTML(""), display_id=True)

    def __call__(self, history: pd.DataFrame, model: keras.Model, ended: bool) -> None:
        """Draws a picture if the training has ended, or if there is time for this one and one at the end."""
        begin = time.monotonic()
        if not ended and self.spent + 2 * self.cost > LIVE_SHARE * (begin - self.begin):
            return
        mask = unet.predict_mask(model, self.image)
        figure = plot_live(history, self.image[..., :3], self.truth, mask, self.classes)
        self.handle.update(figure)
        self.cost = time.monotonic() - begin
        self.spent += self.cost


# The zip ----------------------------------------------
EMBEDDED = 8  # MB; the notebook holds a smaller zip itself, and links to a larger one


def link(path: Path) -> HTML:
    """Makes a link that saves a zip, with its size and what to do with it.

    A plain link opens the file in JupyterLab's own viewer, and does nothing in VS Code. A link that holds the
    file, with a `download` attribute, works in both and in the classic notebook.
    """
    source = path.as_posix()
    megabytes = path.stat().st_size / 1e6
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
    """Writes a table in HTML as pandas does, but keeps MathJax from typesetting names with dollars in it."""
    return table._repr_html_().replace('class="dataframe', f'class="{NO_MATH} dataframe', 1)


if get_ipython() is not None:
    get_ipython().display_formatter.formatters["text/html"].for_type(pd.DataFrame, write_table)


# The browser of frames ----------------------------------------------
MOST_ZOOM = 4


class FrameBrowser:
    """Shows the frames of Test one by one: photo, prediction over it, the confidence in each pixel.

    Args:
        network: of `engine.open_exported`; predicts the frame that is shown.
        samples: table of the Test frames.
        notes: a row a frame, of `read.read_notes`, and "miou" (a fraction) where it is known.
        classes: of both tasks.
        size: (height, width) of the network's input.
        tta: whether the zip's predictions are averages over `predict.VIEWS`.
    """

    def __init__(
        self,
        network: Predictor,
        samples: pd.DataFrame,
        notes: pd.DataFrame,
        classes: Classes,
        size: tuple[int, int],
        tta: bool = True,
    ):
        self.network = network
        self.samples = samples
        self.notes = notes
        self.classes = classes
        self.size = size
        self.tta = tta
        orders = {
            "as in data.csv": None,
            "lowest expected mean IoU first": "expected_miou",
            "worst first": "miou",
        }
        possible = [name for name, column in orders.items() if column is None or column in notes]
        self.orders = {name: orders[name] for name in possible}
        self.slider = ipywidgets.IntSlider(max=len(samples) - 1, description="frame", continuous_update=False)
        self.opacity = ipywidgets.FloatSlider(0.6, min=0, max=1, step=0.1, description="overlay")
        self.zoom = ipywidgets.IntSlider(1, min=1, max=MOST_ZOOM, description="zoom", continuous_update=False)
        self.order = ipywidgets.Dropdown(options=list(self.orders), description="order")
        self.wanted = ipywidgets.Dropdown(options=["any class", *classes.mask.names], description="shows")
        self.picture = ipywidgets.Image(format="png", layout={"flex": "none"})  # else a box shrinks it
        self.caption = ipywidgets.HTML()
        self.shown = None  # row whose probabilities are at hand
        self.rows = np.arange(len(samples))
        for control in (self.order, self.wanted):
            control.observe(self._choose_rows, "value")
        for control in (self.slider, self.opacity, self.zoom):
            control.observe(self._draw, "value")
        controls = ipywidgets.VBox(
            [
                ipywidgets.HBox([self.slider, self.opacity, self.zoom]),
                ipywidgets.HBox([self.order, self.wanted]),
            ]
        )
        window = ipywidgets.Box([self.picture], layout={"overflow": "auto"})  # a zoomed picture scrolls in it
        self.box = ipywidgets.VBox([controls, self.caption, window])
        self._draw()

    def show(self, still: Image) -> None:
        """Shows the browser, or a still picture where there are no widgets, as on GitHub."""
        view = {"version_major": 2, "version_minor": 0, "model_id": self.box.model_id}
        text = "Run this notebook in JupyterLab or VS Code to browse all frames here, with a slider."
        picture, _ = still._repr_mimebundle_()
        bundle = {"application/vnd.jupyter.widget-view+json": view, "text/plain": text}
        display(bundle | picture, raw=True)

    def _choose_rows(self, _: object) -> None:
        """Orders the frames and keeps those that show the wanted class."""
        column = self.orders[self.order.value]
        rows = np.arange(len(self.samples))
        if column is not None:
            rows = self.notes[column].to_numpy().argsort()
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
            self.caption.value = "No frame shows this class."
            self.picture.value = b""
            return
        row = self.rows[self.slider.value]
        sample = self.samples.iloc[row]
        note = self.notes.iloc[row]
        if row != self.shown:
            self.probabilities, _ = predict.predict_frame(self.network, sample, self.size, self.tta)
            self.shown = row
        size = self._choose_size(sample)
        photo = image_files.load_photo(sample.image, size)
        mask, confidence = predict.resize_argmax(self.probabilities, size)
        self.picture.value = self._paint(photo, mask, confidence)
        zoom = self.zoom.value
        self.picture.layout.width = "auto" if zoom == 1 else f"{100 * zoom}%"
        self.picture.layout.max_width = "100%" if zoom == 1 else "none"
        label = self.classes.label.names[self.classes.label.ids.index(int(note.label))]
        score = ""
        if pd.notna(note.get("miou")):
            score = f"; mean IoU {100 * note.miou:.0f} %"
        self.caption.value = (
            f"<b>{html.escape(sample.image_path)}</b>: {html.escape(label)}, "
            f"{100 * note.confidence:.0f} % confident{score}<br>"
            f"photo, prediction, confidence of each pixel (yellow: high)<br>{self._list_classes(mask)}"
        )

    def _choose_size(self, sample: pd.Series) -> tuple[int, int]:
        """Chooses the (height, width) in which a frame is drawn: zoomed, up to the photo's own size."""
        height, width = image_files.orient_size(self.size, sample.height, sample.width)
        zoom = self.zoom.value
        high = max(height, min(zoom * height, sample.height))
        wide = max(width, min(zoom * width, sample.width))
        return high, wide

    def _paint(self, photo: np.ndarray, mask: np.ndarray, confidence: np.ndarray) -> bytes:
        """Paints photo, mask over photo, and confidence side by side: bytes of a PNG."""
        colors = np.float32(self.classes.mask.paint(mask))
        over = cv2.addWeighted(np.float32(photo), 1 - self.opacity.value, colors, self.opacity.value, 0)
        colored = cv2.applyColorMap(np.uint8(255 * confidence), cv2.COLORMAP_VIRIDIS)[..., ::-1]
        wide = np.concatenate([photo, np.uint8(over), colored], 1)
        return cv2.imencode(".png", wide[..., ::-1])[1].tobytes()

    def _list_classes(self, mask: np.ndarray) -> str:
        """Lists the classes of a mask with their colours, the largest first."""
        share = count_values(mask)[: len(self.classes.mask)] / mask.size
        return " ".join(
            f'<span style="background:{self.classes.mask.colors[k]};border:1px solid #555">&emsp;</span> '
            f"{html.escape(self.classes.mask.names[k])} {100 * share[k]:.0f} %&emsp;"
            for k in np.argsort(-share)
            if share[k] > 0
        )
