"""One corpus of mask files, three readers: the ids that were written, or refused; never a scaled id."""

import io
import re
import struct
import zipfile
import zlib

import numpy as np
import pytest
from PIL import Image

from src.common import errors
from src.common.errors import DataError
from src.data import mask_files
from src.submission import archive, scoring
from src.submission.bundle import write_bundle

IDS = np.array(
    [[0, 1, 0, 1, 1], [1, 0, 0, 1, 0], [0, 0, 1, 1, 1]], np.uint8
)  # five columns: rows end in a byte
FOUR = IDS + 2 * IDS.T[:3, :3].repeat(2, 1)[:, :5]  # ids 0 to 3
COLORS = bytes([0, 0, 0, 200, 0, 0, 0, 200, 0, 0, 0, 200])
EXIF_6 = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
EXIF_1 = EXIF_6.replace(b"\0\x06", b"\0\x01")
XMP_6 = b'<rdf:Description tiff:Orientation="6"/>'
PASSES = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def pack_rows(samples, bits):
    """Packs samples, (H, W) or (H, W, channels), as the rows of a PNG without a filter."""
    rows = b""
    for row in samples.reshape(len(samples), -1):
        if bits == 16:
            rows += b"\0" + row.astype(">u2").tobytes()
        else:
            digits = "".join(f"{value:0{bits}b}" for value in row)
            digits += "0" * (-len(digits) % 8)
            rows += b"\0" + int(digits, 2).to_bytes(len(digits) // 8, "big")
    return rows


def png(samples, bits=8, color=0, before=b"", behind=b"", interlaced=False):
    """Writes a PNG by hand, so that every bit of it is known."""
    head = struct.pack(">IIBBBBB", samples.shape[1], samples.shape[0], bits, color, 0, 0, interlaced)
    parts = [samples]
    if interlaced:
        parts = [samples[top::down, left::right] for top, left, down, right in PASSES]
    rows = b"".join(pack_rows(part, bits) for part in parts if part.size)
    body = chunk(b"IHDR", head) + before + chunk(b"IDAT", zlib.compress(rows)) + behind
    return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b"")


def text(key, value, kind=b"zTXt"):
    packed = {b"tEXt": b"\0" + value, b"zTXt": b"\0\0" + zlib.compress(value), b"iTXt": b"\0\0\0\0\0" + value}
    return chunk(kind, key + packed[kind])


def profile(data):
    """Writes EXIF as ImageMagick does."""
    return b"\nexif\n%8d\n%s\n" % (len(data), data.hex().encode())


def greys(*values):
    return chunk(b"PLTE", bytes(value for value in values for _ in range(3)))


