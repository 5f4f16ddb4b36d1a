"""Reads how an image must be turned to be upright: from EXIF, XMP, or a raw profile of either."""

import re
import struct
import zlib

LONGEST_TEXT = 4_000_000  # bytes; a longer text chunk of a PNG is not searched
ORIENTATION = 0x0112  # tag of EXIF


def read_text(kind: bytes, data: bytes) -> tuple[str, int]:
    """Reads an orientation from a text chunk of a PNG.

    Returns:
        Where it was found: "xmp", "profile" or, in another text, ""; and the orientation, 1 to 8, 0 for none.
    """
    key, _, text = data.partition(b"\0")
    packed = kind == b"zTXt"
    if kind == b"iTXt":
        packed = text[:1] == b"\1"
        text = text[2:].split(b"\0", 2)[-1]  # behind flag, method, language and translated key
    elif packed:
        text = text[1:]
    is_xmp = key == b"XML:com.adobe.xmp"
    if not is_xmp and not key.startswith(b"Raw profile type "):
        return "", 0
    if packed:
        try:
            text = zlib.decompressobj().decompress(text, LONGEST_TEXT)
        except zlib.error:
            return "", 0
    if is_xmp:
        return "xmp", read_xmp(text)
    return _read_raw_profile(key, text)


def _read_raw_profile(key: bytes, text: bytes) -> tuple[str, int]:
    """Reads an orientation from a profile that ImageMagick wrote; returns what `read_text` does.

    The text holds a name, the number of bytes, and the bytes in hexadecimal digits.
    """
    digits = b"".join(text.split()[2:])
    try:
        profile = bytes.fromhex(digits.decode("ascii"))
    except ValueError:
        return "", 0
    if key.endswith(b"xmp"):
        return "xmp", read_xmp(profile)
    return "profile", read_exif(profile)


def read_application(data: bytes) -> tuple[str, int]:
    """Reads an orientation from a segment of a JPEG; returns what `read_text` does."""
    if data.startswith(b"Exif\0"):
        return "exif", read_exif(data)
    if data.startswith(b"http://ns.adobe.com/xap/1.0/"):
        return "xmp", read_xmp(data)
    return "", 0


def read_exif(data: bytes) -> int:
    """Reads the orientation in EXIF data, 1 to 8; 0 where there is none."""
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
                number_format = {1: "B", 3: "H", 4: "I"}.get(kind, "H")
                (value,) = struct.unpack_from(order + number_format, data, entry + 8)
                return value if 1 <= value <= 8 else 0
    except struct.error:
        return 0
    return 0


def read_xmp(data: bytes) -> int:
    """Reads the orientation in XMP data, 1 to 8; 0 where there is none."""
    found = re.search(rb"tiff:Orientation\s*(?:=\s*[\"']|>)\s*([1-8])", data)
    return int(found[1]) if found else 0


def choose_orientation(orientations: dict[str, int]) -> int:
    """Chooses an orientation: EXIF precedes a raw profile, and both precede XMP; 1 without any."""
    for place in ("exif", "profile", "xmp"):
        if orientations.get(place):
            return orientations[place]
    return 1
