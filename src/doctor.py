"""What is in Train and Test, and all that is wrong with it: `python -m src.doctor Train [--test Test]`."""

import argparse
import hashlib
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from src import classes as class_lists
from src import data, files, pictures, split
from src.classes import NO_LABEL, Classes, ClassList
from src.cores import count_cores
from src.errors import DataError
from src.tables import SHOWN_ROWS, Problem, count_off, is_blank, read_number

LEVELS = ("error", "warning", "note")
THUMBNAIL = (48, 64)  # (height, width) at which a photo's light is measured
LIGHT = {"dark": 64, "dim": 128, "bright": 192, "very bright": 256}  # brightness below, of 255
SCARCE = 0.01  # share of a mask's pixels that must count, else it is nearly empty
TURNED = 0.1  # a difference of the shares of upright photos from which it is worth a word
MANY = 3  # recordings with a frame at one and the same position, from which it is worth a word
DIM = 2**14  # a 16-bit photo whose values stay below is dark, or a camera's of 14 bits
BLENDED = 0.5  # share of all pixels below which values between the ids may be blended edges
METRES = 100  # a depth that never exceeds this is hardly one in millimetres


@dataclass(frozen=True)
class Diagnosis:
    """What `examine` found.

    Attributes:
        frames: a row a folder, what there is.
        classes: a row a class, its share of Train and where it occurs.
        light: share of pixels by brightness, in percent, a column a folder.
        looks: a row a photo, in percent: brightness, saturation, warmth (red minus blue), and its folder.
        problems: errors first, then warnings, then notes.
    """

    frames: pd.DataFrame
    classes: pd.DataFrame
    light: pd.DataFrame
    looks: pd.DataFrame
    problems: list[Problem]

    def describe(self, every_row: bool = False) -> str:
        """Lists the problems, a line each.

        Args:
            every_row: below a problem of several rows, also all of them, in a line of its own.
        """
        lines = []
        for problem in self.problems:
            lines.append(f"{problem.level}: {problem.text}")
            if every_row and problem.rows:
                lines.append(f"    {problem.rows}")
        return "\n".join(lines or ["Nothing is wrong with the data."])


@dataclass
class View:
    """What the files of one frame hold.

    Attributes:
        errors, warnings: about the files, without file and row of the table.
        notes: what was put right, in words that are counted over all frames.
        digest: of the photo's bytes.
        light: float, (len(LIGHT),): share of the pixels by brightness.
        look: mean brightness, saturation and warmth, in percent.
        pixels: int64, (256,): of the mask by id; None without one.
    """

    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    digest: str = ""
    light: np.ndarray | None = None
    look: tuple[float, float, float] | None = None
    pixels: np.ndarray | None = None


def examine(train: str | Path, test: str | Path | None = None) -> Diagnosis:
    """Reads every file of Train and Test once, and tells all that is wrong.

    Args:
        train: folder of the frames to learn from.
        test: folder of the hidden frames; None: not looked at.
    """
    try:
        classes, problems = class_lists.inspect_classes(train)
    except DataError as error:
        return Diagnosis(*[pd.DataFrame()] * 4, [Problem("error", str(error))])
    frames, light, looks, digests, upright = {}, {}, [], {}, {}
    listed = pd.DataFrame()
    for name, folder in (("Train", train), ("Test", test)):
        if folder is None:
            continue
        try:
            samples, found = data.inspect_samples(folder, classes)
        except DataError as error:
            problems.append(Problem("error", str(error)))
            continue
        path = Path(folder) / "data.csv"
        with ThreadPoolExecutor(count_cores()) as pool:
            views = list(pool.map(lambda row: _look(row, classes), samples.itertuples()))
        _name_unknown_ids(samples, views, classes.mask)
        problems += found + _gather(path, samples, views)
        problems += _find_oddities(path, samples)
        if name == "Train":
            listed = _table_of_classes(samples, views, classes)
            problems += _find_gaps(path, samples, listed)
            problems += _find_trivial_labels(path, samples, classes)
            problems += _find_trivial_masks(path, views, classes.mask)
        frames[name] = _count(samples)
        upright[name] = (samples["height"] > samples["width"]).mean()
        seen = [view.light for view in views if view.light is not None]
        light[name] = 100 * np.mean(seen, 0) if seen else np.full(len(LIGHT), np.nan)
        looks += [(name, *view.look) for view in views if view.look]
        digests[name] = dict(zip([view.digest for view in views], samples.itertuples(), strict=True))
    problems += _find_shared(digests)
    problems += _find_turned(upright)
    order = sorted(dict.fromkeys(problems), key=lambda problem: LEVELS.index(problem.level))
    bright = pd.DataFrame(light, index=pd.Index(LIGHT, name="pixels, %")).round(1)
    looked = pd.DataFrame(looks, columns=["folder", "brightness", "saturation", "warmth"])
    return Diagnosis(pd.DataFrame(frames).T, listed, bright, looked, order)


