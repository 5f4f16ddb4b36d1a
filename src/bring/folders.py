"""Reads plain folders of photos and masks, which belong together by their names."""

import re
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import numpy as np

from src.bring.pixels import pack_colors, read_color_mask, read_pixels
from src.bring.source import (
    BACKGROUND,
    BLACK,
    EVERY_PIXEL,
    IGNORED,
    Options,
    Source,
    SourceFrame,
    find_part,
    list_classes,
    list_photos,
    name_folder,
    number_classes,
)
from src.bring.strangers import name_photos, name_strangers
from src.bring.tables import ClassTable, find_table, read_table
from src.common.errors import DataError
from src.data.classes import IGNORE, MOST_MASK_CLASSES
from src.data.mask_files import read_ids

NAME = "folders"
MASK_FOLDER = re.compile(r".*(mask|label|annot|segment|truth|groundtruth|(^|_)gt)", re.IGNORECASE)
# CamVid's masks end with a large L; a small one may name the left photo of a stereo pair.
MASK_ENDING = re.compile(r"[_.-]((?i:mask|masks|seg|label|labels|labelids|gt|annotation|segmentation)|L)$")
WORD = re.compile(r"^[A-Za-z]+[_-]?(?=\d)")  # before a number, as in img_001
UNNAMED_COLORS = (
    "no table names the colours of the masks, so each class is called after its colour. To name them, copy "
    "Train/classes.csv, write the names into the copy (ignore: does not count), and bring again with "
    "--colors COPY."
)
UNNAMED_IDS = (
    "no table names the ids of the masks; write one beside them, classes.csv with the columns id and name. "
    "What does not count is named ignore there."
)
MASK_FORMATS = (".png", ".bmp", ".tif", ".tiff")


def is_source(folder: Path) -> bool:
    """Returns whether a folder holds photos."""
    return folder.is_dir() and bool(list_photos(folder))


def read(folder: Path, options: Options) -> Source:
    """Reads photos and the masks that are named like them.

    Masks hold ids or colours; a table of classes beside them, or of the options, names these.

    Raises:
        DataError: two masks belong to one photo, or a mask holds a value that the table lacks.
    """
    source = Source("folders", [])
    photos = (
        _pair_by_pattern(folder, options, source.left)
        if options.masks
        else _pair_by_name(folder, source.left)
    )
    masks = [mask for mask in photos.values() if mask]
    source.left = [*(name_photos(folder) if masks else name_strangers(folder)), *source.left]
    readers = {}
    if masks:
        path = options.colors or find_table(folder) or options.table
        table = read_table(path) if path else ClassTable({}, [])
        in_colors = _are_colors(masks, table)
        if in_colors:
            source.classes, readers = _prepare_colors(masks, table, options.unlabelled)
        else:
            source.classes, readers = _prepare_ids(masks, table, path)
        source.format = f"folders, masks of {'colours' if in_colors else 'ids'}"
        if path and not in_colors and not table.ids:
            source.left.append(f"{path.name} has no ids, so its lines are counted from 0.")
        source.table = path
        if path:
            source.format += f", classes of {path.name}"
        else:
            source.left.append(UNNAMED_COLORS if in_colors else UNNAMED_IDS)
    for photo, mask in photos.items():
        relative = photo.relative_to(folder)
        read_mask = readers[mask] if mask else None
        is_test = find_part(relative.parent) == "test"
        name = str(relative.with_suffix(""))
        source.frames.append(SourceFrame(photo, name, read_mask, "", name_folder(relative), is_test))
    return source