WHOLE = png(FOUR)
HIGH = np.array([[0, 255, 254, 17, 85]], np.uint8)
READ = {  # a file: the ids that were written
    "1 bit": (png(IDS, 1), IDS),
    "8 bits": (png(HIGH), HIGH),
    "interlaced": (png(FOUR, interlaced=True), FOUR),
    "interlaced, 1 bit": (png(IDS, 1, interlaced=True), IDS),
    "colours in a palette": (png(FOUR, color=3, before=chunk(b"PLTE", COLORS)), FOUR),
    "colours in a palette of 2 bits": (png(FOUR, 2, 3, chunk(b"PLTE", COLORS)), FOUR),
    "colours in a palette of 4 bits": (png(FOUR, 4, 3, chunk(b"PLTE", COLORS)), FOUR),
    "colours in a palette of 1 bit": (png(IDS, 1, 3, chunk(b"PLTE", COLORS[:6])), IDS),
    "a palette of greys that are the indices": (png(FOUR, color=3, before=greys(0, 1, 2, 3)), FOUR),
    "a palette of greys, wrong where unused": (png(IDS, color=3, before=greys(0, 1, 9)), IDS),
    "a palette of greys in another order": (png(3 - FOUR, color=3, before=greys(3, 2, 1, 0)), FOUR),
    "a palette of some greys": (png(IDS, 1, 3, greys(7, 250)), 7 + 243 * IDS),
    "a palette of greys of 2 bits": (png(3 - FOUR, 2, 3, greys(3, 2, 1, 0)), FOUR),
    "a second palette": (
        png(FOUR, color=3, before=chunk(b"PLTE", COLORS) + greys(9, 8, 7, 6)),
        FOUR,
    ),
    "a palette whose last colour is cut": (png(IDS, 1, 3, chunk(b"PLTE", b"\0\0\0\xc8\0")), IDS),
    "a palette behind the pixels": (png(3 - FOUR, color=3, behind=greys(3, 2, 1, 0)), 3 - FOUR),
    "an index beyond a palette of 8 bits": (
        png(3 * IDS, color=3, before=chunk(b"PLTE", COLORS[:9])),
        3 * IDS,
    ),
    "three equal channels": (png(np.dstack([FOUR] * 3), color=2), FOUR),
    "grey and opaque alpha": (png(np.dstack([FOUR, FOUR * 0 + 255]), color=4), FOUR),
    "three equal channels and opaque alpha": (png(np.dstack([FOUR] * 3 + [FOUR * 0 + 255]), color=6), FOUR),
    "a transparent grey": (png(FOUR, before=chunk(b"tRNS", b"\0\0")), FOUR),
    "a transparent colour": (png(np.dstack([FOUR] * 3), color=2, before=chunk(b"tRNS", bytes(6))), FOUR),
    "a transparent index": (
        png(FOUR, color=3, before=chunk(b"PLTE", COLORS) + chunk(b"tRNS", b"\0")),
        FOUR,
    ),
    "a large text": (png(FOUR, before=text(b"history", b"a" * 3_000_000)), FOUR),
    "a large text behind the pixels": (png(FOUR, behind=text(b"history", b"a" * 3_000_000)), FOUR),
    "a text that is none": (png(FOUR, before=chunk(b"zTXt", b"history\0\0broken")), FOUR),
    "a broken profile of colours": (png(FOUR, before=chunk(b"iCCP", b"a\0\0broken")), FOUR),
    "gamma": (png(FOUR, before=chunk(b"gAMA", struct.pack(">I", 45455))), FOUR),
    "a wrong checksum of a text": (png(FOUR, before=chunk(b"tEXt", b"a\0b")[:-4] + b"1234"), FOUR),
    "EXIF that turns nothing": (png(FOUR, before=chunk(b"eXIf", EXIF_1)), FOUR),
    "EXIF that turns nothing before XMP": (
        png(FOUR, before=chunk(b"eXIf", EXIF_1) + text(b"XML:com.adobe.xmp", XMP_6, b"iTXt")),
        FOUR,
    ),
    "broken EXIF": (png(FOUR, before=chunk(b"eXIf", EXIF_6[:12])), FOUR),
    "something behind its end": (WHOLE + b"proxy", FOUR),
}
SHOWN = np.dstack([FOUR, FOUR, FOUR + 1])
REFUSED = {  # a file: what both readers say of it
    "16 bits": (png(FOUR.astype(np.uint16), 16), "8-bit PNG of class ids, found 16 bits"),
    "16 bits and alpha": (png(np.dstack([FOUR] * 2).astype(np.uint16), 16, 4), "found 16 bits"),
    "16 bits in three channels": (png(np.dstack([FOUR] * 3).astype(np.uint16), 16, 2), "found 16 bits"),
    "2 bits": (png(FOUR, 2), "8-bit PNG of class ids, found 2 bits"),
    "4 bits": (png(FOUR * 5, 4), "8-bit PNG of class ids, found 4 bits"),
    "a palette that shows one grey twice": (png(FOUR, color=3, before=greys(3, 2, 1, 1)), "one grey"),
    "a palette of nothing but black": (png(IDS * 0 + 1, color=3, before=greys(0, 0)), "one grey"),
    "ids cut to the bits of a short palette": (  # as Pillow does to 255 in a palette of three colours
        png(FOUR, 2, 3, chunk(b"PLTE", COLORS[:9])),
        "indices of its palette, found 3 with 3 colours",
    ),
    "few bits without a palette": (png(IDS, 1, 3), "found 1 with 0 colours"),
    "unequal channels": (png(SHOWN, color=2), "not colours"),
    "unequal channels and alpha": (png(np.dstack([SHOWN, FOUR * 0 + 255]), color=6), "not colours"),
    "transparent pixels": (png(np.dstack([FOUR] * 4), color=6), "without alpha"),
    "transparent grey pixels": (png(np.dstack([FOUR, FOUR]), color=4), "without alpha"),
    "EXIF that turns": (png(FOUR, before=chunk(b"eXIf", EXIF_6)), r"orientation 6"),
    "EXIF that turns, behind the pixels": (png(FOUR, behind=chunk(b"eXIf", EXIF_6)), r"orientation 6"),
    "a profile that turns": (
        png(FOUR, before=text(b"Raw profile type exif", profile(EXIF_6))),
        "orientation 6",
    ),
    "XMP that turns": (png(FOUR, before=text(b"XML:com.adobe.xmp", XMP_6, b"iTXt")), "orientation 6"),
    "cut short": (WHOLE[:-20], "PNG"),
    "lacking its end": (WHOLE[:-12], "PNG"),
    "too few pixels": (
        WHOLE.replace(chunk(b"IHDR", WHOLE[16:29]), chunk(b"IHDR", WHOLE[16:23] + b"\x09" + WHOLE[24:29])),
        "PNG",
    ),
    "a wrong checksum of the pixels": (WHOLE[:-16] + b"1234" + WHOLE[-12:], "PNG"),
    "a header that is not the first part": (
        WHOLE[:8] + chunk(b"pHYs", bytes(9)) + WHOLE[8:],
        "PNG",
    ),
    "a second header beyond measure": (
        WHOLE[:33] + chunk(b"IHDR", struct.pack(">II", 2**20, 2**20) + WHOLE[24:29]) + WHOLE[33:],
        "PNG",
    ),
    "pixels before the header": (WHOLE[:8] + WHOLE[33:-12] + WHOLE[8:33] + WHOLE[-12:], "PNG"),
    "an unknown part": (png(FOUR, before=chunk(b"CgBI", b"1234")), "PNG"),
    "nothing": (b"", "PNG"),
    "a JPEG": (b"\xff\xd8\xff\xe0", "PNG.* found JPEG"),
    "a BMP": (b"BM" + bytes(90), "PNG.* found BMP"),
    "a TIFF": (b"II*\0" + bytes(90), "PNG.* found TIFF"),
    "a WebP": (b"RIFF\0\0\0\0WEBP" + bytes(90), "PNG.* found WebP"),
}


