"""Reads COCO's json files of polygons and run lengths, which many tools write."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from src.bring.coco_areas import read_area, read_shape
from src.bring.pixels import cut_area, draw_areas, list_json, read_json
from src.bring.source import (
    Options,
    Source,
    SourceFrame,
    find_part,
    index_photos,
    list_classes,
    match_photos,
    name_below,
    name_folder,
    number_classes,
)
from src.common.errors import DataError

NAME = "coco"


@dataclass
class _Drawing:
    """The areas of a photo.

    Attributes:
        path: of the json file that names the photo.
        name: of the photo in it, which may hold the folder of a photo that was moved since.
        shape: (height, width) of the photo.
        is_test: True for a photo of the test part.
        areas: class and annotation of each area.
    """

    path: Path
    name: str
    shape: tuple[int, int]
    is_test: bool
    areas: list[tuple[str, dict]] = field(default_factory=list)


def is_source(folder: Path) -> bool:
    """Returns whether a folder holds, or a path is, a json file of COCO with areas."""
    return any(read_json(path)["annotations"] for path in _list_files(folder))


def _list_files(folder: Path) -> list[Path]:
    """Lists the json files of a source that are COCO's."""
    paths = [folder] if folder.is_file() else list_json(folder)
    found = []
    for path in paths:
        if path.suffix.lower() == ".json" and _is_coco(path):
            found.append(path)
    return found


def _is_coco(path: Path) -> bool:
    """Returns whether a json file is COCO's, with areas, or of photos that nobody annotated, as of Test."""
    try:
        content = read_json(path)
    except DataError:
        return False
    if not isinstance(content, dict) or not {"images", "annotations", "categories"} <= set(content):
        return False
    annotations = content["annotations"]
    if not isinstance(annotations, list):
        return False
    # Beside the areas COCO has files of names alone, and panoptic ones, which repeat the areas
    return not annotations or any("segmentation" in annotation for annotation in annotations)


def read(folder: Path, options: Options) -> Source:
    """Reads all json files of a source; where areas overlap, the smaller one is drawn above the larger.

    Raises:
        DataError: no photo that a file names is there, or an area cannot be read.
    """
    files = _list_files(folder)
    contents = {path: read_json(path) for path in files}
    names = []
    for path, content in contents.items():
        with _name_fields(path):
            names += _list_names(content)
    indices = number_classes(names, options.unlabelled)
    root = folder.parent if folder.is_file() else folder
    photos = _index_photos(root)
    source = Source("COCO", [], list_classes(indices))
    drawn: dict[Path, _Drawing] = {}
    absent: set[str] = set()
    for path, content in contents.items():
        with _name_fields(path):
            absent |= _add_drawings(drawn, path, content, photos, root)
            strange = _count_strange(content)
        if strange:
            source.left.append(f"{strange} areas of {path.name} are of images that it does not list.")
        boxes = sum(not annotation.get("segmentation") for annotation in content["annotations"])
        if boxes:
            source.left.append(f"{boxes} annotations of {path.name} have a box or key points, but no area.")
    if absent:
        count = f"{len(absent)} of {len(absent) + len(drawn)} photos"
        source.left.append(f"{count} that the json names are not there, the first is {min(absent)}.")
    if not drawn:
        raise DataError(
            f"The photos that {files[0].name} names must lie in {root} or below, found none of "
            f"{len(absent)}; put them beside the json."
        )
    for photo, drawing in drawn.items():
        relative = name_below(photo, root)
        # A photo without any area may be one that nobody has annotated yet
        read_mask = partial(_draw, drawing, indices) if drawing.areas else None
        name = str(relative.with_suffix(""))
        recording = name_folder(relative) or name_folder(Path(drawing.name.replace("\\", "/")))
        source.frames.append(SourceFrame(photo, name, read_mask, "", recording, drawing.is_test))
    return source


@contextmanager
def _name_fields(path: Path) -> Iterator[None]:
    """Names the json file in which the block finds a field missing or of another kind."""
    try:
        yield
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(
            f"{path} must have the fields of COCO, found an entry that lacks or does not know {error}; "
            "export it again."
        ) from error


def _read_id(id: object) -> int | str:
    """Reads an id, which some programs write as a text or with a decimal point."""
    text = str(id).strip().removesuffix(".0")
    return int(text) if text.isdecimal() else text


def _count_strange(content: dict) -> int:
    """Counts the areas of images that are not listed."""
    known = {_read_id(image["id"]) for image in content["images"]}
    areas = [one for one in content["annotations"] if one.get("segmentation")]
    return sum(_read_id(one["image_id"]) not in known for one in areas)


