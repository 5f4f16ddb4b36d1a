"""One page of a finished run for people who run no notebooks: `python -m src report runs/joint-...`.

The page holds its pictures and fetches nothing; a policy in its head forbids it to.
"""

import base64
import html
from pathlib import Path

import pandas as pd

from src import runs
from src.common import files
from src.evaluation import metrics
from src.figures import captions, style
from src.scores import RunResult

CAPTIONS = {  # figures by name, in the order of the page; those of the segmentation run before it, too
    "result_estimate": "The estimate for Test, and the scores that there are.",
    "test": "Frames of Test, evenly spaced over the table.",
    "worst_first": "Frames of Test, from the worst to the best, by true or else by expected mean IoU.",
    "hardest": "The hardest frames of Test, one of each recording.",
    "map": "The frames of Test by recording and, where it is known, by place.",
    "result_class_iou": "Each class's IoU and share of the pixels; dot and line are the estimate for Test.",
    "result_confusion": "Which mask class is taken for which.",
    "result_labels": "Which label is taken for which.",
    "reliability": "How often a label is right, against the network's confidence in it.",
    "held_out": "Frames of recordings that were held out of training.",
    "looks": "Brightness and colour of the photos of Train and of Test.",
    "split": "Which frames were held out.",
    "folds": "Which frames each fold held out.",
    "audit": "The held-out frames most like a training frame.",
    "samples": "Frames of Train with their masks.",
    "result_history": "Training of the joint network.",
    "history": "Training of the segmentation network.",
    "network": "The network.",
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
        MissingError: the run is not finished.
    """
    result = runs.read_finished_result(folder)
    run = runs.read_run(folder)
    earlier = folder.parent / run.settings["SEGMENTER"]
    pictures = _find_pictures((run.figures, earlier / "figures"))
    title = f"{run.settings['data']}: what every pixel is, and what kind of place"
    if result.note:  # of data that are synthetic
        title += f" ({result.note})"
    text = PAGE.format(
        title=html.escape(title),
        origin=html.escape(files.describe_origin(folder)),
        estimate=html.escape(captions.describe_estimate(result)),
        scores=metrics.make_scores_table(result).to_html(border=0),
        figures="\n".join(_embed(path, CAPTIONS[name]) for name, path in pictures.items()),
        settings=_write_settings(_list_settings(run, earlier, result)),
    )
    page = folder / "report.html"
    files.write_atomically(page, lambda beside: beside.write_text(text, encoding="utf-8"))
    return page


def _find_pictures(folders: tuple[Path, ...]) -> dict[str, Path]:
    """Finds the picture of each figure in the first of some folders that has it."""
    pictures = {}
    for name in CAPTIONS:
        for folder in folders:
            path = folder / f"{name}.png"
            if path.exists():
                pictures[name] = path
                break
    return pictures


def _list_settings(run: runs.Run, earlier: Path, result: RunResult) -> pd.DataFrame:
    """Lists how both trainings were made, a row a setting; the recipe as the setting RECIPE takes it."""
    settings = {}
    if (earlier / "settings.json").exists():
        settings.update(runs.read_run(earlier).settings)
    settings.update(run.settings)
    recipe = settings.pop("RECIPE", {})
    if recipe:
        settings["RECIPE"] = " ".join(f"{name}={value}" for name, value in recipe.items())
    if result.tta is not None:
        settings["TTA"] = result.tta
    settings["frames to learn from"] = result.train_frames
    settings["machine"] = result.machine
    settings["minutes of training"] = round(result.minutes, 1)
    settings.update(result.versions)
    settings["commit of the training"] = result.commit
    names = metrics.name_splits(result)
    for split, made in result.made_by.items():
        if made["commit"] != result.commit:
            settings[f"commit of the score: {names.get(split, split)}"] = made["commit"]
    return pd.Series({name: str(value) for name, value in settings.items()}).to_frame()


def _write_settings(settings: pd.DataFrame) -> str:
    """Writes settings as a table in HTML, long ones whole."""
    with pd.option_context("display.max_colwidth", None):
        return settings.to_html(border=0, header=False)


def _embed(path: Path, caption: str) -> str:
    """Writes a picture and its caption in HTML; the picture is part of the text."""
    content, kind = style.pack_picture(path)
    source = f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
    below = html.escape(f"{caption} {style.read_caption(path)}".strip())
    return (
        f'<figure><img src="{source}" alt="{html.escape(caption)}"><figcaption>{below}</figcaption></figure>'
    )