# One frame ----------------------------------------------


def _look(row: tuple, classes: Classes) -> View:
    """Reads photo, mask and depth of one frame."""
    view = View()
    steps = (
        (row.image and row.height, _look_at_photo),
        (row.mask, _look_at_mask),
        (row.depth, _look_at_depth),
    )
    for there, step in steps:
        try:
            if there:
                step(view, row, classes)
        except DataError as error:
            view.errors.append(str(error))
    return view


def _look_at_photo(view: View, row: tuple, classes: Classes) -> None:
    view.digest = hashlib.sha256(Path(row.image).read_bytes()).hexdigest()
    header = pictures.read_header(row.image)
    if header.mode != "RGB":
        view.notes.append(f"photos are {header.mode}, made RGB")
    if header.orientation != 1:
        view.notes.append("photos are turned as their EXIF or XMP says")
    photo = pictures.load_photo(row.image, THUMBNAIL)
    if header.bits == 16:
        _look_at_bits(view, row)
    grey = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
    view.light = np.histogram(grey, [0, *LIGHT.values()])[0] / grey.size
    vivid = cv2.cvtColor(photo, cv2.COLOR_RGB2HSV)[..., 1].mean()
    warm = photo[..., 0].mean() - photo[..., 2].mean()
    view.look = tuple(float(value) / 2.55 for value in (grey.mean(), vivid, warm))


def _look_at_bits(view: View, row: tuple) -> None:
    """Warns of a photo of 16 bits that uses a quarter of their range, as one of a camera of 14 bits does."""
    with Path(row.image).open("rb") as file:
        peak = int(pictures.decode_deep(file).max())
    if peak < DIM:
        text = f"{row.image_path} holds at most {peak:,} of 65,535, so it is read as dark; values of 14 bits?"
        view.warnings.append(text)


def _look_at_mask(view: View, row: tuple, classes: Classes) -> None:
    mode = pictures.read_header(row.mask, ("PNG",)).mode
    if mode != "L":
        view.notes.append(f"masks are {mode}, read as one id a pixel")
    ids = pictures.read_ids(row.mask)
    view.pixels = class_lists.count_values(ids)
    if view.pixels[classes.mask.ignore_id] > (1 - SCARCE) * ids.size:
        view.warnings.append(f"nearly every pixel of {row.label_path} is ignored; look at the mask.")


def _look_at_depth(view: View, row: tuple, classes: Classes) -> None:
    steps = pictures.load_steps(row.depth)
    if 0 < steps.max() <= METRES:
        text = f"{row.depth_path} holds at most {steps.max()}; depth in metres? Millimetres are usual."
        view.warnings.append(text)
    if row.height and steps.shape == (row.width, row.height) and row.height != row.width:
        raise DataError(
            f"{row.depth} must lie as its photo is seen, {row.height} x {row.width}, found {row.width} x "
            f"{row.height}; turn the depth likewise."
        )
    if row.height and steps.shape != (row.height, row.width):
        view.notes.append("depth maps have another size than their photo, resized")


# All frames ----------------------------------------------


