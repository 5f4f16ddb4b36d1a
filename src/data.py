"""data.csv -> table of samples -> frames decoded once -> batches; one loader for training and prediction."""

import hashlib
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import tensorflow as tf
from PIL import Image, ImageOps
from tqdm import tqdm

from src.classes import IGNORE, NO_LABEL, UNKNOWN, Classes, ClassList

PIXEL_BUDGET = (
    176_000  # of the network's input where SIZE is "auto": 352 x 480 for 4:3 photos, 288 x 512 for 16:9
)
MEMORY_LIMIT = 2 * 2**30  # bytes of decoded frames kept in memory; beyond it they lie in a temporary file


class DataError(ValueError):
    """The user's data break a rule; the message names file or column, what was found and the way out."""


# The table ----------------------------------------------


def read_samples(folder: str | Path, classes: Classes) -> pd.DataFrame:
    """Reads `data.csv` and what the files' headers say.

    Args:
        folder: holds `data.csv`; the paths in it are relative to this folder.
        classes: the classes of both tasks.

    Returns:
        One row a frame, the columns of the file and: `image` and `mask` (absolute paths; mask "" where there
        is none), `label` (class index, NO_LABEL where there is none), `robot` (str), `time` (UTC, NaT where
        unknown), `lon` and `lat` (degrees, NaN where unknown), `height` and `width` (pixels, EXIF rotation
        applied).

    Raises:
        DataError: the table or a file of it breaks the data contract.
    """
    folder = Path(folder)
    table = _read_table(folder / "data.csv")
    samples = table.copy()
    samples["image"] = [
        _find_file(folder, path, "image_path", "drop the row") for path in table["image_path"]
    ]
    masks = table["label_path"] if "label_path" in table else [""] * len(table)
    samples["mask"] = [
        _find_file(folder, path, "label_path", "empty the cell") if path else "" for path in masks
    ]
    samples["label"] = _read_labels(folder / "data.csv", table, classes.label)
    robot = next((table[name] for name in ("kiwibot_id", "robot_id") if name in table), "")
    samples["robot"] = robot
    samples["time"] = _read_times(folder / "data.csv", table)
    samples["lon"], samples["lat"] = _read_positions(table)
    with ThreadPoolExecutor() as pool:
        sizes = list(pool.map(read_size, samples["image"]))
        mask_sizes = list(pool.map(lambda path: read_size(path) if path else None, samples["mask"]))
    for image, mask, size, mask_size in zip(table["image_path"], masks, sizes, mask_sizes, strict=True):
        if mask_size and mask_size != size:
            raise DataError(
                f"{folder / mask} must have its photo's height and width, {size[0]} x {size[1]} as {image}, "
                f"found {mask_size[0]} x {mask_size[1]}; export the mask again at the photo's size."
            )
    samples["height"], samples["width"] = zip(*sizes, strict=True)
    return samples


def _read_table(path: Path) -> pd.DataFrame:
    if not path.exists():
        raise DataError(
            f"{path.parent} must hold a data.csv, one row a frame; Train/README.md says which columns it has."
        )
    with path.open(encoding="utf-8-sig") as file:
        head = file.readline()
    separator = max(",;\t", key=head.count)
    table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig", sep=separator)
    if "image_path" not in table or table.empty:
        raise DataError(
            f"{path} must have a column image_path and at least one row; found {list(table.columns)}."
        )
    for name in table.columns.intersection(["image_path", "label_path"]):
        table[name] = table[name].str.strip().str.replace("\\", "/")
    stems = table["image_path"].map(lambda name: Path(name).stem)
    if stems.duplicated().any():
        twins = table["image_path"][stems == stems[stems.duplicated()].iloc[0]]
        raise DataError(f"{path}: two photos may not share a name: {', '.join(twins)}; rename or drop one.")
    return table


def _find_file(folder: Path, name: str, column: str, way_out: str) -> str:
    path = folder / name
    if not name or not path.is_file():
        raise DataError(
            f"{folder / 'data.csv'}, column {column}: there is no file '{name}'; add it or {way_out}."
        )
    return str(path.resolve())


