"""Which frames are held out, and the folds."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.model_selection import GroupShuffleSplit, LeaveOneGroupOut, StratifiedGroupKFold

from src.data.audit import audit_split, leaks
from src.data.classes import NO_LABEL, Classes, count_values
from src.data.recordings import find_blocks, find_recordings

VAL_SHARE = 0.2
DRAWS = 100  # of blocks to hold out, from which the best is taken
FOLDS = 5  # with the blocks that the notebooks hold out as the first


@dataclass(frozen=True, eq=False)
class Split:
    """Which frames are trained on and which are held out.

    Attributes:
        train: row positions in the table, int64.
        held_out: the same.
        leaky: whether the held-out frames show streets that are trained on, too.
        blocks: name of each frame's block, of `find_blocks`.
        audit: of `audit_split`; None where it was not made again.
    """

    train: np.ndarray
    held_out: np.ndarray
    leaky: bool
    blocks: pd.Series
    audit: pd.DataFrame | None = None


def make_split(samples: pd.DataFrame, images: list[np.ndarray], column: str | None, seed: int) -> Split:
    """Finds the blocks, holds some of them out, and looks for what the others give away of these.

    Args:
        samples: table of `data.read_samples`.
        images: the photo of each row, uint8 RGB.
        column: of the table, whose values are the blocks; None for streets.
        seed: settles which blocks are held out.
    """
    blocks = find_blocks(samples, images, column)
    train, held_out, leaky = split_samples(samples, blocks, seed)
    audit = audit_split(samples, images, train, held_out)
    return Split(train, held_out, leaky or leaks(audit), blocks, audit)


def split_samples(samples: pd.DataFrame, blocks: pd.Series, seed: int) -> tuple[np.ndarray, np.ndarray, bool]:
    """Holds out whole blocks of about a fifth of the frames.

    Where that cannot be done (one block, or all masks or all labels in one), the last fifth in time of the
    masked frames is held out, with all frames between them; before it a margin is dropped that holds half as
    many masked frames, with all between them. Such a split is leaky, for both sides show the same street.

    Args:
        samples: table of `data.read_samples`.
        blocks: of `find_blocks`.
        seed: settles which blocks are held out.

    Returns:
        train rows and val rows (int64 positions in the table), and whether the split is leaky.
    """
    drawn = _draw_blocks(samples, blocks, seed)
    if drawn:
        return *drawn, False
    order = samples["time"].reset_index(drop=True).sort_values(kind="stable").index.to_numpy()
    taught = (samples["mask"] != "").to_numpy()[order]
    # places in time that count
    taught = np.flatnonzero(taught if taught.any() else np.ones(len(order), bool))
    held_out = max(1, round(len(taught) * VAL_SHARE))
    begin = taught[-held_out]
    end = taught[-held_out - held_out // 2]  # of train; masked frames are counted here, too
    return np.sort(order[: max(1, end)]), np.sort(order[begin:]), True


def _draw_blocks(samples: pd.DataFrame, blocks: pd.Series, seed: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Draws blocks to hold out: of many draws the one nearest to VAL_SHARE and to the whole's labels.

    Both sides must hold masks, and labels, where there are any at all; None where no draw does.
    """
    if len(set(blocks)) < 2:
        return None
    known = [column for column in (samples["mask"] != "", samples["label"] != NO_LABEL) if column.any()]
    kinds = pd.get_dummies(samples["label"]).to_numpy(float)
    best, least = None, np.inf
    for train, val in GroupShuffleSplit(DRAWS, test_size=VAL_SHARE, random_state=seed).split(
        kinds, groups=blocks
    ):
        unlike = np.abs(kinds[val].mean(0) - kinds.mean(0)).sum() / 2  # 0 to 1
        cost = abs(len(val) / len(samples) - VAL_SHARE) + 0.5 * unlike
        if cost < least and all(column.iloc[side].any() for column in known for side in (train, val)):
            best, least = (train, val), cost
    return best


def make_folds(
    samples: pd.DataFrame, blocks: pd.Series, train: np.ndarray, seed: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Cuts what was not held out into the other folds, so that each block is held out once in all.

    Args:
        samples: table of `data.read_samples`.
        blocks: of `find_blocks`.
        train: row positions that `split_samples` left to train on.
        seed: settles the folds.

    Returns:
        Up to FOLDS - 1 pairs of train rows and val rows, each of all frames; no more than there are blocks
        in `train`, then one block each; none where that is one. Both sides of a fold hold masks.
    """
    groups, kinds = blocks.iloc[train].to_numpy(), samples["label"].iloc[train]
    often = kinds.map(kinds.value_counts()) >= FOLDS - 1  # a rarer label cannot be spread over the folds
    kinds = kinds.where(often, kinds.mode()[0]).to_numpy()
    count = len(set(groups))
    if count < 2:
        return []
    if count < FOLDS:
        cuts = list(LeaveOneGroupOut().split(train, groups=groups))
    else:
        draws = [
            list(
                StratifiedGroupKFold(FOLDS - 1, shuffle=True, random_state=seed + draw).split(
                    train, kinds, groups
                )
            )
            for draw in range(DRAWS // 5)
        ]
        cuts = min(draws, key=lambda cut: np.std([len(val) for _, val in cut]))  # the most even
    masked, rows = (samples["mask"] != "").to_numpy(), np.arange(len(samples))
    folds = [(np.setdiff1d(rows, train[val]), train[val]) for _, val in cuts]
    return [fold for fold in folds if all(masked[side].any() for side in fold)]


def split_random_frames(samples: pd.DataFrame, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Holds out random frames, a fifth, as one should not: neighbours of each stay in train. Leaky.

    Returns:
        train rows and val rows.
    """
    rows = np.random.default_rng(seed).permutation(len(samples))
    held_out = max(1, round(VAL_SHARE * len(rows)))
    return np.sort(rows[held_out:]), np.sort(rows[:held_out])


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
        counts = sum(count_values(masks[i])[: len(classes.mask)] for i in side)
        share = (100 * counts / max(counts.sum(), 1)).round(2).tolist()
        rows[name] |= {
            f"% {label}": percent for label, percent in zip(classes.mask.names, share, strict=True)
        }
    return pd.DataFrame(rows, dtype=object)


def order_sides(blocks: pd.Series, sides: dict[str, np.ndarray]) -> pd.DataFrame:
    """Names each frame's side, block after block: columns `side` ("left out" where none) and `block`.

    Args:
        blocks: of `find_blocks`.
        sides: row positions by name, as "train" and "val", or the val rows of each fold.
    """
    table = pd.DataFrame({"side": "left out", "block": blocks.to_numpy()})
    for side, rows in sides.items():
        table.loc[rows, "side"] = side
    return table.sort_values("block", kind="stable")
