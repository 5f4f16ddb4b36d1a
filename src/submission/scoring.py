"""Scores a submission as the competition does: `python scoring.py INPUT OUTPUT`.

This file runs alone, on the competition's server, with Python 3.7, numpy and Pillow; it imports nothing of
this project. It reads the truth from INPUT/ref and a submission from INPUT/res, and writes
OUTPUT/scores.json and OUTPUT/scores.txt (YAML `key: value`).
"""

import argparse
import codecs
import csv
import io
import json
import math
import os
import re
import struct
import sys
import unicodedata
import zlib

import numpy as np
from PIL import Image

BROKEN = (
    OSError,
    SyntaxError,
    KeyError,
    ValueError,
    EOFError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)
HEADS = ("image_path", "label_path", "image_lvl_label", "pred_name", "image_lvl_pred", "task", "id", "name")
# Marks that a table may begin with. UTF-32's begins like UTF-16's, so it is compared first.
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# What programs and people write for an unknown value, in small letters.
MISSING = ("nan", "nat", "na", "n/a", "n.a.", "#n/a", "<na>")
BLANKS = ("", "none", "null", "nil", "unknown", "?", "-", "--", *MISSING)
NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[+-]?\d+,\d+"
LONGEST_CELL = 2**31 - 1  # characters; outlines and run lengths may have more than Python's 131,072
INVISIBLE = "\ufeff\u200b\u200e\u200f\u202a\u202c\u2060"  # invisible; programs leave them around copied text
PNG = b"\x89PNG\r\n\x1a\n"
PIXELS = (b"IHDR", b"PLTE", b"IDAT", b"IEND")  # chunks that the pixels need; the others describe them
# The seven passes of an interlaced PNG: first row and column, steps to the next ones.
INTERLACED = (
    (0, 0, 8, 8),
    (0, 4, 8, 8),
    (4, 0, 8, 4),
    (0, 2, 4, 4),
    (2, 0, 4, 2),
    (0, 1, 2, 2),
    (1, 0, 2, 1),
)
LONGEST_TEXT = 4000000  # bytes of a text chunk that are unpacked, to find an orientation
LONGEST_KEY = 36  # characters of a leaderboard column's key and title, on Codabench


class ScoringError(ValueError):
    """The submission or the reference breaks a rule; the message is for the competitor."""


# Tables ----------------------------------------------


def explain_missing(folder, whose):
    """Says why a folder may have no table, and what to do."""
    inside = os.listdir(folder) if os.path.isdir(folder) else []
    if any(name.lower().endswith(".zip") for name in inside):
        return "a zip was found in its place; unpack it, because its files must lie there"
    if whose == "the submission":
        return "it was not found; zip the files, not their folder"
    return "it was not found; name the folder that holds it"


def read_table(folder, columns, whose, table="data.csv"):
    """Reads a table of a folder: a list of dicts, in the file's order; a cell that is missing is "".

    Any separator that spreadsheets write is read, UTF-8 or UTF-16, blank rows, blanks around cells, and heads
    in any case, as by the project's `tables.read_table`; but no text in Windows' own encoding.

    Args:
        folder: that holds the table.
        columns: that must be there.
        whose: what the messages call the folder; they never show its path.
        table: name of the file.

    Raises:
        ScoringError: the file, a row or one of the columns is missing, or it is no table in UTF-8.
    """
    path, name = os.path.join(folder, table), "%s of %s" % (table, whose)
    if not os.path.isfile(path):
        raise ScoringError(
            "%s must lie at the root of %s, %s." % (table, whose, explain_missing(folder, whose))
        )
    try:
        with open(path, "rb") as file:
            lines = split_cells(decode_text(file.read()))
    except (csv.Error, UnicodeDecodeError) as error:
        raise ScoringError("%s must be a table in UTF-8, found: %s; save it as 'CSV UTF-8'." % (name, error))
    lines = [line for line in lines if any(line)]
    heads = spell_heads(lines[0]) if lines else []
    missing = [head for head in columns if len(lines) < 2 or head not in heads]
    if missing:
        raise ScoringError("%s must have rows and the columns %s; missing: %s." % (name, columns, missing))
    check_shape(name, heads, lines)
    empty = dict.fromkeys(heads, "")
    rows = [line for line in lines[1:] if line != lines[0]]  # joined tables repeat the head
    return [dict(empty, **dict(zip(heads, line))) for line in rows]


