"""Which frames may not be on both sides: recordings, blocks of them, folds, and the audit of what leaks."""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sklearn.model_selection import GroupShuffleSplit, LeaveOneGroupOut, StratifiedGroupKFold
from sklearn.neighbors import BallTree

from src.classes import NO_LABEL, Classes, count_values
from src.errors import SettingsError
from src.tables import is_blank

SMALLEST_GAP = 60.0  # seconds without a frame that may end a recording
GAP_FACTOR = 10.0  # times the robot's median spacing that must have passed as well
VAL_SHARE = 0.2
DRAWS = 100  # of blocks to hold out, from which the best is taken
FOLDS = 5  # with the blocks that the notebooks hold out as the first
EARTH = 6_371_000.0  # radius in metres
SAME_GROUND = 15.0  # metres between two frames that show the same ground
SAME_VIEW = 0.72  # likeness of two photos of one view; unrelated ones of a street stay below 0.7
AT_ONCE = 500  # photos that are compared with all others
VIEW_SIDE, VIEW_BLUR = 24, 3.0  # pixels of a thumbnail that is compared, and of the blur that is taken off it
UNKNOWN_GROUP = "unknown"  # block of the frames whose cell of the column of GROUP says nothing
ADDED = ("row", "image", "mask", "depth", "label", "robot", "time", "height", "width")  # by data.read_samples


