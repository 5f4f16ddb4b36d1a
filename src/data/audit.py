"""What the training frames give away of the held-out frames."""

import numpy as np
import pandas as pd
from sklearn.neighbors import BallTree

from src.data.likeness import SAME_VIEW, compare_views
from src.data.recordings import EARTH, SAME_GROUND, SMALLEST_GAP


def leaks(audit: pd.DataFrame) -> bool:
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