def _gather(path: Path, samples: pd.DataFrame, views: list[View]) -> list[Problem]:
    """Turns what the files hold into problems with file and row; what was put right is counted."""
    problems = data.gather_alike("error", path, samples, [view.errors for view in views])
    problems += data.gather_alike("warning", path, samples, [view.warnings for view in views])
    for note, count in Counter(note for view in views for note in view.notes).items():
        problems.append(Problem("note", f"{path.parent}: {note} ({count} of {len(views)} frames)."))
    return problems


def _name_unknown_ids(samples: pd.DataFrame, views: list[View], classes: ClassList) -> None:
    """Adds an error to each view whose mask holds ids that no class has; why, all masks together tell."""
    unknown = [[] if view.pixels is None else pictures.find_unknown(view.pixels, classes) for view in views]
    if not any(unknown):
        return
    pixels = np.sum([view.pixels for view in views if view.pixels is not None], 0)
    every = pictures.find_unknown(pixels, classes)
    which = "the ids" if all(ids in ([], every) for ids in unknown) else "some of the ids"
    way_out = _guess_unknown(pixels, every, classes) or pictures.ADD_IDS
    for row, view, ids in zip(samples.itertuples(), views, unknown, strict=True):
        if ids:
            text = f"{row.mask} holds {which} {pictures.shorten(every)} that no class has; {way_out}."
            view.errors.append(text)


def _guess_unknown(pixels: np.ndarray, unknown: list[int], classes: ClassList) -> str:
    """Guesses why masks hold ids that no class has, from their pixels by id; "" where nothing is likely."""
    held = set(np.flatnonzero(pixels).tolist())
    shift = pictures.guess_shift(held - {classes.ignore_id}, classes)
    if shift:
        return f"{shift}; write the masks or classes.csv anew"
    known = held - set(unknown)
    between = known and min(known) < unknown[0] and unknown[-1] < max(known)
    if between and pixels[unknown].sum() < BLENDED * pixels.sum():
        return (
            "they lie between the ids, as of blended edges: export without smoothing, by nearest neighbour; "
            f"if they are classes, {pictures.ADD_IDS}"
        )
    return ""


def _find_trivial_masks(path: Path, views: list[View], classes: ClassList) -> list[Problem]:
    """Finds that fewer than two classes have pixels, so that there is nothing to tell apart."""
    counts = [view.pixels for view in views if view.pixels is not None]
    pixels = np.sum(counts, 0) if counts else np.zeros(256, np.int64)
    present = [name for id, name in zip(classes.ids, classes.names, strict=True) if pixels[id]]
    if not pixels.any() or len(present) > 1 or pictures.find_unknown(pixels, classes):
        return []
    left = f"one class is left, '{present[0]}'" if present else "no class is left"
    rule = f"{path}: the masks must hold two classes or more"
    if pixels[classes.ignore_id]:
        ids = np.flatnonzero(pixels).tolist()
        ignored = classes.ignore_id
        text = (
            f"{rule}, found {ids}, of which {ignored} is ignored, so {left}; if {ignored} is a class, list "
            f"it in classes.csv (mask,{ignored},NAME; in a reference's, too), else write the classes' ids."
        )
    else:
        text = f"{rule}, found '{present[0]}' alone in every pixel; look at the masks, and at classes.csv."
    return [Problem("error", text)]


