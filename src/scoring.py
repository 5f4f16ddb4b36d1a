"""The competition's scoring program, for its server and for home: `python -m src.scoring INPUT OUTPUT`.

Stands alone: Python 3.7, numpy and Pillow, nothing of ours. Reads the truth from INPUT/ref and a submission
from INPUT/res, writes OUTPUT/scores.json and OUTPUT/scores.txt (YAML `key: value`). As
`python -m src.scoring bundle OUT.zip --reference DIR` it packs itself and the truth of a test set into a
competition for Codabench.
"""

import argparse
import csv
import io
import json
import os
import re
import struct
import sys
import time
import zipfile
import zlib

import numpy as np
from PIL import Image

BROKEN = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error, Image.DecompressionBombError)
METADATA = "command: python3 /app/program/scoring.py /app/input /app/output\n"
OVERVIEW = """# {title}

One network looks at a frame of a robot's camera and says two things: the class of every pixel (semantic
segmentation) and the kind of place that the whole frame shows (classification). {frames} frames are scored;
their truth stays on the server.
"""
SUBMISSION = """# What to submit

A zip without a folder around it:

- `data.csv` with the columns `image_path`, `pred_name`, `image_lvl_pred`, one row a frame; `pred_name` is
  `<image stem>_pred.png`.
- `data/<image stem>_pred.png`: 8-bit PNG of the photo's own size, the class id of each pixel, in one channel
  or three equal ones.

Mask ids: {masks}.
"""
EVALUATION = """# How it is scored

- `miou`: intersection over union of each class, from one confusion matrix over all pixels of all frames,
  averaged over the classes that the truth holds; pixels marked as ignored do not count.
- `f1`: F1 of each label that occurs in truth or answers, averaged; `accuracy`: share of frames whose label is
  right.

All are fractions, higher is better. The program that computes them is part of the bundle.
"""
TERMS = "# Terms\n\nThe organiser of the competition writes its terms here.\n"
PAGES = (("Overview", OVERVIEW), ("Submission", SUBMISSION), ("Evaluation", EVALUATION), ("Terms", TERMS))


class ScoringError(ValueError):
    """The submission or the reference breaks a rule; the message is for the competitor."""


def find_delimiter(file):
    """Finds what separates the columns in the first line of an open table, and goes back to its start."""
    head = file.readline()
    file.seek(0)
    return max(",;\t", key=head.count)


def clean_path(text):
    """Writes a path with forward slashes, as this program compares and opens it."""
    return text.strip().replace("\\", "/")


def read_table(folder, columns, whose):
    """Reads `data.csv` of a folder: a list of dicts, in the file's order; a cell that is missing is "".

    Args:
        folder: that holds the table.
        columns: that must be there.
        whose: what the messages call the folder, which is none of the competitor's business.

    Raises:
        ScoringError: the file, a row or one of the columns is missing, or it is no table in UTF-8.
    """
    path = os.path.join(folder, "data.csv")
    if not os.path.isfile(path):
        raise ScoringError(
            "data.csv must lie at the root of %s, it was not found; zip the files, not their folder." % whose
        )
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, delimiter=find_delimiter(file), restval="", strict=True)
            reader.fieldnames = [name.strip() for name in reader.fieldnames or []]
            rows = list(reader)
    except (csv.Error, UnicodeDecodeError) as error:
        raise ScoringError("data.csv of %s must be a table in UTF-8, found: %s." % (whose, error))
    missing = [name for name in columns if not rows or name not in rows[0]]
    if missing:
        raise ScoringError(
            "data.csv of %s must have rows and the columns %s; missing: %s." % (whose, columns, missing)
        )
    return rows


