"""Reads when and where a photo was taken, of its EXIF."""

import math
from datetime import datetime
from pathlib import Path

from PIL import ExifTags, Image

from src.bring.pixels import READ_ERRORS


def read_place(photo: Path) -> dict[str, str]:
    """Reads "timestamp", "lon" and "lat" of a photo's EXIF, as text for data.csv; only what is there."""
    try:
        with Image.open(photo) as image:
            exif = image.getexif()
            details = exif.get_ifd(ExifTags.IFD.Exif)
            position = exif.get_ifd(ExifTags.IFD.GPSInfo)
            found = _read_time(details, exif)
            return found | _read_position(position)
    except READ_ERRORS:
        return {}  # the doctor reports a broken photo


def _read_time(details: dict, exif: Image.Exif) -> dict[str, str]:
    """Reads the time at which a photo was taken, with its fraction of a second."""
    time = details.get(ExifTags.Base.DateTimeOriginal) or exif.get(ExifTags.Base.DateTime)
    try:
        taken = datetime.strptime(str(time).strip("\x00 "), "%Y:%m:%d %H:%M:%S")
    except ValueError:  # none, or blanks and zeros of a camera whose clock was not set
        return {}
    fraction = str(details.get(ExifTags.Base.SubsecTimeOriginal) or "").strip("\x00 ")
    written = taken.isoformat()
    return {"timestamp": f"{written}.{fraction}" if fraction.isdigit() else written}


def _read_position(position: dict) -> dict[str, str]:
    """Reads degrees from degrees, minutes and seconds."""
    tags = ExifTags.GPS
    found = {}
    for name, value, letter, negative in (
        ("lon", tags.GPSLongitude, tags.GPSLongitudeRef, "W"),
        ("lat", tags.GPSLatitude, tags.GPSLatitudeRef, "S"),
    ):
        try:
            degrees, minutes, seconds = map(float, position[value])
        except (KeyError, TypeError, ValueError, ZeroDivisionError):
            return {}
        size = degrees + minutes / 60 + seconds / 3600
        if not math.isfinite(size):  # 0/0, as a camera writes that knew no position
            return {}
        found[name] = f"{-size if position.get(letter) == negative else size:.7f}"
    return found
