"""Names the masks in a zip, so that no two names are equal."""

import unicodedata
from collections import Counter
from pathlib import PurePosixPath

import pandas as pd

LONGEST_NAME = 230  # bytes of a frame's name; with number and ending, a file name may have 255


def name_predictions(samples: pd.DataFrame) -> list[str]:
    """Names each frame's mask inside the zip, so that no two names are equal, whatever their case.

    Returns:
        `<image stem>_pred.png`; where photos share a stem, `<folder>_<image stem>_pred.png`; where these are
        equal, too, they contain the photo's ending, or at last the frame's number in the table.
    """
    paths = [PurePosixPath(name) for name in samples["image_path"]]
    stems = [_cut(path.stem) for path in paths]
    in_folders = [_cut("_".join((*_list_folders(path), path.stem))) for path in paths]
    with_endings = [_cut("_".join((*_list_folders(path), path.name)).replace(".", "_")) for path in paths]
    names = _make_unique(stems, in_folders, stems)
    names = _make_unique(names, with_endings, stems)
    while len(set(map(_fold, names))) < len(names):
        numbered = [f"{number}_{_cut(name)}" for number, name in enumerate(names, start=1)]
        names = _make_unique(names, numbered, stems)
    return [f"{name}_pred.png" for name in names]


def _list_folders(path: PurePosixPath) -> list[str]:
    """Lists the folders of a path, without the root and the colon of a drive, which no file name may hold."""
    folders = [part.strip("/:") for part in path.parent.parts]
    return [folder for folder in folders if folder]


def _make_unique(names: list[str], others: list[str], stems: list[str]) -> list[str]:
    """Replaces each name that occurs several times, unless its stem occurs once, by the other name."""
    name_counts = Counter(map(_fold, names))
    stem_counts = Counter(map(_fold, stems))
    unique = []
    for name, other, stem in zip(names, others, stems, strict=True):
        is_unique = name_counts[_fold(name)] == 1 or stem_counts[_fold(stem)] == 1
        unique.append(name if is_unique else other)
    return unique


def _fold(name: str) -> str:
    """Spells a name so that case and the spelling of accents make no difference, as on some disks."""
    return unicodedata.normalize("NFC", name).casefold()


def _cut(name: str) -> str:
    """Cuts a name to its last LONGEST_NAME bytes."""
    return name.encode()[-LONGEST_NAME:].decode(errors="ignore")
