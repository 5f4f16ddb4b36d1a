"""Which frames may not be on both sides: recordings, and the split into train and val by whole recordings."""

import warnings

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold

from src.classes import Classes

SMALLEST_GAP = 60.0  # seconds without a frame that may end a recording
GAP_FACTOR = 10.0  # times the robot's median spacing that must have passed as well
VAL_SHARE = 0.2


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

    With a single recording its last fifth is held out instead, after a margin of half that length which is
    dropped; such a split is leaky, for both sides still show the same street.

    Args:
        samples: table of `data.read_samples`.
        seed: settles which recordings are held out.

    Returns:
        train rows and val rows (int64 positions in the table), and whether the split is leaky.
    """
    recordings = find_recordings(samples)
    if (recordings == recordings.iloc[0]).all():
        order = np.argsort(samples["time"].to_numpy(), kind="stable")
        begin = len(order) - max(1, round(len(order) * VAL_SHARE))
        margin = (len(order) - begin) // 2
        return np.sort(order[: max(1, begin - margin)]), np.sort(order[begin:]), True
    kind = samples["label"] * 2 + (samples["mask"] != "")
    splitter = StratifiedGroupKFold(
        min(round(1 / VAL_SHARE), recordings.nunique()), shuffle=True, random_state=seed
    )
    folds = [
        (train, val) for train, val in _split_quietly(splitter, kind, recordings) if len(train) and len(val)
    ]
    train, val = min(folds, key=lambda fold: abs(len(fold[1]) / len(samples) - VAL_SHARE))
    return train, val, False


def _split_quietly(splitter: StratifiedGroupKFold, kind: pd.Series, groups: pd.Series) -> list[tuple]:
    """Splits without the warning that a label is rarer than there are folds: the user's data are no fault."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return list(splitter.split(np.zeros(len(kind)), kind, groups))


def table_of_split(
    samples: pd.DataFrame, train: np.ndarray, val: np.ndarray, classes: Classes
) -> pd.DataFrame:
    """Lists recordings, frames, masks and labels of both sides.

    Args:
        samples: table of `data.read_samples`.
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
    return pd.DataFrame(rows).T
