"""Reads Label Studio's "Brush labels to PNG": a PNG an area, and the JSON export, which names the photos."""

import re
from functools import partial
from pathlib import Path
from urllib.parse import unquote

import numpy as np

from src.bring.pixels import cut_area, draw_areas, list_json, read_json, read_pixels
from src.bring.source import (
    Options,
    Source,
    SourceFrame,
    find_part,
    list_classes,
    list_photos,
    name_folder,
    number_classes,
)
from src.common.errors import DataError
from src.data.paths import compose_accents

NAME = "label-studio"
AREA = re.compile(r"task-(\d+)-annotation-(\d+)-by-(.*)-\d+")  # its third group ends with "-CONTROL-CLASS"
UPLOADED = re.compile(r"[0-9a-f]{8}-")  # Label Studio puts this before the name of an uploaded photo


def is_source(folder: Path) -> bool:
    """Returns whether a folder holds PNGs that are named as Label Studio's areas."""
    return any(AREA.fullmatch(path.stem) for path in folder.rglob("task-*.png"))


def read(folder: Path, options: Options) -> Source:
    """Reads the last annotation of each task; a choice that it holds becomes the image-level label.

    Raises:
        DataError: the JSON export is missing, or no photo is there.
    """
    tasks = _read_tasks(folder)
    areas: dict[int, list[Path]] = {}
    for path in sorted(folder.rglob("task-*.png")):
        if match := AREA.fullmatch(path.stem):
            areas.setdefault(int(match[2]), []).append(path)
    photos = list_photos(folder)
    last = {number: _find_last(task) for number, task in tasks.items()}
    names = sorted({name for annotation in last.values() for name in _list_names(annotation)})
    indices = number_classes(names, options.unlabelled)
    source = Source("Label Studio", [], list_classes(indices))
    absent = 0
    for number, task in sorted(tasks.items()):
        photo = _find_photo(task, photos)
        if photo is None:
            absent += 1
            continue
        annotation = last[number]
        paths = areas.get(annotation.get("id"), [])
        named = [(path, indices[_find_name(path, annotation)]) for path in paths]
        read_mask = partial(_draw, named, indices) if named else None
        relative = photo.relative_to(folder)
        label = _find_choice(annotation)
        name = str(relative.with_suffix(""))
        is_test = find_part(relative.parent) == "test"
        source.frames.append(SourceFrame(photo, name, read_mask, label, name_folder(relative), is_test))
    if not source.frames:
        raise DataError(
            f"The photos of the {len(tasks)} tasks must lie in {folder}, found none by its name; the export "
            "has no photos, so copy them there."
        )
    polygons = sum(_count_polygons(annotation) for annotation in last.values())
    if polygons:
        source.left.append(f"{polygons} areas are polygons, not brush strokes, so no PNG holds them.")
    source.left += _describe_strange(areas, tasks)
    if absent:
        source.left.append(f"{absent} of {len(tasks)} photos that the JSON names are not there.")
    return source


def _read_tasks(folder: Path) -> dict[int, dict]:
    """Reads the tasks of the JSON export, by their number.

    Raises:
        DataError: there is no such export, or a task lacks a field.
    """
    for path in list_json(folder):
        content = read_json(path)
        first = content[0] if isinstance(content, list) and content else None
        if isinstance(first, dict) and {"id", "data", "annotations"} <= set(first):
            try:
                return {int(task["id"]): _spell_task(task) for task in content}
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise DataError(
                    f"{path} must hold tasks as Label Studio exports them, found one that lacks a field or "
                    f"has another kind of it ({error}); export it again."
                ) from error
    raise DataError(
        f"{folder} must hold the JSON export of the project, too, which names the photos, found none; export "
        "it in Label Studio as JSON and put it there."
    )


def _spell_task(task: dict) -> dict:
    """Returns what is read of a task; programs that write such files leave fields empty or ids as text."""
    annotations = []
    for annotation in task.get("annotations") or []:
        results = [result for result in annotation.get("result") or [] if result.get("value")]
        annotations.append(annotation | {"id": int(annotation["id"]), "result": results})
    return {"data": dict(task["data"]), "annotations": annotations}


def _describe_strange(areas: dict[int, list[Path]], tasks: dict[int, dict]) -> list[str]:
    """Says how many areas are of annotations that the JSON does not have, as of an export of another day."""
    known = {annotation["id"] for task in tasks.values() for annotation in task["annotations"]}
    strange = [path.name for number, paths in areas.items() if number not in known for path in paths]
    if not strange:
        return []
    return [
        f"{len(strange)} PNGs are of annotations that the JSON does not have, the first is {min(strange)}; "
        "export both at once."
    ]


def _find_last(task: dict) -> dict:
    """Finds the last annotation of a task that was not skipped; {} for none."""
    kept = [annotation for annotation in task["annotations"] if not annotation.get("was_cancelled")]
    return max(kept, key=lambda annotation: annotation["id"], default={})


def _list_areas(annotation: dict) -> dict[str, str]:
    """Lists the classes of an annotation's areas: the end of their files' names -> name."""
    found = {}
    for result in annotation.get("result", []):
        for name in result.get("value", {}).get("brushlabels", []):
            in_file = name.replace("/", "-").replace("\\", "-")
            found[f"-{result['from_name']}-{in_file}"] = name
    return found


def _count_polygons(annotation: dict) -> int:
    """Counts the areas of an annotation that are polygons, which "Brush labels to PNG" leaves out."""
    return sum("polygonlabels" in result.get("value", {}) for result in annotation.get("result", []))


def _list_names(annotation: dict) -> set[str]:
    return set(_list_areas(annotation).values())


def _find_name(path: Path, annotation: dict) -> str:
    """Finds the class of an area's file.

    Raises:
        DataError: the JSON export has no such class.
    """
    text = "-" + AREA.fullmatch(path.stem)[3]
    ends = [end for end in _list_areas(annotation) if text.endswith(end)]
    if not ends:
        raise DataError(f"{path} must be of a class that the JSON export has, found none; export both again.")
    return _list_areas(annotation)[max(ends, key=len)]


def _find_choice(annotation: dict) -> str:
    """Finds the choice that an annotation holds for the whole photo; "" for none."""
    for result in annotation.get("result", []):
        value = result.get("value", {})
        if set(value) == {"choices"} and value["choices"]:  # with x and y it would be of a region
            return str(value["choices"][0])
    return ""


def _find_photo(task: dict, photos: list[Path]) -> Path | None:
    """Finds a task's photo by the name that any of its data has."""
    for value in task["data"].values():
        name = compose_accents(re.split(r"[/\\=]", unquote(str(value)))[-1])
        for wanted in (name, UPLOADED.sub("", name, count=1)):
            same = [
                photo
                for photo in photos
                if compose_accents(photo.name) == wanted and not AREA.fullmatch(photo.stem)
            ]
            if len(same) == 1:
                return same[0]
    return None


def _draw(named: list[tuple[Path, int]], indices: dict[str, int]) -> np.ndarray:
    """Draws the areas of a photo, the largest first."""
    areas = []
    for path, index in named:
        inside = read_pixels(path, "L") > 0
        areas.append(cut_area(inside, index))
    return draw_areas(inside.shape, areas, indices)