def decode_text(content):
    """Decodes a table: by the mark that it begins with, or by its zero bytes, or as UTF-8."""
    for mark, encoding in MARKS:
        if content.startswith(mark):
            return content.decode(encoding)
    # In UTF-16 each letter of the Latin alphabet has a zero byte, before it or after it.
    for start, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        half = content[start:200:2]
        if half and half.count(0) > len(half) / 2.0:
            return content.decode(encoding)
    return content.decode("utf-8")


def split_cells(text):
    """Splits a text to lines of cells, each without blanks and unseen marks around it."""
    declared = re.match(r'"?sep=([,;\t|])"?[\r\n]+', text, re.IGNORECASE)
    if declared:
        separator = declared.group(1)
        text = text[declared.end() :]
    else:
        separator = find_separator(text)
    try:
        lines = parse_csv(text, separator)
    except csv.Error:
        blanks_after_quote = re.compile('" +(?=[%s\r\n]|$)' % separator)
        lines = parse_csv(blanks_after_quote.sub('"', text), separator)
    return [[strip_cell(cell) for cell in line] for line in lines]


def parse_csv(text, separator):
    """Parses a text to lines of cells; csv.Error where its quotes are not closed."""
    csv.field_size_limit(LONGEST_CELL)
    file = io.StringIO(text, newline="")
    return list(csv.reader(file, delimiter=separator, skipinitialspace=True, strict=True))


def find_separator(text):
    """Finds the separator that cuts the first line into the most known heads, then into the most cells."""
    line = next((line for line in re.split(r"[\r\n]+", text) if line.strip(" ,;\t|")), "")

    def count_heads(separator):
        heads = spell_heads([strip_cell(head.strip().strip('"')) for head in line.split(separator)])
        return len(set(heads) & set(HEADS)), len(heads)

    return max(",;\t|", key=count_heads)


def strip_cell(cell):
    """Removes blanks and invisible characters around a cell; a line break in it becomes a blank."""
    return re.sub(r"\s*[\r\n]\s*", " ", cell.strip().strip(INVISIBLE).strip())


def spell_heads(heads):
    """Spells heads as the known ones, where only case, blanks or hyphens differ."""
    plain = [re.sub(r"[\s-]+", "_", head.lower()) for head in heads]
    return [new if new in HEADS and new not in heads else old for old, new in zip(heads, plain)]


def check_shape(name, heads, lines):
    """Refuses heads that occur twice, and rows that are longer than the head."""
    twice = [head for head in heads if head and heads.count(head) > 1]
    if twice:
        raise ScoringError("%s must have each column once; twice: %s." % (name, twice[0]))
    long = [line for line in lines if any(line[len(heads) :])]
    if long:
        words = "%s must have one cell a column in each row, found more in the row of %s."
        raise ScoringError(words % (name, long[0][0]))


def clean_path(text):
    """Writes a path with forward slashes, as this program compares and opens it."""
    return text.strip().replace("\\", "/")


def name_image(text):
    """Writes an image's path as it is compared: as `clean_path` does, and accents in one spelling."""
    return unicodedata.normalize("NFC", clean_path(text))


def is_blank(text):
    """Tells whether a cell holds no value: it is empty, or one of BLANKS in any case."""
    return text.casefold() in BLANKS


def read_classes(folder, task):
    """Reads the classes of a task in the reference's `classes.csv`: {id: name}, or None where there are none.

    Raises:
        ScoringError: it is no table of classes, a row is of no task, or two classes of the task have one id.
    """
    if not os.path.exists(os.path.join(folder, "classes.csv")):
        return None
    rows = read_table(folder, ["task", "id", "name"], "the reference", "classes.csv")
    strange = [row["task"] for row in rows if row["task"].lower() not in ("mask", "label")]
    if strange:
        words = "classes.csv of the reference must have the task mask or label in each row, found '%s'."
        raise ScoringError(words % strange[0])
    rows = [row for row in rows if row["task"].lower() == task]
    ids = [spell_label(row["id"]) for row in rows]
    if not all(re.fullmatch("[0-9]+", id) for id in ids) or len(set(ids)) < len(ids):
        raise ScoringError(
            "classes.csv of the reference must have the columns task, id and name, ids in numbers, each once."
        )
    if sum(row["name"].lower() == "ignore" for row in rows) > 1:
        raise ScoringError("classes.csv of the reference must have one class of a task named ignore at most.")
    return {int(id): row["name"] for id, row in zip(ids, rows)} or None