def _find_oddities(path: Path, samples: pd.DataFrame) -> list[Problem]:
    """Finds what is suspicious in a table, though it can be worked with."""
    texts = []
    if "depth_path" in samples and (samples["depth"] == "").any():
        texts.append(f"{(samples['depth'] == '').sum()} of {len(samples)} frames have no depth.")
    lost = samples[["lon", "lat"]].isna().any(axis=1)
    if lost.any() and (not lost.all() or "gps_point" in samples):
        rows = count_off(samples["row"][lost].tolist())
        texts.append(
            f"{lost.sum()} of {len(samples)} frames have no position (rows {rows}) and count by time alone."
        )
    texts += _find_stuck(samples)
    if "timestamp" in samples:
        times = samples["timestamp"]
        dated = samples["time"].notna() & times.map(read_number).isna()
        zoned = times[dated].str.contains(r"(?:Z|[+-]\d\d:?\d\d)$")
        if len(zoned) and (zoned != zoned.iloc[0]).any():
            row = samples["row"][zoned.index[zoned != zoned.iloc[0]][0]]
            texts.append(f"timestamps are mixed with and without zone, first in row {row}; UTC is assumed.")
    if any(samples["mask"] != "") and not split.has_recordings(samples) and samples["lon"].isna().all():
        texts.append(
            "no timestamp and no robot_id, so nothing tells drives apart: one may be on both sides of the "
            "split, and its score too high without being called leaky; name each drive in robot_id."
        )
    taught = (samples["mask"] != "").any() or (samples["label"] != NO_LABEL).any()
    if taught and split.has_recordings(samples) and len(split.find_recordings(samples).unique()) == 1:
        texts.append("all frames are of one recording, so no score on another can be had; add drives.")
    return [Problem("warning", f"{path}: {text}") for text in texts]


def _find_stuck(samples: pd.DataFrame) -> list[str]:
    """Finds one and the same position in many recordings, as a receiver's that shows where it was last."""
    recordings = split.find_recordings(samples)
    counts = recordings.groupby([samples["lon"], samples["lat"]]).nunique()
    stuck = counts[counts >= MANY].sort_values(ascending=False)
    if stuck.empty:
        return []
    lon, lat = stuck.index[0]
    rows = samples["row"][(samples["lon"] == lon) & (samples["lat"] == lat)].tolist()
    begin = f"{len(stuck)} positions are each" if len(stuck) > 1 else "one position is"
    return [
        f"{begin} written in {MANY} recordings or more, as {lon:g}, {lat:g} in {stuck.iloc[0]} recordings "
        f"(rows {count_off(rows)}), which makes them one block; if they were elsewhere, empty the cells."
    ]


def _find_trivial_labels(path: Path, samples: pd.DataFrame, classes: Classes) -> list[Problem]:
    """Finds that there are no labels, or that all are one, so that there is nothing to tell apart."""
    labels = samples["label"][samples["label"] != NO_LABEL]
    if len(set(labels)) > 1:
        return []
    cells = samples.get("image_lvl_label", pd.Series("", index=samples.index))
    if labels.empty and not (cells.map(is_blank) | cells.str.startswith("-1")).all():
        return []  # they cannot be read, which is said
    name = classes.label.names[labels.iloc[0] if len(labels) else 0]
    found = f"all {len(labels)} labels are '{name}'" if len(labels) else "there are no labels"
    text = (
        f"{path}: {found}, so the label task says nothing: every frame will get '{name}', and labels' scores "
        "mean nothing; fill image_lvl_label with two classes or more."
    )
    return [Problem("warning", text)]


def _find_gaps(path: Path, samples: pd.DataFrame, listed: pd.DataFrame) -> list[Problem]:
    """Finds what Train lacks: answers at all, classes, or classes on more than one recording."""
    try:
        data.require_masks(samples)
    except DataError as error:
        return [Problem("error", str(error))]
    several = len(split.find_recordings(samples).unique()) > 1
    problems = []
    for task, part in listed.groupby("task", sort=False):
        never = part["name"][part["frames"] == 0].tolist()
        once = part["name"][(part["recordings"] == 1) & several].tolist()
        # where there are no labels at all, `_find_trivial_labels` tells
        if never and part["frames"].any():
            text = f"{path}: {_name_classes(task, never)} never occurs, it cannot be learnt."
            problems.append(Problem("warning", text))
        if once:
            text = (
                f"{path}: {_name_classes(task, once)} occurs in one recording only; held out, it is not "
                "learnt, else not scored."
            )
            problems.append(Problem("warning", text))
    return problems


def _name_classes(task: str, names: list[str]) -> str:
    """Names one class or several: "the mask class 'a'", "each of 2 mask classes ('a', 'b')"."""
    if len(names) == 1:
        return f"the {task} class '{names[0]}'"
    shown = ", ".join(f"'{name}'" for name in names[:SHOWN_ROWS])
    more = ", ..." if len(names) > SHOWN_ROWS else ""
    return f"each of {len(names)} {task} classes ({shown}{more})"


