"""Takes frames out of a video."""

from pathlib import Path

import cv2

from src.bring.source import Options, Source, SourceFrame, list_photos
from src.common.errors import DataError

NAME = "video"
ENDINGS = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv", ".3gp", ".mts", ".m2ts")
QUALITY = 95  # of the JPEG files
LEAST_READ = 0.9  # share of the frames that a header tells of


def is_source(path: Path) -> bool:
    """Returns whether a path is a video, or a folder that holds videos and no photos."""
    if not _list_videos(path):
        return False
    return path.is_file() or not list_photos(path)


def _list_videos(path: Path) -> list[Path]:
    """Lists the videos of a folder and of the folders below it, or the one that is the path."""
    paths = [path] if path.is_file() else sorted(path.rglob("*"))
    return [video for video in paths if video.suffix.lower() in ENDINGS and not video.name.startswith(".")]


def _name_videos(path: Path, videos: list[Path]) -> dict[Path, str]:
    """Names each video by its path below the folder, without its ending unless another has the same name."""
    names: dict[Path, str] = {}
    for video in videos:
        relative = video.relative_to(path) if path.is_dir() else Path(video.name)
        name = relative.with_suffix("").as_posix()
        if name in names.values():
            name = relative.as_posix()
        names[video] = name
    return names


def read(path: Path, options: Options) -> Source:
    """Writes every n-th frame as JPEG; the path of a video is the name of the recording.

    Raises:
        DataError: a video has no frame that can be read.
    """
    source = Source(NAME, [])
    for video, recording in _name_videos(path, _list_videos(path)).items():
        written, left = _extract(video, options.work / recording, options.every)
        for number, photo in written:
            name = f"{recording}/{number:06d}"
            source.frames.append(SourceFrame(photo, name, recording=recording))
        source.left.append(
            f"of {video.name} one frame of {options.every} was taken, {len(written)} in all (--every)."
        )
        source.left += left
        if not written:
            raise DataError(
                f"{video} must be a video that OpenCV reads, found no frame; convert it to MP4 (H.264)."
            )
    return source


def _extract(video: Path, folder: Path, every: int) -> tuple[list[tuple[int, Path]], list[str]]:
    """Writes every n-th frame of a video.

    Returns:
        Number and file of each frame that was written; a sentence if many cannot be read.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    reader = cv2.VideoCapture(str(video))
    number = 0
    while reader.grab():  # cheaper than reading the frames between
        if number % every == 0:
            is_read, frame = reader.retrieve()
            path = folder / f"{number:06d}.jpg"
            if is_read and cv2.imwrite(str(path), frame, [cv2.IMWRITE_JPEG_QUALITY, QUALITY]):
                written.append((number, path))
        number += 1
    announced = int(reader.get(cv2.CAP_PROP_FRAME_COUNT))
    reader.release()
    left = []
    if number < LEAST_READ * announced:  # some formats only estimate how many there are
        left.append(
            f"{video.name} has {announced} frames by its header, and {number} of them can be read; if it is "
            "cut short or broken, copy it again."
        )
    return written, left
