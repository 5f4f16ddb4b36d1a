"""Output on a terminal: progress bars, characters that it cannot show, and silence from libraries."""

import logging
import os
import re
import sys
import time
import warnings
from collections.abc import Iterable
from typing import TextIO

from tqdm import tqdm

PAUSE = 60.0  # seconds between two lines of one bar in a file or a pipe
BAR = re.compile(r"(?<=%)\|[^|]*\|")  # the drawn bar of tqdm, between percentage and counts
LOGGERS = ("tensorflow", "absl")
LIBRARIES = r"(tensorflow|keras|segmentation_models|openvino|absl)\b"


def show_progress(items: Iterable | None = None, **how: object) -> tqdm:
    """Returns a progress bar with the time left.

    In a notebook it goes to the output stream, because the error stream is shown on a red ground.

    Args:
        items: to iterate over; None for a bar that the caller advances.
        **how: arguments of tqdm: desc, total, unit, initial.
    """
    file = sys.stdout if "ipykernel" in sys.modules else choose_writer(sys.stderr)
    return tqdm(items, file=file, mininterval=1, **how)


def choose_writer(stream: TextIO) -> "TextIO | PlainLines":
    """Returns the stream itself if it is a terminal, else a writer of plain lines to it."""
    return stream if stream.isatty() else PlainLines(stream)


class PlainLines:
    """Writes text to a file or a pipe, with few lines of a progress bar that overwrites itself.

    A bar is written once per `pause`, and once more in its last state; other lines are written as they are.

    Args:
        stream: to write to.
        pause: smallest number of seconds between two lines of a bar.
    """

    def __init__(self, stream: TextIO, pause: float = PAUSE):
        self.stream = stream
        self.pause = pause
        self.last = time.monotonic()  # when the last line was written
        self.line = ""
        self.returned = False  # whether "\r" came last, so that the next text overwrites the line

    def write(self, text: str) -> None:
        """Takes text as a terminal does; a carriage return leads back to the start of the line."""
        for part in re.split(r"([\r\n])", text):
            if part == "\r":
                self.returned = True
            elif part == "\n":
                self._write_line()
            elif part:
                self._begin_anew()
                self.line += part

    def flush(self) -> None:
        """Does nothing, because a line is written when it ends."""

    def close(self) -> None:
        """Writes an unfinished line."""
        if self.line:
            self._write_line()

    def _begin_anew(self) -> None:
        """Drops a line that is overwritten, or writes it if the last line is at least a pause ago."""
        if not self.returned:
            return
        if self.line and time.monotonic() - self.last >= self.pause:
            self._write_line()
        self._clear()

    def _write_line(self) -> None:
        self.stream.write(BAR.sub("", self.line).rstrip() + "\n")
        self.stream.flush()
        self.last = time.monotonic()
        self._clear()

    def _clear(self) -> None:
        """Starts an empty line."""
        self.line = ""
        self.returned = False


def replace_letters() -> None:
    """Lets a terminal show "?" for a character that its encoding lacks, instead of an error of Python."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a notebook's stream has no encoding to change
            stream.reconfigure(errors="replace")


def silence_libraries() -> None:
    """Discards what C code writes to the error stream; Python's own errors are shown as before.

    TensorFlow, oneDNN, libpng and libjpeg write there past Python, and no log level turns all of it off.
    """
    if sys.stderr is None:
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    if "ipykernel" not in sys.modules:  # a notebook's errors do not use file descriptor 2
        copy = os.dup(2)
        encoding = sys.stderr.encoding
        sys.stderr = os.fdopen(copy, "w", buffering=1, encoding=encoding, errors="replace")
    os.dup2(nowhere, 2)
    os.close(nowhere)


def silence_loggers() -> None:
    """Turns off warnings of libraries in Python, as TensorFlow's about retracing; errors are still shown.

    Call this after the libraries are imported, because they create their loggers then.
    """
    for name in LOGGERS:
        logging.getLogger(name).addFilter(_is_error)
    warnings.filterwarnings("ignore", module=LIBRARIES)


def _is_error(record: logging.LogRecord) -> bool:
    """Returns whether a log record is an error or worse."""
    return record.levelno >= logging.ERROR
