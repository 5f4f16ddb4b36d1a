"""What a terminal is shown: progress, in letters that it has, and none of the libraries' own notes."""

import logging
import os
import re
import sys
import time
import warnings
from collections.abc import Iterable
from typing import TextIO

from tqdm import tqdm

PAUSE = 60.0  # seconds between two lines of one bar, where there is no terminal
BAR = re.compile(r"(?<=%)\|[^|]*\|")  # of tqdm, between the percent and the counts
LOGGERS = ("tensorflow", "absl")
LIBRARIES = r"(tensorflow|keras|segmentation_models|openvino|absl)\b"


def show_progress(items: Iterable | None = None, **how: object) -> tqdm:
    """Makes a progress bar with the time left: in a notebook without the red ground of an error.

    Args:
        items: to go through; None for a bar that is moved by hand.
        **how: as tqdm takes it: desc, total, unit, initial.
    """
    file = sys.stdout if "ipykernel" in sys.modules else choose_writer(sys.stderr)
    return tqdm(items, file=file, mininterval=1, **how)


def choose_writer(stream: TextIO) -> "TextIO | PlainLines":
    """Gives the stream itself where it is a terminal, else what writes plain lines to it."""
    return stream if stream.isatty() else PlainLines(stream)


class PlainLines:
    """Writes to a file or a pipe: of a bar that is drawn over itself a line a minute, and its last state.

    Args:
        stream: to write to.
        pause: seconds between two lines of a bar at least.
    """

    def __init__(self, stream: TextIO, pause: float = PAUSE):
        self.stream, self.pause = stream, pause
        self.last = time.monotonic()
        self.line = ""
        self.returned = False  # to the line's start: the next text is drawn over it

    def write(self, text: str) -> None:
        """Takes text as a terminal would."""
        for part in re.split(r"([\r\n])", text):
            if part == "\r":
                self.returned = True
            elif part == "\n":
                self._write_line()
            elif part:
                self._begin_anew()
                self.line += part

    def flush(self) -> None:
        """Writes nothing: a line is written when it ends."""

    def close(self) -> None:
        """Writes the line that was begun."""
        if self.line:
            self._write_line()

    def _begin_anew(self) -> None:
        """Drops a state of a bar that another is drawn over, unless the last line is a pause ago."""
        if not self.returned:
            return
        if self.line and time.monotonic() - self.last >= self.pause:
            self._write_line()
        self.line, self.returned = "", False

    def _write_line(self) -> None:
        self.stream.write(BAR.sub("", self.line).rstrip() + "\n")
        self.stream.flush()
        self.last = time.monotonic()
        self.line, self.returned = "", False


def replace_letters() -> None:
    """Lets a terminal show "?" for a letter that it does not have, where Python would stop with an error."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a notebook's has all letters
            stream.reconfigure(errors="replace")


def silence_libraries() -> None:
    """Sends what C code writes to the error stream nowhere; Python's own errors are shown as before.

    TensorFlow, oneDNN, libpng and libjpeg write there past Python, and no level turns all of it off.
    """
    if sys.stderr is None:
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    if "ipykernel" not in sys.modules:  # whose errors go another way
        kept = os.dup(2)
        encoding = sys.stderr.encoding
        sys.stderr = os.fdopen(kept, "w", buffering=1, encoding=encoding, errors="replace")
    os.dup2(nowhere, 2)
    os.close(nowhere)


def silence_loggers() -> None:
    """Turns off the libraries' warnings in Python, as TensorFlow's of retracing; errors stay.

    To be called once they are imported, for they make their loggers themselves.
    """
    for name in LOGGERS:
        logging.getLogger(name).addFilter(_is_error)
    warnings.filterwarnings("ignore", module=LIBRARIES)


def _is_error(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.ERROR
