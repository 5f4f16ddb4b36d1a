"""Measures how much of the held-out frames the training frames show already."""

import numpy as np
import pandas as pd
from sklearn.neighbors import BallTree

from src.data.likeness import SAME_VIEW, compare_views
from src.data.recordings import EARTH, SAME_GROUND, SMALLEST_GAP


def is_leaky(audit: pd.DataFrame) -> bool:
    """Returns whether more than 1 % of the held-out frames have a train frame of the same view or street."""
    count = make_leaks_table(audit)["held-out frames"].iloc[-1]
    return bool(100 * count > len(audit))  # counts are compared, because the table's share is rounded


# Audit ----------------------------------------------
def audit_split(
    samples: pd.DataFrame, images: list[np.ndarray], train: np.ndarray, held_out: np.ndarray
) -> pd.DataFrame:
    """Finds for each held-out frame the closest train frame: in view, in time and on the ground.

    Args:
        samples: table of `samples.read_samples`.
        images: the photo of each row, uint8 RGB.
        train: row positions.
        held_out: row positions.

    Returns:
        One row per held-out frame: `frame` (its row position), `twin` (row position of the most similar train
        photo), `likeness` of the two, `seconds` to the closest train frame of the same robot, and `metres` to
        the closest train frame; NaN where unknown.
    """
    most_alike = []
    likeness = []
    for part in compare_views([images[i] for i in held_out], [images[i] for i in train]):
        most_alike.append(part.argmax(1))
        likeness.append(part.max(1))
    return pd.DataFrame(
        {
            "frame": held_out,
            "twin": train[np.concatenate(most_alike)],
            "likeness": np.concatenate(likeness),
            "seconds": _measure_seconds(samples.iloc[train], samples.iloc[held_out]),
            "metres": _measure_metres(samples.iloc[train], samples.iloc[held_out]),
        }
    )


def _measure_seconds(train: pd.DataFrame, held_out: pd.DataFrame) -> np.ndarray:
    """Measures the seconds from each held-out frame to the closest train frame of the same robot.

    They are NaN where a time is unknown, or the robot has no train frame with a time.
    """
    seconds = np.full(len(held_out), np.nan)
    known = train.dropna(subset="time").sort_values("time")
    by_robot = known.groupby("robot")["time"]
    times = {robot: found.to_numpy("datetime64[ns]") for robot, found in by_robot}
    held_out_times = held_out["time"].to_numpy("datetime64[ns]")
    for robot, rows in held_out.groupby("robot").indices.items():
        if robot in times:
            train_times = times[robot]
            own_times = held_out_times[rows]
            place = np.searchsorted(train_times, own_times)
            before = train_times[(place - 1).clip(0)]
            after = train_times[place.clip(max=len(train_times) - 1)]
            gaps = np.abs(np.stack([before, after]) - own_times)
            seconds[rows] = gaps.min(0) / np.timedelta64(1, "s")  # NaN for an unknown time
    return seconds


def _measure_metres(train: pd.DataFrame, held_out: pd.DataFrame) -> np.ndarray:
    """Measures the metres from each held-out frame to the closest train frame; NaN for unknown places."""
    metres = np.full(len(held_out), np.nan)
    train_places = np.radians(train[["lat", "lon"]].to_numpy(float))
    train_places = train_places[np.isfinite(train_places).all(1)]
    held_out_places = np.radians(held_out[["lat", "lon"]].to_numpy(float))
    has_place = np.isfinite(held_out_places).all(1)
    if len(train_places) and has_place.any():
        distances, _ = BallTree(train_places, metric="haversine").query(held_out_places[has_place])
        metres[has_place] = EARTH * distances[:, 0]
    return metres


def make_leaks_table(audit: pd.DataFrame) -> pd.DataFrame:
    """Counts the held-out frames that a train frame is close to, by kind, and their share in percent."""
    kinds = {
        "shows the same view as a train frame": audit["likeness"] >= SAME_VIEW,
        f"within {SMALLEST_GAP:.0f} s of a train frame of the same robot": audit["seconds"] <= SMALLEST_GAP,
        f"within {SAME_GROUND:.0f} m of a train frame": audit["metres"] <= SAME_GROUND,
    }
    kinds["any of these"] = np.logical_or.reduce(list(kinds.values()))
    counts = {name: int(is_close.sum()) for name, is_close in kinds.items()}
    table = pd.DataFrame({"held-out frames": counts})
    table["% of held out"] = (100 * table["held-out frames"] / max(len(audit), 1)).round(1)
    return table