def _pair_by_pattern(folder: Path, options: Options, left: list[str]) -> dict[Path, Path | None]:
    """Finds each photo's mask by a pattern, as "masks/{drive}/{name}_seg.png".

    Raises:
        DataError: the pattern cannot be read, or leads to no mask; where photos suffice, a sentence
            is added to `left` in place of the latter.
    """
    pattern = options.masks
    pairs = {}
    tried = None
    for photo in list_photos(folder):
        relative = photo.relative_to(folder)
        parts = {"name": photo.stem, "folder": relative.parent.as_posix(), "drive": name_folder(relative)}
        try:
            mask = (folder / pattern.format(**parts)).resolve()
        except (KeyError, IndexError, ValueError) as error:
            raise DataError(
                f"--masks may hold {{name}}, {{drive}} and {{folder}} in braces, found '{pattern}' "
                f"({error}); write for example masks/{{name}}_seg.png."
            ) from error
        tried = tried or mask
        # A mask without a photo would be led to itself
        pairs[photo] = mask if mask.is_file() and mask != photo.resolve() else None
    masks = {mask for mask in pairs.values() if mask}
    if not masks and options.photos_suffice:
        left.append("no photo has a mask where --masks leads.")
    elif not masks:
        raise DataError(f"--masks must lead from a photo to its mask, found none, as no {tried}; correct it.")
    return {photo: mask for photo, mask in pairs.items() if photo.resolve() not in masks}


def _pair_by_name(folder: Path, left: list[str]) -> dict[Path, Path | None]:
    """Finds each photo's mask by its name, in a folder of masks or with an ending as _mask.

    Raises:
        DataError: two masks belong to one photo, or masks are JPEG files.
    """
    photos = {}
    masks: dict[tuple, Path] = {}
    for path in list_photos(folder):
        relative = path.relative_to(folder)
        if not _is_mask(relative):
            photos[path] = _name_pair(relative)
            continue
        pair = _name_pair(relative)
        if pair in masks:
            raise DataError(
                f"A photo may have one mask, found {masks[pair].relative_to(folder)} and {relative}; say "
                "which by --masks, as --masks 'masks/{name}.png'."
            )
        masks[pair] = path
    _refuse_jpeg_masks(folder, photos)
    pairs = {photo: masks.get(pair) for photo, pair in photos.items()}
    if not any(pairs.values()):
        pairs = _pair_by_number(photos, masks, left)
    spare = set(masks.values()) - set(pairs.values())
    if spare:
        first = min(spare).relative_to(folder)
        left.append(f"{len(spare)} files are named as masks but belong to no photo, the first is {first}.")
    return pairs


def _pair_by_number(
    photos: dict[Path, tuple], masks: dict[tuple, Path], left: list[str]
) -> dict[Path, Path | None]:
    """Finds the masks of photos as img_001.jpg and mask_001.png; a sentence about them is added to `left`."""
    numbers = {(*pair[:-1], WORD.sub("", pair[-1])): mask for pair, mask in masks.items()}
    pairs = {photo: (*pair[:-1], WORD.sub("", pair[-1])) for photo, pair in photos.items()}
    found = {photo: numbers.get(pair) for photo, pair in pairs.items()}
    is_sure = len(numbers) == len(masks) and len(set(pairs.values())) == len(pairs)
    first = next((photo for photo, mask in found.items() if mask), None)
    if not is_sure or first is None:
        return dict.fromkeys(photos)
    left.append(f"masks were found by their numbers, {found[first].name} for {first.name}.")
    return found


def _refuse_jpeg_masks(folder: Path, photos: dict[Path, tuple]) -> None:
    """Refuses masks that were saved as JPEG: they are named as masks, and belong to a photo."""
    named = {photo for photo in photos if _is_named_as_mask(photo.relative_to(folder))}
    others = {pair for photo, pair in photos.items() if photo not in named}
    for photo in sorted(named):
        if photos[photo] in others:
            raise DataError(
                f"{photo} must be a mask as PNG, found a JPEG, which blends the classes' colours; export "
                "the masks again as PNG."
            )


def _is_mask(relative: Path) -> bool:
    """Returns whether a file is a mask by its format, and by its folder or the ending of its name."""
    return relative.suffix.lower() in MASK_FORMATS and _is_named_as_mask(relative)


def _is_named_as_mask(relative: Path) -> bool:
    in_folder = any(MASK_FOLDER.match(part) for part in relative.parent.parts)
    return in_folder or bool(MASK_ENDING.search(relative.stem))


