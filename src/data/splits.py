"""Chooses the frames that are held out, and the folds."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.model_selection import GroupShuffleSplit, LeaveOneGroupOut, StratifiedGroupKFold

from src.data.audit import audit_split, is_leaky
from src.data.classes import NO_LABEL, Classes, count_values
from src.data.recordings import find_blocks, find_recordings

VAL_SHARE = 0.2  # share of the frames that is held out
DRAWS = 100  # random choices of held-out blocks, of which the best is taken
FOLDS = 5  # the first one holds out the same blocks as the notebooks


@dataclass(frozen=True, eq=False)
class Split:
    """Which frames are trained on and which are held out.

    Attributes:
        train: row positions in the table, int64.
        held_out: row positions in the table, int64.
        leaky: whether train frames show the same streets as held-out frames.
        blocks: name of each frame's block, of `recordings.find_blocks`.
        audit: table of `audit.audit_split`; None where it was not made.
    """

    train: np.ndarray
    held_out: np.ndarray
    leaky: bool
    blocks: pd.Series
    audit: pd.DataFrame | None = None


def make_split(samples: pd.DataFrame, images: list[np.ndarray], column: str | None, seed: int) -> Split:
    """Finds the blocks, holds some of them out, and measures how close the others are to them.

    Args:
        samples: table of `samples.read_samples`.
        images: the photo of each row, uint8 RGB.
        column: column of the table whose values are the blocks; None for streets.
        seed: settles which blocks are held out.
    """
    blocks = find_blocks(samples, images, column)
    train, held_out, leaky = split_samples(samples, blocks, seed)
    audit = audit_split(samples, images, train, held_out)
    return Split(train, held_out, leaky or is_leaky(audit), blocks, audit)


def split_samples(samples: pd.DataFrame, blocks: pd.Series, seed: int) -> tuple[np.ndarray, np.ndarray, bool]:
    """Holds out whole blocks with about a fifth of the frames, or else the last frames in time.

    Args:
        samples: table of `samples.read_samples`.
        blocks: of `recordings.find_blocks`.
        seed: settles which blocks are held out.

    Returns:
        train rows and held-out rows (int64 positions in the table), and whether the split is leaky: it is if
        no choice of blocks has masks, and labels, on both sides, so that a block had to be cut in time.
    """
    drawn = _draw_blocks(samples, blocks, seed)
    if drawn is not None:
        train, held_out = drawn
        return train, held_out, False
    train, held_out = _cut_in_time(samples)
    return train, held_out, True


def _cut_in_time(samples: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Holds out the last fifth in time of the masked frames, and all frames between them.

    Before these a margin is dropped with half as many masked frames, so that the two sides do not touch.
    Without masks, all frames count. A frame without a time stays beside the one before it in the table.

    Returns:
        train rows and held-out rows.
    """
    times = samples["time"].reset_index(drop=True).ffill().bfill()
    order = times.sort_values(kind="stable").index.to_numpy()
    has_mask = (samples["mask"] != "").to_numpy()[order]
    if not has_mask.any():
        has_mask[:] = True
    masked = np.flatnonzero(has_mask)  # places in the order of time
    held_out = max(1, round(len(masked) * VAL_SHARE))
    margin = held_out // 2
    val_begin = masked[-held_out]
    train_end = max(1, masked[-held_out - margin])
    return np.sort(order[:train_end]), np.sort(order[val_begin:])