def read_class_names(folder):
    """Reads the reference's mask classes: {id: name} or None, and the id to ignore or None."""
    names = read_classes(folder, "mask")
    if names is None:
        return None, 255
    return split_ignored(names)


def split_ignored(names):
    """Splits classes, {id: name}, into those that count, and the id of the ignored one, or None."""
    ignored = [id for id, name in names.items() if name.lower() == "ignore"]
    ignored = ignored or ([] if 255 in names else [255])
    kept = {id: name for id, name in names.items() if name.lower() != "ignore"}
    return kept, (ignored[0] if ignored else None)


def read_label_names(folder):
    """Reads how the reference's labels may be written: {name as `spell_label` writes it: id as text}.

    What is ignored is unknown: "".
    """
    names = read_classes(folder, "label") or {}
    names, ignored = split_ignored(names)
    words = [spell_label(name) for name in names.values()]
    found = {"ignore": "", str(ignored): ""}
    found.update({word: str(id) for word, id in zip(words, names) if words.count(word) == 1})
    found.update({str(id): str(id) for id in names})
    return found


def spell_label(text):
    """Writes a label as ids and names are compared: "2.0" as "2", "Red_Box " as "red box"."""
    number = float(text.replace(",", ".")) if re.fullmatch(NUMBER, text) else math.nan
    if math.isfinite(number) and number == int(number):
        return str(int(number))
    plain = unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())
    return " ".join(plain.replace("_", " ").split())


def clean_label(text, names):
    """Writes a label as its id: "" where it is unknown, None where it is neither an id nor a name.

    Args:
        text: of the cell.
        names: of `read_label_names`.
    """
    word = spell_label(text)
    if word in names:
        return names[word]
    if is_blank(text) or word == "-1":
        return ""
    return word if re.fullmatch("[0-9]+", word) else None


def read_reference(folder):
    """Reads the true table: rows with `image_path`, `label_path` and `image_lvl_label`, "" where unknown.

    Raises:
        ScoringError: a row names no image or one that another row names, or a label is neither an id nor a
            name of the reference's classes.csv.
    """
    rows, images = [], set()
    names, strange = read_label_names(folder), []
    for row in read_table(folder, ["image_path"], "the reference"):
        image, mask = name_image(row["image_path"]), clean_path(row.get("label_path", ""))
        if not image or image in images:
            found = "twice: %s" % image if image else "it is empty in a row"
            raise ScoringError("data.csv of the reference must name an image a row; %s." % found)
        images.add(image)
        label = clean_label(row.get("image_lvl_label", ""), names)
        if label is None:
            strange.append("'%s' (%s)" % (row["image_lvl_label"], image))
        mask = "" if is_blank(mask) else mask
        rows.append({"image_path": image, "label_path": mask, "image_lvl_label": label})
    if strange:
        raise ScoringError(
            "image_lvl_label of the reference must be an id, or a name that its classes.csv lists, or empty; "
            "found in %d rows: %s; write ids or list the names."
            % (len(strange), ", ".join(strange[:5]) + (", ..." if len(strange) > 5 else ""))
        )
    return rows


# Masks ----------------------------------------------