def _name_pair(relative: Path) -> tuple:
    """Returns what a photo and its mask have in common: their part, drives' folders and name."""
    folders = [part for part in name_folder(relative).split("/") if part and not MASK_FOLDER.match(part)]
    return (find_part(relative.parent), *folders, MASK_ENDING.sub("", relative.stem))


def _are_colors(masks: list[Path], table: ClassTable) -> bool:
    """Returns whether masks hold colours, not ids, by the first of them.

    They do if the channels of one differ. Masks of greys or with a palette do if the table has all their
    colours, because the indices of a palette may have any order.
    """
    for path in masks[:10]:
        pixels = read_pixels(path)
        if pixels.ndim == 3 and pixels.shape[-1] >= 3 and (pixels[..., :1] != pixels[..., 1:3]).any():
            return True
    if not table.colors:
        return False
    found = {
        f"#{color:06x}" for color in _list_values(pack_colors(read_pixels(one, "RGB")) for one in masks[:10])
    }
    return found - {BLACK} != set() and found - {BLACK} <= {color for _, color in table.colors}


def _prepare_colors(
    masks: list[Path], table: ClassTable, unlabelled: str
) -> tuple[list, dict[Path, partial]]:
    """Makes classes of the colours of a table, or of all colours that occur, and a reader of each mask.

    Black that the table does not name is what nobody annotated.
    """
    colors = table.colors
    if not colors:
        unlabelled = EVERY_PIXEL
        found = _list_values(pack_colors(read_pixels(path, "RGB")) for path in masks)
        if len(found) > MOST_MASK_CLASSES:
            raise DataError(
                f"The masks, as {masks[0]}, must hold one colour a class, found {len(found)} colours; their "
                "edges may be blended: export them without smoothing and as PNG."
            )
        colors = [(f"#{color:06x}", f"#{color:06x}") for color in found]
    by_name = dict(colors)
    is_black_named = any(color == BLACK for _, color in colors)
    indices = number_classes(list(by_name), EVERY_PIXEL if is_black_named else unlabelled)
    by_color = {color: indices[name] for name, color in colors}
    by_color.setdefault(BLACK, indices.get(BACKGROUND, IGNORE))
    return list_classes(indices, by_name), {path: partial(read_color_mask, path, by_color) for path in masks}


def _list_values(masks: Iterable[np.ndarray]) -> list[int]:
    """Lists the values that occur in any of the masks."""
    values: set[int] = set()
    for mask in masks:
        values.update(np.unique(mask).tolist())
    return sorted(values)


def _prepare_ids(masks: list[Path], table: ClassTable, path: Path | None) -> tuple[list, dict[Path, partial]]:
    """Makes classes of the ids of a table, or of all ids that occur, and a reader of each mask."""
    names = table.ids
    if table.colors and not names:
        names = {id: name for id, (name, _) in enumerate(table.colors)}
    if not names:
        found = _list_values(read_ids(str(mask)) for mask in masks)
        # Where black and white are all there is, white is a class
        names = {id: f"class {id}" for id in found if id != IGNORE or found == [0, IGNORE]}
    indices = number_classes(list(names.values()), EVERY_PIXEL)
    lookup = {id: indices[name] for id, name in names.items()}
    lookup.setdefault(IGNORE, IGNORE)
    readers = {mask: partial(_read_ids, mask, lookup, path) for mask in masks}
    return list_classes(indices, dict(table.colors)), readers


def _read_ids(mask: Path, lookup: dict[int, int], table: Path | None) -> np.ndarray:
    """Reads a mask of ids.

    Raises:
        DataError: it holds an id that the table lacks.
    """
    ids = read_ids(str(mask))
    unknown = sorted(set(np.unique(ids).tolist()) - set(lookup))
    if unknown:
        raise DataError(
            f"{mask} must hold ids of {table.name} only, found {unknown[:8]}; add them there, as "
            f"'{IGNORED[0]}' if they do not count."
        )
    values = np.full(256, IGNORE, np.uint8)
    values[list(lookup)] = list(lookup.values())
    return values[ids]
