"""Which frames belong together: recordings, and blocks of recordings that share ground or a view."""

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sklearn.neighbors import BallTree

from src.common.errors import SettingsError
from src.data.columns import ADDED
from src.data.likeness import find_same_views
from src.data.tables import is_blank

SMALLEST_GAP = 60.0  # seconds without a frame that may end a recording
GAP_FACTOR = 10.0  # times the robot's median spacing that must have passed as well
EARTH = 6_371_000.0  # radius in metres
SAME_GROUND = 15.0  # metres between two frames that show the same ground
UNKNOWN_GROUP = "unknown"  # block of the frames whose cell of the column of GROUP says nothing


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
    near = number[find_neighbours(samples)].reshape(-1, 2)
    alike = number[find_same_views(images)].reshape(-1, 2)
    pairs = np.concatenate([near, alike])
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


def project_places(samples: pd.DataFrame) -> np.ndarray:
    """Turns `lon` and `lat` to metres east and north of the middle, (frames, 2), NaN where unknown."""
    place = np.radians(samples[["lon", "lat"]].to_numpy(float))
    known = np.isfinite(place).all(1)
    if not known.any():
        return place
    middle = place[known].mean(0)
    return EARTH * (place - middle) * [np.cos(middle[1]), 1]
