"""The table as a whole: classes, labels, positions and times, and what is odd about them."""

from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd

from src.common.errors import DataError
from src.data.classes import NO_LABEL, Classes
from src.data.examine_files import FrameFindings
from src.data.recordings import find_recordings, has_recordings
from src.data.samples import require_masks
from src.data.tables import SHOWN_ROWS, Problem, is_blank, list_row_numbers, read_number

TURNED = 0.1  # a difference of the shares of upright photos from which it is worth a word
MANY = 3  # recordings with a frame at one and the same position, from which it is worth a word


def find_oddities(path: Path, samples: pd.DataFrame) -> list[Problem]:
    """Finds what is suspicious in a table, though it can be worked with."""
    texts = []
    if "depth_path" in samples and (samples["depth"] == "").any():
        texts.append(f"{(samples['depth'] == '').sum()} of {len(samples)} frames have no depth.")
    lost = samples[["lon", "lat"]].isna().any(axis=1)
    if lost.any() and (not lost.all() or "gps_point" in samples):
        rows = list_row_numbers(samples["row"][lost].tolist())
        texts.append(
            f"{lost.sum()} of {len(samples)} frames have no position (rows {rows}) and count by time alone."
        )
    texts += _find_stuck(samples)
    if "timestamp" in samples:
        times = samples["timestamp"]
        dated = samples["time"].notna() & times.map(read_number).isna()
        zoned = times[dated].str.contains(r"(?:Z|[+-]\d\d:?\d\d)$")
        if len(zoned) and (zoned != zoned.iloc[0]).any():
            row = samples["row"][zoned.index[zoned != zoned.iloc[0]][0]]
            texts.append(f"timestamps are mixed with and without zone, first in row {row}; UTC is assumed.")
    if any(samples["mask"] != "") and not has_recordings(samples) and samples["lon"].isna().all():
        texts.append(
            "no timestamp and no robot_id, so nothing tells drives apart: one may be on both sides of the "
            "split, and its score too high without being called leaky; name each drive in robot_id."
        )
    taught = (samples["mask"] != "").any() or (samples["label"] != NO_LABEL).any()
    if taught and has_recordings(samples) and len(find_recordings(samples).unique()) == 1:
        texts.append("all frames are of one recording, so no score on another can be had; add drives.")
    return [Problem("warning", f"{path}: {text}") for text in texts]


def _find_stuck(samples: pd.DataFrame) -> list[str]:
    """Finds one and the same position in many recordings, as a receiver's that shows where it was last."""
    recordings = find_recordings(samples)
    counts = recordings.groupby([samples["lon"], samples["lat"]]).nunique()
    stuck = counts[counts >= MANY].sort_values(ascending=False)
    if stuck.empty:
        return []
    lon, lat = stuck.index[0]
    rows = samples["row"][(samples["lon"] == lon) & (samples["lat"] == lat)].tolist()
    begin = f"{len(stuck)} positions are each" if len(stuck) > 1 else "one position is"
    return [
        f"{begin} written in {MANY} recordings or more, as {lon:g}, {lat:g} in {stuck.iloc[0]} recordings "
        f"(rows {list_row_numbers(rows)}), which makes them one block; if they were elsewhere, empty the "
        "cells."
    ]


def find_trivial_labels(path: Path, samples: pd.DataFrame, classes: Classes) -> list[Problem]:
    """Finds that there are no labels, or that all are one, so that there is nothing to tell apart."""
    labels = samples["label"][samples["label"] != NO_LABEL]
    if len(set(labels)) > 1:
        return []
    cells = samples.get("image_lvl_label", pd.Series("", index=samples.index))
    if labels.empty and not (cells.map(is_blank) | cells.str.startswith("-1")).all():
        return []  # they cannot be read, which is said
    name = classes.label.names[labels.iloc[0] if len(labels) else 0]
    found = f"all {len(labels)} labels are '{name}'" if len(labels) else "there are no labels"
    text = (
        f"{path}: {found}, so the label task says nothing: every frame will get '{name}', and labels' scores "
        "mean nothing; fill image_lvl_label with two classes or more."
    )
    return [Problem("warning", text)]


def find_gaps(path: Path, samples: pd.DataFrame, listed: pd.DataFrame) -> list[Problem]:
    """Finds what Train lacks: answers at all, classes, or classes on more than one recording."""
    try:
        require_masks(samples)
    except DataError as error:
        return [Problem("error", str(error))]
    several = len(find_recordings(samples).unique()) > 1
    problems = []
    for task, part in listed.groupby("task", sort=False):
        never = part["name"][part["frames"] == 0].tolist()
        once = part["name"][(part["recordings"] == 1) & several].tolist()
        # where there are no labels at all, `find_trivial_labels` tells
        if never and part["frames"].any():
            text = f"{path}: {_name_classes(task, never)} never occurs, it cannot be learnt."
            problems.append(Problem("warning", text))
        if once:
            text = (
                f"{path}: {_name_classes(task, once)} occurs in one recording only; held out, it is not "
                "learnt, else not scored."
            )
            problems.append(Problem("warning", text))
    return problems


def _name_classes(task: str, names: list[str]) -> str:
    """Names one class or several: "the mask class 'a'", "each of 2 mask classes ('a', 'b')"."""
    if len(names) == 1:
        return f"the {task} class '{names[0]}'"
    shown = ", ".join(f"'{name}'" for name in names[:SHOWN_ROWS])
    more = ", ..." if len(names) > SHOWN_ROWS else ""
    return f"each of {len(names)} {task} classes ({shown}{more})"


def table_of_classes(samples: pd.DataFrame, findings: list[FrameFindings], classes: Classes) -> pd.DataFrame:
    """Lists each class of both tasks: its share of pixels or labels, its frames and recordings."""
    recordings = find_recordings(samples).to_numpy()
    none = np.zeros(256, np.int64)
    pixels = np.stack([none if one.pixels is None else one.pixels for one in findings])
    pixels = pixels[:, list(classes.mask.ids)]
    labels = samples["label"].to_numpy()[:, None] == np.arange(len(classes.label))
    rows = []
    for task, names, counts in (("mask", classes.mask.names, pixels), ("label", classes.label.names, labels)):
        for name, count in zip(names, counts.T, strict=True):
            share, there = 100 * count.sum() / max(counts.sum(), 1), count > 0
            rows.append((task, name, round(share, 2), int(there.sum()), len(set(recordings[there]))))
    return pd.DataFrame(rows, columns=["task", "name", "share %", "frames", "recordings"])


def count_frames(samples: pd.DataFrame) -> dict:
    """Counts what a folder holds."""
    sizes = Counter(f"{row.height} x {row.width}" for row in samples.itertuples() if row.height)
    commonest = [f"{size} ({count})" for size, count in sizes.most_common(3)]
    return {
        "frames": len(samples),
        "masks": int((samples["mask"] != "").sum()),
        "labels": int((samples["label"] != NO_LABEL).sum()),
        "depth": int((samples["depth"] != "").sum()),
        "recordings": find_recordings(samples).nunique(),
        "height x width, px": ", ".join(commonest) + (", ..." if len(sizes) > 3 else ""),
    }
