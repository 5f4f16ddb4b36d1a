"""Groups frames that belong together: recordings, and blocks of recordings that share ground or a view."""

from collections.abc import Iterator
from itertools import chain

import numpy as np
import pandas as pd

from src.common.errors import SettingsError
from src.data.columns import ADDED, unify_case
from src.data.likeness import find_same_views
from src.data.tables import is_blank

SMALLEST_GAP = 60.0  # seconds; a shorter time without a frame does not end a recording
GAP_FACTOR = 10.0  # a gap must also be longer than this many times the robot's median spacing of frames
EARTH = 6_371_000.0  # metres; radius of the earth
SAME_GROUND = 15.0  # metres; largest distance of two frames that show the same ground
AT_ONCE = 100  # frames whose neighbours are found at a time
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
    ordered = samples[["robot", "time"]].sort_values(["robot", "time"])
    robots = ordered["robot"]
    spacing = ordered.groupby("robot")["time"].diff().dt.total_seconds()
    limit = (GAP_FACTOR * spacing.groupby(robots).transform("median")).clip(lower=SMALLEST_GAP)
    lacks_time = ordered["time"].isna().groupby(robots).transform("any")
    is_gap = (spacing > limit) & ~lacks_time
    number = is_gap.groupby(robots).cumsum() + 1
    names = robots.where(robots != "", "robot") + "/" + number.astype(str)
    return names.reindex(samples.index).rename("recording")


def find_neighbours(samples: pd.DataFrame, metres: float = SAME_GROUND) -> Iterator[np.ndarray]:
    """Finds the pairs of frames that were taken close to each other.

    Args:
        samples: table with `lat` and `lon` in degrees, NaN where unknown.
        metres: largest distance of a pair, along the earth's surface.

    Yields:
        int64, (pairs, 2): row positions, each pair once. The pairs come in parts, because those of 30,000
        frames of one place would take 7 GB.
    """
    # Not above: the data doctor, who needs neither this nor SciPy, would start more than a second later.
    from sklearn.neighbors import BallTree

    places = np.radians(samples[["lat", "lon"]].to_numpy(float))
    rows = np.flatnonzero(np.isfinite(places).all(1))
    if len(rows) < 2:
        return
    tree = BallTree(places[rows], metric="haversine")
    for part in np.split(rows, range(AT_ONCE, len(rows), AT_ONCE)):
        neighbours = tree.query_radius(places[part], metres / EARTH)
        first = np.repeat(part, [len(found) for found in neighbours])
        second = rows[np.concatenate(neighbours)]
        pairs = np.stack([first, second], 1)
        yield pairs[first < second]  # each pair once, and no frame with itself


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
    block_number = np.arange(len(names))  # of each recording
    for pairs in chain(find_neighbours(samples), find_same_views(images)):
        links = block_number[number[pairs]]
        block_number = _join_blocks(links, len(names))[block_number]
    _, first, sizes = np.unique(block_number, return_index=True, return_counts=True)
    titles = []
    for place, size in zip(first, sizes, strict=True):
        titles.append(f"{names[place]} +{size - 1}" if size > 1 else names[place])
    return pd.Series([titles[block_number[n]] for n in number], index=samples.index, name="block")


def _read_blocks(samples: pd.DataFrame, column: str) -> pd.Series:
    """Takes the blocks from a column of the user's table; blank cells are of UNKNOWN_GROUP."""
    if column not in samples or column in ADDED:
        own = [name for name in samples if name not in ADDED]
        raise SettingsError(
            f"GROUP must be a column of Train/data.csv, found '{column}'; it has {', '.join(own)}. "
            f"(Not {', '.join(ADDED)}, which the project fills itself: rename a column of yours.)"
        )
    values = unify_case(samples[column].astype(str))
    return values.mask(values.map(is_blank), UNKNOWN_GROUP).rename("block")


def _join_blocks(links: np.ndarray, count: int) -> np.ndarray:
    """Joins the blocks that are connected by links: the new number of each of `count` blocks.

    Args:
        links: int, (links, 2): numbers of two blocks each.
        count: number of blocks.
    """
    # Not above, as with `find_neighbours`
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    connected = coo_array((np.ones(len(links)), (links[:, 0], links[:, 1])), shape=(count, count))
    _, joined = connected_components(connected, directed=False)
    return joined


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
