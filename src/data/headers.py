"""Reads the header of an image file without decoding its pixels: format, size, bits, orientation."""

import io
import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from src.data.orientation import LONGEST_TEXT, choose_orientation, read_application, read_exif, read_text

PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8"
PNG_MODES = {0: "L", 2: "RGB", 3: "P", 4: "LA", 6: "RGBA"}  # by colour type, as Pillow calls them
FRAME_MARKERS = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # segments of a JPEG that hold its size
JPEG_MODES = {1: "L", 3: "RGB", 4: "CMYK"}  # by number of channels
PIXELS = (b"IHDR", b"PLTE", b"IDAT", b"IEND")  # chunks that decoding needs; the others hold metadata
# The seven passes of an interlaced PNG: first row, first column, step between rows, step between columns.
INTERLACED = (
    (0, 0, 8, 8),
    (0, 4, 8, 8),
    (4, 0, 8, 4),
    (0, 2, 4, 4),
    (2, 0, 4, 2),
    (0, 1, 2, 2),
    (1, 0, 2, 1),
)
# Text files that stand for a file which was not fetched; git-annex writes them where links are impossible
LFS_POINTER = "Git LFS pointer"
ANNEX_POINTER = "git-annex pointer"
CHANGED_PNG = "PNG with changed line ends"  # as after a transfer as text; the first bytes of a PNG show it
SIGNS = (  # first bytes of other formats
    (b"BM", "BMP"),
    (b"GIF8", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"\0\0\0\x0cJXL ", "JPEG XL"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"\x76\x2f\x31\x01", "OpenEXR"),
    (b"\x93NUMPY", "NumPy"),
    (b"8BPS", "Photoshop"),
    (b"%PDF", "PDF"),
    (b"P5", "PGM"),
    (b"P6", "PPM"),
    (b"\0\5\x16\7", "AppleDouble"),
    (b"version https://git-lfs", LFS_POINTER),
    (b"/annex/objects/", ANNEX_POINTER),
    (b"\x89PNG", CHANGED_PNG),
)
TEXTS = (  # in small letters
    (b"<!doctype html", "HTML"),
    (b"<html", "HTML"),
    (b"<?xml", "XML"),
    (b"<svg", "SVG"),
    (b"{", "JSON"),
)


@dataclass(frozen=True)
class Header:
    """The header of an image file.

    Attributes:
        format: "JPEG" or "PNG".
        height, width: in pixels, as they are stored in the file.
        bits: per channel.
        mode: "L", "RGB", "CMYK", or for PNG also "P", "LA", "RGBA".
        orientation: 1 to 8 as in EXIF: how the pixels must be turned to be upright; 1 is upright.
    """

    format: str
    height: int
    width: int
    bits: int
    mode: str
    orientation: int

    @property
    def upright_size(self) -> tuple[int, int]:
        """Returns (height, width) after the orientation is applied."""
        is_sideways = self.orientation >= 5
        return (self.width, self.height) if is_sideways else (self.height, self.width)


def name_format(head: bytes) -> str:
    """Names the format of a file by its first 32 bytes; "" where it is unknown."""
    if head.startswith(PNG):
        return "PNG"
    if head.startswith(JPEG):
        return "JPEG"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WebP"
    if head[4:8] == b"ftyp":
        return _name_container(head[8:])
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    names = [name for sign, name in SIGNS if head.startswith(sign)]
    names += [name for sign, name in TEXTS if text.startswith(sign)]
    return names[0] if names else ""


def _name_container(brands: bytes) -> str:
    """Names the format of a file of type "ftyp" by its brands; "" where it is unknown."""
    if b"avi" in brands:
        return "AVIF"
    if re.search(b"hei|hev|mif1|msf1", brands):
        return "HEIC"
    return ""


def read_header(file: BinaryIO) -> Header:
    """Reads the header of an open JPEG or PNG file.

    Raises:
        ValueError: it is of another format, broken or cut short.
        struct.error: it is cut short within a number.
    """
    kind = name_format(file.read(32))
    file.seek(0)
    if kind == "PNG":
        return _read_png(file)
    if kind == "JPEG":
        return _read_jpeg(file)
    raise ValueError("another format")


