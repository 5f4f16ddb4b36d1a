"""The competition's scoring program, for its server and for home: `python -m src.scoring INPUT OUTPUT`.

Stands alone: Python 3.7, numpy and Pillow, nothing of ours. Reads the truth from INPUT/ref and a submission
from INPUT/res, writes OUTPUT/scores.json and OUTPUT/scores.txt (YAML `key: value`).
"""

import argparse
import csv
import json
import os
import sys

import numpy as np
from PIL import Image


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


def read_table(folder, columns):
    """Reads `data.csv` of a folder: a list of dicts, in the file's order.

    Raises:
        ScoringError: the file or one of the columns is missing.
    """
    path = os.path.join(folder, "data.csv")
    if not os.path.exists(path):
        raise ScoringError(
            "data.csv must lie at the root of %s, it was not found; zip the files, not their folder." % folder
        )
    with open(path, newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file, delimiter=find_delimiter(file)))
    missing = [name for name in columns if not rows or name not in rows[0]]
    if missing:
        raise ScoringError("data.csv must have rows and the columns %s; missing: %s." % (columns, missing))
    return rows


def read_class_names(folder):
    """Reads the reference's `classes.csv`: {mask id: name} or None, and the id to ignore or None."""
    path = os.path.join(folder, "classes.csv")
    if not os.path.exists(path):
        return None, 255
    with open(path, newline="", encoding="utf-8-sig") as file:
        rows = [row for row in csv.DictReader(file) if row["task"] == "mask"]
    names = {int(row["id"]): row["name"] for row in rows}
    ignored = [id for id, name in names.items() if name == "ignore"]
    ignored = ignored or ([] if 255 in names else [255])
    return {id: name for id, name in names.items() if name != "ignore"}, (ignored[0] if ignored else None)


def read_ids(path, name):
    """Reads a mask of class ids: uint8 (height, width); three channels must be equal.

    Raises:
        ScoringError: the file is missing, unreadable or of another format; `name` says which one.
    """
    try:
        with Image.open(path) as picture:
            ids = np.asarray(picture)
    except (OSError, Image.DecompressionBombError):
        raise ScoringError("%s must be an 8-bit PNG of class ids, it is missing or cannot be read." % name)
    if ids.ndim == 3:
        if (ids[..., :3] != ids[..., :1]).any():
            raise ScoringError("%s must hold class ids, its channels differ; write ids, not colours." % name)
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
    truth_rows = read_table(reference, ["image_path"])
    found = {
        clean_path(row["image_path"]): row
        for row in read_table(submission, ["image_path", "pred_name", "image_lvl_pred"])
    }
    lacking = [row["image_path"] for row in truth_rows if clean_path(row["image_path"]) not in found]
    if lacking:
        raise ScoringError(
            "data.csv must have one row for each test frame; missing: %s." % ", ".join(lacking[:5])
        )
    names, ignore_id = read_class_names(reference)
    confusion, truth_labels, labels = np.zeros((256, 256), np.int64), [], []
    for row in truth_rows:
        answer = found[clean_path(row["image_path"])]
        if row.get("label_path"):
            name = "data/%s" % os.path.basename(answer["pred_name"])
            predicted = read_ids(os.path.join(submission, name), name)
            truth = read_ids(os.path.join(reference, clean_path(row["label_path"])), row["label_path"])
            if truth.shape != predicted.shape:
                raise ScoringError(
                    "%s must be %d x %d, found %d x %d." % ((name,) + truth.shape + predicted.shape)
                )
            confusion += count_pairs(truth, predicted)
        if row.get("image_lvl_label"):
            truth_labels.append(clean_label(row["image_lvl_label"]))
            labels.append(clean_label(answer["image_lvl_pred"]))
    scores = {}
    if confusion.any():
        iou = score_confusion(confusion, ignore_id)
        scores["miou"] = sum(iou.values()) / len(iou)
        for id, value in iou.items():
            scores["iou_%s" % (names or {}).get(id, id)] = value
    if truth_labels:
        scores["f1"], scores["accuracy"] = score_labels(truth_labels, labels)
    return scores, {"mask": drop_ignored(confusion, ignore_id), "label": list(zip(truth_labels, labels))}


def write_scores(scores, folder):
    """Writes scores.json and scores.txt; spaces in class names become underscores."""
    os.makedirs(folder, exist_ok=True)
    scores = {name.replace(" ", "_"): value for name, value in scores.items()}
    with open(os.path.join(folder, "scores.json"), "w") as file:
        json.dump(scores, file, indent=1)
    with open(os.path.join(folder, "scores.txt"), "w") as file:
        file.writelines("%s: %.6f\n" % item for item in scores.items())


def main():
    """Scores INPUT/res against INPUT/ref, as the server starts it; exits 2 on a bad submission."""
    parser = argparse.ArgumentParser(description="Scores a submission as the competition does.")
    parser.add_argument("input", help="folder with ref/ (the truth) and res/ (the unpacked zip)")
    parser.add_argument("output", help="folder for scores.json and scores.txt")
    arguments = parser.parse_args()
    try:
        scores, _ = score(os.path.join(arguments.input, "ref"), os.path.join(arguments.input, "res"))
    except ScoringError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    write_scores(scores, arguments.output)
    print("".join("%s: %.4f\n" % item for item in scores.items()), end="")


if __name__ == "__main__":
    main()
