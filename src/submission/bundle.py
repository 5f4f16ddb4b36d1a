"""Packs a competition for Codabench: pages, leaderboard, the truth and the scoring program."""

import io
import json
import time
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from src.common import files
from src.submission import scoring
from src.submission.scoring import (
    ScoringError,
    name_scores,
    read_class_names,
    read_classes,
    read_ids,
    read_reference,
)

METADATA = "command: python3 /app/program/scoring.py /app/input /app/output\n"
OVERVIEW = """# {title}

One network takes a frame of a robot's camera and predicts two things: the class of every pixel (semantic
segmentation) and the kind of place that the whole frame shows (classification). {frames} frames are scored;
their truth stays on the server.
"""
SUBMISSION = """# What to submit

A zip without a folder around it:

- `data.csv` with the columns `image_path`, `pred_name`, `image_lvl_pred`, one row a frame; `pred_name` is
  `<image stem>_pred.png`, and where photos share a stem, `<folder>_<image stem>_pred.png`, or any other name
  that no other frame has.
- `data/<pred_name>`: 8-bit PNG of the photo's own size, the class id of each pixel, in one channel or three
  equal ones.

Mask ids: {masks}.
"""
EVALUATION = """# How it is scored

- `miou`: intersection over union of each class, from one confusion matrix over all pixels of all frames,
  averaged over the classes that the truth holds; pixels marked as ignored do not count.
- `f1`: F1 of each label that occurs in truth or predictions, averaged;
- `accuracy`: share of frames whose label is right.

All are fractions, higher is better. The program that computes them is part of the bundle.
"""
TERMS = "# Terms\n\nThe organiser of the competition writes its terms here.\n"
PAGES = (("Overview", OVERVIEW), ("Submission", SUBMISSION), ("Evaluation", EVALUATION), ("Terms", TERMS))
COMPETITION = """version: 2
title: {title}
image: logo.png
terms: pages/terms.md
description: {description}
docker_image: codalab/codalab-legacy:py37
registration_auto_approve: true
pages:
{pages}
tasks:
  - index: 0
    name: Frames
    description: Masks and labels of all frames
    reference_data: reference_data/
    scoring_program: scoring_program/
phases:
  - index: 0
    name: Test
    description: Every submission is scored at once
    start: {start}
    max_submissions_per_day: 5
    tasks:
      - 0
leaderboards:
  - title: Results
    key: main
    submission_rule: "Add_And_Delete"
    columns:
{scores}
"""


def write_bundle(out: Path, reference: Path, title: str) -> None:
    """Packs a Codabench competition (version 2): pages, leaderboard, the truth, and the scoring program.

    Source of the format: https://docs.codabench.org, "Competition Bundle Structure".

    Args:
        out: zip to write.
        reference: folder with the truth of a test set.
        title: of the competition.

    Raises:
        ScoringError: the reference lacks its table or a mask, a mask is outside of its folder, or there is
            nothing to score.
    """
    rows = read_reference(str(reference))
    names, ignore_id = read_class_names(str(reference))
    masks = [row["label_path"] for row in rows if row["label_path"]]
    labels = {row["image_lvl_label"] for row in rows} - {""}
    _require_inside(masks)
    _require_listed(labels, read_classes(str(reference), "label"))
    ids = _collect_ids(reference, masks) - {ignore_id}
    if masks:
        _require_task(ids, names, ignore_id)
    score_names = name_scores(ids, names)
    columns = _list_totals(masks, labels) + [score_names[id] for id in sorted(ids)]
    listed_names = names if names else dict.fromkeys(ids, "")
    classes = ", ".join(f"{id} {name}" for id, name in sorted(listed_names.items()))

    def pack(temporary: Path) -> None:
        # Files may be dated before 1980, as of an image of a container, which a zip cannot say.
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as bundle:
            bundle.writestr("competition.yaml", describe_competition(title, len(rows), columns))
            bundle.writestr("logo.png", draw_logo())
            for page, text in PAGES:
                content = text.format(title=title, frames=len(rows), masks=classes)
                bundle.writestr(f"pages/{page.lower()}.md", content)
            bundle.writestr("scoring_program/metadata.yaml", METADATA)
            bundle.write(scoring.__file__, "scoring_program/scoring.py")
            for name in dict.fromkeys(["data.csv", "classes.csv", *masks]):  # two frames may share a mask
                if (reference / name).exists():
                    bundle.write(reference / name, f"reference_data/{name}")

    files.write_atomically(out, pack)