def _index_photos(root: Path) -> dict[str, list[Path]]:
    """Lists photos as `index_photos` does, without the masks of panoptic files, which have the same names."""
    found = {}
    for name, same in index_photos(root).items():
        found[name] = [photo for photo in same if not _is_panoptic(photo.relative_to(root))]
    return found


def _is_panoptic(photo: Path) -> bool:
    return any(part.startswith("panoptic_") for part in photo.parent.parts)


def _list_names(content: dict) -> list[str]:
    """Lists the classes of a json file by their ids, but for the title that Roboflow puts above them."""
    used = {_read_id(annotation.get("category_id")) for annotation in content["annotations"]}
    categories = [(_read_id(category["id"]), category) for category in content["categories"]]
    groups = {category.get("supercategory") for category in content["categories"]}
    names = []
    for id, category in sorted(categories, key=lambda one: (isinstance(one[0], str), one[0])):
        is_title = category.get("supercategory") == "none" and category["name"] in groups
        if id in used or not is_title:
            names.append(str(category["name"]))
    return names


def _add_drawings(
    drawn: dict[Path, _Drawing], path: Path, content: dict, photos: dict[str, list[Path]], root: Path
) -> set[str]:
    """Adds the areas of a json file to the drawings of its photos; returns the names of absent photos.

    Several files may name a photo, as instances and stuff of COCO do.
    """
    names = {_read_id(one["id"]): str(one["name"]) for one in content["categories"]}
    # Roboflow names the part by the folder, COCO by the end of the file's name
    is_test = find_part(path.relative_to(root).parent / path.stem.rpartition("_")[2]) == "test"
    by_id = {}
    absent = set()
    _refuse_shared_names(path, content["images"])
    found = _find_photos(path, [image["file_name"] for image in content["images"]], photos, root)
    for image in content["images"]:
        photo = found.get(image["file_name"])
        if photo is None:
            absent.add(image["file_name"])
            continue
        shape = read_shape(image, photo)
        by_id[_read_id(image["id"])] = drawn.setdefault(
            photo, _Drawing(path, image["file_name"], shape, is_test)
        )
    for annotation in content["annotations"]:
        drawing = by_id.get(_read_id(annotation["image_id"]))
        if drawing and annotation.get("segmentation"):
            drawing.areas.append((names[_read_id(annotation["category_id"])], annotation))
    return absent


def _refuse_shared_names(path: Path, images: list[dict]) -> None:
    """Refuses a json file that gives two images one name: the areas of both would go to one photo."""
    ids: dict[str, object] = {}
    for image in images:
        name = image["file_name"]
        if ids.setdefault(name, image["id"]) != image["id"]:
            raise DataError(
                f"{path} must give each image a name of its own, found '{name}' for the images {ids[name]} "
                f"and {image['id']}; write the photos' folders into file_name."
            )


def _find_photos(path: Path, names: list[str], photos: dict[str, list[Path]], root: Path) -> dict[str, Path]:
    """Finds the photos that a json file names: beside it, below the root, or by the end of their paths."""
    found = {}
    for name in names:
        for base in (root / "images", root, path.parent):
            if (base / name).is_file():
                found[name] = base / name
    found |= _match_free(names, found, photos)
    near = {key: [one for one in same if _is_in_part(path, root, one)] for key, same in photos.items()}
    return found | _match_free(names, found, near)


def _match_free(names: list[str], found: dict[str, Path], photos: dict[str, list[Path]]) -> dict[str, Path]:
    """Finds photos, none of `found`, of the names that have none yet, by the end of their paths."""
    taken = set(found.values())
    free = {key: [one for one in same if one not in taken] for key, same in photos.items()}
    return match_photos([name for name in names if name not in found], free)


def _is_in_part(path: Path, root: Path, photo: Path) -> bool:
    """Returns whether the path of a json file names a folder of a photo, as instances_val2017 val2017."""
    json_name = name_below(path, root).as_posix()
    return any(part in json_name for part in name_below(photo, root).parent.parts)


def _draw(drawing: _Drawing, indices: dict[str, int]) -> np.ndarray:
    """Draws the areas of a photo, the largest first."""
    areas = []
    for name, annotation in drawing.areas:
        try:
            inside = read_area(annotation["segmentation"], drawing.shape)
        except (ValueError, TypeError, KeyError, IndexError) as error:
            raise DataError(
                f"{drawing.path}: the area of annotation {annotation.get('id')} must be polygons or run "
                f"lengths of its photo's size, found {error}; export it again."
            ) from error
        areas.append(cut_area(inside, indices[name]))
    return draw_areas(drawing.shape, areas, indices)