def read_class_names(folder):
    """Reads the reference's `classes.csv`: {mask id: name} or None, and the id to ignore or None."""
    path = os.path.join(folder, "classes.csv")
    if not os.path.exists(path):
        return None, 255
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            rows = [row for row in csv.DictReader(file) if row["task"] == "mask"]
        names = {int(row["id"]): row["name"] for row in rows}
    except (KeyError, TypeError, ValueError, csv.Error):
        raise ScoringError(
            "classes.csv of the reference must have the columns task, id and name, ids in numbers."
        )
    ignored = [id for id, name in names.items() if name == "ignore"]
    ignored = ignored or ([] if 255 in names else [255])
    return {id: name for id, name in names.items() if name != "ignore"}, (ignored[0] if ignored else None)


def read_ids(path, name, size=None):
    """Reads a mask of class ids: uint8 (height, width); three channels must be equal.

    Args:
        path: of the file.
        name: what the messages call it.
        size: (height, width) that it must have, known before its pixels are unpacked; None: any.

    Raises:
        ScoringError: the file is missing, unreadable or of another size or format.
    """
    try:
        with Image.open(path) as picture:
            if picture.format != "PNG":
                raise ScoringError("%s must be a PNG, found %s." % (name, picture.format))
            found = (picture.height, picture.width)
            if size is not None and found != size:
                raise ScoringError("%s must be %d x %d, found %d x %d." % ((name,) + size + found))
            ids = np.asarray(picture)
    except ScoringError:
        raise
    except BROKEN:
        raise ScoringError("%s must be an 8-bit PNG of class ids, it is missing or cannot be read." % name)
    if ids.ndim == 3:
        if ids.shape[2] != 3 or (ids != ids[..., :1]).any():
            raise ScoringError(
                "%s must hold class ids in 1 or 3 equal channels; write ids, not colours." % name
            )
        ids = ids[..., 0]
    if ids.ndim != 2 or ids.dtype != np.uint8:
        raise ScoringError("%s must be an 8-bit PNG of class ids, found %s." % (name, ids.dtype))
    return ids


def count_pairs(truth, predicted):
    """Counts pixels by true id (row) and predicted id (column): int64 (256, 256)."""
    pairs = truth.astype(np.int64) * 256 + predicted
    return np.bincount(pairs.ravel(), minlength=65536).reshape(256, 256)


def drop_ignored(confusion, ignore_id):
    """Leaves the pixels out whose true id is `ignore_id` (None: none): neither missed nor wrongly found."""
    kept = confusion.copy()
    if ignore_id is not None:
        kept[ignore_id] = 0
    return kept


def score_confusion(confusion, ignore_id):
    """Scores a confusion matrix of ids: {id: IoU} for the ids that the truth holds, without `ignore_id`."""
    confusion = drop_ignored(confusion, ignore_id)
    hit = np.diag(confusion).astype(float)
    union = confusion.sum(0) + confusion.sum(1) - hit
    held = np.flatnonzero(confusion.sum(1))
    return {int(id): float(hit[id] / union[id]) for id in held}


def score_labels(truth, predicted):
    """Scores labels, two lists of str: macro F1 over the labels found in either, and accuracy."""
    f1 = []
    for label in sorted(set(truth) | set(predicted)):
        hit = sum(t == label and p == label for t, p in zip(truth, predicted))
        f1.append(2.0 * hit / (truth.count(label) + predicted.count(label)))
    return sum(f1) / len(f1), sum(t == p for t, p in zip(truth, predicted)) / float(len(truth))


def clean_label(text):
    """Writes a label as an id: "2.0" -> "2"."""
    text = (text or "").strip()
    return text[:-2] if text.endswith(".0") else text


def read_answers(submission, wanted):
    """Reads the rows of a submission by image: every frame that is wanted has one.

    Raises:
        ScoringError: a frame has no row or two.
    """
    rows, found = read_table(submission, ["image_path", "pred_name", "image_lvl_pred"], "the submission"), {}
    for row in rows:
        name = clean_path(row["image_path"])
        if name in found:
            raise ScoringError("data.csv must have one row for each test frame; twice: %s." % name)
        found[name] = row
    lacking = [name for name in wanted if name not in found]
    if lacking:
        raise ScoringError(
            "data.csv must have one row for each test frame; missing: %s." % ", ".join(lacking[:5])
        )
    return found