def _read_labels(path: Path, table: pd.DataFrame, labels: ClassList) -> list[int]:
    index = {"": NO_LABEL} | {id: position for position, id in enumerate(labels.ids)}
    if "image_lvl_label" not in table:
        return [NO_LABEL] * len(table)
    found = []
    for name, text in zip(table["image_path"], table["image_lvl_label"].str.strip(), strict=True):
        number = pd.to_numeric(text, errors="coerce")
        key = int(number) if text and number == number // 1 else text
        if key not in index:
            raise DataError(
                f"{path}: image_lvl_label of {name} must be one of {labels.ids} or empty, found '{text}'; "
                "correct it, or add the class to classes.csv."
            )
        found.append(index[key])
    return found


def _read_times(path: Path, table: pd.DataFrame) -> pd.Series:
    text = table["timestamp"].str.strip() if "timestamp" in table else pd.Series("", index=table.index)
    times = pd.to_datetime(text, utc=True, errors="coerce", format="ISO8601")
    bad = table[times.isna() & (text != "")]
    if len(bad):
        raise DataError(
            f"{path}: timestamp of {bad['image_path'].iloc[0]} must be ISO 8601 or empty, found "
            f"'{bad['timestamp'].iloc[0]}'; write it like 2026-02-03T09:30:00Z ({len(bad)} rows)."
        )
    return times


