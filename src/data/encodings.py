"""Finds the encoding of a text file, and what a file is that is no text."""

import codecs
import re

MARKS = (  # byte order marks; UTF-32 comes first, because its mark begins like that of UTF-16
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
NO_TEXTS = (  # first bytes, in small letters, of files that are no table: what they are, and what to do
    (b"pk\x03\x04", "a workbook; save it as 'CSV UTF-8'"),  # .xlsx and .ods
    (b"\xd0\xcf\x11\xe0", "a workbook; save it as 'CSV UTF-8'"),  # .xls
    (b"<?xml", "a workbook or another XML file; save it as 'CSV UTF-8'"),  # Excel's "XML Spreadsheet"
    (b"{\\rtf", "a formatted text (RTF); save it as plain text"),  # of TextEdit
    (b"\x1f\x8b", "a packed file (gzip); unpack it"),
    (b"bzh9", "a packed file (bzip2); unpack it"),
    (b"\x28\xb5\x2f\xfd", "a packed file (zstd); unpack it"),
    (b"par1", "a Parquet file; save it as CSV, in pandas by to_csv"),
    (b"sqlite format 3", "a database; export the table as CSV"),
    (b"%pdf", "a PDF; export the table as CSV"),
    (b"\x89png", "an image; put the table in its place"),
    (b"\xff\xd8\xff", "an image; put the table in its place"),
    (b"version https://git-lfs", "a Git LFS pointer to it; fetch the table: git lfs pull"),
    (b"/annex/objects/", "a git-annex pointer to it; fetch the table: git annex get"),
    (b"<!doctype html", "a web page in its place; download the table again"),
    (b"<html", "a web page in its place; download the table again"),
)


def name_no_text(content: bytes) -> str:
    """Says what a file is that is no text, and what to do; "" where it may be a text."""
    if content and not content.strip(b"\0"):
        return "nothing but zeros, as after a loss of power; copy, download or export it again"
    start = content[:99].removeprefix(codecs.BOM_UTF8).lstrip().lower()
    if re.match(rb"[\[{]\s*[\[{\"]", start):
        return "JSON; save it as CSV, in pandas by to_csv"
    return next((kind for sign, kind in NO_TEXTS if start.startswith(sign)), "")


def find_encoding(content: bytes) -> str:
    """Finds the encoding of a text: by its byte order mark or its zero bytes, else UTF-8 or Windows-1252."""
    for mark, encoding in MARKS:
        if content.startswith(mark):
            return encoding
    # In UTF-16, a Latin letter has a zero byte behind it (little endian) or before it (big endian).
    for start, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        half = content[start:200:2]
        if half and half.count(0) > len(half) / 2:
            return encoding
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"
