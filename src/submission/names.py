"""Names of the masks in a zip, where no two may be alike."""

import unicodedata
from collections import Counter
from pathlib import PurePosixPath

import pandas as pd

LONGEST_NAME = 230  # bytes of a frame's name; a file's may have 255 with all that is put around it


def name_predictions(samples: pd.DataFrame) -> list[str]:
    """Names each frame's mask inside the zip, where no two may be alike, not even but for case.

    Returns:
        `<image stem>_pred.png`; where photos share a stem, `<folder>_<image stem>_pred.png`; where these are
        alike too, with the ending, and at last with the frame's number in the table.
    """
    paths = [PurePosixPath(name) for name in samples["image_path"]]
    stems = [path.stem for path in paths]
    in_folders = [_cut("_".join((*path.parent.parts, path.stem))) for path in paths]
    with_endings = [_cut("_".join(path.parts).replace(".", "_")) for path in paths]
    names = _make_unique(stems, in_folders, stems)
    names = _make_unique(names, with_endings, stems)
    while len(set(map(_fold, names))) < len(names):
        numbered = [f"{number}_{_cut(name)}" for number, name in enumerate(names, start=1)]
        names = _make_unique(names, numbered, stems)
    return [f"{name}_pred.png" for name in names]


def _make_unique(names: list[str], others: list[str], stems: list[str]) -> list[str]:
    """Gives each name that occurs once, or is the one photo's of its stem; in place of the others, others."""
    alike = Counter(map(_fold, names))
    shared = Counter(map(_fold, stems))
    rows = zip(names, others, stems, strict=True)
    return [name if 1 in (alike[_fold(name)], shared[_fold(stem)]) else other for name, other, stem in rows]


def _fold(name: str) -> str:
    """Writes a name as disks compare it that tell neither case nor the spelling of accents apart."""
    return unicodedata.normalize("NFC", name).casefold()


def _cut(name: str) -> str:
    """Cuts a name to LONGEST_NAME bytes; its end tells more than its folders."""
    return name.encode()[-LONGEST_NAME:].decode(errors="ignore")
