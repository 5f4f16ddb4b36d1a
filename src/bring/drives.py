"""Names each photo's drive by a regular expression on its path: `--drive`."""

import re
from dataclasses import replace
from pathlib import Path

from src.bring.source import Source, SourceFrame
from src.common.errors import SettingsError


def name_drives(source: Source, drive: str, folder: Path, is_test: bool) -> None:
    """Sets the recordings of a source's frames; they stay as they are where no path names a drive.

    Args:
        source: whose frames are changed.
        drive: regular expression whose first group, found in a photo's path, names its drive.
        folder: of the source; only what follows it in a path counts.
        is_test: True for the source of Test, whose paths need no drive.

    Raises:
        SettingsError: it is no regular expression with a group, or no path of a source for Train has a drive.
    """
    frames = [replace(frame, recording=_find_drive(frame, drive, folder)) for frame in source.frames]
    if any(frame.recording for frame in frames):
        source.frames = frames
    elif is_test:
        source.left.append("--drive finds no drive in the photos' paths, so they keep their folders' names.")
    else:
        first = source.frames[0].photo
        raise SettingsError(f"--drive must find a drive in the photos' paths, found none, as in {first}.")


def _find_drive(frame: SourceFrame, drive: str, folder: Path) -> str:
    """Finds the drive in a frame's path; "" if there is none."""
    path = Path(f"{frame.name}{frame.photo.suffix}")  # for a photo elsewhere, as of a video
    if frame.photo.is_relative_to(folder):
        path = frame.photo.relative_to(folder)
    try:
        match = re.search(drive, path.as_posix())
        return match[1] if match else ""
    except (re.error, IndexError) as error:
        raise SettingsError(
            f"--drive must be a regular expression with a group, as '(\\w+)_\\d+', found '{drive}' ({error})."
        ) from error