def read_of_zip(path):
    with zipfile.ZipFile(path.with_suffix(".zip"), "w") as members:
        members.write(path, "data/mask.png")
        return archive.read_mask(members, "mask.png")


READERS = {
    "Train and reference": lambda path: mask_files.read_ids(str(path)),
    "zip": read_of_zip,
    "scoring": lambda path: scoring.read_ids(str(path), "mask.png"),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("kind", READ)
def test_ids_are_read_as_they_were_written(tmp_path, capfd, kind, reader):
    content, ids = READ[kind]
    (tmp_path / "mask.png").write_bytes(content)
    found = READERS[reader](tmp_path / "mask.png")
    assert found.dtype == np.uint8 and found.tolist() == ids.tolist()
    assert capfd.readouterr() == ("", "")  # no word of the libraries


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("kind", REFUSED)
def test_what_may_not_be_ids_is_refused_by_name(tmp_path, capfd, kind, reader):
    content, words = REFUSED[kind]
    (tmp_path / "mask.png").write_bytes(content)
    with pytest.raises((DataError, errors.SubmissionError, scoring.ScoringError)) as caught:
        READERS[reader](tmp_path / "mask.png")
    assert re.search(f"mask.png.*{words}", str(caught.value)), str(caught.value)
    assert "\n" not in str(caught.value) and capfd.readouterr() == ("", "")


@pytest.mark.parametrize("reader", READERS)
def test_ids_that_pillow_cut_are_refused(tmp_path, reader):
    """Without a palette of its own, Pillow's mode P has one colour and so one bit: 5 is written as 1."""
    ids = Image.new("P", (3, 1))
    ids.putdata([0, 1, 5])
    ids.putpalette([0, 0, 0])
    ids.save(tmp_path / "mask.png")
    with pytest.raises((DataError, errors.SubmissionError, scoring.ScoringError), match="found 1 with 1 col"):
        READERS[reader](tmp_path / "mask.png")


def test_the_bundle_holds_no_mask_that_the_scoring_would_refuse(tmp_path):
    (tmp_path / "ref").mkdir()
    (tmp_path / "ref" / "a.png").write_bytes(REFUSED["a palette that shows one grey twice"][0])
    (tmp_path / "ref" / "data.csv").write_text("image_path,label_path\na.jpg,a.png\n")
    with pytest.raises(scoring.ScoringError, match=r"a\.png.*palette"):
        write_bundle(tmp_path / "out.zip", tmp_path / "ref", "title")


def test_a_picture_beyond_measure_is_refused_unpacked():
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 100_000, 100_000, 8, 0, 0, 0, 0))
    content = b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    with pytest.raises(DataError, match="10,000,000,000 pixels"):
        mask_files.decode_ids(io.BytesIO(content), "mask.png")
