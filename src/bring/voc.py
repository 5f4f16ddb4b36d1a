"""Reads `JPEGImages/` and `SegmentationClass/` of Pascal VOC and of CVAT's "Segmentation mask"."""

from functools import partial
from pathlib import Path

from src.bring.pixels import read_color_mask, read_text, write_color
from src.bring.source import (
    BACKGROUND,
    BLACK,
    Options,
    Source,
    SourceFrame,
    list_classes,
    list_photos,
    name_folder,
    number_classes,
)
from src.common.errors import DataError
from src.data.classes import IGNORE

NAME = "voc"
MASKS = "SegmentationClass"
PHOTOS = "JPEGImages"
VOID = "#e0e0c0"  # border of objects
NAMES = (
    *("background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *(
        "diningtable",
        "dog",
        "horse",
        "motorbike",
        "person",
        "pottedplant",
        "sheep",
        "sofa",
        "train",
        "tvmonitor",
    ),
)


def is_source(folder: Path) -> bool:
    """Returns whether a folder, or the only one below it, has this layout."""
    return _find_root(folder) is not None


def _find_root(folder: Path) -> Path | None:
    """Finds the folder that holds SegmentationClass; None if there is none, or several."""
    found = [folder] if (folder / MASKS).is_dir() else [path.parent for path in folder.rglob(MASKS)]
    return found[0] if len(found) == 1 else None


def read(folder: Path, options: Options) -> Source:
    """Reads the photos that have a mask, or are named as the test part.

    Raises:
        DataError: no photo has a mask's name, or labelmap.txt cannot be read.
    """
    root = _find_root(folder)
    source = Source("Pascal VOC", [])
    colors = _find_colors(root, source.left)
    indices = number_classes(list(colors), options.unlabelled)
    by_color = {color: indices[name] for name, color in colors.items()}
    by_color.setdefault(VOID, IGNORE)
    by_color.setdefault(BLACK, indices.get(BACKGROUND, IGNORE))
    photos = root / PHOTOS if (root / PHOTOS).is_dir() else root
    masks = {
        str(path.relative_to(root / MASKS).with_suffix("")): path
        for path in list_photos(root / MASKS)
        if path.suffix.lower() == ".png"
    }
    tests = _list_tests(root)
    source.classes = list_classes(indices, colors)
    for photo in list_photos(photos):
        place = photo.relative_to(photos)
        name = str(place.with_suffix(""))
        is_test = name in tests
        if {MASKS, "SegmentationObject"} & set(place.parts) or (name not in masks and not is_test):
            continue
        read_mask = partial(read_color_mask, masks.pop(name), by_color) if name in masks else None
        recording = name_folder(Path(name))
        source.frames.append(SourceFrame(photo, name, read_mask, "", recording, is_test))
    if not source.frames:
        raise DataError(
            f"{root} must hold the photos of its masks in {PHOTOS}, found none of their names; export again "
            "with images, or copy them there."
        )
    if masks:
        source.left.append(f"{len(masks)} masks have no photo of their name, the first is {min(masks)}.")
    return source


def _find_colors(root: Path, left: list[str]) -> dict[str, str]:
    """Finds the colour of each class, "#rrggbb"; a sentence is added to `left` if they are VOC's own.

    labelme's `labelme2voc` lists its classes in class_names.txt, and gives them VOC's colours in this order.
    """
    if (root / "labelmap.txt").exists():
        return _read_colors(root / "labelmap.txt")
    names = NAMES
    if (root / "class_names.txt").exists():
        names = [line.strip() for line in read_text(root / "class_names.txt").splitlines() if line.strip()]
    else:
        left.append(f"no labelmap.txt in {root.name}, so the colours are those of VOC's classes.")
    return {name: make_color(id) for id, name in enumerate(names)}


def _read_colors(path: Path) -> dict[str, str]:
    """Reads the colour of each class, "#rrggbb", of a labelmap.txt.

    Raises:
        DataError: a line is not NAME:R,G,B:...
    """
    colors = {}
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        name, _, rest = line.partition(":")
        try:
            red, green, blue = map(int, rest.split(":")[0].split(","))
            colors[name] = write_color(red, green, blue)
        except ValueError:
            raise DataError(
                f"{path} line {number} must be NAME:R,G,B::, found '{line}'; correct it."
            ) from None
    return colors


def make_color(id: int) -> str:
    """Makes VOC's colour of a class id, whose bits are spread over the high bits of red, green and blue."""
    channels = [0, 0, 0]
    for bit in range(8):
        for channel in range(3):
            channels[channel] |= (id >> (3 * bit + channel) & 1) << (7 - bit)
    return write_color(*channels)


def _list_tests(root: Path) -> set[str]:
    """Lists the names of the photos of the test part."""
    path = root / "ImageSets" / "Segmentation" / "test.txt"
    if not path.exists():
        return set()
    return {line.strip() for line in read_text(path).splitlines()}  # names may hold spaces
