"""What a picture's file says before its pixels are unpacked: format, size, bits, orientation."""

import io
import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8"
PNG_MODES = {0: "L", 2: "RGB", 3: "P", 4: "LA", 6: "RGBA"}  # by colour type, as Pillow calls them
JPEG_MODES = {1: "L", 3: "RGB", 4: "CMYK"}  # by number of channels
PIXELS = (b"IHDR", b"PLTE", b"IDAT", b"IEND")  # chunks that the pixels need; the others only tell of them
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
LONGEST_TEXT = 4_000_000  # bytes of a text chunk that are unpacked, to find an orientation
ORIENTATION = 0x0112  # EXIF's tag
SIGNS = (  # how other formats begin
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
    (b"version https://git-lfs", "Git LFS pointer"),
    (b"<!DOCTYPE", "HTML"),
    (b"<html", "HTML"),
)


@dataclass(frozen=True)
class Header:
    """What is known of a picture before its pixels are unpacked.

    Attributes:
        format: "JPEG" or "PNG".
        height, width: pixels, as they lie in the file.
        bits: of a sample.
        mode: "L", "RGB", "CMYK", or for PNG also "P", "LA", "RGBA".
        orientation: 1 to 8 as EXIF counts: how the pixels are to be turned; 1: they lie upright.
    """

    format: str
    height: int
    width: int
    bits: int
    mode: str
    orientation: int

    @property
    def upright_size(self) -> tuple[int, int]:
        """(height, width) once the orientation is applied."""
        return (self.width, self.height) if self.orientation >= 5 else (self.height, self.width)


def name_format(head: bytes) -> str:
    """Names a file's format by its first 32 bytes, whatever its name ends in; "" where it is unknown."""
    if head.startswith(PNG):
        return "PNG"
    if head.startswith(JPEG):
        return "JPEG"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WebP"
    if head[4:8] == b"ftyp":
        return "AVIF" if b"avi" in head[8:] else "HEIC" if re.search(b"hei|hev|mif1|msf1", head[8:]) else ""
    return next((name for sign, name in SIGNS if head.startswith(sign)), "")


def read_header(file: BinaryIO) -> Header:
    """Reads the header of an open JPEG or PNG file.

    Raises:
        ValueError: it is of another format, broken or cut short; struct.error where a number is missing.
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
    """Walks through the chunks of an open PNG, up to its end: the name and the number of bytes of each.

    The file stands at the chunk's data where the name is given; it need not be read.

    Raises:
        ValueError: it is cut short.
    """
    place, kind = len(PNG), b""
    while kind != b"IEND":
        file.seek(place)
        head = file.read(8)
        if len(head) < 8:
            raise ValueError("a PNG that is cut short")
        length, kind = struct.unpack(">I4s", head)
        yield kind, length
        place += length + 12  # length, name and checksum take four bytes each


def keep_pixels(file: BinaryIO) -> bytes:
    """Gives an open PNG without all that is not pixels: profiles, texts, transparency of a palette.

    Raises:
        ValueError: it is cut short, its checksums are wrong, or it needs what PNG does not know; zlib.error:
            its packed pixels are broken.
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
            raise ValueError(f"a PNG with a part that PNG does not know, {kind.decode('latin-1')!r}")
    content = b"".join(parts)
    _check_data(content)
    return content


