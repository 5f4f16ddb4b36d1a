"""Examines the table as a whole: classes, labels, positions and times."""

from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from src.common.errors import DataError
from src.data.classes import NO_LABEL, Classes
from src.data.columns import is_unknown_label
from src.data.examine_files import FrameFindings
from src.data.recordings import find_recordings, has_recordings
from src.data.samples import require_masks
from src.data.tables import SHOWN_ROWS, Problem, list_row_numbers, read_number

TURNED = 0.1  # difference of the shares of photos in portrait format in Train and Test that gives a warning
MANY = 3  # recordings with a frame at the very same position that give a warning


def find_oddities(path: Path, samples: pd.DataFrame) -> list[Problem]:
    """Lists warnings about a table that can be used, but is suspicious.

    Args:
        path: of the table.
        samples: table of `samples.inspect_samples`.
    """
    texts = _find_shared_masks(samples)
    texts += _find_missing_depth(samples)
    texts += _find_missing_positions(samples)
    texts += _find_repeated_positions(samples)
    texts += _find_missing_times(samples)
    texts += _find_mixed_zones(samples)
    texts += _find_missing_drives(samples)
    texts += _find_spoilt_robots(samples)
    return [Problem("warning", f"{path}: {text}") for text in texts]


def _find_shared_masks(samples: pd.DataFrame) -> list[str]:
    """Warns of frames that name the same mask, as after a cell was copied down by mistake."""
    masks = samples["mask"]
    is_shared = masks.duplicated(keep=False) & (masks != "")
    if not is_shared.any():
        return []
    name = samples["label_path"][is_shared].iloc[0]
    rows = list_row_numbers(samples["row"][is_shared].tolist())
    return [f"{is_shared.sum()} frames share their mask with another (rows {rows}), as '{name}'; check them."]


def _find_missing_times(samples: pd.DataFrame) -> list[str]:
    """Warns of frames without a time whose robot has others with one."""
    missing = samples["time"].isna()
    has_time = (~missing).groupby(samples["robot"]).transform("any")
    missing &= has_time
    if not missing.any():
        return []
    rows = list_row_numbers(samples["row"][missing].tolist())
    return [
        f"{missing.sum()} of {len(samples)} frames have no time (rows {rows}), so all frames of their robots "
        "count as one recording each; add the times."
    ]


def _find_missing_depth(samples: pd.DataFrame) -> list[str]:
    """Warns of frames without depth in a table that has a column for it."""
    count = (samples["depth"] == "").sum()
    if "depth_path" not in samples or count == 0:
        return []
    return [f"{count} of {len(samples)} frames have no depth."]


def _find_missing_positions(samples: pd.DataFrame) -> list[str]:
    """Warns of frames without position, unless no frame has one and the table has no column of points."""
    missing = samples[["lon", "lat"]].isna().any(axis=1)
    if not missing.any() or (missing.all() and "gps_point" not in samples):
        return []
    rows = list_row_numbers(samples["row"][missing].tolist())
    return [
        f"{missing.sum()} of {len(samples)} frames have no position (rows {rows}), so only time and view "
        "decide which frames they are held out with; add lon and lat."
    ]


def _find_mixed_zones(samples: pd.DataFrame) -> list[str]:
    """Warns of dates of which some have a time zone and some have none."""
    if "timestamp" not in samples:
        return []
    times = samples["timestamp"]
    is_date = samples["time"].notna() & times.map(read_number).isna()
    # Databases write UTC, or the hours of a zone alone: 2026-02-03 09:30:00+00
    has_zone = times[is_date].str.contains(r"(?:Z|UTC|GMT|[+-]\d\d:?\d\d|:\d\d(?:\.\d+)?[+-]\d\d)$")
    if has_zone.empty:
        return []
    differs = has_zone != has_zone.iloc[0]
    if not differs.any():
        return []
    row = samples["row"][has_zone.index[differs][0]]
    return [f"timestamps are mixed with and without zone, first in row {row}; UTC is assumed."]


def _find_missing_drives(samples: pd.DataFrame) -> list[str]:
    """Warns if nothing distinguishes recordings, or if there is only one."""
    has_masks = (samples["mask"] != "").any()
    has_labels = (samples["label"] != NO_LABEL).any()
    if not has_recordings(samples):
        if not has_masks or samples["lon"].notna().any():
            return []
        return [
            "no timestamp and no robot_id, so nothing tells drives apart: one may be on both sides of the "
            "split, and its score too high without being called leaky; name each drive in robot_id."
        ]
    if (has_masks or has_labels) and len(find_recordings(samples).unique()) == 1:
        return ["all frames are of one recording, so no score on another can be had; add drives."]
    return []


def _find_spoilt_robots(samples: pd.DataFrame) -> list[str]:
    """Warns of robots' names that a spreadsheet has rounded, as 8.64E+14, or could not compute, as #REF!."""
    spoilt = samples["robot"].str.fullmatch(r"\d(?:[.,]\d+)?[eE]\+\d+|#[A-Z/0]+[!?]")
    if not spoilt.any():
        return []
    rows = list_row_numbers(samples["row"][spoilt].tolist())
    return [
        f"{spoilt.sum()} frames have the robot '{samples['robot'][spoilt].iloc[0]}' (rows {rows}), as a "
        "spreadsheet writes what it rounded or could not compute, so several robots may count as one; export "
        "the column as text."
    ]


