"""Names the files of a source that no reader reads, and says what to do with them."""

from collections.abc import Iterable
from pathlib import Path

from src.bring.archives import OTHERS

PHOTOS = (".heic", ".heif", ".avif", ".jxl", ".gif", ".dng", ".cr2", ".nef", ".arw")
AS_PHOTOS = "export them as JPEG or PNG"
# How the names of files end -> what to do
REMEDIES = {
    (".zip", *OTHERS): "unpack them",
    (".xml",): "export from CVAT as 'Segmentation mask 1.1' or 'COCO 1.0'; boxes have no outline",
    (".ndjson", ".jsonl"): "export as COCO or as masks",
    (".json",): "its format is none that is read, so export as COCO or as masks",
    (".yaml", ".yml"): "name its folder, if it is of Ultralytics, and let it hold names and train",
    (".npy", ".npz", ".mat"): "save masks as PNG",
}


def name_photos(folder: Path) -> list[str]:
    """Describes the photos that are not read because of their format; [] if there are none."""
    return _describe(folder, _list_files(folder), PHOTOS, AS_PHOTOS)


def name_strangers(folder: Path) -> list[str]:
    """Describes what is in a folder, or at a path, that is not read; a sentence a kind of file."""
    files = _list_files(folder)
    found = _describe(folder, files, PHOTOS, AS_PHOTOS)
    for endings, remedy in REMEDIES.items():
        found += _describe(folder, files, endings, remedy)
    return found


def _list_files(folder: Path) -> list[Path]:
    """Lists the files of a folder and of those below it, without hidden ones; or the path itself."""
    if folder.is_file():
        return [folder]
    return [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")]


def _describe(folder: Path, files: list[Path], endings: Iterable[str], remedy: str) -> list[str]:
    """Describes the files of these endings in a sentence; [] if there are none."""
    found = [path for path in files if path.suffix.lower() in endings]
    if not found:
        return []
    first = min(found)
    name = first.name if first == folder else first.relative_to(folder).as_posix()
    if len(found) == 1:
        return [f"{name} is not read: {remedy}."]
    return [f"{len(found)} files are not read, the first is {name}: {remedy}."]
