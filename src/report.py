"""One page of a finished run for people who run no notebooks: `python -m src report runs/joint-...`.

The page carries its pictures and asks nothing of the network; a policy in its head forbids it to.
"""

import base64
import html
from pathlib import Path

import pandas as pd

from src import runs
from src.common import files
from src.evaluation import metrics
from src.figures import captions, style

CAPTIONS = {  # figure of the run, or of the segmentation run before it: what it shows, in this order
    "result_estimate": "What was estimated for Test, and what came.",
    "test": "Frames of Test, evenly spaced over the table.",
    "worst_first": "Frames of Test, from the worst to the best, or from the least confident on.",
    "hardest": "The hardest frames of Test, one a recording.",
    "map": "The frames of Test by place, where it is known, and by recording.",
    "result_class_iou": "Each class's IoU beside its share of the pixels.",
    "result_confusion": "Which class is taken for which.",
    "result_labels": "Which label is taken for which.",
    "reliability": "How often a label is right, against the network's confidence in it.",
    "held_out": "Frames of recordings that were held out of training.",
    "looks": "How the photos of Train and of Test look.",
    "split": "Which frames were held out.",
    "folds": "Which frames each fold held out.",
    "audit": "The held-out frames most like a training frame.",
    "samples": "Frames of Train with their masks.",
    "result_history": "How the training of the joint network went.",
    "history": "How the training of the segmentation network went.",
    "network": "The network, drawn from itself.",
}
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{title}</title><style>
body {{ font: 16px/1.5 system-ui, sans-serif; color: #222 }}
body {{ max-width: 1000px; margin: 2em auto; padding: 0 1em }}
h1 {{ font-size: 1.6em; margin-bottom: 0 }} h2 {{ font-size: 1.15em; margin-top: 2em }}
figure {{ margin: 1.5em 0 }} img {{ max-width: 100% }} figcaption, .small {{ color: #666; font-size: .9em }}
table {{ border-collapse: collapse; font-size: .9em }} td, th {{ padding: .25em .8em; text-align: right }}
tr {{ border-bottom: 1px solid #ddd }} th {{ font-weight: 600 }} th:first-child {{ text-align: left }}
</style></head><body>
<h1>{title}</h1><p class="small">{origin}</p>
<p>{estimate}</p>
{scores}
<h2>Figures</h2>
{figures}
<h2>How it was made</h2>
{settings}
</body></html>
"""


def write_report(folder: Path) -> Path:
    """Writes `report.html` of a finished joint run into its folder.

    Args:
        folder: of the run, below runs/.

    Returns:
        Path of the page.

    Raises:
        FileNotFoundError: the run is not finished.
    """
    result, run = runs.read_finished(folder), runs.read_run(folder)
    earlier = folder.parent / run.settings["SEGMENTER"]
    shown = {
        name: path
        for name in CAPTIONS
        for path in (earlier / "figures" / f"{name}.png", run.figures / f"{name}.png")
        if path.exists()
    }
    title = f"{run.settings['data']}: what every pixel is, and what kind of place"
    note = result.get("note", "")  # of data that are synthetic
    text = PAGE.format(
        title=html.escape(title + (f" ({note})" if note else "")),
        origin=html.escape(files.describe_origin(folder)),
        estimate=html.escape(captions.describe_estimate(result)),
        scores=metrics.table_of_scores(result).to_html(border=0),
        figures="\n".join(_embed(path, CAPTIONS[name]) for name, path in shown.items()),
        settings=_write_settings(_list_settings(run, earlier, result)),
    )
    page = folder / "report.html"
    files.write_atomically(page, lambda beside: beside.write_text(text, encoding="utf-8"))
    return page


def _list_settings(run: runs.Run, earlier: Path, result: dict) -> pd.DataFrame:
    """Lists what both trainings were made with, a row each; a recipe in the words that the setting takes."""
    settings = runs.read_run(earlier).settings if (earlier / "settings.json").exists() else {}
    settings = settings | run.settings
    recipe = settings.pop("RECIPE", {})
    about = {"RECIPE": " ".join(f"{name}={value}" for name, value in recipe.items())} if recipe else {}
    about |= {"FLIP": result["flip"]} if "flip" in result else {}
    about |= {"frames to learn from": result.get("train_frames"), "machine": result["machine"]}
    about |= {"minutes of training": round(result["minutes"], 1)} | result["versions"]
    about |= {"commit of the training": result["commit"]}
    names = metrics.name_splits(result)
    for split, made in result.get("made_by", {}).items():
        if made["commit"] != result["commit"]:
            about[f"commit of the score: {names.get(split, split)}"] = made["commit"]
    return pd.Series({name: str(value) for name, value in (settings | about).items()}).to_frame()


def _write_settings(settings: pd.DataFrame) -> str:
    """Writes settings as a table in HTML, long ones whole."""
    with pd.option_context("display.max_colwidth", None):
        return settings.to_html(border=0, header=False)


def _embed(path: Path, caption: str) -> str:
    """Packs a picture into the page."""
    content, kind = style.pack_picture(path)
    source = f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
    words = html.escape(f"{caption} {style.read_caption(path)}".strip())
    return (
        f'<figure><img src="{source}" alt="{html.escape(caption)}"><figcaption>{words}</figcaption></figure>'
    )
