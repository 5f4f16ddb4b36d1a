"""Writes photos and masks in the layout of CVAT's "Segmentation mask 1.1", which `voc.py` reads."""

import json
import shutil
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageColor

from src.bring.source import BACKGROUND, BLACK, is_background
from src.bring.voc import MASKS, PHOTOS, make_color
from src.common.errors import DataError

INSTANCES = "SegmentationObject"
ANNOTATIONS = "annotations.zip"
LABELS = "labels.json"


@dataclass(frozen=True)
class MaskedPhoto:
    """A photo with its mask.

    Attributes:
        name: of the photo in the layout, without ending; no two are equal.
        photo: file of the photo.
        mask: uint8 (H, W), indices of the classes; the photo's height and width as it is shown.
    """

    name: str
    photo: Path
    mask: np.ndarray


def write(out: Path, names: tuple[str, ...], frames: Iterable[MaskedPhoto]) -> None:
    """Writes photos, masks, the zip that CVAT imports as annotations, and the labels of its task.

    Classes have the colours of Pascal VOC, because these differ from each other. The background is black, and
    pixels of it are none of CVAT's objects. The other pixels of a class are one object.

    Args:
        out: folder that is there already.
        names: of the classes.
        frames: in the order in which they are listed.

    Raises:
        DataError: labelmap.txt cannot hold a class's name.
    """
    colors = color_classes(names)
    palette = np.array([ImageColor.getrgb(color) for color in colors], np.uint8)
    _write_classes(out, names, colors)
    for folder in (PHOTOS, MASKS, INSTANCES, "ImageSets/Segmentation"):
        (out / folder).mkdir(parents=True)
    listed = []
    for frame in frames:
        shutil.copyfile(frame.photo, out / PHOTOS / f"{frame.name}{frame.photo.suffix.lower()}")
        for folder in (MASKS, INSTANCES):
            Image.fromarray(palette[frame.mask]).save(out / folder / f"{frame.name}.png")
        listed.append(frame.name)
    (out / "ImageSets" / "Segmentation" / "default.txt").write_text(
        "\n".join(listed) + "\n", encoding="utf-8"
    )
    _pack(out)


def color_classes(names: tuple[str, ...]) -> list[str]:
    """Gives each class a colour, "#rrggbb": black to the background, Pascal VOC's from 1 on to the others.

    Raises:
        DataError: labelmap.txt cannot hold a class's name.
    """
    colors = []
    number = 1
    for name in names:
        if ":" in name or "\n" in name or name.startswith("#"):
            raise DataError(
                f"A class must have a name without colon that begins with no #, found '{name}'; rename it in "
                "Train/classes.csv."
            )
        if is_background(name):
            colors.append(BLACK)
        else:
            colors.append(make_color(number))
            number += 1
    return colors


def _write_classes(out: Path, names: tuple[str, ...], colors: list[str]) -> None:
    """Writes labelmap.txt, and the labels of CVAT's task as its raw editor takes them."""
    lines = [f"{BACKGROUND}:0,0,0::"]
    labels = []
    for name, color in zip(names, colors, strict=True):
        if color != BLACK:
            red, green, blue = ImageColor.getrgb(color)
            lines.append(f"{name}:{red},{green},{blue}::")
            labels.append({"name": name, "color": color, "attributes": []})
    (out / "labelmap.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (out / LABELS).write_text(json.dumps(labels, indent=1), encoding="utf-8")


def _pack(out: Path) -> None:
    """Packs what CVAT imports as annotations."""
    with zipfile.ZipFile(out / ANNOTATIONS, "w") as members:
        for path in sorted(out.rglob("*")):
            name = path.relative_to(out)
            if path.is_file() and name.parts[0] not in (PHOTOS, ANNOTATIONS, LABELS):
                members.write(path, name)
