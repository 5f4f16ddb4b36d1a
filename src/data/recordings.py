"""Groups frames that belong together: recordings, and blocks of recordings that share ground or a view."""

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sklearn.neighbors import BallTree

from src.common.errors import SettingsError
from src.data.columns import ADDED
from src.data.likeness import find_same_views
from src.data.tables import is_blank

SMALLEST_GAP = 60.0  # seconds; a shorter time without a frame does not end a recording
GAP_FACTOR = 10.0  # a gap must also be longer than this many times the robot's median spacing of frames
EARTH = 6_371_000.0  # metres; radius of the earth
SAME_GROUND = 15.0  # metres; largest distance of two frames that show the same ground
UNKNOWN_GROUP = "unknown"  # block of the frames whose cell in the column of GROUP is blank


def find_recordings(samples: pd.DataFrame) -> pd.Series:
    """Names each frame's recording.

    A recording holds a robot's frames without a gap longer than 60 s and 10 times the robot's median spacing.
    If a frame has no time, all frames of its robot are one recording, because the frame may belong to any of
    them. Without robot ids all frames count as one robot's.

    Args:
        samples: table with `robot` and `time`.

    Returns:
        A str per frame, `<robot>/<number>`, numbered in time from 1.
    """
    names = pd.Series("", index=samples.index, name="recording")
    for robot, frames in samples.groupby("robot"):
        times = frames["time"].sort_values()
        spacing = times.diff().dt.total_seconds()
        median = spacing.median() if spacing.notna().any() else 0.0
        limit = np.inf if times.isna().any() else max(SMALLEST_GAP, GAP_FACTOR * median)
        number = (spacing > limit).cumsum() + 1
        robot_name = robot if robot else "robot"
        names[number.index] = [f"{robot_name}/{n}" for n in number]
    return names


def find_neighbours(samples: pd.DataFrame, metres: float = SAME_GROUND) -> np.ndarray:
    """Finds the pairs of frames that were taken close to each other: (pairs, 2) row positions.

    Args:
        samples: table with `lat` and `lon` in degrees, NaN where unknown.
        metres: largest distance of a pair, along the earth's surface.
    """
    places = np.radians(samples[["lat", "lon"]].to_numpy(float))
    rows = np.flatnonzero(np.isfinite(places).all(1))
    if len(rows) < 2:
        return np.empty((0, 2), int)
    tree = BallTree(places[rows], metric="haversine")
    neighbours = tree.query_radius(places[rows], metres / EARTH)
    first = np.repeat(np.arange(len(rows)), [len(found) for found in neighbours])
    second = np.concatenate(neighbours)
    pairs = np.stack([first, second], 1)
    return rows[pairs[first < second]]  # each pair once, and no frame with itself


def find_blocks(samples: pd.DataFrame, images: list[np.ndarray], column: str | None = None) -> pd.Series:
    """Names each frame's block: recordings that share ground or a view are one block.

    So no street is in two blocks. Without times and robots each frame is a recording of its own, and the
    blocks are the clusters of photos that show the same view or ground.

    Args:
        samples: table of `samples.read_samples`.
        images: the photo of each row, uint8 RGB.
        column: column of the table whose values are the blocks instead; all frames with a blank cell are one
            block.

    Returns:
        A str per frame: the value of the column, or a recording's name and the number of further recordings.

    Raises:
        SettingsError: the table has no such column.
    """
    if column is not None:
        return _read_blocks(samples, column)
    recordings = find_recordings(samples)
    if not has_recordings(samples):
        recordings = pd.Series([f"frame/{i}" for i in range(len(samples))], index=samples.index)
    number, names = pd.factorize(recordings)
    near = number[find_neighbours(samples)].reshape(-1, 2)
    alike = number[find_same_views(images)].reshape(-1, 2)
    block_number = _join_recordings(np.concatenate([near, alike]), len(names))
    titles = []
    for block in range(block_number.max() + 1):
        members = names[block_number == block]
        others = len(members) - 1
        titles.append(f"{members[0]} +{others}" if others else members[0])
    return pd.Series([titles[block_number[n]] for n in number], index=samples.index, name="block")


def _read_blocks(samples: pd.DataFrame, column: str) -> pd.Series:
    """Takes the blocks from a column of the user's table; blank cells are of UNKNOWN_GROUP."""
    if column not in samples or column in ADDED:
        own = [name for name in samples if name not in ADDED]
        raise SettingsError(
            f"GROUP must be a column of Train/data.csv, found '{column}'; it has {', '.join(own)}. "
            f"(Not {', '.join(ADDED)}, which the project fills itself: rename a column of yours.)"
        )
    values = samples[column].astype(str)
    return values.mask(values.map(is_blank), UNKNOWN_GROUP).rename("block")


def _join_recordings(pairs: np.ndarray, count: int) -> np.ndarray:
    """Numbers the blocks of recordings that are connected by pairs: (count,), one block per recording."""
    links = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    _, block_number = connected_components(links, directed=False)
    return block_number


def describe_blocks(samples: pd.DataFrame, blocks: pd.Series) -> str:
    """Describes the blocks in a sentence, and in a second one the frames of an unknown group."""
    text = _describe_streets(samples, blocks)
    unknown = (blocks == UNKNOWN_GROUP).sum()
    if unknown:
        text += f" {unknown} of {len(blocks)} frames are of an unknown group: "
        text += "they may be of any, so fill the cells."
    return text


def _describe_streets(samples: pd.DataFrame, blocks: pd.Series) -> str:
    """Describes how many blocks there are, and what separates them."""
    if not has_recordings(samples):
        return f"No times and no robot ids: photos of one view are a block; {blocks.nunique()} blocks."
    recordings = find_recordings(samples).nunique()
    has_places = samples[["lon", "lat"]].notna().all(axis=1).any()
    shared = "neither ground nor view" if has_places else "no view (their places are not known)"
    count = blocks.nunique()
    kind = "one block of streets" if count == 1 else f"{count} blocks of streets that share {shared}"
    noun = "recording" if recordings == 1 else "recordings"
    return f"{recordings} {noun} in {kind}."


def has_recordings(samples: pd.DataFrame) -> bool:
    """Returns whether the table distinguishes recordings: by robots, times or both."""
    return bool(samples["time"].notna().any() or len(set(samples["robot"])) > 1)


def project_places(samples: pd.DataFrame) -> np.ndarray:
    """Converts `lon` and `lat` to metres east and north of their mean, (frames, 2), NaN where unknown."""
    places = np.radians(samples[["lon", "lat"]].to_numpy(float))
    has_place = np.isfinite(places).all(1)
    if not has_place.any():
        return places
    middle = places[has_place].mean(0)
    return EARTH * (places - middle) * [np.cos(middle[1]), 1]
