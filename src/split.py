"""Which frames may not be on both sides: recordings, and the split into train and val by whole recordings."""

import numpy as np
import pandas as pd
from sklearn.model_selection import GroupShuffleSplit

from src.classes import NO_LABEL, Classes

SMALLEST_GAP = 60.0  # seconds without a frame that may end a recording
GAP_FACTOR = 10.0  # times the robot's median spacing that must have passed as well
VAL_SHARE = 0.2
DRAWS = 100  # of recordings to hold out, from which the best is taken


def find_recordings(samples: pd.DataFrame) -> pd.Series:
    """Names each frame's recording: a robot's frames without a gap over max(60 s, 10 times the median).

    Frames without a time stay with their robot; without robot ids all frames are one robot's.

    Args:
        samples: table with `robot` and `time`.

    Returns:
        str a frame, `<robot>/<number>`, numbered in time from 1.
    """
    names = pd.Series("", index=samples.index, name="recording")
    for robot, frames in samples.groupby("robot"):
        times = frames["time"].sort_values()
        spacing = times.diff().dt.total_seconds()
        usual = spacing.median() if spacing.notna().any() else 0.0
        limit = max(SMALLEST_GAP, GAP_FACTOR * usual)
        number = (spacing > limit).cumsum() + 1
        names[number.index] = [f"{robot or 'robot'}/{n}" for n in number]
    return names


def split_samples(samples: pd.DataFrame, seed: int) -> tuple[np.ndarray, np.ndarray, bool]:
    """Holds out whole recordings of about a fifth of the frames.

    Where that cannot be done (one recording, or all masks in one), the last fifth in time of the masked
    frames is held out, after a margin of half that length which is dropped; such a split is leaky, for both
    sides show the same street.

    Args:
        samples: table of `data.read_samples`.
        seed: settles which recordings are held out.

    Returns:
        train rows and val rows (int64 positions in the table), and whether the split is leaky.
    """
    drawn = _draw_recordings(samples, find_recordings(samples), seed)
    if drawn:
        return *drawn, False
    order = samples["time"].reset_index(drop=True).sort_values(kind="stable").index.to_numpy()
    taught = (samples["mask"] != "").to_numpy()[order]
    taught = np.flatnonzero(
        taught if taught.any() else np.ones(len(order), bool)
    )  # places in time that count
    held_out = max(1, round(len(taught) * VAL_SHARE))
    begin = taught[-held_out]
    return np.sort(order[: max(1, begin - held_out // 2)]), np.sort(order[begin:]), True


def _draw_recordings(
    samples: pd.DataFrame, recordings: pd.Series, seed: int
) -> tuple[np.ndarray, np.ndarray] | None:
    """Draws recordings to hold out: of many draws the one nearest to VAL_SHARE and to the whole's labels.

    Both sides must hold masks, and labels, where there are any at all; None where no draw does.
    """
    if len(set(recordings)) < 2:
        return None
    known = [column for column in (samples["mask"] != "", samples["label"] != NO_LABEL) if column.any()]
    kinds = pd.get_dummies(samples["label"]).to_numpy(float)
    best, least = None, np.inf
    for train, val in GroupShuffleSplit(DRAWS, test_size=VAL_SHARE, random_state=seed).split(
        kinds, groups=recordings
    ):
        unlike = np.abs(kinds[val].mean(0) - kinds.mean(0)).sum() / 2  # 0 to 1
        cost = abs(len(val) / len(samples) - VAL_SHARE) + 0.5 * unlike
        if cost < least and all(column.iloc[side].any() for column in known for side in (train, val)):
            best, least = (train, val), cost
    return best


def table_of_split(
    samples: pd.DataFrame, masks: list[np.ndarray], train: np.ndarray, val: np.ndarray, classes: Classes
) -> pd.DataFrame:
    """Lists for both sides the recordings, frames and labels, and the pixels of each mask class in percent.

    Args:
        samples: table of `data.read_samples`.
        masks: uint8 class indices of each row, IGNORE where it has no mask.
        train: row positions.
        val: row positions.
        classes: the classes of both tasks.
    """
    recordings = find_recordings(samples)
    rows = {}
    for name, side in (("train", train), ("val", val)):
        part = samples.iloc[side]
        rows[name] = {
            "recordings": recordings.iloc[side].nunique(),
            "frames": len(part),
            "with mask": int((part["mask"] != "").sum()),
        } | {
            f"label: {label}": int((part["label"] == i).sum()) for i, label in enumerate(classes.label.names)
        }
        counts = sum(np.bincount(masks[i].ravel(), minlength=256)[: len(classes.mask)] for i in side)
        share = (100 * counts / max(counts.sum(), 1)).round(2).tolist()
        rows[name] |= {
            f"% {label}": percent for label, percent in zip(classes.mask.names, share, strict=True)
        }
    return pd.DataFrame(rows, dtype=object)