def find_recordings(samples: pd.DataFrame) -> pd.Series:
    """Names each frame's recording: a robot's frames without a gap over max(60 s, 10 times the median).

    Where a frame has no time, all of its robot's are one recording, for it may be of any; without robot ids
    all frames are one robot's.

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
        limit = np.inf if times.isna().any() else max(SMALLEST_GAP, GAP_FACTOR * usual)
        number = (spacing > limit).cumsum() + 1
        names[number.index] = [f"{robot or 'robot'}/{n}" for n in number]
    return names


def find_neighbours(samples: pd.DataFrame, metres: float = SAME_GROUND) -> np.ndarray:
    """Finds the pairs of frames that were taken within some metres: (pairs, 2) positions in the table.

    Args:
        samples: table with `lat` and `lon` in degrees, NaN where unknown.
        metres: haversine distance up to which two frames are a pair.
    """
    place = np.radians(samples[["lat", "lon"]].to_numpy(float))
    known = np.flatnonzero(np.isfinite(place).all(1))
    if len(known) < 2:
        return np.empty((0, 2), int)
    tree = BallTree(place[known], metric="haversine")
    near = tree.query_radius(place[known], metres / EARTH)
    first = np.repeat(np.arange(len(known)), [len(row) for row in near])
    second = np.concatenate(near)
    return known[np.stack([first, second], 1)[first < second]]


def compare_views(images: list[np.ndarray], others: list[np.ndarray] | None = None) -> Iterator[np.ndarray]:
    """How much two photos show the same view, up to brightness, a cut of 5 % and a mirror: 1 is the same.

    Each photo becomes a thumbnail without its coarse light; the likeness of two is their correlation, the
    best over ten cuts of either and the mirror.

    Args:
        images: uint8 RGB, (H, W, 3) each.
        others: the same; None compares the images with one another.

    Yields:
        float32, (AT_ONCE or what is left of the images, others), at most 1: some images at a time, for all
        pairs of 30,000 would take 4 GB.
    """
    ours = np.stack([_describe_cuts(image) for image in images])  # (images, cuts, pixels)
    theirs = ours if others is None else np.stack([_describe_cuts(image) for image in others])
    mirrored = theirs.reshape(*theirs.shape[:2], VIEW_SIDE, VIEW_SIDE)[..., ::-1].reshape(theirs.shape)
    for part in np.split(ours, range(AT_ONCE, len(ours), AT_ONCE)):
        likeness = np.full((len(part), len(theirs)), -1, np.float32)
        for view in (theirs, mirrored):
            for cut in range(ours.shape[1]):
                np.maximum(likeness, part[:, 0] @ view[:, cut].T, out=likeness)
                np.maximum(likeness, part[:, cut] @ view[:, 0].T, out=likeness)
        yield likeness


def _describe_cuts(image: np.ndarray) -> np.ndarray:
    """Thumbnails of the whole photo and of nine cuts of 95 %, unit vectors, (10, VIEW_SIDE squared)."""
    grey = cv2.resize(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (96, 96), interpolation=cv2.INTER_AREA)
    cuts = [grey] + [grey[y : y + 91, x : x + 91] for y in (0, 2, 5) for x in (0, 2, 5)]
    side = (VIEW_SIDE, VIEW_SIDE)
    views = [cv2.resize(cut, side, interpolation=cv2.INTER_AREA).astype(np.float32) for cut in cuts]
    fine = np.stack([view - cv2.GaussianBlur(view, (0, 0), VIEW_BLUR) for view in views]).reshape(
        len(cuts), -1
    )
    return fine / np.maximum(np.linalg.norm(fine, axis=1, keepdims=True), 1e-6)


def find_blocks(samples: pd.DataFrame, images: list[np.ndarray], column: str | None = None) -> pd.Series:
    """Names each frame's block: recordings that share ground or a view are one, so no street is in two.

    Without times, robots and positions each frame is a recording of its own, and the blocks are the clusters
    of photos that show the same view.

    Args:
        samples: table of `data.read_samples`.
        images: the photo of each row, uint8 RGB.
        column: of the table, whose values are the blocks instead; frames without one are a block, too.

    Raises:
        SettingsError: the table has no such column.
    """
    if column is not None:
        if column not in samples or column in ADDED:
            own = [name for name in samples if name not in ADDED]
            raise SettingsError(
                f"GROUP must be a column of Train/data.csv, found '{column}'; it has {', '.join(own)}. "
                f"(Not {', '.join(ADDED)}, which are used here: call a column of yours otherwise.)"
            )
        values = samples[column].astype(str)
        return values.mask(values.map(is_blank), UNKNOWN_GROUP).rename("block")
    recordings = find_recordings(samples)
    if not has_recordings(samples):
        recordings = pd.Series([f"frame/{i}" for i in range(len(samples))], index=samples.index)
    number, names = pd.factorize(recordings)
    parts = enumerate(compare_views(images))
    alike = np.concatenate([np.argwhere(part >= SAME_VIEW) + np.array([i * AT_ONCE, 0]) for i, part in parts])
    pairs = np.concatenate([number[find_neighbours(samples)].reshape(-1, 2), number[alike].reshape(-1, 2)])
    links = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(names),) * 2)
    component = connected_components(links, directed=False)[1]
    heads = [names[component == k][0] for k in range(component.max() + 1)]
    sizes = np.bincount(component)
    titles = [head if size == 1 else f"{head} +{size - 1}" for head, size in zip(heads, sizes, strict=True)]
    return pd.Series([titles[component[n]] for n in number], index=samples.index, name="block")


def describe_blocks(samples: pd.DataFrame, blocks: pd.Series) -> str:
    """Says in a sentence what the blocks are, and how many frames are of a group that is not known."""
    lost = (blocks == UNKNOWN_GROUP).sum()
    more = (
        f" {lost} of {len(blocks)} frames are of an unknown group: they may be of any, so fill the cells."
        if lost
        else ""
    )
    return _describe_streets(samples, blocks) + more


def _describe_streets(samples: pd.DataFrame, blocks: pd.Series) -> str:
    if not has_recordings(samples):
        return f"No times and no robot ids: photos of one view are a block; {blocks.nunique()} blocks."
    recordings = find_recordings(samples).nunique()
    known = samples[["lon", "lat"]].notna().all(axis=1).any()
    shared = "neither ground nor view" if known else "no view (their places are not known)"
    count = blocks.nunique()
    kind = "one block of streets" if count == 1 else f"{count} blocks of streets that share {shared}"
    return f"{recordings} recording{'s' * (recordings != 1)} in {kind}."


def has_recordings(samples: pd.DataFrame) -> bool:
    """True where the table tells recordings apart: by robots, times or both."""
    return bool(samples["time"].notna().any() or len(set(samples["robot"])) > 1)


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
    return Split(train, held_out, leaky or gives_away(audit), blocks, audit)


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


def draw_frames(samples: pd.DataFrame, seed: int) -> tuple[np.ndarray, np.ndarray]:
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


def project_places(samples: pd.DataFrame) -> np.ndarray:
    """Turns `lon` and `lat` to metres east and north of the middle, (frames, 2), NaN where unknown."""
    place = np.radians(samples[["lon", "lat"]].to_numpy(float))
    known = np.isfinite(place).all(1)
    if not known.any():
        return place
    middle = place[known].mean(0)
    return EARTH * (place - middle) * [np.cos(middle[1]), 1]


def gives_away(audit: pd.DataFrame) -> bool:
    """True where more than one val frame of a hundred has a train frame of its street beside it: leaky."""
    count = table_of_leaks(audit)["val frames"].iloc[-1]
    return bool(100 * count > len(audit))  # the table's share is rounded


# Audit ----------------------------------------------


def audit_split(
    samples: pd.DataFrame, images: list[np.ndarray], train: np.ndarray, val: np.ndarray
) -> pd.DataFrame:
    """Finds for each val frame what of train is closest to it: in view, in time and on the ground.

    Args:
        samples: table of `data.read_samples`.
        images: the photo of each row, uint8 RGB.
        train: row positions.
        val: row positions.

    Returns:
        One row a val frame: `twin` (position in the table of the train photo most like it), `likeness`,
        `seconds` to the next train frame of its robot and `metres` to the next train frame, NaN: unknown.
    """
    parts = compare_views([images[i] for i in val], [images[i] for i in train])
    most, likeness = zip(*[(part.argmax(1), part.max(1)) for part in parts], strict=True)
    rows = {"frame": val, "twin": train[np.concatenate(most)], "likeness": np.concatenate(likeness)}
    return pd.DataFrame(rows).assign(
        seconds=_count_seconds(samples.iloc[train], samples.iloc[val]),
        metres=_measure_metres(samples.iloc[train], samples.iloc[val]),
    )


def _count_seconds(train: pd.DataFrame, val: pd.DataFrame) -> np.ndarray:
    """Seconds from each val frame to the next train frame of the same robot; NaN where a time is unknown."""
    seconds = np.full(len(val), np.nan)
    for robot in set(val["robot"]):
        theirs = train.loc[train["robot"] == robot, "time"].dropna().sort_values().to_numpy("datetime64[ns]")
        rows = np.flatnonzero((val["robot"] == robot) & val["time"].notna())
        if len(theirs) and len(rows):
            ours = val["time"].iloc[rows].to_numpy("datetime64[ns]")
            place = np.searchsorted(theirs, ours)
            near = np.stack([theirs[(place - 1).clip(0)], theirs[place.clip(max=len(theirs) - 1)]])
            seconds[rows] = np.abs(near - ours).min(0) / np.timedelta64(1, "s")
    return seconds


def _measure_metres(train: pd.DataFrame, val: pd.DataFrame) -> np.ndarray:
    """Metres from each val frame to the next train frame; NaN where a position is unknown."""
    metres = np.full(len(val), np.nan)
    theirs, ours = (np.radians(side[["lat", "lon"]].to_numpy(float)) for side in (train, val))
    theirs, known = theirs[np.isfinite(theirs).all(1)], np.isfinite(ours).all(1)
    if len(theirs) and known.any():
        metres[known] = EARTH * BallTree(theirs, metric="haversine").query(ours[known])[0][:, 0]
    return metres


def table_of_leaks(audit: pd.DataFrame) -> pd.DataFrame:
    """Counts the val frames that train gives away, by kind, and their share in percent."""
    kinds = {
        "shows the same view as a train frame": audit["likeness"] >= SAME_VIEW,
        f"within {SMALLEST_GAP:.0f} s of a train frame of the same robot": audit["seconds"] <= SMALLEST_GAP,
        f"within {SAME_GROUND:.0f} m of a train frame": audit["metres"] <= SAME_GROUND,
    }
    kinds["any of these"] = np.logical_or.reduce(list(kinds.values()))
    counts = {name: int(hit.sum()) for name, hit in kinds.items()}
    table = pd.DataFrame({"val frames": counts})
    return table.assign(**{"% of val": (100 * table["val frames"] / max(len(audit), 1)).round(1)})