def name_score(id, names):
    """Names the IoU of a class as a key that YAML and the leaderboard take: letters, digits, underscores."""
    return "iou_%s" % re.sub(r"\W+", "_", str((names or {}).get(id, id)))


def score(reference, submission):
    """Scores an unpacked submission against a reference folder.

    Args:
        reference: folder with data.csv (image_path, label_path, image_lvl_label), masks, perhaps classes.csv.
        submission: folder with data.csv (image_path, pred_name, image_lvl_pred) and data/<pred_name>.

    Returns:
        The scores by name, fractions; and {"mask": pixel counts by ids, "label": pairs of labels}.

    Raises:
        ScoringError: the submission lacks a frame, or a file of it is wrong.
    """
    truth_rows = read_table(reference, ["image_path"], "the reference")
    found = read_answers(submission, [clean_path(row["image_path"]) for row in truth_rows])
    names, ignore_id = read_class_names(reference)
    confusion, truth_labels, labels = np.zeros((256, 256), np.int64), [], []
    for row in truth_rows:
        answer = found[clean_path(row["image_path"])]
        if row.get("label_path"):
            name = "data/%s" % os.path.basename(answer["pred_name"])
            truth = read_ids(
                os.path.join(reference, clean_path(row["label_path"])), "a mask of the reference"
            )
            predicted = read_ids(os.path.join(submission, name), name, truth.shape)
            confusion += count_pairs(truth, predicted)
        if row.get("image_lvl_label"):
            truth_labels.append(clean_label(row["image_lvl_label"]))
            labels.append(clean_label(answer["image_lvl_pred"]))
            if not labels[-1]:
                raise ScoringError("image_lvl_pred of %s must be a label, it is empty." % row["image_path"])
    scores = {}
    if drop_ignored(confusion, ignore_id).any():
        iou = score_confusion(confusion, ignore_id)
        scores["miou"] = sum(iou.values()) / len(iou)
        for id, value in iou.items():
            scores[name_score(id, names)] = value
    if truth_labels:
        scores["f1"], scores["accuracy"] = score_labels(truth_labels, labels)
    if not scores:
        raise ScoringError(
            "data.csv of the reference must name some truth in label_path or image_lvl_label, none is there."
        )
    return scores, {"mask": drop_ignored(confusion, ignore_id), "label": list(zip(truth_labels, labels))}


def write_scores(scores, folder):
    """Writes scores.json and scores.txt."""
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "scores.json"), "w", encoding="utf-8") as file:
        json.dump(scores, file, indent=1)
    with open(os.path.join(folder, "scores.txt"), "w", encoding="utf-8") as file:
        file.writelines("%s: %.6f\n" % item for item in scores.items())


# The competition ----------------------------------------------


def write_bundle(out, reference, title):
    """Packs a Codabench competition (version 2): pages, leaderboard, the truth, and this program.

    Source of the format: https://docs.codabench.org, "Competition Bundle Structure".

    Args:
        out: zip to write.
        reference: folder with the truth of a test set.
        title: of the competition.

    Raises:
        ScoringError: the reference lacks its table or a mask.
    """
    rows = read_table(reference, ["image_path"], "the reference")
    names, ignore_id = read_class_names(reference)
    masks = [clean_path(row["label_path"]) for row in rows if row.get("label_path")]
    held = set()
    for mask in masks:
        held |= set(np.unique(read_ids(os.path.join(reference, mask), mask)).tolist()) - {ignore_id}
    columns = (["miou"] if masks else []) + [name_score(id, names) for id in sorted(held)]
    if any(row.get("image_lvl_label") for row in rows):
        columns[1:1] = ["f1", "accuracy"]
    words = {
        "title": title,
        "frames": len(rows),
        "masks": ", ".join("%d %s" % item for item in sorted((names or {id: "" for id in held}).items())),
    }
    with zipfile.ZipFile(out + "_", "w", zipfile.ZIP_DEFLATED) as bundle:
        bundle.writestr("competition.yaml", describe_competition(title, len(rows), columns))
        bundle.writestr("logo.png", draw_logo())
        for page, text in PAGES:
            bundle.writestr("pages/%s.md" % page.lower(), text.format(**words))
        bundle.writestr("scoring_program/metadata.yaml", METADATA)
        bundle.write(os.path.abspath(__file__), "scoring_program/scoring.py")
        for name in ["data.csv", "classes.csv"] + masks:
            if os.path.exists(os.path.join(reference, name)):
                bundle.write(os.path.join(reference, name), "reference_data/%s" % name)
    os.replace(out + "_", out)