def _check_data(content: bytes) -> None:
    """Refuses a PNG whose packed pixels are too few: Pillow would make them black.

    Raises:
        ValueError: they are too few; zlib.error: they are broken.
    """
    file = io.BytesIO(content)
    packed = b"".join(file.read(length) for kind, length in walk_chunks(file) if kind == b"IDAT")
    width, height, bits, color, _, _, interlaced = struct.unpack_from(">IIBBBBB", content, 16)
    bits *= len(PNG_MODES[color]) if color != 3 else 1
    least = 0
    for top, left, down, right in INTERLACED if interlaced else ((0, 0, 1, 1),):
        rows = -(-(height - top) // down)
        columns = -(-(width - left) // right)
        if columns > 0:
            least += rows * (1 + (columns * bits + 7) // 8)  # a byte a row tells how it is filtered
    found = len(zlib.decompressobj().decompress(packed, least))
    if found < least:
        raise ValueError(f"a PNG that is cut short, its pixels are {found:,} bytes and not {least:,}")


def read_palette(content: bytes) -> list[bytes]:
    """Lists the RGB triples of the palette of a PNG that `keep_pixels` gave; empty without one."""
    place = content.find(b"PLTE", 29)  # behind IHDR
    if place < 0 or place > content.find(b"IDAT", 29):
        return []
    (length,) = struct.unpack_from(">I", content, place - 4)
    colors = content[place + 4 : place + 4 + min(length, 768)]
    return [colors[start : start + 3] for start in range(0, len(colors), 3)]


def _read_png(file: BinaryIO) -> Header:
    """Reads a PNG's header; an orientation may stand before and behind the pixels."""
    orientations, frame = {}, None  # an orientation by who tells it
    for kind, length in walk_chunks(file):
        if kind == b"IHDR":
            frame = struct.unpack(">IIBB", file.read(10))
        elif kind == b"eXIf":
            orientations.setdefault("exif", read_exif(file.read(length)))
        elif kind in (b"tEXt", b"zTXt", b"iTXt") and length <= LONGEST_TEXT:
            who, orientation = _read_text(kind, file.read(length))
            orientations.setdefault(who, orientation)
    if frame is None or frame[3] not in PNG_MODES:
        raise ValueError("a broken PNG, its header is wrong")
    width, height, bits, color = frame
    return Header("PNG", *_require_pixels((height, width)), bits, PNG_MODES[color], _choose(orientations))


def _read_text(kind: bytes, data: bytes) -> tuple[str, int]:
    """Reads an orientation from a text chunk: who tells it ("" for other texts), and 1 to 8, 0 for none."""
    key, _, text = data.partition(b"\0")
    packed = kind == b"zTXt"
    if kind == b"iTXt":
        packed = text[:1] == b"\1"
        text = text[2:].split(b"\0", 2)[-1]  # behind flag, method, language and the translated key
    elif packed:
        text = text[1:]
    if key == b"XML:com.adobe.xmp" or key.startswith(b"Raw profile type "):
        try:
            text = zlib.decompressobj().decompress(text, LONGEST_TEXT) if packed else text
        except zlib.error:
            return "", 0
    if key == b"XML:com.adobe.xmp":
        return "xmp", read_xmp(text)
    if not key.startswith(b"Raw profile type "):
        return "", 0
    # ImageMagick writes a name, the number of bytes, and these in hexadecimal digits.
    digits = b"".join(text.split()[2:])
    try:
        profile = bytes.fromhex(digits.decode("ascii"))
    except ValueError:
        return "", 0
    return ("xmp", read_xmp(profile)) if key.endswith(b"xmp") else ("profile", read_exif(profile))


# JPEG ----------------------------------------------
def _read_jpeg(file: BinaryIO) -> Header:
    """Reads a JPEG's header, the segments before its pixels."""
    orientations: dict[str, int] = {}
    frame = None
    for marker, length in _walk_segments(file):
        if marker == 0xE1:
            who, orientation = _read_application(file.read(length))
            orientations[who] = orientations.get(who) or orientation
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):  # these are no frame's
            frame = frame or struct.unpack(">BHHB", file.read(6))
    if frame is None:
        raise ValueError("a JPEG without a picture")
    bits, height, width, channels = frame
    if channels not in JPEG_MODES:
        raise ValueError(f"a JPEG of {channels} channels")
    if bits != 8:
        raise ValueError(f"a JPEG of {bits} bits, only those of 8 are read")
    return Header(
        "JPEG", *_require_pixels((height, width)), bits, JPEG_MODES[channels], _choose(orientations)
    )


def _read_application(data: bytes) -> tuple[str, int]:
    """Reads the orientation in a segment of EXIF or XMP: who names it, and which; 0 where there is none."""
    if data.startswith(b"Exif\0"):
        return "exif", read_exif(data)
    if data.startswith(b"http://ns.adobe.com/xap/1.0/"):
        return "xmp", read_xmp(data)
    return "", 0


def _walk_segments(file: BinaryIO) -> Iterator[tuple[int, int]]:
    """Walks through the segments of an open JPEG, up to its pixels: marker and number of bytes of each.

    Raises:
        ValueError: it is cut short.
    """
    place = 2
    while True:
        file.seek(place)
        mark = file.read(2)
        if len(mark) < 2:
            raise ValueError("a JPEG that is cut short")
        if mark[0] != 0xFF or mark[1] in (0x00, 0xFF):  # bytes that fill a gap
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


# Orientation ----------------------------------------------
def read_exif(data: bytes) -> int:
    """Reads the orientation that EXIF tells, 1 to 8; 0 where it tells none."""
    data = data[6:] if data.startswith(b"Exif\0") else data
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(data[:4])
    if order is None:
        return 0
    try:
        (start,) = struct.unpack_from(f"{order}I", data, 4)
        (count,) = struct.unpack_from(f"{order}H", data, start)
        for entry in range(start + 2, start + 2 + 12 * count, 12):
            tag, kind = struct.unpack_from(f"{order}HH", data, entry)
            if tag == ORIENTATION:
                width = {1: "B", 3: "H", 4: "I"}.get(kind, "H")
                (value,) = struct.unpack_from(order + width, data, entry + 8)
                return value if 1 <= value <= 8 else 0
    except struct.error:
        return 0
    return 0


def read_xmp(data: bytes) -> int:
    """Reads the orientation that XMP tells, 1 to 8; 0 where it tells none."""
    found = re.search(rb"tiff:Orientation\s*(?:=\s*[\"']|>)\s*([1-8])", data)
    return int(found[1]) if found else 0


def _choose(orientations: dict[str, int]) -> int:
    """Chooses one of several orientations: EXIF counts before a raw profile of it, both before XMP."""
    return next((orientations[who] for who in ("exif", "profile", "xmp") if orientations.get(who)), 1)


def _require_pixels(size: tuple[int, int]) -> tuple[int, int]:
    if 0 in size:
        raise ValueError("a picture without pixels")
    return size