# PNG ----------------------------------------------
def walk_chunks(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Yields name and length in bytes of each chunk of an open PNG, up to its end.

    At each step the file is at the start of the chunk's data, which the caller may read or leave.

    Raises:
        ValueError: it is cut short.
    """
    place = len(PNG)
    kind = b""
    while kind != b"IEND":
        file.seek(place)
        head = file.read(8)
        if len(head) < 8:
            raise ValueError("a PNG that is cut short")
        length, kind = struct.unpack(">I4s", head)
        yield kind, length
        place += length + 12  # length, name and checksum have four bytes each


def strip_metadata(file: BinaryIO) -> bytes:
    """Returns the content of an open PNG without metadata: profiles, texts, transparency of a palette.

    Raises:
        ValueError: it is cut short, a checksum is wrong, or a chunk is required that the PNG standard lacks.
        zlib.error: its compressed pixels are broken.
    """
    parts = [PNG]
    for kind, length in walk_chunks(file):
        if kind in PIXELS:
            body = kind + file.read(length)
            checksum = file.read(4)
            if len(checksum) < 4:
                raise ValueError("a PNG that is cut short")
            if checksum != struct.pack(">I", zlib.crc32(body)):
                raise ValueError("a broken PNG, its checksums are wrong")
            parts += [struct.pack(">I", length), body, checksum]
        elif kind[:1].isupper():
            raise ValueError(f"a PNG with the unknown chunk {kind.decode('latin-1')!r}")
    content = b"".join(parts)
    _require_all_pixels(content)
    return content


def _require_all_pixels(content: bytes) -> None:
    """Refuses a PNG without metadata whose compressed pixels are too few: Pillow would make the rest black.

    Raises:
        ValueError: pixels are missing.
        zlib.error: its compressed pixels are broken.
    """
    file = io.BytesIO(content)
    packed = b"".join(file.read(length) for kind, length in walk_chunks(file) if kind == b"IDAT")
    width, height, bits, color, _, _, interlaced = struct.unpack_from(">IIBBBBB", content, 16)
    channels = 1 if PNG_MODES[color] == "P" else len(PNG_MODES[color])
    expected = 0
    for top, left, down, right in INTERLACED if interlaced else ((0, 0, 1, 1),):
        rows = -(-(height - top) // down)  # rounded up
        columns = -(-(width - left) // right)
        if columns > 0:
            expected += rows * (1 + (columns * channels * bits + 7) // 8)  # each row begins with its filter
    found = len(zlib.decompressobj().decompress(packed, expected))
    if found < expected:
        raise ValueError(f"a PNG that is cut short, its pixels are {found:,} bytes and not {expected:,}")


def read_palette(content: bytes) -> list[bytes]:
    """Lists the RGB triples in the palette of a PNG of `strip_metadata`; empty without a palette."""
    place = content.find(b"PLTE", 29)  # behind IHDR
    if place < 0 or place > content.find(b"IDAT", 29):
        return []
    (length,) = struct.unpack_from(">I", content, place - 4)
    colors = content[place + 4 : place + 4 + min(length, 768)]
    return [colors[start : start + 3] for start in range(0, len(colors), 3)]


def _read_png(file: BinaryIO) -> Header:
    """Reads a PNG's header; an orientation may be before or behind the pixels.

    Raises:
        ValueError: it is cut short or broken.
    """
    orientations: dict[str, int] = {}  # by where they were found
    frame = None
    for number, (kind, length) in enumerate(walk_chunks(file)):
        if number == 0 and kind == b"IHDR":
            frame = struct.unpack(">IIBB", file.read(10))
        elif kind == b"eXIf":
            orientations.setdefault("exif", read_exif(file.read(length)))
        elif kind in (b"tEXt", b"zTXt", b"iTXt") and length <= LONGEST_TEXT:
            place, orientation = read_text(kind, file.read(length))
            orientations.setdefault(place, orientation)
    if frame is None or frame[3] not in PNG_MODES:
        raise ValueError("a broken PNG, its header is wrong")
    width, height, bits, color = frame
    _require_pixels(height, width)
    return Header("PNG", height, width, bits, PNG_MODES[color], choose_orientation(orientations))


# JPEG ----------------------------------------------
def _read_jpeg(file: BinaryIO) -> Header:
    """Reads a JPEG's header, the segments before its pixels.

    Raises:
        ValueError: it is cut short or broken, or has a kind of pixels that is not read.
        struct.error: it is cut short within a number.
    """
    orientations: dict[str, int] = {}  # by where they were found
    frame = None
    for marker, length in _walk_segments(file):
        if marker == 0xE1:
            place, orientation = read_application(file.read(length))
            if not orientations.get(place):
                orientations[place] = orientation
        elif marker in FRAME_MARKERS and frame is None:
            frame = struct.unpack(">BHHB", file.read(6))
    if frame is None:
        raise ValueError("a JPEG without an image")
    bits, height, width, channels = frame
    if channels not in JPEG_MODES:
        raise ValueError(f"a JPEG of {channels} channels")
    if bits != 8:
        raise ValueError(f"a JPEG of {bits} bits, only those of 8 are read")
    _require_pixels(height, width)
    return Header("JPEG", height, width, bits, JPEG_MODES[channels], choose_orientation(orientations))


def _walk_segments(file: BinaryIO) -> Iterator[tuple[int, int]]:
    """Yields marker and length in bytes of each segment of an open JPEG, up to its pixels.

    At each step the file is at the start of the segment's data, which the caller may read or leave.

    Raises:
        ValueError: it is cut short.
    """
    place = 2
    while True:
        file.seek(place)
        mark = file.read(2)
        if len(mark) < 2:
            raise ValueError("a JPEG that is cut short")
        if mark[0] != 0xFF or mark[1] in (0x00, 0xFF):  # padding between segments
            place += 1
            continue
        if mark[1] in (0xDA, 0xD9):
            return
        if mark[1] == 0x01 or 0xD0 <= mark[1] <= 0xD8:  # these have no length
            place += 2
            continue
        size = file.read(2)
        if len(size) < 2:
            raise ValueError("a JPEG that is cut short")
        length = struct.unpack(">H", size)[0]
        yield mark[1], max(length - 2, 0)
        place += 2 + length


def strip_segments(content: bytes) -> bytes:
    """Returns a JPEG without what its pixels do not need: profiles, comments, stray bytes between segments.

    Adobe's segment stays, because it says how the colours are stored.
    """
    file = io.BytesIO(content)
    parts = [JPEG]
    for marker, length in _walk_segments(file):
        data = file.read(length)
        if marker == 0xEE or not (marker >> 4 == 0xE or marker == 0xFE):
            parts.append(struct.pack(">BBH", 0xFF, marker, length + 2) + data)
    pixels = file.tell() - 2  # behind the segments, at the marker of the first scan
    return b"".join([*parts, content[pixels:]])


def _require_pixels(height: int, width: int) -> None:
    """Refuses an image without pixels.

    Raises:
        ValueError: height or width is 0.
    """
    if height == 0 or width == 0:
        raise ValueError("an image without pixels")