def _table_of_classes(samples: pd.DataFrame, views: list[View], classes: Classes) -> pd.DataFrame:
    """Lists each class of both tasks: its share of pixels or labels, its frames and recordings."""
    recordings = split.find_recordings(samples).to_numpy()
    none = np.zeros(256, np.int64)
    pixels = np.stack([none if view.pixels is None else view.pixels for view in views])
    pixels = pixels[:, list(classes.mask.ids)]
    labels = samples["label"].to_numpy()[:, None] == np.arange(len(classes.label))
    rows = []
    for task, names, counts in (("mask", classes.mask.names, pixels), ("label", classes.label.names, labels)):
        for name, count in zip(names, counts.T, strict=True):
            share, there = 100 * count.sum() / max(counts.sum(), 1), count > 0
            rows.append((task, name, round(share, 2), int(there.sum()), len(set(recordings[there]))))
    return pd.DataFrame(rows, columns=["task", "name", "share %", "frames", "recordings"])


def _count(samples: pd.DataFrame) -> dict:
    """Counts what a folder holds."""
    sizes = Counter(f"{row.height} x {row.width}" for row in samples.itertuples() if row.height)
    commonest = [f"{size} ({count})" for size, count in sizes.most_common(3)]
    return {
        "frames": len(samples),
        "masks": int((samples["mask"] != "").sum()),
        "labels": int((samples["label"] != NO_LABEL).sum()),
        "depth": int((samples["depth"] != "").sum()),
        "recordings": split.find_recordings(samples).nunique(),
        "height x width, px": ", ".join(commonest) + (", ..." if len(sizes) > 3 else ""),
    }


def _find_turned(upright: dict[str, float]) -> list[Problem]:
    """Finds that Test has more upright photos than Train, or fewer."""
    if len(upright) < 2 or abs(upright["Test"] - upright["Train"]) < TURNED:
        return []
    there, here = 100 * upright["Test"], 100 * upright["Train"]
    text = (
        f"{there:.0f} % of Test's photos are upright, {here:.0f} % of Train's; each is seen as it stands, "
        "but what is rare in Train is seen worse."
    )
    return [Problem("warning", text)]


def _find_shared(digests: dict[str, dict[str, tuple]]) -> list[Problem]:
    """Finds photos that Train and Test share, byte for byte."""
    train, test = digests.get("Train", {}), digests.get("Test", {})
    shared = [(train[digest], test[digest]) for digest in train if digest and digest in test]
    if not shared:
        return []
    ours, theirs = shared[0]
    begin, rows = "Train and Test share a photo", ""
    if len(shared) > 1:
        begin = f"Train and Test share {len(shared)} photos, in Train rows "
        begin += f"{count_off([one.row for one, _ in shared])}, the first"
        rows = ", ".join(f"Train's row {one.row} is Test's row {other.row}" for one, other in shared)
    text = (
        f"{begin}: {ours.image_path} (Train, row {ours.row}) is {theirs.image_path} (Test, row "
        f"{theirs.row}); drop it from Train."
    )
    return [Problem("error", text, rows)]


def main() -> None:
    """`python -m src.doctor Train [--test Test]`; exits 2 where there are errors."""
    parser = argparse.ArgumentParser(prog="python -m src.doctor", description=__doc__.partition(":")[0] + ".")
    parser.add_argument("train", type=files.expand_home, help="folder of the frames to learn from")
    parser.add_argument("--test", type=files.expand_home, help="folder of the hidden test's frames")
    arguments = parser.parse_args()
    found = examine(arguments.train, arguments.test)
    for table in (found.frames, found.classes, found.light):
        if table.size:
            print(table.to_string(), end="\n\n")
    print(found.describe(every_row=True))
    if any(problem.level == "error" for problem in found.problems):
        sys.exit(2)


if __name__ == "__main__":
    main()