def read_ids(path, name, size=None):
    """Reads a mask of class ids as they were written: uint8 (height, width).

    As by the project's `mask_files.decode_ids`, a mask may have one channel of 8 bits or of 1 bit, equal
    channels (alpha must be opaque), or a palette. The ids are the indices of a palette; of one that holds
    greys only, they are the greys, as every program shows them.

    Args:
        path: of the file.
        name: what the messages call it.
        size: (height, width) that it must have, known before its pixels are unpacked; None: any.

    Raises:
        ScoringError: the file is missing, unreadable, of another size or format, or asks to be turned.
    """
    try:
        chunks = list(walk_chunks(read_png(path, name)))
        if chunks[0][0] != b"IHDR":
            raise ValueError("no header")
        width, height, bits, color = struct.unpack_from(">IIBB", chunks[0][1])
        require_size(name, (height, width), size)
        if bits == 16 or (color == 0 and bits in (2, 4)):
            words = "%s must be an 8-bit PNG of class ids, found %d bits; write it as 8-bit grey."
            raise ScoringError(words % (name, bits))
        orientation = find_orientation(chunks)
        if orientation != 1:
            words = "%s must lie as its photo is shown, its EXIF or XMP turns it (orientation %d); drop it."
            raise ScoringError(words % (name, orientation))
        require_data(chunks)
        with Image.open(io.BytesIO(keep_pixels(chunks))) as picture:
            ids = np.asarray(picture).astype(np.uint8)
    except ScoringError:
        raise
    except BROKEN:
        raise ScoringError("%s must be an 8-bit PNG of class ids, it cannot be read; write it again." % name)
    if color == 3:
        palette = find_palette(chunks)
        require_colors(name, ids, palette, bits)
        return show_greys(name, ids, palette)
    return ids if ids.ndim == 2 else require_equal_channels(name, ids)


def read_png(path, name):
    """Reads the bytes of a file that must be there and be a PNG."""
    try:
        with open(path, "rb") as file:
            content = file.read()
    except FileNotFoundError:
        raise ScoringError("%s must be an 8-bit PNG of class ids, it is missing; add it." % name)
    if not content.startswith(PNG):
        raise ScoringError("%s must be a PNG, found %s; write it as PNG." % (name, name_format(content)))
    return content


def name_format(content):
    """Names what a file that is no PNG seems to be."""
    signs = ((b"\xff\xd8", "JPEG"), (b"BM", "BMP"), (b"GIF8", "GIF"), (b"II*", "TIFF"), (b"MM\0*", "TIFF"))
    found = [kind for sign, kind in signs if content.startswith(sign)]
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        found = ["WebP"]
    return (found or ["an empty file" if not content else "another format"])[0]


def walk_chunks(content):
    """Yields name and data of each chunk of a PNG, up to its end.

    Raises:
        ValueError: a checksum is wrong or a needed chunk is unknown.
        struct.error: the file is cut short.
    """
    place, kind = len(PNG), b""
    while kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", content, place)
        body = content[place + 4 : place + 8 + length]
        checksum = struct.unpack_from(">I", content, place + 8 + length)[0]
        if kind in PIXELS and zlib.crc32(body) & 0xFFFFFFFF != checksum:
            raise ValueError("wrong checksum")
        if kind[:1].isupper() and kind not in PIXELS:
            raise ValueError("unknown chunk")
        yield kind, body[4:]
        place += length + 12