def _find_repeated_positions(samples: pd.DataFrame) -> list[str]:
    """Warns of the very same position in many recordings, as of a receiver that repeats its last position."""
    recordings = find_recordings(samples)
    counts = recordings.groupby([samples["lon"], samples["lat"]]).nunique()
    repeated = counts[counts >= MANY].sort_values(ascending=False)
    if repeated.empty:
        return []
    lon, lat = repeated.index[0]
    rows = samples["row"][(samples["lon"] == lon) & (samples["lat"] == lat)].tolist()
    begin = f"{len(repeated)} positions are each" if len(repeated) > 1 else "one position is"
    return [
        f"{begin} written in {MANY} recordings or more, as {lon:g}, {lat:g} in {repeated.iloc[0]} recordings "
        f"(rows {list_row_numbers(rows)}), which makes them one block; if they were elsewhere, empty the "
        "cells."
    ]


def find_trivial_labels(path: Path, samples: pd.DataFrame, classes: Classes) -> list[Problem]:
    """Warns if there are no labels, or only one kind, so that there is nothing to learn."""
    labels = samples["label"][samples["label"] != NO_LABEL]
    if len(set(labels)) > 1:
        return []
    cells = samples.get("image_lvl_label", pd.Series("", index=samples.index))
    if labels.empty and not cells.map(partial(is_unknown_label, labels=classes.label)).all():
        return []  # the labels cannot be read, which is an error already
    if labels.empty:
        text = (
            f"{path}: there are no labels, so no label is learned: every frame will get the first class, "
            f"'{classes.label.names[0]}', which means nothing; if you need labels, fill image_lvl_label."
        )
        return [Problem("warning", text)]
    name = classes.label.names[labels.iloc[0]]
    text = (
        f"{path}: all {len(labels)} labels are '{name}', so no label is learned: every frame will get "
        f"'{name}', and labels' scores mean nothing; fill image_lvl_label with two classes or more."
    )
    return [Problem("warning", text)]


def find_gaps(path: Path, samples: pd.DataFrame, listed: pd.DataFrame) -> list[Problem]:
    """Reports too few masks, classes that never occur, and classes in a single recording.

    Args:
        path: of Train's table.
        samples: table of Train.
        listed: of `make_classes_table`.
    """
    try:
        require_masks(samples)
    except DataError as error:
        named = samples.get("label_path", pd.Series("", index=samples.index)) != ""
        # That named masks are not there is an error already.
        return [] if named.sum() > 1 else [Problem("error", str(error))]
    several = len(find_recordings(samples).unique()) > 1
    problems = []
    for task, part in listed.groupby("task", sort=False):
        never = part["name"][part["frames"] == 0].tolist()
        once = part["name"][(part["recordings"] == 1) & several].tolist()
        # If there are no labels at all, `find_trivial_labels` reports it.
        if never and part["frames"].any():
            text = (
                f"{path}: {_name_classes(task, never)} never occurs, so it cannot be learned; add frames of "
                "it, or leave it out of classes.csv if Test has none."
            )
            problems.append(Problem("warning", text))
        if once:
            text = (
                f"{path}: {_name_classes(task, once)} occurs in one recording only: if that is held out, it "
                "is not learned, else it is not scored; add recordings of it."
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


def make_classes_table(
    samples: pd.DataFrame, findings: list[FrameFindings], classes: Classes
) -> pd.DataFrame:
    """Lists each class: its share of pixels or labels, its frames and recordings.

    The classes of labels are left out where no frame has a label.
    """
    no_pixels = np.zeros(256, np.int64)
    pixels = np.stack([no_pixels if one.pixels is None else one.pixels for one in findings])
    pixels = pixels[:, list(classes.mask.ids)]  # (frames, classes)
    labels = samples["label"].to_numpy()[:, None] == np.arange(len(classes.label))  # (frames, classes)
    recordings = find_recordings(samples).to_numpy()
    rows = _list_classes("mask", classes.mask.names, pixels, recordings)
    if labels.any():
        rows += _list_classes("label", classes.label.names, labels, recordings)
    return pd.DataFrame(rows, columns=["task", "name", "share %", "frames", "recordings"])


def _list_classes(
    task: str, names: tuple[str, ...], counts: np.ndarray, recordings: np.ndarray
) -> list[tuple[str, str, float, int, int]]:
    """Lists the rows of `make_classes_table` for one task.

    Args:
        task: "mask" or "label".
        names: of the classes.
        counts: pixels or labels of each class, (frames, classes).
        recordings: name of each frame's recording.
    """
    rows = []
    for index, name in enumerate(names):
        count = counts[:, index]
        share = 100 * count.sum() / max(counts.sum(), 1)
        occurs = count > 0
        rows.append((task, name, round(share, 2), int(occurs.sum()), len(set(recordings[occurs]))))
    return rows


def count_frames(samples: pd.DataFrame) -> dict:
    """Counts frames, masks, labels, depth maps, recordings and sizes of a folder, by name of the column."""
    sizes = Counter(f"{row.height} x {row.width}" for row in samples.itertuples() if row.height)
    shown_sizes = [f"{size} ({count})" for size, count in sizes.most_common(3)]
    if len(sizes) > len(shown_sizes):
        shown_sizes.append("...")
    return {
        "frames": len(samples),
        "masks": int((samples["mask"] != "").sum()),
        "labels": int((samples["label"] != NO_LABEL).sum()),
        "depth": int((samples["depth"] != "").sum()),
        "recordings": find_recordings(samples).nunique(),
        "height x width, px": ", ".join(shown_sizes),
    }