def _draw_blocks(samples: pd.DataFrame, blocks: pd.Series, seed: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Draws held-out blocks many times; takes the draw closest to VAL_SHARE and to the labels of all frames.

    Both sides must hold masks if there are any at all, and labels likewise.

    Returns:
        train rows and held-out rows; None if there is one block only, or no draw has all on both sides.
    """
    if len(set(blocks)) < 2:
        return None
    annotated = [samples["mask"] != "", samples["label"] != NO_LABEL]
    required = [column for column in annotated if column.any()]
    labels = pd.get_dummies(samples["label"]).to_numpy(float)  # (frames, labels), one-hot
    draws = GroupShuffleSplit(DRAWS, test_size=VAL_SHARE, random_state=seed)
    best = None
    lowest_cost = np.inf
    for train, held_out in draws.split(labels, groups=blocks):
        label_difference = np.abs(labels[held_out].mean(0) - labels.mean(0)).sum() / 2  # 0 to 1
        cost = abs(len(held_out) / len(samples) - VAL_SHARE) + 0.5 * label_difference
        is_complete = all(column.iloc[train].any() and column.iloc[held_out].any() for column in required)
        if cost < lowest_cost and is_complete:
            best = (train, held_out)
            lowest_cost = cost
    return best


def make_folds(
    samples: pd.DataFrame, blocks: pd.Series, train: np.ndarray, seed: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Makes the other folds from the frames that were not held out, so that each block is held out once.

    Args:
        samples: table of `samples.read_samples`.
        blocks: of `recordings.find_blocks`.
        train: train rows of `split_samples`.
        seed: settles the folds.

    Returns:
        Up to FOLDS - 1 pairs of train rows and held-out rows, which together are all frames. Where there are
        fewer blocks than FOLDS, each gets a fold; one block gets none. Both sides of each fold hold masks.
    """
    groups = blocks.iloc[train].to_numpy()
    count = len(set(groups))
    if count < 2:
        return []
    if count < FOLDS:
        cuts = list(LeaveOneGroupOut().split(train, groups=groups))
    else:
        cuts = _draw_folds(samples["label"].iloc[train], groups, seed)
    has_mask = (samples["mask"] != "").to_numpy()
    rows = np.arange(len(samples))
    folds = []
    for _, held_out_places in cuts:
        held_out = train[held_out_places]
        rest = np.setdiff1d(rows, held_out)
        if has_mask[rest].any() and has_mask[held_out].any():
            folds.append((rest, held_out))
    return folds


def _draw_folds(labels: pd.Series, groups: np.ndarray, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Draws folds of whole blocks with similar labels many times; takes the draw with the most even sizes.

    Args:
        labels: label index of each frame.
        groups: name of each frame's block.
        seed: settles the draws.

    Returns:
        FOLDS - 1 pairs of the places of train frames and of held-out frames in `labels`.
    """
    is_frequent = labels.map(labels.value_counts()) >= FOLDS - 1
    # A rarer label cannot be in every fold, so it counts as the most common one.
    labels = labels.where(is_frequent, labels.mode()[0]).to_numpy()
    draws = []
    for draw in range(DRAWS // 5):
        splitter = StratifiedGroupKFold(FOLDS - 1, shuffle=True, random_state=seed + draw)
        draws.append(list(splitter.split(labels, labels, groups)))

    def measure_unevenness(folds: list[tuple[np.ndarray, np.ndarray]]) -> float:
        return np.std([len(held_out) for _, held_out in folds])

    return min(draws, key=measure_unevenness)


def split_random_frames(samples: pd.DataFrame, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Holds out a random fifth of the frames, for comparison: it is leaky, because neighbours stay in train.

    Returns:
        train rows and held-out rows.
    """
    rows = np.random.default_rng(seed).permutation(len(samples))
    held_out = max(1, round(VAL_SHARE * len(rows)))
    return np.sort(rows[held_out:]), np.sort(rows[:held_out])


def make_split_table(
    samples: pd.DataFrame, masks: list[np.ndarray], train: np.ndarray, held_out: np.ndarray, classes: Classes
) -> pd.DataFrame:
    """Lists for both sides the recordings, frames and labels, and the pixels of each mask class in percent.

    Args:
        samples: table of `samples.read_samples`.
        masks: uint8 class indices of each row, IGNORE where it has no mask.
        train: row positions.
        held_out: row positions.
        classes: the classes of both tasks.
    """
    recordings = find_recordings(samples)
    columns = {}
    for name, side in (("train", train), ("held out", held_out)):
        part = samples.iloc[side]
        column = {
            "recordings": recordings.iloc[side].nunique(),
            "frames": len(part),
            "with mask": int((part["mask"] != "").sum()),
        }
        for index, label in enumerate(classes.label.names):
            column[f"label: {label}"] = int((part["label"] == index).sum())
        pixels = sum(count_values(masks[i])[: len(classes.mask)] for i in side)
        percent = (100 * pixels / max(pixels.sum(), 1)).round(2).tolist()
        for index, class_name in enumerate(classes.mask.names):
            column[f"% {class_name}"] = percent[index]
        columns[name] = column
    return pd.DataFrame(columns, dtype=object)


def order_sides(blocks: pd.Series, sides: dict[str, np.ndarray]) -> pd.DataFrame:
    """Lists each frame's side and block, sorted by block: columns `side` and `block`.

    Args:
        blocks: of `recordings.find_blocks`.
        sides: row positions by name, as "train" and "held out", or the held-out rows of each fold; a
            frame that is in none of them is on the side "left out".
    """
    table = pd.DataFrame({"side": "left out", "block": blocks.to_numpy()})
    for side, rows in sides.items():
        table.loc[rows, "side"] = side
    return table.sort_values("block", kind="stable")