def require_data(chunks):
    """Refuses a PNG with too few pixels; Pillow would fill the rest with black.

    Raises:
        ValueError: there are too few.
        zlib.error: they are broken.
    """
    width, height, bits, color, _, _, interlaced = struct.unpack_from(">IIBBBBB", chunks[0][1])
    bits *= {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[color]
    least = 0
    for top, left, down, right in INTERLACED if interlaced else ((0, 0, 1, 1),):
        rows = -(-(height - top) // down)
        columns = -(-(width - left) // right)
        if columns > 0:
            least += rows * (1 + (columns * bits + 7) // 8)  # the first byte of a row is its filter
    packed = b"".join(data for kind, data in chunks if kind == b"IDAT")
    if len(zlib.decompressobj().decompress(packed, least)) < least:
        raise ValueError("too few pixels")


def keep_pixels(chunks):
    """Writes a PNG of the chunks that the pixels need; the others may confuse Pillow or make it warn."""
    content = PNG
    for kind, data in chunks:
        if kind in PIXELS:
            content += struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return content


def require_size(name, found, size):
    """Refuses a mask of another (height, width), or, where `size` is None, one beyond measure."""
    if size is not None and found != size:
        raise ScoringError(
            "%s must be %d x %d as the reference's mask, found %d x %d; resize it by nearest neighbour."
            % ((name,) + size + found)
        )
    if found[0] * found[1] > Image.MAX_IMAGE_PIXELS:
        raise ScoringError(
            "%s must have at most %d pixels; make it smaller." % (name, Image.MAX_IMAGE_PIXELS)
        )


def find_palette(chunks):
    """Finds the palette of a PNG, the first one before its pixels; empty where there is none."""
    for kind, data in chunks:
        if kind in (b"PLTE", b"IDAT"):
            return data if kind == b"PLTE" else b""
    return b""


def require_colors(name, indices, palette, bits):
    """Refuses a mask of few bits with an index beyond its palette: Pillow cuts ids that need more bits."""
    count = -(-len(palette) // 3)  # rounded up
    if bits < 8 and indices.max() >= count:
        words = "%s must hold indices of its palette, found %d with %d colours; write it as 8-bit grey."
        raise ScoringError(words % (name, indices.max(), count))


def show_greys(name, indices, palette):
    """Returns the ids of a mask with a palette: its indices, or the greys of a palette of greys only.

    Raises:
        ScoringError: two indices have one grey, so indices and greys may both be the ids.
    """
    colors = [palette[start : start + 3] for start in range(0, min(len(palette), 768), 3)]
    if any(len(set(color)) > 1 for color in colors):
        return indices
    greys = np.arange(256, dtype=np.uint8)
    greys[: len(colors)] = [color[0] for color in colors]
    used = np.unique(indices)
    if (greys[used] == used).all():
        return indices
    if len(set(greys[used])) < len(used) or len(set(colors)) == 1:
        raise ScoringError(
            "%s must hold class ids, its palette shows several indices as one grey; write it without one."
            % name
        )
    return greys[indices]


def require_equal_channels(name, pixels):
    """Returns one of several equal channels, (H, W, 2 to 4); the last of 2 or 4 is alpha."""
    channels = [pixels[..., number] for number in range(pixels.shape[2])]
    if len(channels) in (2, 4) and (channels[-1] != 255).any():
        raise ScoringError("%s must hold class ids in 1 or 3 equal channels; write it without alpha." % name)
    if len(channels) > 2 and not all(np.array_equal(channels[0], other) for other in channels[1:3]):
        raise ScoringError("%s must hold class ids in 1 or 3 equal channels; write ids, not colours." % name)
    return np.ascontiguousarray(channels[0])


def find_orientation(chunks):
    """Finds how a PNG asks to be turned, 1 to 8: by EXIF, else a raw profile of it, else XMP."""
    found = {}
    for kind, data in chunks:
        if kind == b"eXIf":
            found.setdefault("exif", read_exif(data))
        elif kind in (b"tEXt", b"zTXt", b"iTXt") and len(data) <= LONGEST_TEXT:
            key, text = read_text(kind, data)
            if key == b"XML:com.adobe.xmp":
                found.setdefault("xmp", read_xmp(text))
            elif key.startswith(b"Raw profile type "):
                profile = read_digits(text)
                if key.endswith(b"xmp"):
                    found.setdefault("xmp", read_xmp(profile))
                else:
                    found.setdefault("profile", read_exif(profile))
    return found.get("exif") or found.get("profile") or found.get("xmp") or 1


def read_text(kind, data):
    """Reads a text chunk: its key and its unpacked text, which is empty if it cannot be unpacked."""
    key, _, text = data.partition(b"\0")
    packed = kind == b"zTXt"
    if kind == b"iTXt":
        packed = text[:1] == b"\1"
        text = text[2:].split(b"\0", 2)[-1]
    elif packed:
        text = text[1:]
    if key != b"XML:com.adobe.xmp" and not key.startswith(b"Raw profile type "):
        return key, b""
    try:
        return key, zlib.decompressobj().decompress(text, LONGEST_TEXT) if packed else text
    except zlib.error:
        return key, b""


def read_digits(text):
    """Reads what ImageMagick writes: a name, a number of bytes, and these in hexadecimal digits."""
    try:
        return bytes.fromhex(b"".join(text.split()[2:]).decode("ascii"))
    except ValueError:
        return b""


def read_exif(data):
    """Reads the orientation in EXIF, 1 to 8; 0 if there is none."""
    data = data[6:] if data.startswith(b"Exif\0") else data
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(data[:4])
    if order is None:
        return 0
    try:
        start = struct.unpack_from(order + "I", data, 4)[0]
        count = struct.unpack_from(order + "H", data, start)[0]
        for entry in range(start + 2, start + 2 + 12 * count, 12):
            tag, kind = struct.unpack_from(order + "HH", data, entry)
            if tag == 0x0112:
                value = struct.unpack_from(order + {1: "B", 4: "I"}.get(kind, "H"), data, entry + 8)[0]
                return value if 1 <= value <= 8 else 0
    except struct.error:
        return 0
    return 0


def read_xmp(data):
    """Reads the orientation in XMP, 1 to 8; 0 if there is none."""
    found = re.search(rb"tiff:Orientation\s*(?:=\s*[\"']|>)\s*([1-8])", data)
    return int(found.group(1)) if found else 0


# Scores ----------------------------------------------


def count_pairs(truth, predicted):
    """Counts pixels by true id (row) and predicted id (column): int64 (256, 256)."""
    pairs = truth.astype(np.int64) * 256 + predicted
    return np.bincount(pairs.ravel(), minlength=65536).reshape(256, 256)


def drop_ignored(confusion, ignore_id):
    """Leaves out the pixels whose true id is `ignore_id`, if it is not None."""
    kept = confusion.copy()
    if ignore_id is not None:
        kept[ignore_id] = 0
    return kept


def score_confusion(confusion, ignore_id):
    """Scores a confusion matrix of ids: {id: IoU} for the ids that the truth holds, without `ignore_id`."""
    confusion = drop_ignored(confusion, ignore_id)
    hit = np.diag(confusion).astype(float)
    union = confusion.sum(0) + confusion.sum(1) - hit
    held = np.flatnonzero(confusion.sum(1))
    return {int(id): float(hit[id] / union[id]) for id in held}


def score_labels(truth, predicted):
    """Scores labels, two lists of str: macro F1 over the labels found in either, and accuracy."""
    f1 = []
    for label in sorted(set(truth) | set(predicted)):
        hit = sum(t == label and p == label for t, p in zip(truth, predicted))
        f1.append(2.0 * hit / (truth.count(label) + predicted.count(label)))
    return sum(f1) / len(f1), sum(t == p for t, p in zip(truth, predicted)) / float(len(truth))


def read_answers(submission, wanted):
    """Reads the rows of a submission by image: every frame that is wanted has one.

    Raises:
        ScoringError: a frame has no row or two, or two frames name one mask.
    """
    rows, found = read_table(submission, ["image_path", "pred_name", "image_lvl_pred"], "the submission"), {}
    for row in rows:
        name = name_image(row["image_path"])
        if name in found:
            raise ScoringError("data.csv must have one row for each test frame; twice: %s." % name)
        found[name] = row
    named = [name_mask(row) for row in rows if row["pred_name"]]
    if len(set(named)) < len(named):
        twice = next(name for name in named if named.count(name) > 1)
        raise ScoringError("pred_name must differ from frame to frame; twice: %s." % twice)
    lacking = [name for name in wanted if name not in found]
    if lacking:
        raise ScoringError(
            "data.csv must have one row for each test frame; missing: %s." % list_names(lacking)
        )
    return found


def list_names(names):
    """Lists the first five names, and how many more there are."""
    rest = len(names) - 5
    return ", ".join(names[:5]) + (" and %d more" % rest if rest > 0 else "")


def name_mask(row):
    """Names the file of a row's mask in the submission, without a folder that `pred_name` may have.

    Raises:
        ScoringError: `pred_name` is empty.
    """
    if not row["pred_name"]:
        raise ScoringError("pred_name of %s must name a mask, it is empty; write it." % row["image_path"])
    return "data/%s" % os.path.basename(clean_path(row["pred_name"]))


def name_scores(ids, names):
    """Names the IoU of each class for the leaderboard: letters, digits and single underscores.

    Codabench admits LONGEST_KEY characters and each key once. So the id is added to names that are too long,
    and to names that differ only in case or in other characters.

    Args:
        ids: of the classes that the truth holds.
        names: {id: name} of all classes, or None.

    Returns:
        {id: key} of all of them. The title of a column is its key with spaces, so titles differ, too.
    """
    words = {id: str(id) for id in ids}
    words.update(names or {})
    plain = {id: re.sub(r"[\W_]+", "_", "iou_%s" % word).strip("_") for id, word in words.items()}
    numbered = {id for id, key in plain.items() if len(key) > LONGEST_KEY or key == "iou"}
    while True:
        keys = {id: number_key(key, id) if id in numbered else key for id, key in plain.items()}
        lower = [key.lower() for key in keys.values()]
        alike = {id for id, key in keys.items() if lower.count(key.lower()) > 1} - numbered
        if not alike:
            return keys
        numbered |= alike  # a key with an id may be equal to another class's name


def number_key(key, id):
    """Adds a class's id to its key, which is cut if it would be too long."""
    ending = "_%d" % id
    return key[: LONGEST_KEY - len(ending)].rstrip("_") + ending


def score(reference, submission, masks=None):
    """Scores an unpacked submission against a reference folder.

    Args:
        reference: folder with data.csv (image_path, label_path, image_lvl_label), masks, perhaps classes.csv.
        submission: folder with data.csv (image_path, pred_name, image_lvl_pred) and data/<pred_name>.
        masks: {label_path: file} of the true masks that lie elsewhere; None if none does.

    Returns:
        The scores by name, fractions; and {"mask": pixel counts by ids, "label": pairs of labels}.

    Raises:
        ScoringError: the submission lacks a frame, or a file of it or of the reference is wrong.
    """
    truth_rows = read_reference(reference)
    found = read_answers(submission, [row["image_path"] for row in truth_rows])
    names, ignore_id = read_class_names(reference)
    label_names = read_label_names(reference)
    confusion, truth_labels, labels = np.zeros((256, 256), np.int64), [], []
    for row in truth_rows:
        answer = found[row["image_path"]]
        if row["label_path"]:
            name = name_mask(answer)
            path = (masks or {}).get(row["label_path"]) or os.path.join(reference, row["label_path"])
            truth = read_ids(path, "%s of the reference" % row["label_path"])
            predicted = read_ids(os.path.join(submission, name), name, truth.shape)
            confusion += count_pairs(truth, predicted)
        if row["image_lvl_label"]:
            truth_labels.append(row["image_lvl_label"])
            labels.append(clean_label(answer["image_lvl_pred"], label_names))
            if not labels[-1]:
                words = "image_lvl_pred of %s must be a label, the id or the name of a class, found '%s'."
                raise ScoringError(words % (row["image_path"], answer["image_lvl_pred"]))
    scores = name_mask_scores(confusion, ignore_id, names)
    if truth_labels:
        scores["f1"], scores["accuracy"] = score_labels(truth_labels, labels)
    if not scores:
        raise ScoringError(
            "data.csv of the reference must name some truth in label_path or image_lvl_label, none is there."
        )
    return scores, {"mask": drop_ignored(confusion, ignore_id), "label": list(zip(truth_labels, labels))}


def name_mask_scores(confusion, ignore_id, names):
    """Returns the mean IoU and the IoU of each class by name; nothing if no pixel counts."""
    if not drop_ignored(confusion, ignore_id).any():
        return {}
    iou = score_confusion(confusion, ignore_id)
    scores = {"miou": sum(iou.values()) / len(iou)}
    keys = name_scores(iou, names)
    for id, value in iou.items():
        scores[keys[id]] = value
    return scores


def write_scores(scores, folder):
    """Writes scores.json and scores.txt."""
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "scores.json"), "w", encoding="utf-8") as file:
        json.dump(scores, file, indent=1)
    with open(os.path.join(folder, "scores.txt"), "w", encoding="utf-8") as file:
        file.writelines("%s: %.6f\n" % item for item in scores.items())


def score_folders(input, output):
    """Scores INPUT/res against INPUT/ref, writes the scores into OUTPUT and prints them.

    Raises:
        ScoringError: the submission or the reference breaks a rule.
    """
    scores, _ = score(os.path.join(input, "ref"), os.path.join(input, "res"))
    write_scores(scores, output)
    print("".join("%s: %.4f\n" % item for item in scores.items()), end="")


def main():
    """Runs as the competition's server starts it; exits with 2 on bad input."""
    parser = argparse.ArgumentParser(description="Scores a submission as the competition does.")
    parser.add_argument("input", help="folder with ref/ (the truth) and res/ (the unpacked zip)")
    parser.add_argument("output", help="folder for scores.json and scores.txt")
    arguments = parser.parse_args()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a server's terminal may not know every letter of a name
    try:
        score_folders(arguments.input, arguments.output)
    except ScoringError as error:
        print(error, file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