def _read_positions(table: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Longitude and latitude in degrees, of the columns `lon` and `lat` or of points "POINT (lon lat)"."""
    if "gps_point" in table and not {"lon", "lat"} <= set(table):
        parts = table["gps_point"].str.extract(r"(-?\d+\.?\d*)[ ,;]+(-?\d+\.?\d*)")
    else:
        parts = table.reindex(columns=["lon", "lat"])
    lon, lat = (pd.to_numeric(parts[name], errors="coerce") for name in parts)
    return lon.where(lon.abs() <= 180), lat.where(lat.abs() <= 90)


def read_size(path: str) -> tuple[int, int]:
    """Reads (height, width) of a picture from its header, as they are once EXIF rotation is applied."""
    try:
        with Image.open(path) as picture:
            width, height = picture.size
            turned = picture.getexif().get(0x0112, 1) >= 5
    except OSError as error:
        raise DataError(
            f"{path} must be a JPEG or PNG picture, it cannot be read; export it again."
        ) from error
    return (width, height) if turned else (height, width)


def require_masks(samples: pd.DataFrame) -> None:
    """Refuses a table without a single mask.

    Raises:
        DataError: no row has a `label_path`.
    """
    if (samples["mask"] == "").all():
        raise DataError(
            "Train/data.csv must name some masks in label_path, every cell is empty; add masks to learn from."
        )


def fingerprint_data(samples: pd.DataFrame, classes: Classes) -> str:
    """Names data by 8 hex digits that change with paths, answers, recordings, classes and photos' sizes."""
    photos = [(row.image_path, Path(row.image).stat().st_size) for row in samples.itertuples()]
    answers = [(row.label, _hash_file(row.mask)) for row in samples.itertuples()]
    places = [(row.robot, str(row.time)) for row in samples.itertuples()]
    return hashlib.sha256(repr((photos, answers, places, classes)).encode()).hexdigest()[:8]


def _hash_file(path: str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest() if path else ""


def count_samples(samples: pd.DataFrame, classes: Classes) -> pd.DataFrame:
    """Counts frames, masks and labels: what there is to learn from, in one row."""
    counts = {"frames": len(samples), "with mask": int((samples["mask"] != "").sum())}
    counts |= {
        f"label: {name}": int((samples["label"] == i).sum()) for i, name in enumerate(classes.label.names)
    }
    counts["no label"] = int((samples["label"] == NO_LABEL).sum())
    return pd.DataFrame([counts])


# One frame ----------------------------------------------


def choose_size(samples: pd.DataFrame, size: str | tuple[int, int]) -> tuple[int, int]:
    """Chooses the network's input size: (height, width), multiples of 32, of the commonest photo's shape.

    Args:
        samples: table with `height` and `width`.
        size: "auto" for the largest within PIXEL_BUDGET, or (height, width) to check.

    Raises:
        ValueError: a side is no multiple of 32.
    """
    if size != "auto":
        if not (isinstance(size, (tuple, list)) and len(size) == 2):
            raise ValueError(f"SIZE must be 'auto' or (height, width) in px, found {size!r}; try (256, 352).")
        nearest = tuple(max(32, round(side / 32) * 32) for side in size)
        if tuple(size) != nearest:
            raise ValueError(f"SIZE must be two multiples of 32, found {tuple(size)}; nearest is {nearest}.")
        return nearest
    height, width = samples.groupby(["height", "width"]).size().idxmax()
    sides = np.arange(32, PIXEL_BUDGET // 32, 32)
    grid = [
        (int(h), int(w)) for h in sides for w in sides if h * w <= PIXEL_BUDGET and h <= height and w <= width
    ]
    if not grid:
        return (32, 32)
    stretch = {pair: abs(np.log((pair[0] / pair[1]) / (height / width))) for pair in grid}
    return max(grid, key=lambda pair: np.log(pair[0] * pair[1]) - 4 * stretch[pair])


def turn_size(size: tuple[int, int], height: int, width: int) -> tuple[int, int]:
    """Turns the network's size upright where the photo stands and the size lies, or the other way round."""
    return size if (height <= width) == (size[0] <= size[1]) else size[::-1]


def load_photo(path: str, size: tuple[int, int]) -> np.ndarray:
    """Reads a photo as uint8 RGB, (*size, 3): any mode made RGB, EXIF rotation applied, area-averaged.

    A JPEG is decoded at a half, a quarter or an eighth where the size asked for is smaller still.
    """
    height, width = read_size(path)
    shrink = min(height // size[0], width // size[1])
    flag = next((flag for least, flag in _REDUCED if shrink >= least), cv2.IMREAD_COLOR)
    content = np.fromfile(path, np.uint8)  # OpenCV's imread fails on accents in Windows paths
    if bytes(content[:2]) != b"\xff\xd8":  # only a JPEG is averaged when it is decoded smaller
        flag = cv2.IMREAD_COLOR
    photo = cv2.imdecode(content, flag)
    if photo is None:
        raise DataError(
            f"{path} must be a JPEG or PNG picture, its content cannot be decoded; export it again."
        )
    photo = cv2.cvtColor(photo, cv2.COLOR_BGR2RGB)
    smaller = photo.shape[0] >= size[0] and photo.shape[1] >= size[1]
    return cv2.resize(photo, size[::-1], interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)


_REDUCED = ((8, cv2.IMREAD_REDUCED_COLOR_8), (4, cv2.IMREAD_REDUCED_COLOR_4), (2, cv2.IMREAD_REDUCED_COLOR_2))


def load_mask(path: str, classes: ClassList, size: tuple[int, int] | None = None) -> np.ndarray:
    """Reads a mask as uint8 class indices, (height, width); IGNORE where no class counts.

    Args:
        path: 8-bit PNG of class ids: one channel, equal channels, or a palette whose entries are the ids.
        classes: the mask classes.
        size: (height, width) to return, by nearest neighbour; None keeps the file's size.

    Raises:
        DataError: another format, or an id that no class has.
    """
    with Image.open(path) as picture:
        ids = np.asarray(ImageOps.exif_transpose(picture))
    if ids.ndim == 3:
        if (ids[..., :3] != ids[..., :1]).any():
            raise DataError(
                f"{path} must hold one class id a pixel, its colour channels differ; export ids, not colours."
            )
        ids = ids[..., 0]
    if ids.dtype == bool:
        ids = ids.astype(np.uint8)
    if ids.dtype != np.uint8:
        raise DataError(
            f"{path} must be an 8-bit picture of class ids, found {ids.dtype}; export it as 8-bit grey."
        )
    mask = classes.encode(ids)
    if (mask == UNKNOWN).any():
        unknown = sorted(set(np.unique(ids)) - set(classes.ids) - {classes.ignore_id})
        raise DataError(
            f"{path} holds the ids {[int(id) for id in unknown]} that no class has; add them to classes.csv."
        )
    if size is not None:
        mask = cv2.resize(
            mask, size[::-1], interpolation=cv2.INTER_NEAREST_EXACT
        )  # blending 1 and 3 would invent 2
    return mask


# All frames ----------------------------------------------


@dataclass
class Frames:
    """Frames decoded at the network's size; row i of each list is one frame.

    Attributes:
        images: uint8 RGB, (H, W, 3) each; upright photos are upright here too.
        masks: uint8 class indices, (H, W) each, all IGNORE where the frame has no mask.
        labels: int32, (frames,); NO_LABEL where the frame has no label.
        has_mask: bool, (frames,).
    """

    images: list[np.ndarray]
    masks: list[np.ndarray]
    labels: np.ndarray
    has_mask: np.ndarray

    def __len__(self) -> int:
        return len(self.images)

    def take(self, rows: np.ndarray) -> "Frames":
        """Gives some of the frames, without copying pixels."""
        images, masks = [self.images[i] for i in rows], [self.masks[i] for i in rows]
        return Frames(images, masks, self.labels[rows], self.has_mask[rows])


def load_frames(samples: pd.DataFrame, classes: Classes, size: tuple[int, int]) -> Frames:
    """Decodes every photo and mask once, at the network's size.

    Up to MEMORY_LIMIT bytes stay in memory; a larger set lies in a temporary file that the system pages.

    Args:
        samples: table of `read_samples`.
        classes: the classes of both tasks.
        size: (height, width) of the network's input.
    """
    area = size[0] * size[1]
    shape = (len(samples), area * 4)
    if shape[0] * shape[1] <= MEMORY_LIMIT:
        store = np.empty(shape, np.uint8)
    else:
        with tempfile.TemporaryFile() as file:  # the map outlives the handle, the file goes with the map
            store = np.memmap(file, np.uint8, "w+", shape=shape)
    sizes = [turn_size(size, row.height, row.width) for row in samples.itertuples()]
    images = [line[: area * 3].reshape(*turned, 3) for line, turned in zip(store, sizes, strict=True)]
    masks = [line[area * 3 :].reshape(turned) for line, turned in zip(store, sizes, strict=True)]

    def load(row: int, image_path: str, mask_path: str) -> None:
        images[row][:] = load_photo(image_path, sizes[row])
        masks[row][:] = load_mask(mask_path, classes.mask, sizes[row]) if mask_path else IGNORE

    with ThreadPoolExecutor() as pool:
        jobs = pool.map(load, range(len(samples)), samples["image"], samples["mask"])
        for _ in tqdm(jobs, "Reading frames", total=len(samples), unit="frame", mininterval=1):
            continue
    return Frames(images, masks, samples["label"].to_numpy(np.int32), (samples["mask"] != "").to_numpy())


def order_rows(frames: Frames, batch_size: int, seed: int, epoch: int) -> np.ndarray:
    """Orders the rows of one epoch so that each batch holds rows with a mask and rows with a label.

    Frames with both answers, with a mask alone and with a label alone are shuffled each for itself, then
    spread evenly.

    Args:
        frames: what there is; every row has a mask, a label or both.
        batch_size: rows a batch.
        seed: with `epoch`, settles the order.
        epoch: counts from 0.

    Returns:
        int64, (steps * batch_size,): whole batches; the last rows of the epoch are left out, or the first
        come again where there is not even one batch.
    """
    rng = np.random.default_rng((seed, epoch))
    has_label = frames.labels != NO_LABEL
    kind = frames.has_mask + 2 * has_label
    place = np.empty(len(frames))
    for rows in (np.flatnonzero(kind == k) for k in np.unique(kind)):
        place[rng.permutation(rows)] = (np.arange(len(rows)) + rng.random(len(rows))) / len(rows)
    steps = count_steps(len(frames), batch_size)
    batches = np.resize(np.argsort(place), (steps, batch_size))
    for wanted, column in ((has_label, -1), (frames.has_mask, -2)):
        if wanted.any() and batch_size > 1:
            lacking = ~wanted[batches].any(1)
            batches[lacking, column] = rng.choice(np.flatnonzero(wanted), lacking.sum())
    return batches.ravel()


def count_steps(frames: int, batch_size: int) -> int:
    """Counts the batches of one epoch."""
    return max(1, frames // batch_size)


def make_batches(
    frames: Frames,
    augment: Callable,
    *,
    batch_size: int,
    crop: tuple[int, int],
    seed: int,
    with_label: bool,
    first_step: int = 0,
) -> tf.data.Dataset:
    """Makes endless training batches: augmented crops, settled by (seed, epoch, row) alone.

    Args:
        frames: what to train on.
        augment: makes of an image and a mask a random crop of both; called with (image, mask, crop, rng).
        batch_size: rows a batch.
        crop: (height, width) of the network's input in training.
        seed: settles order and augmentation.
        with_label: True adds the target "label".
        first_step: the batch to begin with, when a training goes on.

    Returns:
        Dataset of (image uint8 (B, *crop, 3), {"mask": uint8 (B, *crop), "label": int32 (B,)}).
    """

    def iterate() -> Iterator[tuple[int, int]]:
        epoch, done = divmod(first_step, count_steps(len(frames), batch_size))
        while True:
            rows = order_rows(frames, batch_size, seed, epoch)[done * batch_size :]
            yield from ((epoch, row) for row in rows)
            epoch, done = epoch + 1, 0

    def load(epoch: int, row: int) -> tuple[np.ndarray, np.ndarray, np.int32]:
        rng = np.random.default_rng((seed, int(epoch), int(row)))
        return (*augment(frames.images[row], frames.masks[row], crop, rng), frames.labels[row])

    def shape(image: tf.Tensor, mask: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, dict]:
        target = {"mask": tf.ensure_shape(mask, crop)}
        if with_label:
            target["label"] = tf.ensure_shape(label, ())
        return tf.ensure_shape(image, (*crop, 3)), target

    numbers = tf.TensorSpec((), tf.int64)
    rows = tf.data.Dataset.from_generator(iterate, output_signature=(numbers, numbers))
    decoded = rows.map(
        lambda epoch, row: tf.numpy_function(load, (epoch, row), (tf.uint8, tf.uint8, tf.int32)),
        num_parallel_calls=2,
    )
    return decoded.map(shape).batch(batch_size).prefetch(2)


def make_whole_batches(frames: Frames, batch_size: int, with_label: bool) -> tf.data.Dataset:
    """Makes batches of whole frames for validation, lying and upright photos apart."""
    groups: dict[tuple, list[int]] = {}
    for row, image in enumerate(frames.images):
        groups.setdefault(image.shape, []).append(row)
    chunks = [rows[i : i + batch_size] for rows in groups.values() for i in range(0, len(rows), batch_size)]

    def iterate() -> Iterator[tuple[np.ndarray, dict]]:
        for rows in chunks:
            part = frames.take(np.array(rows))
            target = {"mask": np.stack(part.masks)} | ({"label": part.labels} if with_label else {})
            yield np.stack(part.images), target

    target = {"mask": tf.TensorSpec((None, None, None), tf.uint8)}
    if with_label:
        target["label"] = tf.TensorSpec((None,), tf.int32)
    signature = (tf.TensorSpec((None, None, None, 3), tf.uint8), target)
    batches = tf.data.Dataset.from_generator(iterate, output_signature=signature)
    return batches.apply(tf.data.experimental.assert_cardinality(len(chunks))).prefetch(1)


def choose_crop(size: tuple[int, int], share: float) -> tuple[int, int]:
    """Chooses the size of a training crop: about `share` of the network's input, in multiples of 32."""
    return tuple(max(32, round(side * share / 32) * 32) for side in size)


def shrink_mask(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resizes a mask of class indices to (height, width) by nearest neighbour, to show it."""
    return cv2.resize(mask, size[::-1], interpolation=cv2.INTER_NEAREST_EXACT)


def add_truth(samples: pd.DataFrame, reference: str | Path, classes: Classes) -> pd.DataFrame:
    """Gives Test's table with the truth of a reference folder in `mask` and `label`, as `read_samples` does.

    Args:
        samples: table of the Test frames, or some of its rows.
        reference: folder with `data.csv`; a label in it that is no class counts as unknown.
        classes: of both tasks.
    """
    table = _read_table(Path(reference) / "data.csv").set_index("image_path")
    table = table.reindex(samples["image_path"]).reindex(columns=["label_path", "image_lvl_label"]).fillna("")
    masks = [str(Path(reference) / name) if name else "" for name in table["label_path"]]
    number = pd.to_numeric(table["image_lvl_label"], errors="coerce")
    index = {id: position for position, id in enumerate(classes.label.ids)}
    return samples.assign(mask=masks, label=[index.get(id, NO_LABEL) for id in number])


def load_masks(samples: pd.DataFrame, classes: Classes, sizes: list[tuple[int, int]]) -> list[np.ndarray]:
    """Reads the masks of some frames, to show them: uint8 class indices, IGNORE where a frame has none.

    Args:
        samples: rows with `mask`.
        classes: of both tasks.
        sizes: (height, width) for each row.
    """
    return [
        load_mask(path, classes.mask, size) if path else np.full(size, IGNORE, np.uint8)
        for path, size in zip(samples["mask"], sizes, strict=True)
    ]