def describe_competition(title, frames, columns):
    """Writes competition.yaml; texts are JSON strings, which YAML reads as they are."""
    lines = ["version: 2", "title: %s" % json.dumps(title), "image: logo.png", "terms: pages/terms.md"]
    lines += ["description: %s" % json.dumps("Segmentation and classification of %d frames." % frames)]
    lines += ["docker_image: codalab/codalab-legacy:py37", "registration_auto_approve: true", "pages:"]
    for page, _ in PAGES[:-1]:
        lines += ["  - title: %s" % page, "    file: pages/%s.md" % page.lower()]
    lines += ["tasks:", "  - index: 0", "    name: Frames", "    description: Masks and labels of all frames"]
    lines += ["    reference_data: reference_data/", "    scoring_program: scoring_program/"]
    lines += [
        "phases:",
        "  - index: 0",
        "    name: Test",
        "    description: Every submission is scored at once",
    ]
    lines += ["    start: %s" % time.strftime("%Y-%m-%d"), "    max_submissions_per_day: 5"]
    lines += ["    tasks:", "      - 0"]
    lines += ["leaderboards:", "  - title: Results", "    key: main", '    submission_rule: "Add_And_Delete"']
    lines += ["    columns:"]
    for index, key in enumerate(columns):
        lines += ["      - title: %s" % json.dumps(key.replace("_", " ")), "        key: %s" % key]
        lines += ["        index: %d" % index, "        sorting: desc"]
    return "\n".join(lines) + "\n"


def draw_logo():
    """Draws the picture that the platform asks for, a street from above: PNG bytes."""
    picture = np.full((128, 128, 3), (0, 158, 115), np.uint8)  # grass
    picture[:, 24:104] = (0, 114, 178)  # sidewalk
    picture[:, 40:88] = (64, 64, 64)  # road
    for top in range(8, 120, 24):
        picture[top : top + 12, 42:86] = (230, 159, 0)  # crosswalk
    with io.BytesIO() as file:
        Image.fromarray(picture).save(file, "png")
        return file.getvalue()


def main():
    """Scores INPUT/res against INPUT/ref as the server starts it, or packs a bundle; exits 2 on bad input."""
    bundling = sys.argv[1:2] == ["bundle"]
    parser = argparse.ArgumentParser(description="Scores a submission as the competition does.")
    if bundling:
        parser.add_argument("command", help="bundle: packs a competition")
        parser.add_argument("out", help="zip to write")
        parser.add_argument("--reference", required=True, help="folder with the truth of the test set")
        parser.add_argument("--title", default="Every pixel and the kind of place", help="of the competition")
    else:
        parser.add_argument("input", help="folder with ref/ (the truth) and res/ (the unpacked zip)")
        parser.add_argument("output", help="folder for scores.json and scores.txt")
        parser.epilog = "`bundle OUT.zip --reference DIR` packs a competition for Codabench instead."
    arguments = parser.parse_args()
    try:
        if bundling:
            write_bundle(arguments.out, arguments.reference, arguments.title)
            print("%s can be uploaded at https://www.codabench.org/competitions/upload/." % arguments.out)
            return
        scores, _ = score(os.path.join(arguments.input, "ref"), os.path.join(arguments.input, "res"))
    except ScoringError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    write_scores(scores, arguments.output)
    print("".join("%s: %.4f\n" % item for item in scores.items()), end="")


if __name__ == "__main__":
    main()