def _list_totals(masks: list[str], labels: set[str]) -> list[str]:
    """Lists the scores over all classes, by what is known of the truth.

    Raises:
        ScoringError: nothing is known.
    """
    if not masks and not labels:
        raise ScoringError(
            "data.csv of the reference must name some truth in label_path or image_lvl_label, found none; "
            "fill one of them."
        )
    totals = ["miou"] if masks else []
    return [*totals, "f1", "accuracy"] if labels else totals


def _require_inside(masks: list[str]) -> None:
    """Refuses masks outside of the reference's folder.

    Raises:
        ScoringError: a path leaves the folder.
    """
    for mask in masks:
        has_drive = mask[1:2] == ":"
        if ".." in mask.split("/") or Path(mask).is_absolute() or has_drive:
            raise ScoringError(
                f"label_path must be a path within the reference's folder, found {mask}; copy the mask there."
            )


def _require_task(ids: set[int], names: dict[int, str] | None, ignore_id: int | None) -> None:
    """Refuses masks that nobody can answer wrongly, or whose ids nobody is told.

    Args:
        ids: that occur in the masks and count.
        names: of the classes by id; None without classes.csv.
        ignore_id: of pixels that do not count; None if all do.

    Raises:
        ScoringError: fewer than two ids count, or classes.csv lacks one.
    """
    if len(ids) < 2:
        ignored = "" if ignore_id is None else f" ({ignore_id} is ignored)"
        raise ScoringError(
            f"the masks of the reference must hold two classes or more, found the ids {sorted(ids)} that "
            f"count{ignored}; check the masks and classes.csv of the reference."
        )
    unknown = sorted(ids - set(names or ids))
    if unknown:
        raise ScoringError(
            f"classes.csv of the reference must list every id of its masks, found {unknown} in masks alone; "
            "add them, or name one 'ignore' there."
        )


def _require_listed(labels: set[str], names: dict[int, str] | None) -> None:
    """Refuses labels that nobody is told of, so that nobody can answer them.

    Args:
        labels: ids that occur.
        names: of the label classes by id; None without classes.csv.

    Raises:
        ScoringError: classes.csv lists labels, but not all of these.
    """
    unknown = sorted(labels - {str(id) for id in names}) if names else []
    if unknown:
        raise ScoringError(
            "classes.csv of the reference must list every label of its data.csv, found "
            f"{', '.join(unknown[:5])} in data.csv alone; add them, or empty these cells."
        )


def _collect_ids(reference: Path, masks: list[str]) -> set[int]:
    """Collects the ids in the masks of a reference, by their paths in its folder."""
    ids: set[int] = set()
    for mask in masks:
        ids |= set(np.unique(read_ids(str(reference / mask), mask)).tolist())
    return ids


def quote(text: str) -> str:
    """Writes a text as a JSON string, which is also a string of YAML, without unprintable characters."""
    printable = "".join(character for character in text if character.isprintable())
    return json.dumps(printable, ensure_ascii=False)


def describe_competition(title: str, frames: int, columns: list[str]) -> str:
    """Writes competition.yaml.

    Args:
        title: of the competition.
        frames: number of frames of the test set.
        columns: names of the scores, the columns of the leaderboard.
    """
    description = quote(f"Segmentation and classification of {frames} frames.")
    pages = [f"  - title: {page}\n    file: pages/{page.lower()}.md" for page, _ in PAGES[:-1]]
    scores = []
    for index, key in enumerate(columns):
        column_title = quote(key.replace("_", " "))
        lines = (
            f"      - title: {column_title}",
            f"        key: {key}",
            f"        index: {index}",
            "        sorting: desc",
        )
        scores += lines
    return COMPETITION.format(
        title=quote(title),
        description=description,
        pages="\n".join(pages),
        start=time.strftime("%Y-%m-%d"),
        scores="\n".join(scores),
    )


def draw_logo() -> bytes:
    """Draws the logo that the platform requires, a street from above: PNG bytes."""
    image = np.full((128, 128, 3), (0, 158, 115), np.uint8)  # grass
    image[:, 24:104] = (0, 114, 178)  # sidewalk
    image[:, 40:88] = (64, 64, 64)  # street
    for top in range(8, 120, 24):
        image[top : top + 12, 42:86] = (230, 159, 0)  # crosswalk
    with io.BytesIO() as file:
        Image.fromarray(image).save(file, "png")
        return file.getvalue()
